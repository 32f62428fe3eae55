/**
 * What a reply says about the peer's own limits. Everything is optional and untrusted: what cannot be read is ignored.
 *
 *   Retry-After                       RFC 9110 § 10.2.3: seconds or an HTTP date; heeded on 429 and 503
 *   RateLimit, RateLimit-Policy       draft-ietf-httpapi-ratelimit-headers: "name";r=5;t=30 and "name";q=100;w=60,
 *                                     and as older drafts had it: limit=100, remaining=5, reset=30 and 100;w=60
 *   RateLimit-Limit, -Remaining, -Reset; the same with X-, and as X-Rate-Limit-: what most services send
 *   X-RateLimit-Reset-After           seconds with fractions (Discord)
 *   X-RateLimit-Next                  the instant of the next call that will be taken, as in RFC 3339 (Akamai)
 *
 * A reset is a number of seconds, or seconds or milliseconds since 1970; no service means by a number above 10⁹ that
 * one should wait for 31 years. Dates are read against the reply's own Date, so that a skewed clock harms nobody.
 */
import type { Reply } from '../core/reply.ts';
import { dateOf, retryAfterMs } from './retry-after.ts';

export interface Quota {
  readonly name?: string | undefined;
  readonly windowMs?: number | undefined;
  readonly limit?: number | undefined;
  readonly remaining?: number | undefined;
  readonly resetMs?: number | undefined;
}

export interface RateFeedback {
  /** Nothing should be sent for so long. */
  readonly retryAfterMs: number | undefined;
  readonly quotas: readonly Quota[];
}

/** Longer values than any service sends are not looked at. */
const VALUE_CHARS_MAX = 1_024;
const EPOCH_SECONDS_MIN = 1e9;
const EPOCH_MS_MIN = 1e12;

/** Names of what is told as numbers, as services spell them. */
const PLAIN = ['ratelimit', 'x-ratelimit', 'x-rate-limit'].map((prefix) => ({
  remaining: `${prefix}-remaining`,
  limit: `${prefix}-limit`,
  reset: `${prefix}-reset`,
  resetAfter: `${prefix}-reset-after`,
  next: `${prefix}-next`,
}));

/** Most peers send none of these: one look tells. */
const ANY_FIELD = /rate-?limit|retry-after/i;

/** @param wallMs the wall clock, for dates in replies that have no Date of their own */
export function readFeedback(reply: Reply, wallMs: number): RateFeedback | undefined {
  if (!reply.received.mayHave(ANY_FIELD)) return undefined;
  const field = (name: string) => {
    const value = reply.received.get(name);
    return value === undefined || value.length > VALUE_CHARS_MAX ? undefined : value;
  };
  const sinceDate = (ms: number) => Math.max(ms - (dateOf(field('date') ?? '') ?? wallMs), 0);
  const slowed = reply.status === 429 || reply.status === 503;
  const retryMs = slowed && field('retry-after') !== undefined ? retryAfterMs(reply, wallMs) : undefined;
  const quotas = [...standardQuotas(field('ratelimit'), field('ratelimit-policy'))];
  for (let i = 0; quotas.length === 0 && i < PLAIN.length; i++) {
    const quota = plainQuota(PLAIN[i]!, field, sinceDate);
    if (quota !== undefined) quotas.push(quota);
  }
  if (retryMs === undefined && quotas.length === 0) return undefined;
  return { retryAfterMs: retryMs, quotas };
}

/** A count or a number of seconds; of a list the first, as some send `100, 100;w=60`. */
function numberOf(value: string | undefined): number | undefined {
  const digits = value === undefined ? undefined : NUMBER.exec(value)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

const NUMBER = /^\s*(\d{1,15}(?:\.\d{1,9})?)\s*(?:[,;]|$)/;

type Field = (name: string) => string | undefined;
/** How long after the reply's own date an instant is, both in ms. */
type SinceDate = (ms: number) => number;

function resetMs(value: number | undefined, sinceDate: SinceDate): number | undefined {
  if (value === undefined) return undefined;
  if (value < EPOCH_SECONDS_MIN) return value * 1_000;
  return sinceDate(value < EPOCH_MS_MIN ? value * 1_000 : value);
}

function plainQuota(names: (typeof PLAIN)[number], field: Field, sinceDate: SinceDate): Quota | undefined {
  const remaining = numberOf(field(names.remaining));
  if (remaining === undefined) return undefined;
  const after = secondsMs(numberOf(field(names.resetAfter)));
  const reset = after ?? resetMs(numberOf(field(names.reset)), sinceDate) ?? nextMs(field(names.next), sinceDate);
  return { limit: numberOf(field(names.limit)), remaining, resetMs: reset };
}

const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/;

function nextMs(value: string | undefined, sinceDate: SinceDate): number | undefined {
  const instant = value !== undefined && INSTANT.test(value) ? Date.parse(value) : Number.NaN;
  return Number.isNaN(instant) ? undefined : sinceDate(instant);
}

interface Item {
  readonly name: string;
  readonly parameters: ReadonlyMap<string, string>;
}

/** The items of a structured list (RFC 9651 § 3.1): enough of it for names and whole numbers. */
function* itemsOf(value: string): Generator<Item> {
  for (const [item] of value.matchAll(/(?:"(?:[^"\\]|\\.)*"|[^,"])+/g)) {
    const [name = '', ...rest] = [...item.matchAll(/(?:"(?:[^"\\]|\\.)*"|[^;"])+/g)].map(([part]) => part.trim());
    const parameters = new Map(rest.map((part) => part.split('=', 2) as [string, string]));
    yield { name: name.replace(/^"(.*)"$/, '$1'), parameters };
  }
}

function* standardQuotas(state: string | undefined, policy: string | undefined): Generator<Quota> {
  if (state === undefined && policy === undefined) return;
  const byName = new Map<string, Quota>();
  for (const { name, parameters } of itemsOf(policy ?? '')) {
    const seconds = numberOf(parameters.get('w'));
    const limit = numberOf(parameters.get('q') ?? name);
    if (limit === undefined) continue;
    byName.set(name, { name, limit, windowMs: seconds === undefined ? undefined : seconds * 1_000 });
  }
  const older = new Map<string, string>();
  for (const { name, parameters } of itemsOf(state ?? '')) {
    const [key, value] = name.split('=', 2) as [string, string?];
    if (value !== undefined) older.set(key.trim().toLowerCase(), value);
    const remaining = numberOf(parameters.get('r'));
    if (remaining === undefined) continue;
    yield { ...byName.get(name), name, remaining, resetMs: secondsMs(numberOf(parameters.get('t'))) };
    byName.delete(name);
  }
  const remaining = numberOf(older.get('remaining'));
  if (remaining !== undefined) {
    yield { limit: numberOf(older.get('limit')), remaining, resetMs: secondsMs(numberOf(older.get('reset'))) };
  }
  yield* byName.values();
}

const secondsMs = (seconds: number | undefined): number | undefined =>
  seconds === undefined ? undefined : seconds * 1_000;
