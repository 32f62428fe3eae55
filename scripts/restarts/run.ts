/** A load over one client while the server behind it is replaced, and what came of every call on both sides. */
import { setTimeout as sleep } from 'node:timers/promises';
import { createClient, NetError } from '../../packages/keepwarm/src/index.ts';
import { makeAuthority } from '../../packages/keepwarm/src/testing/certificates.ts';
import { type Ending, Generation } from './generation.ts';

export type { Ending } from './generation.ts';

export interface RestartsPlan {
  readonly ending: Ending;
  readonly restarts: number;
  readonly inFlight: number;
  readonly everyMs: number;
  /** The longest the server takes for an answer, in ms; they are spread evenly. */
  readonly answerMs: number;
}

export interface Failed {
  readonly key: string;
  readonly reach: string;
  readonly phase: string | undefined;
  readonly message: string;
}

export interface RestartsReport {
  readonly ending: Ending;
  readonly calls: number;
  readonly idempotent: number;
  /** Calls under way as the servers began to end, added up. */
  readonly caught: number;
  readonly sessions: number;
  readonly hops: number;
  readonly retried: number;
  readonly refusedByBudget: number;
  readonly idempotentFailed: readonly Failed[];
  readonly otherFailed: readonly Failed[];
  readonly doubled: readonly string[];
  readonly unsentButReceived: readonly string[];
  readonly slowestMs: number;
  /** Whether a promise was. */
  readonly broken: boolean;
}

/** One caller in so many makes calls that may not be repeated. */
const ONCE_EVERY = 4;

export async function restarts(plan: RestartsPlan): Promise<RestartsReport> {
  const authority = makeAuthority();
  const identity = authority.issue();
  const seen = new Map<string, number>();
  const start = (at: number): Promise<Generation> =>
    Generation.start({ port: at, identity, answerMs: plan.answerMs }, seen);
  let serving = await start(0);
  const { port } = serving;
  const client = createClient({ origin: `https://localhost:${port}`, http2: 'prefer', tls: { ca: authority.cert } });
  const failed: Failed[] = [];
  let [calls, idempotent, caught, slowestMs] = [0, 0, 0, 0];
  let over = false;

  const caller = async (id: number): Promise<void> => {
    const once = id % ONCE_EVERY === 0;
    for (let n = 0; !over; n++) {
      const key = `/${once ? 'once' : 'any'}/${id}/${n}`;
      const startedMs = performance.now();
      calls++;
      if (!once) idempotent++;
      try {
        const text = await (once ? client.post(key, 'an order') : client.get(key)).text();
        if (text !== key) throw new Error(`the answer is to ${text}`);
      } catch (thrown) {
        const { reach, phase, message } = NetError.from(thrown);
        failed.push({ key, reach, phase, message });
      }
      slowestMs = Math.max(slowestMs, performance.now() - startedMs);
    }
  };
  const endings: Promise<void>[] = [];
  const callers = Array.from({ length: plan.inFlight }, (_, id) => caller(id));
  for (let restart = 0; restart < plan.restarts; restart++) {
    await sleep(plan.everyMs);
    const next = await start(port);
    caught += client.stats().calls.inFlight;
    endings.push(serving.end(plan.ending));
    serving = next;
  }
  await sleep(plan.everyMs);
  over = true;
  await Promise.all(callers);
  const { reuse, policies, sockets } = client.stats();
  await client.close();
  await Promise.all([...endings, serving.end('dying')]);

  const idempotentFailed = failed.filter(({ key }) => key.startsWith('/any'));
  const otherFailed = failed.filter(({ key }) => key.startsWith('/once'));
  const doubled = [...seen].filter(([key, times]) => key.startsWith('/once') && times > 1).map(([key]) => key);
  const unsentButReceived = failed
    .filter(({ key, reach }) => reach === 'unsent' && seen.has(key))
    .map(({ key }) => key);
  const lost = plan.ending === 'leaving' ? failed.length : idempotentFailed.length;
  return {
    ending: plan.ending,
    calls,
    idempotent,
    caught,
    sessions: sockets.open + sockets.closed,
    hops: reuse.hops,
    retried: policies.retry?.retried ?? 0,
    refusedByBudget: policies.budget?.refusals ?? 0,
    idempotentFailed,
    otherFailed,
    doubled,
    unsentButReceived,
    slowestMs,
    broken: lost + doubled.length + unsentButReceived.length > 0,
  };
}
