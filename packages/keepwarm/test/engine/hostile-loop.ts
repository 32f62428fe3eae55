/**
 * The hostile reuse loop: calls to a server that closes connections at the worst moments. Whatever may be repeated must
 * never fail; whatever may not must never be received twice.
 */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { createClient, NetError } from '../../src/index.ts';
import { dice, type HostileCount } from './hostile-server.ts';

export interface HostileOptions {
  readonly calls: number;
  /** Callers at work beside each other, each making one call after another. */
  readonly callers: number;
  readonly seed: number;
}

export interface HostileFigures {
  readonly calls: number;
  readonly seconds: number;
  /** GET: what failed, as text. */
  readonly idempotentFailed: readonly string[];
  /** POST: how many failed, by how far they got. */
  readonly otherFailed: Readonly<Record<string, number>>;
  /** POST: ids the server received more than once. */
  readonly duplicated: readonly string[];
  /** POST: failed although said to be unsent, and yet received. */
  readonly unsentButReceived: readonly string[];
  /** Answers that belonged to another call. */
  readonly mixedUp: number;
  readonly hops: number;
  readonly reuse: number;
  readonly connections: number;
  readonly closed: HostileCount['closed'];
  readonly leftOpen: number;
}

export async function hostileLoop({ calls, callers, seed }: HostileOptions): Promise<HostileFigures> {
  const worker = new Worker(new URL('hostile-server.ts', import.meta.url), { workerData: seed });
  const [origin] = (await once(worker, 'message')) as [string];
  const client = createClient({ origin, retry: false, breaker: false, pool: { socketsMax: 30 }, deadlineMs: 20_000 });
  const roll = dice(seed + 1);
  const idempotentFailed: string[] = [];
  const otherFailed: Record<string, number> = {};
  const unsent: string[] = [];
  let mixedUp = 0;
  let next = 0;
  const started = performance.now();

  const caller = async (): Promise<void> => {
    while (next < calls) {
      const id = `/${next++}`;
      const idempotent = roll() < 50;
      try {
        const text = await (idempotent ? client.get(id) : client.post(id, { id })).text();
        if (text !== id) mixedUp++;
      } catch (thrown) {
        const { reach, message } = NetError.from(thrown);
        if (idempotent) idempotentFailed.push(message);
        else otherFailed[reach] = (otherFailed[reach] ?? 0) + 1;
        if (!idempotent && reach === 'unsent') unsent.push(id);
      }
      if (roll() < 30) await new Promise((resolve) => setTimeout(resolve, roll() / 50)); // lets connections lie idle
    }
  };
  await Promise.all(Array.from({ length: callers }, caller));
  const seconds = (performance.now() - started) / 1_000;

  worker.postMessage('count');
  const [{ posts, connections, closed }] = (await once(worker, 'message')) as [HostileCount];
  await worker.terminate();
  await client.close();
  const { reuse, sockets } = client.stats();
  const duplicated = [...posts].filter(([, times]) => times > 1).map(([id]) => id);
  const unsentButReceived = unsent.filter((id) => posts.has(id));
  const { hops, ratio } = reuse;
  return {
    calls,
    seconds,
    idempotentFailed,
    otherFailed,
    duplicated,
    unsentButReceived,
    mixedUp,
    hops,
    reuse: ratio,
    connections,
    closed,
    leftOpen: sockets.open,
  };
}
