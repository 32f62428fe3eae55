/**
 * Steady load through a gateway: GETs, POSTs, JSON-RPC and subscribers by WebSocket, while it is reloaded all along and
 * its upstreams lose all their connections now and then.
 */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { createClient, NetError } from 'keepwarm';
import { ANode } from '../../packages/gateway/test/a-node.ts';
import { restOf, type Sample, type Trend, trendOf } from '../soak/memory.ts';
import { GatewayChild } from './child.ts';
import { Subscriber } from './subscriber.ts';

export interface GatewaySoakOptions {
  readonly lengthMs: number;
  /** Calls a second. */
  readonly rate: number;
  readonly subscribers: number;
  readonly reloadMs: number;
  readonly dropMs: number;
  readonly headMs: number;
  readonly sampleMs: number;
}

export interface GatewaySoakReport {
  readonly seconds: number;
  readonly calls: number;
  readonly answered: number;
  /** By status, or by code where there was none, of calls that were under way when connections were dropped. */
  readonly dropped: Readonly<Record<string, number>>;
  /** The same, of all others: there must be none. */
  readonly failed: Readonly<Record<string, number>>;
  readonly reloads: number;
  readonly drops: number;
  readonly heads: number;
  readonly subscribers: { readonly missing: number; readonly twice: number; readonly closed: number };
  readonly heap: Trend;
  readonly outside: Trend;
  readonly rss: Trend;
  /** RSS without V8's young generation. */
  readonly rest: Trend;
}

/** Calls that began or ended so near to a drop are its victims. */
const NEAR_MS = 1_500;
const TICK_MS = 20;
/** Heads that may still be on their way at the end. */
const SETTLE_MS = 15_000;

export async function gatewaySoak(options: GatewaySoakOptions): Promise<GatewaySoakReport> {
  const plain = createServer((request, response) => {
    request.resume().on('end', () => response.end(BODY));
  });
  await once(plain.listen(0, '127.0.0.1'), 'listening');
  const node = await ANode.start();
  const chain = new Chain(node);
  const child = new GatewayChild();
  const config = (generation: number): object => configOf(plain, node, generation);
  const port = await child.start(config(0));
  const load = new Load(`http://127.0.0.1:${port}`);
  const subscribers = await Promise.all(
    Array.from({ length: options.subscribers }, () => Subscriber.open(`ws://127.0.0.1:${port}/chain`)),
  );
  const startedAt = performance.now();
  let [drops, droppedAt] = [0, 0];
  const drop = (): void => {
    // What is missed is asked for on a new connection: one that is lost before that is a gap, and told as one.
    if (!subscribers.every(({ upTo }) => upTo > droppedAt)) return;
    drops++;
    droppedAt = chain.height;
    load.dropped();
    plain.closeAllConnections();
    node.cut();
  };
  const timers = [
    setInterval(() => load.fire((options.rate * TICK_MS) / 1_000), TICK_MS),
    setInterval(() => chain.mine(), options.headMs),
    setInterval(drop, options.dropMs),
  ];
  const samples: Sample[] = [];
  let reloads = 0;
  const ends = new AbortController();
  const reloading = every(options.reloadMs, ends.signal, async () => void (await child.reload(config(++reloads))));
  const sampling = every(options.sampleMs, ends.signal, async () => void samples.push(await child.sample()));
  await sleep(options.lengthMs);
  while (drops < Math.floor(options.lengthMs / options.dropMs)) await sleep(TICK_MS); // some may have waited
  ends.abort();
  for (const timer of timers) clearInterval(timer);
  await Promise.all([reloading, sampling, load.settled()]);
  const seconds = Math.round((performance.now() - startedAt) / 1_000);
  const settleUntil = performance.now() + SETTLE_MS;
  const whole = (): boolean => subscribers.every((each) => each.upTo >= chain.height);
  for (let looks = 1; !whole() && performance.now() < settleUntil; looks++) {
    await sleep(100);
    if (looks % 10 === 0 && !whole()) chain.mine(); // heads that were missed are told with the next
  }
  const of = (name: 'missing' | 'twice'): number => subscribers.reduce((sum, each) => sum + each[name], 0);
  const report = {
    seconds,
    ...load.told(),
    reloads,
    heads: chain.height,
    subscribers: {
      missing: of('missing'),
      twice: of('twice'),
      closed: subscribers.filter(({ closed }) => closed !== undefined).length,
    },
    ...trendsOf(samples),
  };
  for (const subscriber of subscribers) subscriber.close();
  await load.close();
  await child.stop();
  await node.close();
  plain.closeAllConnections();
  plain.close();
  return report;
}

const trendsOf = (samples: readonly Sample[]) => ({
  heap: trendOf(samples, ({ heapBytes }) => heapBytes),
  outside: trendOf(samples, ({ outsideBytes }) => outsideBytes),
  rss: trendOf(samples, ({ rssBytes }) => rssBytes),
  rest: trendOf(samples, restOf),
});

const BODY = JSON.stringify({ padding: 'x'.repeat(500) });

/** `changing` begins anew with each generation; the others keep their connections. */
function configOf(plain: Server, node: ANode, generation: number): object {
  const origin = `http://127.0.0.1:${(plain.address() as AddressInfo).port}`;
  return {
    ...{ listen: '127.0.0.1:0', admin: '127.0.0.1:0', drainMs: 2_000, history: false },
    upstreams: {
      steady: { origin },
      changing: { origin, deadlineMs: 20_000 + (generation % 2) },
      chain: { jsonrpc: 'evm', endpoints: [{ url: node.url, name: 'node' }], freshness: false },
    },
  };
}

/** Heads that follow each other, and can be asked for again. */
class Chain {
  readonly #node: ANode;
  height = 0;

  constructor(node: ANode) {
    this.#node = node;
    node.answer = ({ method, params }) => {
      if (method === 'eth_getBlockByNumber') {
        const [which] = params as [string];
        const height = which === 'latest' ? this.height : Number(which);
        return { result: height > this.height ? null : head(height) };
      }
      if (method === 'eth_getBlockByHash') return { result: head(Number((params as [string])[0].slice(3))) };
      return { result: `0x${this.height.toString(16)}` };
    };
  }

  mine(): void {
    this.height++;
    this.#node.tell('eth_subscription', head(this.height));
  }
}

const head = (height: number): object => ({
  number: `0x${height.toString(16)}`,
  hash: `0xh${height}`,
  parentHash: `0xh${height - 1}`,
});

/** Calls at a steady rate, and what became of them. */
class Load {
  readonly #client: ReturnType<typeof createClient>;
  readonly #failures: { readonly what: string; readonly fromMs: number; readonly toMs: number }[] = [];
  readonly #drops: number[] = [];
  readonly #running = new Set<Promise<void>>();
  #owed = 0;
  #calls = 0;
  #answered = 0;

  constructor(origin: string) {
    this.#client = createClient({ origin, retry: false, breaker: false, pool: { socketsMax: 50 } });
  }

  fire(count: number): void {
    for (this.#owed += count; this.#owed >= 1; this.#owed--) {
      const one = this.#one(this.#calls++).finally(() => this.#running.delete(one));
      this.#running.add(one);
    }
  }

  dropped(): void {
    this.#drops.push(performance.now());
  }

  async settled(): Promise<void> {
    await Promise.all(this.#running);
  }

  close(): Promise<void> {
    return this.#client.close({ deadlineMs: 0 });
  }

  told() {
    const near = ({ fromMs, toMs }: { fromMs: number; toMs: number }): boolean =>
      this.#drops.some((at) => at > fromMs - NEAR_MS && at < toMs + NEAR_MS);
    return {
      calls: this.#calls,
      answered: this.#answered,
      drops: this.#drops.length,
      dropped: counted(this.#failures.filter(near)),
      failed: counted(this.#failures.filter((each) => !near(each))),
    };
  }

  async #one(number: number): Promise<void> {
    const fromMs = performance.now();
    try {
      const status = await this.#ask(number);
      if (status === 200) this.#answered++;
      else this.#failures.push({ what: String(status), fromMs, toMs: performance.now() });
    } catch (error) {
      this.#failures.push({ what: NetError.from(error).code, fromMs, toMs: performance.now() });
    }
  }

  async #ask(number: number): Promise<number> {
    const { fetch } = this.#client;
    const post = (path: string, body: string) => fetch(path, { method: 'POST', body });
    const kinds = [
      () => fetch('/steady/quote'),
      () => post('/changing/order', BODY),
      () => fetch('/changing/quote'),
      () =>
        post('/chain', `{"jsonrpc":"2.0","id":${number},"method":"eth_getBalance","params":["0x${number}","latest"]}`),
    ];
    const reply = await kinds[number % kinds.length]!();
    await reply.arrayBuffer();
    return reply.status;
  }
}

function counted(failures: readonly { readonly what: string }[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { what } of failures) counts[what] = (counts[what] ?? 0) + 1;
  return counts;
}

async function every(ms: number, signal: AbortSignal, act: () => Promise<void>): Promise<void> {
  while (!signal.aborted) {
    await sleep(ms, undefined, { signal }).catch(() => undefined);
    if (!signal.aborted) await act();
  }
}
