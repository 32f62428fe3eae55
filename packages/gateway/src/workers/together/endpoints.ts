/** Endpoints, limits and breakers of several workers. Each worker has its own opinion of an endpoint. */
import {
  BREAKERS,
  type BreakersTold,
  ENDPOINTS,
  type EndpointsTold,
  LIMITS,
  type LimitsTold,
} from '../../admin/endpoints.ts';
import type { Answer, Ask, Route } from '../../admin/route.ts';
import type { RpcEndpointTold, RpcTold } from '../../admin/rpc-told.ts';
import type { AdminView } from '../../admin/view.ts';
import { rateOf } from '../../figures/rates.ts';
import { redisOf } from './redis.ts';
import { type AnyTogether, most, mostKnown, type Part, sum, summed, together, weighted } from './together.ts';

/** What a route answers, where that is JSON. */
export function jsonOf<T>({ answer }: Route): (view: AdminView, ask: Ask) => Promise<T> {
  return async (view, ask) => jsonIn(await answer(view, ask)) as T;
}

function jsonIn(answer: Answer): unknown {
  if ('json' in answer) return answer.json;
  throw new TypeError('this route does not answer with JSON');
}

export const ENDPOINTS_TOGETHER: AnyTogether = together<EndpointsTold>({
  path: ENDPOINTS.path,
  part: jsonOf(ENDPOINTS),
  whole: (parts) => {
    const all = parts.flatMap(({ told }) => told.endpoints);
    const groups = Map.groupBy(all, ({ upstream, name }) => `${upstream} ${name}`);
    return { json: { endpoints: [...groups.values()].map(endpointOf) } };
  },
});

export const LIMITS_TOGETHER: AnyTogether = together<LimitsTold>({
  path: LIMITS.path,
  part: jsonOf(LIMITS),
  whole: (parts) => {
    const all = parts.map(({ told }) => told);
    const grouped = <T>(of: (told: LimitsTold) => readonly T[], key: (each: T, index: number) => string): T[][] =>
      [
        ...Map.groupBy(
          all.flatMap((told) => of(told).map((each, i) => [key(each, i), each] as const)),
          ([name]) => name,
        ).values(),
      ].map((group) => group.map(([, each]) => each));
    const json: LimitsTold = {
      rate: grouped(
        ({ rate }) => rate,
        ({ upstream, endpoint, name, windowMs }) => JSON.stringify([upstream, endpoint, name, windowMs]),
      ).map(rateOf),
      concurrency: grouped(
        ({ concurrency }) => concurrency,
        ({ upstream, key }) => JSON.stringify([upstream, key]),
      ).map(summed),
      budgets: grouped(
        ({ budgets }) => budgets,
        ({ upstream }) => upstream,
      ).map(summed),
      fleet: all.flatMap(({ fleet }) => fleet),
      redis: redisOf(all.map(({ redis }) => redis)),
    };
    return { json };
  },
});

export const BREAKERS_TOGETHER: AnyTogether = together<BreakersTold>({
  path: BREAKERS.path,
  part: jsonOf(BREAKERS),
  whole: (parts: readonly Part<BreakersTold>[]) => {
    const breakers = parts.flatMap(({ worker, told }) => told.breakers.map((each) => ({ ...each, worker })));
    return { json: { breakers } satisfies BreakersTold };
  },
});

/** From good to bad: where as many workers say one thing as another, it is told as the worse. */
const STATES = ['healthy', 'slow-start', 'probing', 'cordoned', 'unreachable', 'ejected'];
const FRESHNESS = ['unknown', 'fresh', 'lagging', 'implausible'];

function commonOf(words: readonly string[], order: readonly string[]): string {
  const counts = Map.groupBy(words, (word) => word);
  const rank = (word: string): number => order.indexOf(word);
  const [first] = [...counts].sort(([a, as], [b, bs]) => bs.length - as.length || rank(b) - rank(a));
  return first![0];
}

export function endpointOf<T extends RpcEndpointTold>(all: readonly T[]): T {
  const outcomes = ({ successes, failures, busy }: T): number => successes + failures + busy;
  const fresh = all.flatMap(({ freshness }) => freshness ?? []);
  const differed = all.flatMap((each) => each.differed ?? []);
  const states = Object.entries(Object.groupBy(all, ({ state }) => state)).map(([state, of]) => [state, of!.length]);
  return {
    ...all[0]!,
    state: commonOf(
      all.map(({ state }) => state),
      STATES,
    ),
    // Only where workers do not agree.
    ...(states.length === 1 ? {} : { workersByState: Object.fromEntries(states) }),
    latencyMs: weighted(all, ({ latencyMs }) => latencyMs, outcomes),
    load: weighted(all, ({ load }) => load, outcomes),
    inFlight: sum(all, ({ inFlight }) => inFlight),
    successes: sum(all, ({ successes }) => successes),
    failures: sum(all, ({ failures }) => failures),
    busy: sum(all, ({ busy }) => busy),
    ejections: sum(all, ({ ejections }) => ejections),
    ejectedUntilMs: mostKnown(all, ({ ejectedUntilMs }) => ejectedUntilMs),
    pausedUntilMs: mostKnown(all, ({ pausedUntilMs }) => pausedUntilMs),
    freshness: fresh.length === 0 ? undefined : commonOf(fresh, FRESHNESS),
    height: mostKnown(all, ({ height }) => height),
    lag: mostKnown(all, ({ lag }) => lag),
    ...(differed.length === 0 ? {} : { differed: summed(differed) }),
    rateLimit: all[0]!.rateLimit.map((_, i) => rateOf(all.flatMap(({ rateLimit }) => rateLimit[i] ?? []))),
    trail: trailOf(all.map(({ trail }) => trail)),
  };
}

/** Seconds add up from the latest on. */
function trailOf(trails: readonly (readonly number[])[]): number[] {
  const length = most(trails, (trail) => trail.length);
  return Array.from({ length }, (_, i) => sum(trails, (trail) => trail[trail.length - length + i] ?? 0));
}

export function nodesOf(all: readonly RpcTold[]): RpcTold {
  const heads = all.flatMap(({ head }) => head ?? []);
  const endpoints = [
    ...Map.groupBy(
      all.flatMap((told) => told.endpoints),
      ({ name }) => name,
    ).values(),
  ];
  return {
    adapter: all[0]!.adapter,
    head: heads.length === 0 ? undefined : Math.max(...heads),
    panic: all.every(({ panic }) => panic),
    coalesced: sum(all, ({ coalesced }) => coalesced),
    answers: summed(all.map(({ answers }) => answers)),
    endpoints: endpoints.map(endpointOf),
  };
}
