/**
 * Question: does a gateway fail a call by a reload, lose a head of a subscriber, or grow?
 * Method: steady load by HTTP, JSON-RPC and WebSocket through a gateway in a process of its own, which is reloaded all
 * along, one upstream changed each time; now and then its upstreams close all their connections at once. Memory is
 * sampled after collections of garbage, and a line is laid through it.
 * Decides: whether it may be left running. Exit code 1 when a call failed that no drop explains, a subscriber missed a
 * head or was told one twice, or memory grows.
 *
 *   npm run gateway-soak -- --minutes 10 --rate 200 --json gateway-soak.json
 */
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { linesOf, verdictOn } from './gateway-soak/report.ts';
import { gatewaySoak } from './gateway-soak/run.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    rate: { type: 'string', default: '200' },
    subscribers: { type: 'string', default: '20' },
    json: { type: 'string' },
  },
});
const lengthMs = Number(values.minutes) * 60_000;
if (!(lengthMs > 0)) throw new Error('--minutes: how long, more than 0');

const report = await gatewaySoak({
  ...{ lengthMs, rate: Number(values.rate), subscribers: Number(values.subscribers) },
  ...{ reloadMs: 5_000, dropMs: 17_000, headMs: 500, sampleMs: 2_000 },
});
for (const line of linesOf(report)) console.log(line);
if (values.json !== undefined) await writeFile(values.json, `${JSON.stringify(report, undefined, 2)}\n`);
const wrong = verdictOn(report);
for (const each of wrong) console.log(`! ${each}`);
if (wrong.length > 0) process.exitCode = 1;
