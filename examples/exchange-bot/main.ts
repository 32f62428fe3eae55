/**
 * A bot whose orders never ride a cold connection: the exchange closes idle ones, and new ones are there before the
 * order.
 *
 *   node_modules/.bin/node --conditions=keepwarm-source examples/exchange-bot/main.ts
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { createClient, NetError } from 'keepwarm';
import { startExchange } from './exchange.ts';

const IDLE_MS = 150; // the exchange closes what was quiet for so long; real ones take a minute
const exchange = await startExchange(IDLE_MS);

/** Connections that were opened while an order was waiting for one. There must be none. */
let cold = 0;
await using api = createClient({
  origin: exchange.origin,
  preset: 'trading', // two idle connections kept open, reads hedged, orders sent once
  headers: { 'x-api-key': 'your-key' },
  observer: { leased: ({ fresh, waitMs }) => (cold += fresh && waitMs > 0 ? 1 : 0) },
});
await api.warmUp(); // TCP and TLS; no request

let filled = 0;
for (let i = 0; i < 10; i++) {
  await sleep(IDLE_MS * 1.5); // longer than the exchange keeps a quiet connection
  try {
    const order = { id: `order-${i}`, side: i % 2 === 0 ? 'buy' : 'sell', size: 1 };
    const { status } = await api.post('/orders', order).json<{ readonly status: string }>();
    filled += status === 'filled' ? 1 : 0;
  } catch (error) {
    if (!(error instanceof NetError)) throw error;
    // `unsent`: send it again. Anything else: it may have been taken, so ask before sending another.
    console.log(`order-${i}: ${error.code}, ${error.reach}`);
    if (error.reach !== 'unsent') console.log(await api.get(`/orders/order-${i}`).json());
  }
}

const { closed } = api.stats().sockets;
console.log(`connections the exchange closed meanwhile: ${closed}`);
console.log(`10 orders, ${filled} filled, ${exchange.doubled()} doubled, ${cold} on a cold connection`);
await api.close();
await exchange.close();
process.exitCode = filled === 10 && cold === 0 && exchange.doubled() === 0 ? 0 : 1;
