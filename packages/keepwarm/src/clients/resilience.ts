/**
 * The policies a client's options ask for, and the budget that retries and hedges share with the engine's replays. In
 * which order they stand is said in `order.ts`, what their options may be in `policy-options.ts`.
 */
import { BUDGET_DEFAULTS, type BudgetOptions, type BudgetSnapshot, RetryBudget } from '../algo/budget.ts';
import type { EndpointSetSnapshot } from '../balance/endpoint-set.ts';
import type { Call, Policy } from '../core/call.ts';
import type { Clock, Random } from '../core/clock.ts';
import type { Observer } from '../core/observer.ts';
import { mayCutShort } from '../policies/attempt-length.ts';
import { attemptTime } from '../policies/attempt-time.ts';
import { BREAKER_DEFAULTS, type BreakerOptions, type BreakerSnapshots, breaker } from '../policies/breaker.ts';
import { CACHE_DEFAULTS, type CacheOptions, type CacheSnapshot, cache } from '../policies/cache.ts';
import { COALESCE_DEFAULTS, type CoalesceOptions, type CoalesceSnapshot, coalesce } from '../policies/coalesce.ts';
import { COMPRESS_DEFAULTS, type CompressOptions, type CompressSnapshot, compress } from '../policies/compress.ts';
import {
  CONCURRENCY_DEFAULTS,
  type ConcurrencyOptions,
  type ConcurrencySnapshot,
  concurrency,
} from '../policies/concurrency.ts';
import { PATIENCE_MS } from '../policies/health.ts';
import { HEDGE_DEFAULTS, type HedgeOptions, type HedgeSnapshot, hedge } from '../policies/hedge.ts';
import type { RateSnapshot } from '../policies/rate-keys.ts';
import { rateLimit } from '../policies/rate-limit.ts';
import { checkLimit, RATE_DEFAULTS, type RateLimit, type RateLimitOptions } from '../policies/rate-options.ts';
import type { RateShare } from '../policies/rate-share.ts';
import { type RetrySnapshot, retry } from '../policies/retry.ts';
import { RETRY_DEFAULTS, type RetryOptions } from '../policies/retry-options.ts';
import { compressed } from './compressed-origins.ts';
import { invalid, show } from './options.ts';
import type { PolicyName } from './order.ts';
import { always, given } from './policy-options.ts';

/** `true` takes a policy's defaults, or its preset's figures; `false` switches it off. */
export interface ResilienceOptions {
  /** Repeats what may safely be repeated, within a budget. On by default. */
  readonly retry?: boolean | Partial<RetryOptions> | undefined;
  /** What retries, hedges and replays together may add to the traffic. */
  readonly budget?: Partial<BudgetOptions> | undefined;
  /** Sends a second copy of a slow call that may be repeated. Spends from the budget. Off by default. */
  readonly hedge?: boolean | Partial<HedgeOptions> | undefined;
  /**
   * Lets no window see more than its limit; or a limit made elsewhere, such as `redisRateLimit` for a fleet. None by
   * default.
   */
  readonly rateLimit?: false | RateLimit | RateLimitOptions | ReadyLimit | undefined;
  /** Bounds the calls in flight to each origin by what it is found to take. Off by default. */
  readonly concurrency?: boolean | Partial<ConcurrencyOptions> | undefined;
  /** Stops calls to an origin that is failing, and tries it now and then. On by default. */
  readonly breaker?: boolean | Partial<BreakerOptions> | undefined;
  /** Makes one call of several that ask for the same at the same time. Off by default. */
  readonly coalesce?: boolean | Partial<CoalesceOptions> | undefined;
  /** Keeps answers to GET for as long as their senders say. Off by default. */
  readonly cache?: boolean | Partial<CacheOptions> | undefined;
  /**
   * Compresses what is sent: to the client's own origin, which must be known to take it, or to the origins that are
   * named. Off by default.
   */
  readonly compress?: boolean | Partial<CompressOptions> | undefined;
}

/** A rate limit that was made with parts of its own. The client closes it with itself. */
export interface ReadyLimit extends Policy {
  snapshot(): object;
  close(): void;
}

/** State of the policies that are on; nothing of those that are off. */
export interface ResilienceStats {
  readonly cache?: CacheSnapshot;
  readonly coalesce?: CoalesceSnapshot;
  readonly compress?: CompressSnapshot;
  readonly retry?: RetrySnapshot;
  readonly budget?: BudgetSnapshot;
  readonly hedge?: HedgeSnapshot;
  /** One entry per limit. */
  readonly rateLimit?: readonly RateSnapshot[];
  /** What a limit made elsewhere tells of itself. */
  readonly readyLimit?: object;
  /** One entry per key. */
  readonly concurrency?: readonly ConcurrencySnapshot[];
  readonly breaker?: BreakerSnapshots;
  readonly endpoints?: EndpointSetSnapshot;
}

export interface ResilienceParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly observer: Observer;
  /** Of the endpoints, where there are some. */
  readonly untried?: (call: Call, now: number) => number;
}

export type Policies = Partial<Record<PolicyName, Policy>>;

export interface Resilience {
  readonly policies: Policies;
  /** The same for doors whose callers judge replies themselves: a reply is an answer, whatever its status. */
  readonly passing: Policies;
  /** Whether the engine may replay a call whose connection died: asks the budget, where there is one. */
  mayHop(): boolean;
  /** The same for what can be done without: see `withdrawSpare` of the budget. Never where there is none. */
  maySpare(): boolean;
  /** What leaves a peer enough time to be judged by: see `patienceMs` of the breaker. */
  readonly patienceMs: number;
  stats(): ResilienceStats;
  /** One entry per rate limit without keys, in the order of the options. */
  rateShares(): readonly RateShare[];
  /** Closes the breaker of one key, or all of them. */
  resetBreaker(key?: string): void;
  /** Forgets all that is kept. */
  clearCache(): void;
  /** Ends whatever waits in a policy. */
  close(): void;
}

/**
 * @param home the client's own origins, by their keys
 * @throws NetError `INVALID` naming the option that is not acceptable
 */
export function resilience(
  options: ResilienceOptions,
  parts: ResilienceParts,
  home: readonly string[] = [],
): Resilience {
  const made = makePolicies(options, parts, home);
  const { budget, ready, patienceMs, timed, ...stateful } = made;
  const { retry: retries, breaker: breaks, hedge: hedges, rateLimit: rates, concurrency: places } = stateful;
  const policies = defined({ ...stateful, rateLimit: rates ?? ready, attemptTime: timed });
  return {
    policies,
    passing: defined({ ...policies, retry: retries?.passing, breaker: breaks?.passing }),
    patienceMs,
    mayHop: () => budget?.withdraw() ?? true,
    maySpare: () => budget?.withdrawSpare() ?? false,
    stats() {
      const each = Object.entries(stateful).map(([name, policy]) => [name, policy?.snapshot()]);
      const rest = { budget: budget?.snapshot(), readyLimit: ready?.snapshot() };
      return defined({ ...Object.fromEntries(each), ...rest }) as ResilienceStats;
    },
    rateShares: () => rates?.shares() ?? [],
    resetBreaker: (key) => breaks?.reset(key),
    clearCache: () => stateful.cache?.clear(),
    close() {
      for (const waited of [retries, hedges, rates, ready, places]) waited?.close();
    },
  };
}

function makePolicies(options: ResilienceOptions, parts: ResilienceParts, home: readonly string[]) {
  const retries = given('retry', options.retry, RETRY_DEFAULTS);
  const hedges = given('hedge', options.hedge, HEDGE_DEFAULTS);
  const patient = patienceOf(retries?.attemptMs);
  const breaks = given('breaker', options.breaker, { ...BREAKER_DEFAULTS, patienceMs: patient });
  const spends = always('budget', options.budget, BUDGET_DEFAULTS);
  const patienceMs = breaks?.patienceMs ?? patient;
  const places = given('concurrency', options.concurrency, CONCURRENCY_DEFAULTS);
  const shares = given('coalesce', options.coalesce, COALESCE_DEFAULTS);
  const keeps = given('cache', options.cache, CACHE_DEFAULTS);
  const presses = compressed(given('compress', options.compress, COMPRESS_DEFAULTS), options.compress, home);
  if (hedges !== undefined && retries === undefined) {
    throw invalid('option hedge needs retry: the budget they share is filled by it; retry: { attemptsMax: 1 } will do');
  }
  const ready = readyOf(options.rateLimit);
  const limits = ready === undefined ? limitsOf(options.rateLimit) : undefined;
  const budget = retries === undefined ? undefined : new RetryBudget(spends, parts.clock);
  const timed = retries !== undefined && mayCutShort(retries, parts) ? attemptTime(parts.clock) : undefined;
  return {
    budget,
    patienceMs,
    ready,
    timed,
    cache: keeps && cache(keeps, parts),
    coalesce: shares && coalesce(shares, parts),
    compress: presses && compress(presses, parts),
    retry: retries && retry(retries, { ...parts, budget: budget! }),
    hedge: hedges && hedge(hedges, { ...parts, budget: budget! }),
    rateLimit: limits && rateLimit(limits, parts),
    concurrency: places && concurrency(places, { ...parts, patienceMs }),
    breaker: breaks && breaker(breaks, parts),
  };
}

/**
 * An attempt that ran into its own limit tells of the peer, however short that limit is: the policies below see it as a
 * deadline, and must not think that it left the peer too little time.
 */
function patienceOf(attemptMs: number | 'auto' = 'auto'): number {
  return attemptMs === 'auto' ? PATIENCE_MS : Math.min(PATIENCE_MS, attemptMs * 0.9);
}

function readyOf(option: ResilienceOptions['rateLimit']): ReadyLimit | undefined {
  const isReady = typeof option === 'function' && 'snapshot' in option && 'close' in option;
  return isReady ? option : undefined;
}

function limitsOf(option: ResilienceOptions['rateLimit']): RateLimitOptions | undefined {
  if (option === undefined || option === false) return undefined;
  if (typeof option !== 'object' || option === null || Array.isArray(option)) {
    const allowed = '{ limit, windowMs }, { limits: [...] }, or a policy with snapshot() and close()';
    throw invalid(`option rateLimit is ${show(option)}; allowed: false, ${allowed}`);
  }
  if ('limits' in option) return option;
  checkAlone(option);
  return { limits: [option] };
}

/** A single limit is written without a list, and refused under the names it has there. @throws NetError `INVALID` */
function checkAlone(limit: RateLimit): void {
  const aside = Object.keys(limit).find((name) => Object.hasOwn(RATE_DEFAULTS, name));
  if (aside !== undefined) {
    throw invalid(`option rateLimit.${aside} is for all limits together: { limits: [{ limit, windowMs }], ${aside} }`);
  }
  checkLimit('rateLimit', limit);
}

type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

function defined<T extends object>(all: T): Defined<T> {
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)) as Defined<T>;
}
