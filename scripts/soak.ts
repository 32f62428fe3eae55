/**
 * Question: does anything grow, stay behind or get lost in hours of trouble?
 * Method: a pool with leases that come and go, streams of its own, a multiplexer with monitors that come and go, and
 * calls, against a Geyser test server in a process of its own: GOAWAY, resets, silence, black holes, stream caps, lag
 * kicks, refusals, one after the other all along. Every update is numbered by the server, so what is missing or came
 * twice is counted as it goes; memory is sampled after collections of garbage, and a line is laid through it.
 * Decides: whether it may run for weeks. Exit code 1 when an update is missing or came twice, a socket is not accounted
 * for, the provider's limit was exceeded, or memory grows.
 *
 *   npm run soak -- --minutes 30 --json soak.json
 *   npm run soak -- --seconds 20
 */
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { linesOf, verdictOn } from './soak/report.ts';
import { soak } from './soak/run.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '30' },
    seconds: { type: 'string' },
    'fault-ms': { type: 'string' },
    'slot-ms': { type: 'string', default: '200' },
    'accounts-per-slot': { type: 'string', default: '40' },
    seed: { type: 'string', default: '1' },
    json: { type: 'string' },
    quiet: { type: 'boolean', default: false },
  },
});
const lengthMs = values.seconds === undefined ? Number(values.minutes) * 60_000 : Number(values.seconds) * 1_000;
if (!(lengthMs > 0)) throw new Error('--minutes or --seconds: how long, more than 0');

const report = await soak({
  lengthMs,
  slotMs: Number(values['slot-ms']),
  accountsPerSlot: Number(values['accounts-per-slot']),
  faultMs: Number(values['fault-ms'] ?? (lengthMs < 120_000 ? 700 : 4_000)),
  ...{ connectionLimit: 60, windowMs: 5_000, seed: Number(values.seed) },
  progress: values.quiet ? undefined : (line) => console.error(line),
});
for (const line of linesOf(report)) console.log(line);
if (values.json !== undefined) await writeFile(values.json, `${JSON.stringify(report, undefined, 2)}\n`);
const wrong = verdictOn(report);
for (const each of wrong) console.log(`! ${each}`);
if (wrong.length > 0) process.exitCode = 1;
