/**
 * Follows redirects (RFC 9110 § 15.4), keeping what is the caller's from others: once the origin changes, only fields
 * on a short list go along. (Deny lists are how Authorization was stripped and `x-api-key` was not.)
 */
import { type Call, isRepeatable, type Policy } from '../core/call.ts';
import type { Clock } from '../core/clock.ts';
import { NetError } from '../core/error.ts';
import type { Origin } from '../core/origin.ts';
import { type Read, reading, relayOf, sending } from '../core/relay.ts';
import type { Reply } from '../core/reply.ts';

export interface RedirectOptions {
  /** Redirects followed for one call; 0 hands the redirect itself to the caller. */
  readonly redirectsMax: number;
  /** Where a call for this URL goes. @param from the origin that leads there, the same object where it stays */
  targetOf(url: URL, from: Origin): Destination;
  readonly clock: Clock;
}

export interface Destination {
  readonly origin: Origin;
  /** Path and query. */
  readonly path: string;
}

const SAFE_ELSEWHERE = new Set([
  'accept',
  'accept-encoding',
  'accept-language',
  'content-type',
  'content-language',
  'user-agent',
]);
const OF_THE_BODY = new Set([
  'content-type',
  'content-language',
  'content-length',
  'content-encoding',
  'content-location',
]);

export const redirect =
  (options: RedirectOptions): Policy =>
  (next) => {
    if (options.redirectsMax === 0) return next;
    const onward = (call: Call, reply: Reply, hops: number): Reply | Promise<Reply> => {
      const location = locationOf(reply);
      if (location === undefined) return hops === 0 ? reply : reply.moved(call.origin.key + call.path);
      let following: Call;
      try {
        if (hops >= options.redirectsMax) throw tooMany(call, options.redirectsMax);
        following = follow(call, reply, location, options);
      } finally {
        reply.discard();
      }
      return next(following).then((answer) => onward(following, answer, hops + 1), fail);
    };
    const read: Read = (reply, call) => (isRedirect(reply.status) ? onward(call, reply, 0) : reply);
    return sending(reading(relayOf(next, options.clock), read, options.clock), options.clock);
  };

/** Statuses that ask to go elsewhere; 300 and 304 to 306 do not (RFC 9110 § 15.4). */
export function isRedirect(status: number): boolean {
  return status === 301 || status === 302 || status === 303 || status === 307 || status === 308;
}

/** Whatever stopped it on its way on: what was sent first has been received, and perhaps done. */
function fail(thrown: unknown): never {
  throw NetError.from(thrown).withReach('answered');
}

function tooMany(call: Call, redirectsMax: number): NetError {
  return refused(call, `more than ${redirectsMax} redirects (limit redirectsMax)`, redirectsMax);
}

function locationOf(reply: Reply): string | undefined {
  return isRedirect(reply.status) ? reply.headers.get('location') : undefined;
}

function follow(call: Call, reply: Reply, location: string, options: RedirectOptions): Call {
  // Put together as text: resolved against the origin, a path that begins with two slashes would name another host.
  const url = urlOf(location, call.origin.key + (call.path === '*' ? '/' : call.path));
  if (url === null) throw refused(call, 'a redirect to something that is not a URL');
  const { origin, path } = targetOf(call, url, options);
  if (call.origin.secure && !origin.secure) throw refused(call, `a redirect from https to cleartext ${origin.key}`);
  const getInstead = becomesGet(call.method, reply.status);
  if (!getInstead && !isRepeatable(call.body)) throw refused(call, 'a redirect of a body that cannot be sent again');
  const elsewhere = origin !== call.origin;
  const headers = call.headers.without(
    (name) =>
      (elsewhere && !SAFE_ELSEWHERE.has(name)) ||
      (getInstead && OF_THE_BODY.has(name)) ||
      (elsewhere && name === 'host'),
  );
  return {
    ...call,
    origin,
    path,
    headers,
    ...(elsewhere && { sign: undefined }),
    ...(getInstead ? { method: 'GET', body: undefined, traits: { ...call.traits, idempotent: true } } : {}),
  };
}

/**
 * A Location as a URL; null when it is none. Fields are read as Latin-1; what is not ASCII in it was meant as UTF-8, as
 * every client takes it.
 */
export function urlOf(location: string, base: string): URL | null {
  return URL.parse(/[\x80-\xff]/.test(location) ? Buffer.from(location, 'latin1').toString() : location, base);
}

/** 303 always, 301 and 302 for POST as every client does (RFC 9110 § 15.4.2–4); HEAD stays HEAD. */
function becomesGet(method: string, status: number): boolean {
  if (status === 303) return method !== 'GET' && method !== 'HEAD';
  return (status === 301 || status === 302) && method === 'POST';
}

function targetOf(call: Call, url: URL, options: RedirectOptions): Destination {
  try {
    return options.targetOf(url, call.origin);
  } catch (cause) {
    throw refused(call, cause instanceof Error ? cause.message : String(cause));
  }
}

function refused(call: Call, what: string, value?: number): NetError {
  return new NetError('REDIRECT', `${call.method} ${call.origin.key} met ${what}`, {
    reach: 'answered',
    phase: 'redirect',
    origin: call.origin.key,
    ...(value === undefined ? {} : { limit: 'redirectsMax', value }),
  });
}
