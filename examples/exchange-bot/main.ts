/**
 * A bot at an exchange, in bad weather: its orders ride connections that are warm, are signed when they are sent, and
 * whatever becomes of an answer, it knows what became of the order.
 *
 *   node_modules/.bin/node --conditions=keepwarm-source examples/exchange-bot/main.ts
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { createVest, type NewOrder } from 'keepwarm/vest';
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts';
import { startExchange } from './exchange.ts';

const IDLE_MS = 600; // the exchange closes what was quiet for so long; real ones take a minute
const exchange = await startExchange(IDLE_MS);

/** Calls that waited for a connection to be opened, once it is connected. There must be none. */
let cold = 0;
let connected = false;
await using vest = createVest({
  ...exchange.address, // leave it away for the real one
  accounts: [{ primary: privateKeyToAccount(generatePrivateKey()), signer: privateKeyToAccount(generatePrivateKey()) }],
  // As fast as the weather here; the defaults are for the real one.
  ...{ recvWindowMs: 1_000, settleMs: 100, limits: { firstByteMs: 1_000 } },
  pool: { ageMs: 60_000 }, // the worst: by default they are replaced before a real exchange would close them
  log: console.log,
  observer: { leased: ({ fresh, waitMs }) => (cold += connected && fresh && waitMs > 0 ? 1 : 0) },
});
await vest.connect(); // registers, gets a listen key and the last nonce, warms connections up
connected = true;

/** What happens to it is told by the account's own stream as well. */
const told = new Set<string>();
const leaving = new AbortController();
const listening = (async () => {
  for await (const event of vest.account().events<{ args: { id: string } }>(leaving.signal)) {
    if (event.kind === 'data') told.add(event.value.args.id);
  }
})().catch(() => undefined); // it ends when we leave

const placed: string[] = [];
for (let i = 1; i <= exchange.weather.length; i++) {
  await sleep(IDLE_MS * 1.2); // longer than the exchange keeps a quiet connection
  const order: NewOrder = { symbol: 'BTC-PERP', isBuy: true, size: `${i}.5`, orderType: 'LIMIT', limitPrice: '100000' };
  const fate = await vest.account().placeOrder(order);
  const how = fate.kind === 'placed' ? `${fate.kind}, says the ${fate.by}` : `${fate.kind}: ${fate.error.message}`;
  console.log(`order ${i}, ${exchange.weather[i - 1] ?? 'fair weather'}: ${how}`);
  if (fate.kind === 'placed') placed.push(fate.id);
  else if (fate.kind === 'not placed')
    continue; // another may be sent, if it is still wanted
  else console.log(`look for nonce ${fate.nonce} before you send another`);
}
const cancelled = await vest.account().cancelOrder(placed[0]!);
for (let i = 0; i < 500 && !placed.every((id) => told.has(id)); i++) await sleep(10);
leaving.abort();
await listening;

const there = exchange.orders();
const right = placed.length === there.length && placed.every((id) => there.includes(id));
console.log(`connections the exchange closed meanwhile: ${vest.stats().sockets.closed}`);
const count = `${exchange.weather.length} orders, ${placed.length} placed, ${there.length} at the exchange`;
console.log(`${count}, ${cold} on a cold connection`);
console.log(`the first is ${cancelled.kind}; the stream told of ${told.size}`);
await vest.close();
await exchange.close();
process.exitCode = right && cold === 0 && cancelled.kind === 'cancelled' && told.size === placed.length ? 0 : 1;
