/** `/api/endpoints`, `/api/limits`, `/api/breakers`: the state of what decides about calls. Asked every second. */
import type { ResilienceStats } from 'keepwarm';
import type { AnyUpstream } from '../data/routes.ts';
import type { Rate } from '../figures/rates.ts';
import type { RedisTold } from '../redis/connection.ts';
import { named, onlyNames } from './query.ts';
import { type Ask, tells } from './route.ts';
import { originEndpointsTold, type RpcEndpointTold, rpcEndpointsTold } from './rpc-told.ts';
import { policiesOf } from './upstream-parts.ts';
import type { AdminView } from './view.ts';

type Of<T> = T & { readonly upstream: string };
type Concurrency = NonNullable<ResilienceStats['concurrency']>[number];
type Budget = NonNullable<ResilienceStats['budget']>;
type Breaker = NonNullable<ResilienceStats['breaker']>['breakers'][number];

export interface EndpointsTold {
  readonly endpoints: readonly Of<RpcEndpointTold>[];
}

export interface LimitsTold {
  /** `endpoint` for a limit of one endpoint of several. */
  readonly rate: readonly Of<Rate & { readonly endpoint?: string }>[];
  readonly concurrency: readonly Of<Concurrency>[];
  /** What retries and hedges may add. */
  readonly budgets: readonly Of<Budget>[];
  /** Limits that a fleet shares, as they tell of themselves. */
  readonly fleet: readonly { readonly upstream: string; readonly limit: object }[];
  /** What counts them together with other gateways; nothing where nothing does. */
  readonly redis?: RedisTold | undefined;
}

export interface BreakersTold {
  /** `worker` where several processes do the work, each with breakers of its own. */
  readonly breakers: readonly Of<Breaker & { readonly worker?: number }>[];
}

export const ENDPOINTS = tells('/api/endpoints', 'endpoints of upstreams that have endpoints', (view, ask) => {
  const endpoints = each(view, ask, (upstream) =>
    'rpc' in upstream ? rpcEndpointsTold(upstream) : originEndpointsTold(upstream),
  );
  return { json: { endpoints } satisfies EndpointsTold };
});

export const LIMITS = tells('/api/limits', 'limits, their windows, and how many calls wait for them', (view, ask) => {
  const json: LimitsTold = {
    rate: [...each(view, ask, originRates), ...each(view, ask, endpointRates)],
    concurrency: each(view, ask, (upstream) => policiesOf(upstream).concurrency ?? []),
    budgets: each(view, ask, (upstream) => policiesOf(upstream).budget ?? []),
    fleet: each(view, ask, (upstream) => {
      const limit = policiesOf(upstream).readyLimit;
      // Those of endpoints, and those that Redis counts for origins, are told above.
      const told = ('shared' in upstream && upstream.shared !== undefined) || Object.keys(limit ?? {}).length === 0;
      return limit === undefined || told ? [] : { limit };
    }),
    redis: view.redis(),
  };
  return { json };
});

export const BREAKERS = tells('/api/breakers', 'breakers and the outcomes they have recorded', (view, ask) => {
  const breakers = each(view, ask, (upstream) => policiesOf(upstream).breaker?.breakers ?? []);
  return { json: { breakers } satisfies BreakersTold };
});

/** Of one that has sections, those of all of them as well. */
function originRates(upstream: AnyUpstream): readonly Rate[] {
  if ('rpc' in upstream) return policiesOf(upstream).rateLimit ?? [];
  const whole = upstream.sections === undefined ? undefined : upstream.whole?.told();
  return [...upstream.rates(), ...(whole ?? [])];
}

function endpointRates(upstream: AnyUpstream): readonly (Rate & { readonly endpoint: string })[] {
  if (!('rpc' in upstream)) return [];
  return upstream.rpc
    .endpointStats()
    .flatMap(({ name, rateLimit }) => rateLimit.map((limit) => ({ endpoint: name, ...limit })));
}

/** What one upstream has, or all of them, each with the name of its upstream. */
function each<T extends object>(
  { upstreams }: AdminView,
  { query }: Ask,
  of: (upstream: AnyUpstream) => T | readonly T[],
): Of<T>[] {
  onlyNames(query, ['upstream']);
  const all = upstreams();
  const name = named(
    query,
    'upstream',
    all.map((upstream) => upstream.name),
  );
  return all
    .filter((upstream) => name === undefined || upstream.name === name)
    .flatMap((upstream) => [of(upstream)].flat().map((told) => ({ upstream: upstream.name, ...(told as T) })));
}
