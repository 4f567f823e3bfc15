// Enters the demonstration by the link that it printed, and waits until the page shows verdicts: a text that was stopped, why, and texts that passed.
//   node page.mjs LOG SECONDS
import { readFileSync } from 'node:fs';
const [log, seconds] = process.argv.slice(2);
const start = Date.now();
const took = () => ((Date.now() - start) / 1000).toFixed(1);
const enter = async () => {
	const link = /(http:\/\/localhost:\d+)\/enter#(\S+)/.exec(readFileSync(log, 'utf8'));
	if (!link) return null;
	const answer = await fetch(link[1] + '/auth/demo', {
		method: 'POST', body: JSON.stringify({ token: link[2] }),
		headers: { 'Content-Type': 'application/json', Origin: link[1] },
	});
	if (!answer.ok) throw new Error(`the link is refused: ${answer.status} ${await answer.text()}`);
	return { address: link[1] + '/', cookie: answer.headers.getSetCookie().map((c) => c.split(';')[0]).join('; ') };
};
let missing = 'a link', at = null;
while (took() < Number(seconds)) {
	at ??= await enter();
	const page = at ? await fetch(at.address, { headers: { Cookie: at.cookie }, redirect: 'manual' }).then((r) => r.text(), () => '') : '';
	const stopped = /<li class="card (hold|block)"[^]*?<ul class="why"[^>]*><li>([^<]+)/.exec(page);
	const passed = (page.match(/<tr class="deliver"/g) || []).length;
	if (stopped && passed) {
		console.log(`after ${took()} s the page shows what passed (${passed} texts) and what was stopped: ${stopped[1]}, since "${stopped[2].trim()}"`);
		process.exit(0);
	}
	missing = !at ? 'a link' : !page ? 'an answer' : !passed ? 'a text that passed' : 'a text that was stopped, with its reason';
	await new Promise((done) => setTimeout(done, 250));
}
console.error(`after ${took()} s the demonstration still lacks ${missing}`);
process.exit(1);
