// An ESME that is not ours: binds to Sekisho with the smpp package of npm, sends the texts of texts.json and what else
// an ESME does, and checks every answer. interop_test.go starts it as `node esme.js PORT`, and is told by lines of JSON what
// has happened; the first thing that is not as it should be ends this with an exit status and a stack.
'use strict';

const assert = require('node:assert/strict');
const path = require('node:path');
const { createRequire } = require('node:module');

// The test may name another folder of node_modules than the one beside this file.
const smpp = createRequire(path.join(process.env.SEKISHO_TEST_NPM || __dirname, 'x.js'))('smpp');
const texts = require('./texts.json');

const port = Number(process.argv[2]);
const limit = setTimeout(() => { throw new Error('it took more than a minute; waiting for: ' + waitingFor); }, 60_000);
let waitingFor = 'nothing';

function tell(event, more) { process.stdout.write(JSON.stringify({ event, ...more }) + '\n'); }

async function until(what, ok) {
	waitingFor = what;
	while (!ok()) await new Promise((done) => setTimeout(done, 10));
	waitingFor = 'nothing';
}

function connect() {
	return new Promise((done, fail) => {
		const session = smpp.connect({ host: '127.0.0.1', port }, () => done(session));
		session.on('error', fail);
	});
}

// ask sends a request and gives its response.
function ask(session, command, fields) {
	waitingFor = command;
	return new Promise((done, fail) => {
		if (!session[command](fields || {}, done)) fail(new Error(command + ' could not be sent'));
	});
}

const receipts = new Map(); // message_id to the states that came for it
const delivered = []; // texts that are no receipts

let checked = 0; // how often Sekisho checked the link

function takeDeliveries(session) {
	session.on('enquire_link', (pdu) => { checked++; session.send(pdu.response()); });
	session.on('deliver_sm', (pdu) => {
		session.send(pdu.response());
		if ((pdu.esm_class & 0x3C) !== 0x04) { // SMPP 3.4 §5.2.12: 0x04 is a delivery receipt
			delivered.push({ text: pdu.short_message.message, from: pdu.source_addr, to: pdu.destination_addr });
			return;
		}
		const said = /^id:(\S+) .*stat:(\S+)/.exec(pdu.short_message.message);
		assert.ok(said, 'a receipt reads ' + JSON.stringify(pdu.short_message.message));
		assert.equal(pdu.receipted_message_id, said[1], 'the receipt has two ids');
		assert.equal(pdu.destination_addr, 'SHOP');
		receipts.set(said[1], [...(receipts.get(said[1]) || []), said[2]]);
	});
}

const common = {
	source_addr_ton: 5, source_addr: 'SHOP', dest_addr_ton: 1, dest_addr_npi: 1, destination_addr: '819012345678',
	registered_delivery: 1,
};

const gsmLength = (s) => [...s].reduce((n, c) => n + ('\f^{}\\[~]|€'.includes(c) ? 2 : 1), 0);

// cut cuts a text into parts, without cutting a character in two unless the text asks for it.
function cut(t) {
	const gsm = smpp.encodings.ASCII.match(t.text);
	if (t.cut) return t.text.match(new RegExp(`[^]{1,${t.cut}}`, 'g'));
	const parts = [''];
	for (const c of t.text) {
		const last = parts[parts.length - 1] + c;
		if ((gsm ? gsmLength(last) : last.length) > (gsm ? 152 : 66)) parts.push(c);
		else parts[parts.length - 1] = last;
	}
	return parts;
}

let reference = 0;

// requests are the requests that send a text, as [command, fields].
function requests(t) {
	const coding = smpp.encodings.detect(t.text); // of the whole, so that all parts have the same
	const fields = { ...common, data_coding: smpp.ENCODING[coding] };
	if (coding === 'ASCII') fields.data_coding = 0; // the package would say 1, which is IA5, and write GSM-7
	switch (t.how) {
	case undefined:
		return [['submit_sm', { ...fields, short_message: t.text }]];
	case 'auto':
		return [['submit_sm', { ...common, short_message: t.text }]];
	case 'payload':
		return [['submit_sm', { ...fields, message_payload: t.text }]];
	case 'data_sm':
		return [['data_sm', { ...fields, message_payload: t.text }]];
	}
	reference++;
	const parts = cut(t);
	assert.ok(parts.length > 1, t.name + ' is not long');
	return parts.map((text, i) => {
		const [total, part] = [parts.length, i + 1];
		switch (t.how) {
		case 'udh8':
			return ['submit_sm', { ...fields, short_message: { udh: Buffer.from([5, 0, 3, reference & 0xFF, total, part]), message: text } }];
		case 'udh16':
			return ['submit_sm', { ...fields, short_message: { udh: Buffer.from([6, 8, 4, reference >> 8, reference & 0xFF, total, part]), message: text } }];
		case 'sar':
			return ['submit_sm', { ...fields, short_message: text, sar_msg_ref_num: reference, sar_total_segments: total, sar_segment_seqnum: part }];
		}
		throw new Error(t.name + ': how is ' + t.how);
	});
}

const expected = new Map(); // message_id to the receipts that must come for it

function accepted(pdu, what) {
	assert.equal(pdu.command_status, smpp.ESME_ROK, `${what}: status 0x${pdu.command_status.toString(16)}`);
	assert.ok(pdu.message_id, what + ': no message_id');
	assert.ok(!expected.has(pdu.message_id), what + ': message_id ' + pdu.message_id + ' was given twice');
	expected.set(pdu.message_id, ['DELIVRD']);
	return pdu.message_id;
}

async function refusedBinds() {
	for (const [system_id, password, status] of [['npm', 'wrong', 'ESME_RINVPASWD'], ['nobody', 'secret', 'ESME_RINVSYSID']]) {
		const session = await connect();
		const resp = await ask(session, 'bind_transceiver', { system_id, password });
		assert.equal(resp.command_status, smpp[status], system_id);
		session.close();
	}
}

async function windowOfOne(session) {
	for (const t of texts) {
		if (t.length) assert.equal(t.text.length, t.length, t.name);
		for (const [command, fields] of requests(t)) accepted(await ask(session, command, fields), t.name);
	}
}

async function windowOfFifty(session) {
	const all = Array.from({ length: 300 }, (_, i) => `Number ${i} is ready at the counter.`);
	let open = 0, most = 0;
	const one = async () => {
		for (let text; (text = all.shift()) !== undefined;) {
			most = Math.max(most, ++open);
			accepted(await ask(session, 'submit_sm', { ...common, data_coding: 0, short_message: text }), text);
			open--;
		}
	};
	await Promise.all(Array.from({ length: 50 }, one));
	assert.equal(most, 50);
}

async function stopped(session) {
	const bad = { ...common, data_coding: 0, short_message: 'Your parcel waits: http://known-bad.example/a' };
	let resp = await ask(session, 'submit_sm', bad);
	assert.equal(resp.command_status, smpp.ESME_RSUBMITFAIL, 'a blocked text');

	// A long one is refused at its last part; the first one has passed.
	const long = requests({ name: 'blocked', how: 'udh8', text: 'x'.repeat(140) + ' http://known-bad.example/b ' + 'y'.repeat(60) });
	resp = await ask(session, ...long[0]);
	accepted(resp, 'the first part of a blocked text');
	resp = await ask(session, ...long[1]);
	assert.equal(resp.command_status, smpp.ESME_RSUBMITFAIL, 'the last part of a blocked text');
}

async function held(session) {
	const doubtful = { ...common, short_message: '【ヤマト運輸】お荷物をお届けしましたが不在の為持ち帰りました。 http://yamato-kk.duckdns.org/ ご確認ください' };
	const id = accepted(await ask(session, 'submit_sm', doubtful), 'a held text');
	assert.match(id, /^sk/);
	let state = await ask(session, 'query_sm', { message_id: id, source_addr_ton: 5, source_addr: 'SHOP' });
	assert.deepEqual([state.command_status, state.message_id, state.message_state], [0, id, 6], 'a held text is ACCEPTED');
	const cancel = { message_id: id, source_addr_ton: 5, source_addr: 'SHOP', dest_addr_ton: 1, dest_addr_npi: 1, destination_addr: '819012345678' };
	assert.equal((await ask(session, 'cancel_sm', cancel)).command_status, smpp.ESME_ROK);
	assert.equal((await ask(session, 'cancel_sm', cancel)).command_status, smpp.ESME_RCANCELFAIL, 'cancelled twice');
	state = await ask(session, 'query_sm', { message_id: id, source_addr_ton: 5, source_addr: 'SHOP' });
	assert.deepEqual([state.command_status, state.message_state], [0, 4], 'a cancelled text is DELETED');
	expected.set(id, ['DELETED']);

	const again = accepted(await ask(session, 'submit_sm', doubtful), 'a second held text');
	tell('held', { id: again }); // the test releases it
	await until('the receipt of the released text', () => receipts.has(again));
}

async function others(session) {
	let resp = await ask(session, 'submit_multi', {
		...common, data_coding: 0, short_message: 'The bus leaves at six.',
		dest_address: [1, 2, 3].map((n) => ({ dest_addr_ton: 1, dest_addr_npi: 1, destination_addr: '81901234560' + n })),
	});
	const id = accepted(resp, 'submit_multi');
	assert.deepEqual(resp.unsuccess_sme, []);
	expected.set(id, ['DELIVRD', 'DELIVRD', 'DELIVRD']);

	const known = [...expected.keys()][0];
	resp = await ask(session, 'query_sm', { message_id: known, source_addr_ton: 5, source_addr: 'SHOP' });
	assert.deepEqual([resp.command_status, resp.message_id, resp.message_state], [0, known, 1], 'query_sm passes');
	resp = await ask(session, 'replace_sm', { message_id: known, source_addr_ton: 5, source_addr: 'SHOP', short_message: Buffer.from('Better so.') });
	assert.equal(resp.command_status, smpp.ESME_ROK, 'replace_sm passes');
	resp = await ask(session, 'replace_sm', { message_id: known, source_addr_ton: 5, source_addr: 'SHOP', short_message: Buffer.from('See http://known-bad.example/c') });
	assert.equal(resp.command_status, smpp.ESME_RREPLACEFAIL, 'replace_sm is judged');
	resp = await ask(session, 'cancel_sm', { message_id: known, source_addr_ton: 5, source_addr: 'SHOP' });
	assert.equal(resp.command_status, smpp.ESME_ROK, 'cancel_sm passes');

	// SMPP 5.0 has commands that 3.4 does not (SMPP 3.4 §3.3: generic_nack, ESME_RINVCMDID).
	resp = await ask(session, 'query_broadcast_sm', { message_id: '1' });
	assert.deepEqual([resp.command, resp.command_status], ['generic_nack', smpp.ESME_RINVCMDID]);

	tell('listening'); // the test lets the SMSC deliver a text
	await until('an incoming text', () => delivered.length > 0);
	assert.deepEqual(delivered, [{ text: '了解です👍', from: '819012345678', to: '0005123' }]);
}

async function main() {
	await refusedBinds();
	const session = await connect();
	takeDeliveries(session);
	const bound = await ask(session, 'bind_transceiver', { system_id: 'npm', password: 'secret', interface_version: 0x34 });
	assert.equal(bound.command_status, smpp.ESME_ROK);
	assert.equal(bound.system_id, 'sekisho');
	assert.equal((await ask(session, 'enquire_link')).command_status, smpp.ESME_ROK);

	await windowOfOne(session);
	await windowOfFifty(session);
	await stopped(session);
	await held(session);
	await others(session);
	assert.equal((await ask(session, 'enquire_link')).command_status, smpp.ESME_ROK);

	let count = 0;
	for (const want of expected.values()) count += want.length;
	const came = () => [...receipts.values()].reduce((n, r) => n + r.length, 0);
	await until(`${count} receipts`, () => came() >= count);
	await new Promise((done) => setTimeout(done, 200)); // one too many would come now
	for (const [id, want] of expected) assert.deepEqual(receipts.get(id), want, 'receipts of ' + id);
	for (const id of receipts.keys()) assert.ok(expected.has(id), 'a receipt of ' + id + ', which nothing has');

	await until('an enquire_link', () => checked > 0);

	const closed = new Promise((done) => session.on('close', done));
	assert.equal((await ask(session, 'unbind')).command_status, smpp.ESME_ROK);
	session.close();
	await closed;
	clearTimeout(limit);
	tell('done', { receipts: came() });
}

process.on('unhandledRejection', (err) => { throw err; });
main();
