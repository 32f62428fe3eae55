/** What a rate limit takes, with the defaults and where they come from. */
import type { Call } from '../core/call.ts';
import { NetError } from '../core/error.ts';

export interface RateLimit {
  /** Total weight of calls in any window; a whole number ≥ 1. */
  readonly limit: number;
  /** Length of the window, in ms. */
  readonly windowMs: number;
  /** As it stands in errors, facts and `snapshot()`; a name the peer uses in `RateLimit` connects the two. */
  readonly name?: string;
  /** Each key has the whole limit for itself; without it all calls share one. Keys are shown nowhere. */
  readonly key?: (call: Call) => string;
  /** What a call counts for: a whole number ≥ 0; 1 without it. */
  readonly weight?: (call: Call) => number;
}

export interface RateLimitOptions {
  /** A call starts when all of them admit it, and then counts in all of them; otherwise in none. */
  readonly limits: readonly RateLimit[];
  /** Calls that may wait; the next is refused with `SATURATED`. */
  readonly waitersMax?: number;
  /** How long a call may wait, in ms. */
  readonly waitMs?: number;
  /** Keys remembered per limit; one that still holds starts is never forgotten. */
  readonly keysMax?: number;
  /** What makes a window exact: how the peer counts (`answer`), or how we do (`start`). */
  readonly counts?: 'answer' | 'start';
  /** How long a call that ended without an answer may still be on its way to the peer, in ms. */
  readonly lateMs?: number;
  /** Added to every window, in ms: for peers whose clock or count is coarse. */
  readonly skewMs?: number;
  /** Whether what replies say about the peer's limits is heeded. */
  readonly feedback?: boolean;
  /** Pause after a 429 that does not say how long, in ms. */
  readonly pauseMs?: number;
  /** The longest that a reply can make a limit stricter for, in ms. */
  readonly pauseMsMax?: number;
}

export type RateSettings = Required<RateLimitOptions>;

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
  known('rateLimit', options, [...Object.keys(RATE_DEFAULTS), 'limits']);
  const settings = { ...RATE_DEFAULTS, ...definedOf(options) } as RateSettings;
  if (!Array.isArray(settings.limits) || settings.limits.length === 0) {
    throw invalid('rateLimit.limits must name at least one limit');
  }
  for (const [index, { limit, windowMs }] of settings.limits.entries()) {
    known(`rateLimit.limits[${index}]`, settings.limits[index]!, ['limit', 'windowMs', 'name', 'key', 'weight']);
    whole(`rateLimit.limits[${index}].limit`, limit, 1);
    finite(`rateLimit.limits[${index}].windowMs`, windowMs, 1);
  }
  whole('rateLimit.waitersMax', settings.waitersMax, 0);
  whole('rateLimit.keysMax', settings.keysMax, 1);
  for (const name of ['lateMs', 'skewMs', 'pauseMs', 'pauseMsMax'] as const)
    finite(`rateLimit.${name}`, settings[name], 0);
  if (!(settings.waitMs >= 0)) throw invalid(`rateLimit.waitMs must be at least 0, not ${settings.waitMs}`);
  if (settings.counts !== 'answer' && settings.counts !== 'start') {
    throw invalid(`rateLimit.counts must be answer or start, not ${String(settings.counts)}`);
  }
  return settings;
}

export const nameOf = ({ name, limit, windowMs }: RateLimit): string => name ?? `${limit} per ${windowMs} ms`;

export function invalid(message: string, cause?: unknown): NetError {
  return new NetError('INVALID', message, { reach: 'unsent', cause });
}

/** What a call weighs in a limit. @throws NetError `INVALID` for what is no weight, or can never fit */
export function weightOf(limit: RateLimit, call: Call): number {
  if (limit.weight === undefined) return 1;
  const weight = limit.weight(call);
  if (Number.isSafeInteger(weight) && weight >= 0 && weight <= limit.limit) return weight;
  const why = weight > limit.limit ? 'it can never start' : 'a weight is a whole number of at least 0';
  throw invalid(`a call weighs ${weight} in the rate limit "${nameOf(limit)}" of ${limit.limit}: ${why}`);
}

const definedOf = (options: RateLimitOptions) =>
  Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));

function known(where: string, options: object, names: readonly string[]): void {
  const stranger = Object.keys(options).find((name) => !names.includes(name));
  if (stranger !== undefined) throw invalid(`${where}.${stranger} is no option; there are: ${names.join(', ')}`);
}

function whole(name: string, value: number, min: number): void {
  if (!Number.isSafeInteger(value) || value < min)
    throw invalid(`${name} must be a whole number ≥ ${min}, not ${value}`);
}

function finite(name: string, value: number, min: number): void {
  if (!(Number.isFinite(value) && value >= min)) throw invalid(`${name} must be a number ≥ ${min}, not ${value}`);
}
