/**
 * Compares the HPACK decoder with a model of it on mutated field blocks, for as many as you like.
 *
 *   npm run fuzz:hpack                                        a million blocks, from a seed of its own
 *   npm run fuzz:hpack -- --count 5000 --seed 1 --from 77     that many, from that seed and number on
 *
 * A finding is printed with the seed and number that make it again, and makes the exit code 1.
 */
import { parseArgs } from 'node:util';
import { Hunt } from '../../packages/keepwarm/test/wire/hpack/hunt.ts';

const { values } = parseArgs({
  options: {
    count: { type: 'string', default: '1000000' },
    seed: { type: 'string', default: String(Date.now() % 0x1_0000_0000) },
    from: { type: 'string', default: '0' },
  },
});

/** Findings after which there is no point in going on. */
const FINDINGS_MAX = 20;

function number(name: 'count' | 'seed' | 'from'): number {
  const value = Number(values[name]);
  if (!Number.isSafeInteger(value) || value < 0)
    throw new Error(`--${name} must be a number from 0, not ${values[name]}`);
  return value;
}

const count = number('count');
const hunt = new Hunt(number('seed'));
const startedAt = performance.now();
console.log(`seed ${hunt.seed}`);
for (let at = number('from'); hunt.blocks < count && hunt.findings.length < FINDINGS_MAX; at++) hunt.judge(at);

for (const { number, what, blocks } of hunt.findings) {
  console.log(`\n--seed ${hunt.seed} --from ${number} --count 1\n${what}\n${blocks.join('\n')}`);
}
const figure = (value: number): string => value.toLocaleString('en');
const { read, refused, limited, again } = hunt.counts;
console.log(`\n${figure(hunt.blocks)} blocks in ${figure(Math.round((performance.now() - startedAt) / 1_000))} s`);
console.log(`read ${figure(read)} (again ${figure(again)}), refused ${figure(refused)}, limited ${figure(limited)}`);
console.log(`${hunt.findings.length} findings`);
process.exitCode = hunt.findings.length === 0 ? 0 : 1;
