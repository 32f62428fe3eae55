/**
 * Question: what does a caller notice when, of three EVM nodes, one dies, one lags 20 blocks, and one answers 429 in
 * bursts? Method: three real anvil nodes of one chain behind fronts that go wrong as told, an unmodified viem and an
 * unmodified ethers over one pool, calls that start at a fixed rate. Two nodes of three are in trouble at any time,
 * each pair once; then all three for a while, when waiting is all that is left, and times say nothing. Times are set
 * against those of the same reads at the same time through a node that is always well.
 * Decides: whether pools of JSON-RPC nodes may promise that no read fails or is too old, no write is doubled, and p99
 * stays within three times that of all nodes well. Exit code 1 when one of these does not hold.
 *
 *   npm run nodes
 *   npm run nodes -- --calls 2000 --seconds 20 --block-ms 200
 */
import { parseArgs } from 'node:util';
import { nodesScenario } from '../packages/keepwarm/test/partners/nodes-scenario.ts';

const P99_TIMES_MAX = 3;
/** A healthy p99 below this, in ms, is taken for it: three times nearly nothing is nothing. */
const P99_MS_MIN = 5;
const SHOWN_MAX = 5;

const { values } = parseArgs({
  options: {
    calls: { type: 'string', default: '20000' },
    seconds: { type: 'string', default: '60' },
    'block-ms': { type: 'string', default: '200' },
    'write-every': { type: 'string', default: '50' },
  },
});
const [calls, seconds] = [Number(values.calls), Number(values.seconds)];
const options = { calls, seconds, blockMs: Number(values['block-ms']), writeEvery: Number(values['write-every']) };

const report = await nodesScenario(options);
const { phases, failedReads, staleReads, failedWrites, doubled, lost } = report;

console.log('phase                       calls       p50       p99       max  p99 of a well node  oldest answer');
for (const { name, calls: made, p50Ms, p99Ms, maxMs, wellP99Ms, oldest, oldestMax } of phases) {
  const times = [p50Ms, p99Ms, maxMs].map((ms) => `${ms.toFixed(1)} ms`.padStart(10)).join('');
  const well = `${wellP99Ms.toFixed(1)} ms`.padStart(19);
  console.log(`${name.padEnd(26)} ${String(made).padStart(6)}${times} ${well}  ${oldest} blocks of ${oldestMax}`);
}
const pairs = phases.filter(({ name }) => name.startsWith('one'));
const times = Math.max(...pairs.map(({ p99Ms, wellP99Ms }) => p99Ms / Math.max(wellP99Ms, P99_MS_MIN)));
console.log(`failed reads                ${failedReads.length} of ${report.reads}`);
console.log(`reads that were too old     ${staleReads.length}`);
console.log(`writes doubled              ${doubled} of ${report.writes}`);
console.log(`writes taken, and lost      ${lost}`);
console.log(`writes refused              ${failedWrites.length}`);
console.log(`p99 with two in trouble     at most ${times.toFixed(2)} times that of a node that is well`);
console.log(`messages answered with 429  ${report.refused}`);
console.log(`facts                       ${JSON.stringify(report.facts)}`);
for (const line of [...failedReads, ...staleReads, ...failedWrites].slice(0, SHOWN_MAX)) console.log(`  ${line}`);
if (failedReads.length + staleReads.length + doubled + lost > 0 || times > P99_TIMES_MAX) process.exitCode = 1;
