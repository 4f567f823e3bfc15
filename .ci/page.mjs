// Waits until the page at the address shows verdicts: a text that was stopped, why, and texts that passed.
//   node page.mjs ADDRESS SECONDS
const [address, seconds] = process.argv.slice(2);
const start = Date.now();
const took = () => ((Date.now() - start) / 1000).toFixed(1);
let missing = 'an answer';
while (took() < Number(seconds)) {
	const page = await fetch(address).then((r) => r.text(), () => '');
	const stopped = /<li class="card (hold|block)"[^]*?<ul class="why"[^>]*><li>([^<]+)/.exec(page);
	const passed = (page.match(/<tr class="deliver"/g) || []).length;
	if (stopped && passed) {
		console.log(`after ${took()} s the page shows what passed (${passed} texts) and what was stopped: ${stopped[1]}, since "${stopped[2].trim()}"`);
		process.exit(0);
	}
	missing = !page ? 'an answer' : !passed ? 'a text that passed' : 'a text that was stopped, with its reason';
	await new Promise((done) => setTimeout(done, 250));
}
console.error(`after ${took()} s the page at ${address} still lacks ${missing}`);
process.exit(1);
