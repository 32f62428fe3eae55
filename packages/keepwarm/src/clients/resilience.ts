/**
 * The policies a client's options ask for: retry, hedge, rate limits, breaker; and the budget the first two share with
 * the engine's replays.
 */
import { BUDGET_DEFAULTS, type BudgetOptions, type BudgetSnapshot, RetryBudget } from '../algo/budget.ts';
import type { EndpointSetSnapshot } from '../balance/endpoint-set.ts';
import type { Call, Policy } from '../core/call.ts';
import type { Clock, Random } from '../core/clock.ts';
import type { Observer } from '../core/observer.ts';
import { BREAKER_DEFAULTS, type BreakerOptions, type BreakerSnapshots, breaker } from '../policies/breaker.ts';
import { HEDGE_DEFAULTS, type HedgeOptions, type HedgeSnapshot, hedge } from '../policies/hedge.ts';
import type { RateSnapshot } from '../policies/rate-keys.ts';
import { rateLimit } from '../policies/rate-limit.ts';
import type { RateLimit, RateLimitOptions } from '../policies/rate-options.ts';
import { RETRY_DEFAULTS, type RetryOptions, type RetrySnapshot, retry } from '../policies/retry.ts';
import { invalid, unknownOption } from './options.ts';
import type { PolicyName } from './order.ts';

/** Each is off unless given; `true` takes its defaults. */
export interface ResilienceOptions {
  /** Repeats what may safely be repeated, within a budget. */
  readonly retry?: boolean | Partial<RetryOptions> | undefined;
  /** What retries, hedges and replays together may add to the traffic. */
  readonly budget?: Partial<BudgetOptions> | undefined;
  /** Sends a second copy of a slow call that may be repeated. Spends from the budget. */
  readonly hedge?: boolean | Partial<HedgeOptions> | undefined;
  /** Lets no window see more than its limit; or a limit made elsewhere, such as `redisRateLimit` for a fleet. */
  readonly rateLimit?: RateLimit | RateLimitOptions | ReadyLimit | undefined;
  /** Stops calls to an origin that is failing, and tries it now and then. */
  readonly breaker?: boolean | Partial<BreakerOptions> | undefined;
}

/** A rate limit that was made with parts of its own. The client closes it with itself. */
export interface ReadyLimit extends Policy {
  snapshot(): object;
  close(): void;
}

export interface ResilienceStats {
  readonly retry?: RetrySnapshot;
  readonly budget?: BudgetSnapshot;
  readonly hedge?: HedgeSnapshot;
  /** One entry per limit. */
  readonly rateLimit?: readonly RateSnapshot[];
  /** What a limit made elsewhere tells of itself. */
  readonly readyLimit?: object;
  readonly breaker?: BreakerSnapshots;
  readonly endpoints?: EndpointSetSnapshot;
}

export interface ResilienceParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly observer: Observer;
  /** Of the endpoints, where there are some. */
  readonly elsewhere?: (call: Call) => boolean;
}

export interface Resilience {
  readonly policies: Partial<Record<PolicyName, Policy>>;
  /** Whether the engine may replay a call whose connection died: asks the budget, where there is one. */
  mayHop(): boolean;
  /** What leaves a peer enough time to be judged by: see `patienceMs` of the breaker. */
  readonly patienceMs: number;
  stats(): ResilienceStats;
  /** Closes the breaker of one key, or all of them. */
  resetBreaker(key?: string): void;
  close(): void;
}

/** @throws NetError `INVALID` naming the option that is not acceptable */
export function resilience(options: ResilienceOptions, parts: ResilienceParts): Resilience {
  const retries = given('retry', options.retry, RETRY_DEFAULTS);
  const hedges = given('hedge', options.hedge, HEDGE_DEFAULTS);
  const patience = { ...BREAKER_DEFAULTS, patienceMs: patienceOf(retries?.attemptMs) };
  const breaks = given('breaker', options.breaker, patience, ['key']);
  const spends = given('budget', options.budget ?? true, BUDGET_DEFAULTS)!;
  if (hedges !== undefined && retries === undefined) {
    throw invalid('option hedge needs retry: the budget they share is filled by it; retry: { attemptsMax: 1 } will do');
  }
  const budget = retries === undefined ? undefined : new RetryBudget(spends, parts.clock);
  const ready = typeof options.rateLimit === 'function' ? options.rateLimit : undefined;
  const limit = typeof options.rateLimit === 'function' ? undefined : options.rateLimit;
  const made = {
    ...(retries === undefined ? {} : { retry: retry(retries, { ...parts, budget: budget! }) }),
    ...(hedges === undefined ? {} : { hedge: hedge(hedges, { ...parts, budget: budget! }) }),
    ...(limit === undefined ? {} : { rateLimit: rateLimit(limitsOf(limit), parts) }),
    ...(breaks === undefined ? {} : { breaker: breaker(breaks, parts) }),
  };
  return {
    policies: ready === undefined ? made : { ...made, rateLimit: ready },
    patienceMs: patience.patienceMs,
    mayHop: () => budget?.withdraw() ?? true,
    stats: () => ({
      ...(made.retry === undefined ? {} : { retry: made.retry.snapshot(), budget: budget!.snapshot() }),
      ...(made.hedge === undefined ? {} : { hedge: made.hedge.snapshot() }),
      ...(made.rateLimit === undefined ? {} : { rateLimit: made.rateLimit.snapshot() }),
      ...(ready === undefined ? {} : { readyLimit: ready.snapshot() }),
      ...(made.breaker === undefined ? {} : { breaker: made.breaker.snapshot() }),
    }),
    resetBreaker: (key) => made.breaker?.reset(key),
    close() {
      made.hedge?.close();
      made.rateLimit?.close();
      ready?.close();
    },
  };
}

/**
 * An attempt that ran into its own limit tells of the peer, however short that limit is: the breaker below sees it as a
 * deadline, and must not think that it left the peer too little time.
 */
function patienceOf(attemptMs = Number.POSITIVE_INFINITY): number {
  return Math.min(BREAKER_DEFAULTS.patienceMs, attemptMs * 0.9);
}

function limitsOf(options: RateLimit | RateLimitOptions): RateLimitOptions {
  return 'limits' in options ? options : { limits: [options] };
}

/** The defaults with the caller's values over them; nothing when the policy is off. */
export function given<T extends object>(
  name: string,
  option: boolean | Partial<T> | undefined,
  defaults: T,
  also: readonly string[] = [],
): T | undefined {
  if (option === undefined || option === false) return undefined;
  if (option === true) return defaults;
  const known = [...Object.keys(defaults), ...also];
  const values = Object.entries(option).filter(([, value]) => value !== undefined);
  for (const [key, value] of values) {
    if (!known.includes(key)) throw unknownOption(`${name}.${key}`, key, known);
    const standard = (defaults as Record<string, unknown>)[key];
    if (typeof standard === 'number' && !(typeof value === 'number' && value >= 0)) {
      throw invalid(`option ${name}.${key} is ${String(value)}; allowed: a number from 0 on`);
    }
  }
  return { ...defaults, ...Object.fromEntries(values) };
}
