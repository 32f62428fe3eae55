/**
 * `npm run hostile [calls]`: the hostile reuse loop at full length, 10,000 calls by default, and its figures. Fails
 * when an idempotent call failed, or another one was received twice.
 */
import { hostileLoop } from './hostile-loop.ts';

const calls = Number(process.argv[2] ?? 10_000);
const figures = await hostileLoop({ calls, callers: 20, seed: Math.floor(Math.random() * 1e9) });
const { idempotentFailed, duplicated, unsentButReceived, otherFailed, closed } = figures;
const rows: readonly (readonly [string, string | number])[] = [
  ['calls', figures.calls],
  ['seconds', figures.seconds.toFixed(1)],
  ['connections', figures.connections],
  ['reuse', `${(figures.reuse * 100).toFixed(1)} %`],
  ['closed by FIN', closed.fin],
  ['closed by RST', closed.rst],
  ['of them instead of an answer', closed.unanswered],
  ['replayed on another connection', figures.hops],
  ['idempotent calls failed', idempotentFailed.length],
  [
    'other calls failed',
    Object.entries(otherFailed)
      .map(([reach, count]) => `${count} ${reach}`)
      .join(', ') || 0,
  ],
  ['other calls received twice', duplicated.length],
  ['answers mixed up', figures.mixedUp],
  ['sockets left open', figures.leftOpen],
];
for (const [name, value] of rows) console.log(`${name.padEnd(32)} ${value}`);
for (const message of idempotentFailed.slice(0, 5)) console.log(`  failed: ${message}`);
const bad = idempotentFailed.length + duplicated.length + unsentButReceived.length + figures.mixedUp + figures.leftOpen;
process.exitCode = bad === 0 ? 0 : 1;
