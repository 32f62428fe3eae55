/**
 * An indexing service that asks several nodes as one: 600 reads while one node throttles, one lags and one dies.
 *
 *   node_modules/.bin/node --conditions=keepwarm-source examples/rpc-service/main.ts
 */
import { createRpc, evm } from 'keepwarm/jsonrpc';
import { startNode } from './node.ts';

// Instead of three providers. In production these are URLs with keys, and nothing else below changes.
const [main, cheap, slow] = await Promise.all([
  startNode({ height: 1_000 }),
  startNode({ height: 1_000, perSecondMax: 100 }),
  startNode({ height: 400, delayMs: 15 }),
]);

await using rpc = createRpc({
  adapter: evm,
  endpoints: [
    { name: 'main', url: main.url },
    { name: 'cheap', url: cheap.url, rateLimit: { limit: 100, windowMs: 1_000 } }, // what the provider sells, exactly
    { name: 'slow', url: slow.url },
  ],
  deadlineMs: 5_000,
});
await rpc.warmUp();

let failed = 0;
for (let round = 0; round < 30; round++) {
  if (round === 15) main.die(); // every socket to it is reset; new ones are refused
  const asked = Array.from({ length: 20 }, (_, i) => rpc.call('eth_getBalance', [account(round * 20 + i), 'latest']));
  for (const { status } of await Promise.allSettled(asked)) failed += status === 'rejected' ? 1 : 0;
}

const { endpoints, http } = rpc.stats();
for (const { name, state } of endpoints) console.log(`${name.padEnd(6)} ${state}`);
console.log(`throttled: ${cheap.throttled()}, connections: ${http.reuse.fresh}, calls: ${http.calls.total}`);
console.log(`600 reads, ${failed} failed`);
await Promise.all([cheap.close(), slow.close()]);
process.exitCode = failed === 0 ? 0 : 1;

function account(i: number): string {
  return `0x${i.toString(16).padStart(40, '0')}`;
}
