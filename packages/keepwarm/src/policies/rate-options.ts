/** What a rate limit takes, with the defaults and where they come from. */
import type { Call } from '../core/call.ts';
import {
  checkFlag,
  checkFunction,
  checkKnown,
  checkOptions,
  checkText,
  definedOf,
  invalid,
  refused,
} from '../core/refusal.ts';

export interface RateLimit {
  /** Total weight of calls in any window; a whole number ≥ 1. */
  readonly limit: number;
  /** Length of the window, in ms. */
  readonly windowMs: number;
  /** As it stands in errors, facts and `snapshot()`; a name the peer uses in `RateLimit` connects the two. */
  readonly name?: string | undefined;
  /** Each key has the whole limit for itself; without it all calls share one. Keys are shown nowhere. */
  readonly key?: ((call: Call) => string) | undefined;
  /** What a call counts for: a whole number ≥ 0; 1 without it. */
  readonly weight?: ((call: Call) => number) | undefined;
}

export interface RateLimitOptions {
  /** A call starts when all of them admit it, and then counts in all of them; otherwise in none. */
  readonly limits: readonly RateLimit[];
  /** Calls that may wait; the next is refused with `SATURATED`. */
  readonly waitersMax?: number | undefined;
  /** How long a call may wait, in ms. */
  readonly waitMs?: number | undefined;
  /** Keys remembered per limit; one that still holds starts is never forgotten. */
  readonly keysMax?: number | undefined;
  /** What makes a window exact: how the peer counts (`answer`), or how we do (`start`). */
  readonly counts?: 'answer' | 'start' | undefined;
  /** How long a call that ended without an answer may still be on its way to the peer, in ms. */
  readonly lateMs?: number | undefined;
  /** Added to every window, in ms: for peers whose clock or count is coarse. */
  readonly skewMs?: number | undefined;
  /** Whether what replies say about the peer's limits is heeded. */
  readonly feedback?: boolean | undefined;
  /** Pause after a 429 that does not say how long, in ms. */
  readonly pauseMs?: number | undefined;
  /** The longest that a reply can make a limit stricter for, in ms. */
  readonly pauseMsMax?: number | undefined;
}

export type RateSettings = { readonly [K in keyof RateLimitOptions]-?: Exclude<RateLimitOptions[K], undefined> };

export const RATE_DEFAULTS: Omit<RateSettings, 'limits'> = {
  waitersMax: 10_000, // as pool.waitersMax
  waitMs: 10_000, // as limits.queueMs
  keysMax: 10_000, // about 8 MB of state at most with limits of 50
  counts: 'answer', // the only way to be exact where it matters: at the peer
  lateMs: 1_000, // RFC 6298 § 2.1: the time TCP gives a first segment before it sends it again
  skewMs: 0,
  feedback: true,
  pauseMs: 1_000, // RFC 9110 § 10.2.3 counts in seconds: the shortest a peer could have asked for
  pauseMsMax: 60_000, // a peer's mistake, or its malice, costs a minute
};

/** The options with their defaults. @throws NetError `INVALID` naming the option */
export function rateSettings(options: RateLimitOptions): RateSettings {
  checkOptions('option rateLimit', options);
  checkKnown(options, [...Object.keys(RATE_DEFAULTS), 'limits'], 'rateLimit.');
  const settings = { ...RATE_DEFAULTS, ...definedOf(options) } as RateSettings;
  const { limits, waitMs, counts } = settings;
  if (!Array.isArray(limits) || limits.length === 0) {
    throw refused('rateLimit.limits', limits, 'a list of at least one { limit, windowMs }');
  }
  for (const [index, limit] of limits.entries()) checkLimit(`rateLimit.limits[${index}]`, limit);
  whole('rateLimit.waitersMax', settings.waitersMax, 0);
  whole('rateLimit.keysMax', settings.keysMax, 1);
  for (const name of ['lateMs', 'skewMs', 'pauseMs', 'pauseMsMax'] as const)
    finite(`rateLimit.${name}`, settings[name], 0);
  if (typeof waitMs !== 'number' || !(waitMs >= 0)) throw refused('rateLimit.waitMs', waitMs, 'a number from 0');
  if (counts !== 'answer' && counts !== 'start') throw refused('rateLimit.counts', counts, '"answer", "start"');
  checkFlag('rateLimit.feedback', settings.feedback);
  return settings;
}

/** @param name how the caller wrote it, such as `rateLimit` @throws NetError `INVALID` naming what is wrong with it */
export function checkLimit(name: string, limit: RateLimit): void {
  checkOptions(`option ${name}`, limit);
  checkKnown(limit, LIMIT, `${name}.`);
  whole(`${name}.limit`, limit.limit, 1);
  finite(`${name}.windowMs`, limit.windowMs, 1);
  checkText(`${name}.name`, limit.name);
  checkFunction(`${name}.key`, limit.key);
  checkFunction(`${name}.weight`, limit.weight);
}

const LIMIT = ['limit', 'windowMs', 'name', 'key', 'weight'] satisfies (keyof RateLimit)[];

export const nameOf = ({ name, limit, windowMs }: RateLimit): string => name ?? `${limit} per ${windowMs} ms`;

/** What a call weighs in a limit. @throws NetError `INVALID` for what is no weight, or can never fit */
export function weightOf(limit: RateLimit, call: Call): number {
  if (limit.weight === undefined) return 1;
  const weight = limit.weight(call);
  if (Number.isSafeInteger(weight) && weight >= 0 && weight <= limit.limit) return weight;
  const why = weight > limit.limit ? 'it can never start' : 'a weight is a whole number of at least 0';
  throw invalid(`a call weighs ${weight} in the rate limit "${nameOf(limit)}" of ${limit.limit}: ${why}`);
}

function whole(name: string, value: unknown, min: number): void {
  if (!Number.isSafeInteger(value) || Number(value) < min) throw refused(name, value, `a whole number from ${min}`);
}

function finite(name: string, value: unknown, min: number): void {
  if (!(Number.isFinite(value) && Number(value) >= min)) throw refused(name, value, `a number from ${min}`);
}
