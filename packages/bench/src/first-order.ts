/**
 * Question: what does the first order after a silence take over a link with a round trip of 40 ms, by a client that
 * keeps connections open for it, and by one whose connections have expired meanwhile?
 * Method: a server that closes what was quiet for its idle limit, through a proxy that keeps every byte for 20 ms each
 * way; lanes side by side, each with a proxy and both clients of its own, that wait out a silence of random length and
 * then send an order by both, one after the other. Silences and limits are those of an exchange (60 s; the server
 * closes at 75 s; undici keeps connections for its default of 4 s) divided by 15. `--real` takes them as they are, ten
 * silences in all.
 * Decides: whether the exchange adapters may promise that no order rides a cold connection.
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { createClient } from 'keepwarm';
import { startDistance } from 'keepwarm/testing';
import { Agent, request } from 'undici';
import { median } from './statistics.ts';

export interface FirstOrderPlan {
  readonly lanes: number;
  /** Silences of each lane. */
  readonly trials: number;
  /** By what 60 s, 75 s and 4 s are divided. */
  readonly scale: number;
}

export interface FirstOrderResult {
  readonly trials: number;
  /** Orders of keepwarm's that waited for a connection to be opened. */
  readonly cold: number;
  /** Orders of keepwarm's whose connection was closed under way. */
  readonly lost: number;
  readonly keepwarmMs: number;
  readonly undiciMs: number;
  /** The slowest of keepwarm's. */
  readonly keepwarmMsMax: number;
}

const ONE_WAY_MS = 20;
const ORDER = JSON.stringify({ order: { symbol: 'BTC-PERP', isBuy: true, size: '0.1' }, recvWindow: 5_000 });
const SILENCE_MS = 60_000;
const SERVER_IDLE_MS = 75_000;
const UNDICI_IDLE_MS = 4_000;

export async function firstOrders({ lanes, trials, scale }: FirstOrderPlan): Promise<FirstOrderResult> {
  const server = createServer({ keepAliveTimeout: 0 }, (incoming, response) => {
    incoming.resume().on('end', () => response.end('{"id":"1"}'));
  });
  // By hand: Node's own limit comes in whole seconds, and late.
  server.on('connection', (socket) => socket.setTimeout(SERVER_IDLE_MS / scale, () => socket.destroy()));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const warm: number[] = [];
  const plain: number[] = [];
  let cold = 0;
  let lost = 0;
  const lane = async (): Promise<void> => {
    const distance = await startDistance({ port, oneWayMs: ONE_WAY_MS });
    const origin = `http://127.0.0.1:${distance.port}`;
    const client = createClient({
      origin,
      preset: 'trading',
      http2: 'never',
      // As `keepwarm/vest` and `keepwarm/paradex` have it: replaced before the exchange would close them.
      pool: { idleMin: 2, idleMax: 2, idleMs: SILENCE_MS / scale, ageMs: 55_000 / scale },
      observer: { leased: ({ waitMs }) => (cold += waitMs > 1 ? 1 : 0) },
    });
    const agent = new Agent({ keepAliveTimeout: UNDICI_IDLE_MS / scale });
    await client.warmUp();
    for (let i = 0; i < trials; i++) {
      await sleep((SILENCE_MS / scale) * (0.8 + 0.6 * Math.random()));
      const [first, second] = [performance.now(), () => performance.now()];
      // Lost under way: an exchange that closes at that very moment. A bot asks what became of it.
      await client
        .post('/orders', ORDER)
        .text()
        .catch(() => lost++);
      const between = second();
      const reply = await request(`${origin}/orders`, { method: 'POST', body: ORDER, dispatcher: agent });
      await reply.body.text();
      warm.push(between - first);
      plain.push(performance.now() - between);
    }
    await Promise.all([client.close(), agent.destroy()]);
    distance.close();
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  server.close();
  return {
    ...{ trials: warm.length, cold, lost, keepwarmMs: median(warm), undiciMs: median(plain) },
    keepwarmMsMax: Math.max(...warm),
  };
}

if (import.meta.main) {
  const real = process.argv.includes('--real');
  const result = await firstOrders(real ? { lanes: 10, trials: 1, scale: 1 } : { lanes: 100, trials: 10, scale: 15 });
  const { trials, cold, lost, keepwarmMs, undiciMs, keepwarmMsMax } = result;
  console.log(`${trials} first orders after ${real ? 'about 60 s' : 'about 4 s (60 s scaled by 15)'} of silence`);
  const times = `median ${keepwarmMs.toFixed(1)} ms, max ${keepwarmMsMax.toFixed(1)} ms`;
  console.log(`keepwarm: ${cold} on a cold connection, ${lost} lost, ${times}`);
  console.log(`undici:   median ${undiciMs.toFixed(1)} ms, ${(undiciMs / keepwarmMs).toFixed(2)} times as long`);
  process.exitCode = cold + lost === 0 ? 0 : 1;
}
