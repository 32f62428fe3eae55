/**
 * What RFC 9111 lets a private cache do, as functions of what was asked, what was answered, and when. Where it leaves a
 * choice, the cautious one is made: nothing is fresh by guess, and `no-store` is heeded whatever stands beside it.
 */
import type { Call } from '../core/call.ts';
import type { Reply } from '../core/reply.ts';
import { ReplyFields } from '../core/reply-fields.ts';
import { CacheControl, secondsOf } from './cache-control.ts';
import { dateOf } from './retry-after.ts';

/** Statuses that mean the same for the next call (RFC 9110 § 15.1, but for 206: parts are not put together). */
const STORABLE: ReadonlySet<number> = new Set([200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501]);

/** With these a caller does a cache's work itself, or asks for a part. */
const CONDITIONAL = ['if-none-match', 'if-modified-since', 'if-match', 'if-unmodified-since', 'if-range', 'range'];

/** Whether the cache has anything to do with a call. */
export function concerns({ method, body, headers, signal }: Call): boolean {
  if (method !== 'GET' || body !== undefined || signal?.aborted) return false;
  return !CONDITIONAL.some((name) => headers.has(name));
}

/** What a caller says about answers from a cache (RFC 9111 § 5.2.1), if nothing else by HTTP/1.0's `Pragma`. */
export function wishesOf({ headers }: Call): CacheControl {
  const said = headers.list.filter(([name]) => name.toLowerCase() === 'cache-control').map(([, value]) => value);
  if (said.length > 0) return new CacheControl(said.join(', '));
  return new CacheControl(headers.get('pragma')?.toLowerCase().includes('no-cache') ? 'no-cache' : undefined);
}

/** What a reply allows, from the moment it arrived. */
export interface Terms {
  /** Its age when it arrived, in ms (RFC 9111 § 4.2.3). */
  readonly ageMs: number;
  /** How old it may become and still be fresh, in ms; 0 when it must be validated each time. */
  readonly lifetimeMs: number;
  /** Whether it must never be used stale. */
  readonly strict: boolean;
  /** How long beyond its life it may be used while it is validated, and when that fails, in ms (RFC 5861). */
  readonly whileRevalidateMs: number;
  readonly ifErrorMs: number;
}

export interface Arrival {
  /** From sending the call to the head of its reply, in ms. */
  readonly tookMs: number;
  /** Our wall clock when the head arrived. */
  readonly wallMs: number;
}

export function termsOf(headers: ReplyFields, { tookMs, wallMs }: Arrival): Terms {
  const control = new CacheControl(headers.get('cache-control'));
  const dateMs = dateOf(headers.get('date') ?? '');
  const apparentMs = dateMs === undefined ? 0 : Math.max(wallMs - dateMs, 0);
  const saidMs = (secondsOf(headers.getAll('age')[0]?.split(',')[0]?.trim() ?? '') ?? 0) * 1_000;
  const always = control.has('no-cache'); // with field names as without: validating is always allowed
  return {
    ageMs: Math.max(apparentMs, saidMs + tookMs),
    lifetimeMs: always ? 0 : (control.ms('max-age') ?? expiresMs(headers, dateMs ?? wallMs)),
    strict: always || control.has('must-revalidate'),
    whileRevalidateMs: control.ms('stale-while-revalidate') ?? 0,
    ifErrorMs: control.ms('stale-if-error') ?? 0,
  };
}

/** A date that is none is in the past (RFC 9111 § 5.3). */
function expiresMs(headers: ReplyFields, dateMs: number): number {
  const expires = headers.getAll('expires')[0];
  return expires === undefined ? 0 : Math.max((dateOf(expires) ?? 0) - dateMs, 0);
}

/** Whether a reply may be kept (RFC 9111 § 3), and is worth it: it is fresh for a while, or can be validated. */
export function storable(wishes: CacheControl, reply: Reply, terms: Terms, ignored: ReadonlySet<string>): boolean {
  const { headers, status } = reply;
  if (!STORABLE.has(status) || reply.encoded || wishes.has('no-store')) return false;
  if (new CacheControl(headers.get('cache-control')).has('no-store')) return false;
  if (headers.has('set-cookie') || headers.has('content-range')) return false; // what is for one call only
  if (namesIn(headers.get('vary')).some((name) => name === '*' || ignored.has(name))) return false;
  return terms.lifetimeMs > terms.ageMs || headers.has('etag') || headers.has('last-modified');
}

/** Names of fields in a list, in lower case. */
function namesIn(list = ''): string[] {
  return list
    .toLowerCase()
    .split(',')
    .map((name) => name.trim());
}

/** Fields about the connection, which end with it (RFC 9111 § 3.1). */
const OF_THE_WAY = ['connection', 'keep-alive', 'te', 'transfer-encoding', 'upgrade', 'proxy-connection'];
const OF_THE_PROXY = ['proxy-authenticate', 'proxy-authentication-info', 'proxy-authorization'];

export function storedFields(headers: ReplyFields): ReplyFields {
  return headers.without(...OF_THE_WAY, ...OF_THE_PROXY, ...namesIn(headers.get('connection')));
}

/** What is kept is decoded and whole: fields of a 304 that speak of another form are not taken over (§ 3.2). */
const OF_THE_BODY: ReadonlySet<string> = new Set([
  'content-length',
  'content-encoding',
  'content-type',
  'content-range',
]);

/** The stored fields, brought up to date by those of a 304 (RFC 9111 § 3.2). */
export function freshened(stored: ReplyFields, validated: ReplyFields): ReplyFields {
  const newer = storedFields(validated).list.filter(([name]) => !OF_THE_BODY.has(name.toLowerCase()));
  const replaced = new Set(newer.map(([name]) => name.toLowerCase()));
  const kept = stored.list.filter(([name]) => !replaced.has(name.toLowerCase()));
  return ReplyFields.of([...kept, ...newer], stored.reason);
}

/** How what is stored may be used for a call. */
export type Use = 'fresh' | 'while-revalidate' | 'validate';

/** @param ageMs what its age is now */
export function useOf(terms: Terms, ageMs: number, wishes: CacheControl): Use {
  if (wishes.has('no-cache') || ageMs > (wishes.ms('max-age') ?? Number.POSITIVE_INFINITY)) return 'validate';
  const leftMs = terms.lifetimeMs - ageMs;
  if (leftMs > 0) return leftMs >= (wishes.ms('min-fresh') ?? 0) ? 'fresh' : 'validate';
  if (terms.strict || wishes.has('min-fresh')) return 'validate';
  const staleMs = wishes.msOrAny('max-stale');
  if (staleMs !== undefined && -leftMs <= staleMs) return 'fresh';
  return -leftMs < terms.whileRevalidateMs ? 'while-revalidate' : 'validate';
}

/** Whether what is stored may be used although validating it failed (RFC 5861 § 4); a caller may allow it as well. */
export function usableOnError(terms: Terms, ageMs: number, wishes: CacheControl): boolean {
  if (terms.strict || wishes.has('no-cache')) return false;
  return ageMs - terms.lifetimeMs <= Math.max(terms.ifErrorMs, wishes.ms('stale-if-error') ?? 0);
}
