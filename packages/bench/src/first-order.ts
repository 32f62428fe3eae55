/**
 * Question: what does the first order after a silence take over a link with a round trip of 40 ms, by a client that
 * keeps connections open for it, and by one that keeps them for as long as they last?
 * Method: a server that closes what was quiet for its idle limit, through a proxy that keeps every byte for 20 ms each
 * way; lanes side by side, each with a proxy and clients of its own, whose connections are all open at first. They wait
 * out a silence of random length and then send an order by each, one after the other. Silences and limits are those of
 * an exchange (48 to 84 s; the server closes at 75 s) divided by 15. undici takes part twice: as it comes, with
 * connections kept for 4 s, and told to keep them for 70 s, just less than the server does. `--real` takes times as
 * they are, ten silences in all.
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
  readonly undici: Beside;
  /** Told to keep connections for nearly as long as the server does. */
  readonly undiciKept: Beside;
  /** The slowest of keepwarm's. */
  readonly keepwarmMsMax: number;
}

export interface Beside {
  readonly medianMs: number;
  /** Its orders that had to wait for a connection to be opened. */
  readonly cold: number;
  /** Its orders whose connection was closed under way. */
  readonly lost: number;
}

const ONE_WAY_MS = 20;
const ORDER = JSON.stringify({ order: { symbol: 'BTC-PERP', isBuy: true, size: '0.1' }, recvWindow: 5_000 });
const SILENCE_MS = 60_000;
const SERVER_IDLE_MS = 75_000;
const UNDICI_IDLE_MS = 4_000;
const UNDICI_KEPT_MS = 70_000;

/** undici, and what came of its orders. */
class Peer {
  readonly #agent: Agent;
  readonly #url: string;
  readonly #all: Tally;
  #opened = 0;

  constructor(origin: string, keepAliveTimeout: number, all: Tally) {
    this.#agent = new Agent({ keepAliveTimeout }).on('connect', () => this.#opened++);
    this.#url = `${origin}/orders`;
    this.#all = all;
  }

  /** An order before the first silence: its connection is open from then on. */
  async warmUp(): Promise<void> {
    await (await request(this.#url, { method: 'POST', body: ORDER, dispatcher: this.#agent })).body.text();
  }

  async order(): Promise<void> {
    const opened = this.#opened;
    const startMs = performance.now();
    await this.warmUp().catch(() => this.#all.lost++);
    this.#all.tookMs.push(performance.now() - startMs);
    if (this.#opened > opened) this.#all.cold++;
  }

  close(): Promise<void> {
    return this.#agent.destroy();
  }
}

interface Tally {
  readonly tookMs: number[];
  cold: number;
  lost: number;
}

const besides = ({ tookMs, cold, lost }: Tally): Beside => ({ medianMs: median(tookMs), cold, lost });

export async function firstOrders({ lanes, trials, scale }: FirstOrderPlan): Promise<FirstOrderResult> {
  const server = createServer({ keepAliveTimeout: 0 }, (incoming, response) => {
    incoming.resume().on('end', () => response.end('{"id":"1"}'));
  });
  // By hand: Node's own limit comes in whole seconds, and late.
  server.on('connection', (socket) => socket.setTimeout(SERVER_IDLE_MS / scale, () => socket.destroy()));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const [ours, plain, kept] = [1, 2, 3].map((): Tally => ({ tookMs: [], cold: 0, lost: 0 })) as [Tally, Tally, Tally];
  const lane = async (): Promise<void> => {
    const distance = await startDistance({ port, oneWayMs: ONE_WAY_MS });
    const origin = `http://127.0.0.1:${distance.port}`;
    const client = createClient({
      origin,
      preset: 'trading',
      http2: 'never',
      // As `keepwarm/vest` and `keepwarm/paradex` have it: replaced before the exchange would close them.
      pool: { idleMin: 2, idleMax: 2, idleMs: SILENCE_MS / scale, ageMs: 55_000 / scale },
      observer: { leased: ({ waitMs }) => (ours.cold += waitMs > 1 ? 1 : 0) },
    });
    const peers = [new Peer(origin, UNDICI_IDLE_MS / scale, plain), new Peer(origin, UNDICI_KEPT_MS / scale, kept)];
    await Promise.all([client.warmUp(), ...peers.map((peer) => peer.warmUp())]);
    for (let i = 0; i < trials; i++) {
      await sleep((SILENCE_MS / scale) * (0.8 + 0.6 * Math.random()));
      const startMs = performance.now();
      // Lost under way: an exchange that closes at that very moment. A bot asks what became of it.
      await client
        .post('/orders', ORDER)
        .text()
        .catch(() => ours.lost++);
      ours.tookMs.push(performance.now() - startMs);
      for (const peer of peers) await peer.order();
    }
    await Promise.all([client.close(), ...peers.map((peer) => peer.close())]);
    distance.close();
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  server.close();
  return {
    ...{ trials: ours.tookMs.length, cold: ours.cold, lost: ours.lost, keepwarmMs: median(ours.tookMs) },
    ...{ undici: besides(plain), undiciKept: besides(kept) },
    keepwarmMsMax: Math.max(...ours.tookMs),
  };
}

if (import.meta.main) {
  const real = process.argv.includes('--real');
  const result = await firstOrders(real ? { lanes: 10, trials: 1, scale: 1 } : { lanes: 100, trials: 10, scale: 15 });
  const { trials, cold, lost, keepwarmMs, keepwarmMsMax, undici, undiciKept } = result;
  console.log(`${trials} first orders after ${real ? 'about 60 s' : 'about 4 s (60 s scaled by 15)'} of silence`);
  const times = `median ${keepwarmMs.toFixed(1)} ms, max ${keepwarmMsMax.toFixed(1)} ms`;
  console.log(`keepwarm:                 ${cold} on a cold connection, ${lost} lost, ${times}`);
  const told = (of: Beside) => `${of.cold} on a cold connection, ${of.lost} lost, median ${of.medianMs.toFixed(1)} ms`;
  console.log(`undici:                   ${told(undici)}`);
  console.log(`undici told to keep 70 s: ${told(undiciKept)}`);
  process.exitCode = cold + lost === 0 ? 0 : 1;
}
