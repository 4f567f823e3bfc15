// An SMSC that is not ours: Sekisho binds to it. interop_test.go starts it as `node smsc.js`, is told its port, and then
// what it was given, as lines of JSON. It ends when its standard input does.
'use strict';

const path = require('node:path');
const { createRequire } = require('node:module');

const smpp = createRequire(path.join(process.env.SEKISHO_TEST_NPM || __dirname, 'x.js'))('smpp');

function tell(event, more) { process.stdout.write(JSON.stringify({ event, ...more }) + '\n'); }

let ids = 0;

// told is what a submit_sm says, as this side reads it.
function told(pdu) {
	const text = pdu.message_payload ? pdu.message_payload.message : pdu.short_message.message;
	const udh = pdu.short_message.udh ? Buffer.concat(pdu.short_message.udh).toString('hex') : '';
	return { text, from: pdu.source_addr, to: pdu.destination_addr, udh };
}

// receipt is the delivery receipt of a submit_sm (SMPP 3.4 Appendix B).
function receipt(pdu, id) {
	return {
		source_addr_ton: pdu.dest_addr_ton, source_addr_npi: pdu.dest_addr_npi, source_addr: pdu.destination_addr,
		dest_addr_ton: pdu.source_addr_ton, dest_addr_npi: pdu.source_addr_npi, destination_addr: pdu.source_addr,
		esm_class: smpp.ESM_CLASS.MC_DELIVERY_RECEIPT, data_coding: 0,
		short_message: `id:${id} sub:001 dlvrd:001 submit date:2501010900 done date:2501010901 stat:DELIVRD err:000 text:`,
		receipted_message_id: id, message_state: 2,
	};
}

const server = smpp.createServer((session) => {
	session.on('error', (err) => tell('error', { text: String(err) }));
	session.on('bind_transceiver', (pdu) => {
		const ok = pdu.system_id === 'sekisho' && pdu.password === 'try';
		tell('bind', { text: pdu.system_id });
		session.send(pdu.response(ok ? { system_id: 'npm-smsc' } : { command_status: smpp.ESME_RBINDFAIL }));
	});
	session.on('enquire_link', (pdu) => { session.send(pdu.response()); tell('enquire_link'); });
	session.on('unbind', (pdu) => { tell('unbind'); session.send(pdu.response(), () => session.close()); });
	session.on('deliver_sm_resp', (pdu) => tell('answered', { status: pdu.command_status }));
	session.on('submit_sm', (pdu) => {
		tell('text', told(pdu));
		if (pdu.destination_addr === '819000000000') {
			session.send(pdu.response({ command_status: smpp.ESME_RINVDSTADR }));
			return;
		}
		const id = 'npm-' + (++ids);
		const send = () => session.deliver_sm(receipt(pdu, id));
		if (ids % 2) { // every other receipt overtakes the response
			session.send(pdu.response({ message_id: id }));
			if (pdu.registered_delivery & 1) setTimeout(send, 20);
			return;
		}
		if (pdu.registered_delivery & 1) send();
		setTimeout(() => session.send(pdu.response({ message_id: id })), 20);
	});
});

server.listen(0, '127.0.0.1', () => tell('port', { port: server.address().port }));
process.stdin.on('end', () => process.exit(0)).resume();
