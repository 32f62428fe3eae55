/**
 * Question: do monitors that all lose their connections, again and again, ever open more of them in any window than
 * their provider allows, as the provider counts, and how much of what it allows do they use?
 * Method: real processes over loopback, one client for each monitor, one limiter for each process. The provider, a
 * process of its own, writes down when it accepted each connection, and when it counted it: up to `--jitter-ms` later,
 * before its HTTP/2 settings. It loses every connection within 300 ms, and throws one in eight out at once. Two storms
 * at a time: one process that keeps its starts in a file, and several that share them over a real Redis. Processes are
 * killed (SIGKILL) and begun anew. A sliding window goes over all connections, by either instant.
 * Decides: whether keepwarm may promise that no window is exceeded. Exit code 1 when one was.
 *
 *   npm run starts                 6 in 2 s, for 20 s
 *   npm run starts -- --real       60 in 60 s, for three minutes, on a real clock
 *   npm run starts -- --limit 20 --window-ms 1000 --seconds 30 --processes 5 --monitors 100 --kill-every-ms 3000
 *
 * What is not used of a limit is the time from grants to settlements, and what killed processes had under way.
 */
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { type StormReport, storm } from './starts/run.ts';

const { values } = parseArgs({
  options: {
    real: { type: 'boolean', default: false },
    limit: { type: 'string' },
    'window-ms': { type: 'string' },
    seconds: { type: 'string' },
    'kill-every-ms': { type: 'string' },
    processes: { type: 'string', default: '3' },
    monitors: { type: 'string', default: '50' },
    'jitter-ms': { type: 'string', default: '300' },
    json: { type: 'string' },
  },
});
const { real } = values;
const plan = {
  limit: Number(values.limit ?? (real ? 60 : 6)),
  windowMs: Number(values['window-ms'] ?? (real ? 60_000 : 2_000)),
  lengthMs: Number(values.seconds ?? (real ? 185 : 20)) * 1_000,
  killEveryMs: Number(values['kill-every-ms'] ?? (real ? 25_000 : 3_500)),
  monitors: Number(values.monitors),
  jitterMs: Number(values['jitter-ms']),
};

const reports = await Promise.all([
  storm({ ...plan, processes: 1 }),
  storm({ ...plan, processes: Number(values.processes) }),
]);
const row = (name: string, of: (report: StormReport) => string | number): void =>
  console.log([name.padEnd(40), ...reports.map((report) => String(of(report)).padStart(14))].join(''));

const { limit, windowMs, lengthMs, monitors, jitterMs } = plan;
console.log(
  `${monitors} monitors, ${limit} starts per ${windowMs} ms, settings within ${jitterMs} ms, ${lengthMs / 1_000} s`,
);
row('processes', ({ plan: { processes } }) => processes);
row('starts kept in', ({ plan: { processes } }) => (processes === 1 ? 'a file' : 'Redis'));
row('kills', ({ kills }) => kills);
row('connections at the provider', ({ connections }) => connections);
row('  of them thrown out at once', ({ thrownOut }) => thrownOut);
row('busiest window, as accepted', ({ busiestAccepted }) => `${busiestAccepted} of ${limit}`);
row('busiest window, as counted', ({ busiestCounted }) => `${busiestCounted} of ${limit}`);
row('used of what is permitted', ({ used }) => `${(used * 100).toFixed(1)} %`);
if (values.json !== undefined) await writeFile(values.json, `${JSON.stringify(reports, null, 2)}\n`);
if (reports.some(({ busiestAccepted, busiestCounted }) => Math.max(busiestAccepted, busiestCounted) > limit)) {
  process.exitCode = 1;
}
