/**
 * Compares the HTTP/1.1 response parser with Node's own on mutated responses, for as long as you like.
 *
 *   npm run fuzz                                      half a minute, from a seed of its own
 *   npm run fuzz -- --count 10000000 --seed 1         that many responses, from that seed
 *   npm run fuzz -- --seconds 600 --from 5000000      ten minutes, from that number on
 *
 * A finding is printed with the seed and number that make it again, and makes the exit code 1.
 */
import { parseArgs } from 'node:util';
import { type Finding, Hunt } from '../../packages/keepwarm/test/wire/differential/hunt.ts';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string' },
    count: { type: 'string' },
    seed: { type: 'string' },
    from: { type: 'string', default: '0' },
  },
});

/** Findings after which there is no point in going on. */
const FINDINGS_MAX = 20;

/** Responses between two looks at the clock. */
const BATCH = 1_000;

function number(name: string, text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise;
  const value = Number(text);
  if (!Number.isFinite(value) || value < 0) throw new Error(`--${name} must be a number from 0, not ${text}`);
  return value;
}

const count = number('count', values.count, Number.POSITIVE_INFINITY);
const seconds = number('seconds', values.seconds, values.count === undefined ? 30 : Number.POSITIVE_INFINITY);
const from = number('from', values.from, 0);
const hunt = new Hunt(number('seed', values.seed, Date.now() % 0x1_0000_0000));

function show({ seed, number, what, method, response }: Finding): void {
  console.log(`\n--seed ${seed} --from ${number} --count 1\n${method}: ${JSON.stringify(response)}\n${what}`);
}

console.log(`seed ${hunt.seed}`);
const startedAt = performance.now();
const elapsedMs = (): number => performance.now() - startedAt;
let shown = 0;
while (hunt.responses < count && elapsedMs() < seconds * 1_000 && hunt.findings.length < FINDINGS_MAX) {
  for (let left = Math.min(BATCH, count - hunt.responses); left > 0; left--) hunt.judge(from + hunt.responses);
  for (; shown < hunt.findings.length; shown++) show(hunt.findings[shown]!);
}

const figure = (value: number): string => value.toLocaleString('en');
const { whole, partial, refused } = hunt.kinds;
console.log(`\n${figure(hunt.responses)} responses in ${figure(Math.round(elapsedMs() / 1_000))} s`);
console.log(`whole ${figure(whole)}, cut short ${figure(partial)}, refused ${figure(refused)}`);
console.log('\ndeliberate differences met:');
for (const [name, times] of hunt.met) console.log(`${figure(times).padStart(12)}  ${name}`);
console.log(`\n${hunt.findings.length} findings`);
process.exitCode = hunt.findings.length === 0 ? 0 : 1;
