/**
 * Question: what do callers notice when an HTTP/2 server is restarted again and again under load?
 * Method: 200 calls in flight over TLS against `node:http2` in a process of its own, each under a key of its own; one
 * in four is a POST that may not be repeated. Every generation of the server takes over the port before the one before
 * it ends: first by leaving (GOAWAY, calls finished), then killed. It tells by key what it was asked.
 * Decides: whether rolling restarts may be promised to cost nobody a call. Exit code 1 when an idempotent call failed,
 * another was received twice, or a server that left politely cost any call at all.
 *
 *   npm run restarts
 *   npm run restarts -- --restarts 5 --calls 100 --every-ms 500 --answer-ms 20 --json restarts.json
 *
 * The client has its defaults, retries and their budget included; set are `http2` and whom it trusts.
 */
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { type Ending, type RestartsReport, restarts } from './restarts/run.ts';

const SHOWN_MAX = 5;

const { values } = parseArgs({
  options: {
    restarts: { type: 'string', default: '20' },
    calls: { type: 'string', default: '200' },
    'every-ms': { type: 'string', default: '500' },
    'answer-ms': { type: 'string', default: '20' },
    json: { type: 'string' },
  },
});
const plan = {
  restarts: Number(values.restarts),
  inFlight: Number(values.calls),
  everyMs: Number(values['every-ms']),
  answerMs: Number(values['answer-ms']),
};

const reports: RestartsReport[] = [];
for (const ending of ['leaving', 'dying'] as const satisfies readonly Ending[]) {
  reports.push(await restarts({ ...plan, ending }));
}
const row = (name: string, of: (report: (typeof reports)[number]) => string | number): void =>
  console.log([name.padEnd(34), ...reports.map((report) => String(of(report)).padStart(12))].join(''));

console.log(`${plan.restarts} restarts, one each ${plan.everyMs} ms, ${plan.inFlight} calls in flight`);
row('the server ends by', ({ ending }) => ending);
row('calls', ({ calls }) => calls);
row('  of them idempotent', ({ idempotent }) => idempotent);
row('in flight as the servers ended', ({ caught }) => caught);
row('sessions', ({ sessions }) => sessions);
row('replayed by the engine', ({ hops }) => hops);
row('repeated by the retry policy', ({ retried }) => retried);
row('refused by the budget', ({ refusedByBudget }) => refusedByBudget);
row('idempotent calls failed', ({ idempotentFailed }) => idempotentFailed.length);
row(
  '  of them while reading the body',
  ({ idempotentFailed }) => idempotentFailed.filter(({ phase }) => phase === 'body').length,
);
row('other calls failed, and said so', ({ otherFailed }) => otherFailed.length);
row('other calls received twice', ({ doubled }) => doubled.length);
row('failed as unsent, yet received', ({ unsentButReceived }) => unsentButReceived.length);
row('longest call, ms', ({ slowestMs }) => Math.round(slowestMs));
for (const { ending, idempotentFailed } of reports) {
  for (const { key, message } of idempotentFailed.slice(0, SHOWN_MAX)) console.log(`  ${ending}: ${key}: ${message}`);
}
if (values.json !== undefined) await writeFile(values.json, `${JSON.stringify({ plan, reports }, null, 2)}\n`);
if (reports.some(({ broken }) => broken)) process.exitCode = 1;
