/**
 * What each policy's options may be, checked when the client is made: an option that cannot work is refused by its
 * name, its value and what is allowed. The pages of the reference repeat the ranges, and a test compares the two.
 *
 * Defaults stand beside the policies, with their sources.
 */
import type { BudgetOptions } from '../algo/budget.ts';
import type { HealthCheckOptions } from '../balance/options.ts';
import { checkOptions, isOptions } from '../core/refusal.ts';
import type { BreakerOptions } from '../policies/breaker.ts';
import type { CacheOptions } from '../policies/cache.ts';
import type { CoalesceOptions } from '../policies/coalesce.ts';
import type { CompressOptions } from '../policies/compress.ts';
import type { ConcurrencyOptions } from '../policies/concurrency.ts';
import type { HedgeOptions } from '../policies/hedge.ts';
import type { RetryOptions } from '../policies/retry-options.ts';
import type { ClientBalance } from './endpoints.ts';
import { invalid, show, unknownOption } from './options.ts';

export interface PolicyRule {
  /** What is allowed, as errors and the reference say it. */
  readonly range: string;
  allows(value: unknown): boolean;
}

const INF = Number.POSITIVE_INFINITY;

const bounds = (min: number, max: number): string => {
  const [from, to] = [min.toLocaleString('en'), max.toLocaleString('en')];
  return max === INF ? `≥ ${from}` : `${from} to ${to}`;
};
/** Numbers; `Infinity` where there is no other end. */
const number = (min: number, max = INF): PolicyRule => ({
  range: bounds(min, max),
  allows: (value) => typeof value === 'number' && value >= min && value <= max,
});
const whole = (min: number, max = INF): PolicyRule => ({
  range: `whole, ${bounds(min, max)}`,
  allows: (value) => number(min, max).allows(value) && (Number.isInteger(value) || value === INF),
});
const choice = (...values: readonly unknown[]): PolicyRule => ({
  range: values.join(', '),
  allows: (value) => values.includes(value),
});
const listOf = (range: string, allows: (each: unknown) => boolean): PolicyRule => ({
  range,
  allows: (value) => Array.isArray(value) && value.every(allows),
});

const share = number(0, 1);
const statuses = listOf('statuses, 100 to 599', (each) => whole(100, 599).allows(each));
const fieldNames = listOf(
  'names in lower case',
  (each) => typeof each === 'string' && /^[!#-'*+.^-z|~\d-]+$/.test(each),
);
const fn: PolicyRule = { range: 'a function', allows: (value) => typeof value === 'function' };
/** Attempts beyond this are a loop. */
const ATTEMPTS_MAX = 100;

type RulesOf<T> = { readonly [K in keyof Required<T>]: PolicyRule };

const ejection = {
  consecutiveMax: whole(1),
  failureShare: number(0),
  samplesMin: whole(1),
  windowMs: number(1),
  jitter: share,
};

export const POLICY_RULES = {
  retry: {
    attemptsMax: whole(1, ATTEMPTS_MAX),
    attemptMs: { range: 'auto, or ≥ 1', allows: (value) => value === 'auto' || number(1).allows(value) },
    baseMs: number(0),
    throttledBaseMs: number(0),
    capMs: number(0),
    retryAfterMsMax: number(0),
    statuses,
  } satisfies RulesOf<RetryOptions>,
  budget: { share: number(0), perSecond: number(0), windowMs: number(1) } satisfies RulesOf<BudgetOptions>,
  hedge: {
    percentile: number(0, 100),
    share,
    perSecond: number(0),
    countMin: whole(1),
    delayMsMin: number(0),
    delayMsMax: number(1),
    statuses,
    only: fn,
  } satisfies RulesOf<HedgeOptions>,
  breaker: {
    ...ejection,
    failingMs: number(0),
    openMs: number(1),
    openMsMax: number(1),
    probesMax: whole(1),
    probesNeeded: whole(1),
    statuses,
    patienceMs: number(0),
    keysMax: whole(1),
    key: fn,
  } satisfies RulesOf<BreakerOptions>,
  concurrency: {
    algorithm: choice('aimd', 'gradient', 'fixed'),
    limit: whole(1),
    limitMin: whole(1),
    limitMax: whole(1),
    backoff: share,
    slowMs: number(1),
    tolerance: number(1),
    queue: number(0),
    smoothing: share,
    longWindow: whole(1),
    windowMs: number(1),
    windowCount: whole(1),
    waitersMax: whole(0),
    waitMs: number(0),
    statuses,
    keysMax: whole(1),
    key: fn,
  } satisfies RulesOf<ConcurrencyOptions>,
  coalesce: {
    bodyBytesMax: number(0),
    bodyMs: number(0),
    partiesMax: whole(1),
    attemptsMax: whole(1),
    ignore: fieldNames,
    cookies: choice(true, false),
    key: fn,
  } satisfies RulesOf<CoalesceOptions>,
  compress: {
    coding: choice('gzip', 'br', 'zstd'),
    origins: {
      range: 'all, or origins',
      allows: (value) => value === 'all' || (Array.isArray(value) && value.every((each) => URL.canParse(String(each)))),
    },
    bytesMin: number(0),
    streams: choice(true, false),
    refusedMs: number(0),
  } satisfies RulesOf<CompressOptions>,
  cache: {
    entriesMax: whole(1),
    bytesMax: number(0),
    bodyBytesMax: number(0),
    ignore: fieldNames,
    only: fn,
  } satisfies RulesOf<CacheOptions>,
  balance: {
    ...ejection,
    ejectMs: number(1),
    ejectMsMax: number(1),
    forgiveMs: number(0),
    ejectedShareMax: share,
    picker: choice('p2c', 'round-robin', 'random'),
    decayMs: number(1),
    penaltyMs: number(0),
    pauseMsMax: number(0),
    slowStartMs: number(0),
    stickyKey: fn,
  } satisfies RulesOf<ClientBalance>,
  healthCheck: {
    path: { range: 'a path', allows: (value) => typeof value === 'string' && value.startsWith('/') },
    intervalMs: number(1),
    timeoutMs: number(1),
    healthyAfter: whole(1),
    unhealthyAfter: whole(1),
    jitter: share,
  } satisfies RulesOf<HealthCheckOptions>,
};

export type PolicyGroup = keyof typeof POLICY_RULES;

/** Options that must not be above another one of their group; with `unless`, only when that does not hold. */
interface Order {
  readonly low: string;
  readonly high: string;
  readonly unless?: (options: Readonly<Record<string, unknown>>) => boolean;
}

const isFixed: Order['unless'] = ({ algorithm }) => algorithm === 'fixed';

const ORDERS: Partial<Record<PolicyGroup, readonly Order[]>> = {
  retry: [{ low: 'baseMs', high: 'capMs' }],
  hedge: [{ low: 'delayMsMin', high: 'delayMsMax' }],
  breaker: [{ low: 'openMs', high: 'openMsMax' }],
  concurrency: [
    { low: 'limitMin', high: 'limit', unless: isFixed },
    { low: 'limit', high: 'limitMax', unless: isFixed },
  ],
  balance: [{ low: 'ejectMs', high: 'ejectMsMax' }],
};

/**
 * The defaults with the caller's values over them; nothing when the policy is off.
 *
 * @throws NetError `INVALID` naming the option, its value and what is allowed
 */
export function given<T extends object>(
  name: PolicyGroup,
  option: boolean | Partial<T> | undefined,
  defaults: T,
): T | undefined {
  if (option === undefined || option === false) return undefined;
  if (option === true) return defaults;
  if (!isOptions(option)) {
    throw invalid(`option ${name} is ${show(option)}; allowed: true, false, or an object of options`);
  }
  const rules: Readonly<Record<string, PolicyRule>> = POLICY_RULES[name];
  const values = Object.entries(option).filter(([, value]) => value !== undefined);
  for (const [key, value] of values) {
    const rule = Object.hasOwn(rules, key) ? rules[key] : undefined;
    if (rule === undefined) throw unknownOption(`${name}.${key}`, key, Object.keys(rules));
    if (!rule.allows(value)) {
      throw invalid(`option ${name}.${key} is ${show(value)}; allowed: ${rule.range}`);
    }
  }
  const settled = { ...defaults, ...Object.fromEntries(values) };
  inOrder(name, settled);
  return settled;
}

/** The same for what cannot be off. */
export function always<T extends object>(name: PolicyGroup, option: Partial<T> = {}, defaults: T): T {
  checkOptions(`option ${name}`, option);
  return { ...defaults, ...given(name, option, defaults) };
}

function inOrder(name: PolicyGroup, options: object): void {
  const values = options as Readonly<Record<string, unknown>>;
  for (const { low, high, unless } of ORDERS[name] ?? []) {
    if (unless?.(values) || Number(values[low]) <= Number(values[high])) continue;
    throw invalid(`option ${name}.${low} is ${values[low]}, more than ${name}.${high} ${values[high]}`);
  }
}
