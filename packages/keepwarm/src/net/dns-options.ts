/** The words of name resolution, its options, and their defaults with the source of each. */
import { NetError } from '../core/error.ts';
import { show } from '../core/refusal.ts';

export interface Address {
  /** As `net.isIP` accepts it; an IPv6 address may carry a zone (`fe80::1%eth0`). */
  readonly address: string;
  readonly family: 4 | 6;
}

/** Which addresses are wanted; 0 for both families. */
export type Family = 0 | 4 | 6;

export interface Answer {
  /** In the source's order of preference: the family of the first is tried first. */
  readonly addresses: readonly Address[];
  /** Lowest TTL of the records in ms; `undefined` where the source knows none (hosts file, getaddrinfo). */
  readonly ttlMs: number | undefined;
}

/**
 * One lookup at the source, uncached. `signal` ends the wait; whoever can should also end the work.
 * Rejects with a system error whose `code` says why (`ENOTFOUND`, `ENODATA`, `ESERVFAIL`, `ETIMEOUT`, `EAI_AGAIN`, …).
 */
export type Resolver = (hostname: string, family: Family, signal: AbortSignal) => Promise<Answer>;

export interface DnsOptions {
  /** Entries kept, one per name and family; the least recently used gives way. Also the most lookups under way. */
  readonly namesMax: number;
  /** A record's TTL counts as at least this many ms. */
  readonly ttlMsMin: number;
  /** A record's TTL counts as at most this many ms. */
  readonly ttlMsMax: number;
  /** TTL of an answer whose source knows none, in ms. */
  readonly ttlMsUnknown: number;
  /** For this many ms past expiry an answer is served without waiting, while it is asked for again. */
  readonly staleMs: number;
  /** For this many ms past expiry an answer is served when asking again fails for a passing reason. */
  readonly staleOnErrorMs: number;
  /** For this many ms a name known not to exist, or to have no address, is not asked for again. */
  readonly negativeMs: number;
  /** One lookup may take this many ms, all sources together. */
  readonly lookupMs: number;
  readonly resolver: Resolver;
}

export const DNS_DEFAULTS: Omit<DnsOptions, 'resolver'> = {
  namesMax: 1_000, // more distinct names than one service calls; about 0.5 MB when full
  ttlMsMin: 1_000, // TTL 0 is common with service discovery, and would mean a lookup per connection
  ttlMsMax: 300_000, // a record with a TTL of a day must not outlive a move of the service by more than 5 min
  ttlMsUnknown: 10_000, // as undici's DNS interceptor (`maxTTL`); a refresh costs one trip to the thread pool
  staleMs: 60_000, // no caller waits at expiry, and no address is unconfirmed for much longer than its TTL
  staleOnErrorMs: 86_400_000, // RFC 8767 § 5: stale data may be kept for 1 to 3 days while resolution fails
  negativeMs: 5_000, // RFC 2308 § 5 allows the SOA's minimum, which c-ares does not tell; a new name is found soon
  lookupMs: 5_000, // resolv.conf(5): one try of the system's resolver; half of a connect timeout of 10 s
};

/**
 * @throws NetError `INVALID` naming the option; a bound that is NaN or negative would switch a protection off unseen
 */
export function checkDnsOptions(options: DnsOptions): void {
  const { namesMax, ttlMsMin, ttlMsMax, ttlMsUnknown, staleMs, staleOnErrorMs, negativeMs, lookupMs } = options;
  const lengths = { ttlMsMin, ttlMsMax, ttlMsUnknown, staleMs, staleOnErrorMs, negativeMs };
  for (const [limit, value] of Object.entries(lengths)) {
    if (!(value >= 0)) throw outOfRange(limit, value, 'allowed: a number from 0');
  }
  if (!(namesMax >= 1)) throw outOfRange('namesMax', namesMax, 'allowed: a number from 1');
  if (!(lookupMs > 0)) throw outOfRange('lookupMs', lookupMs, 'allowed: a number above 0');
  if (ttlMsMin > ttlMsMax)
    throw outOfRange('ttlMsMin', ttlMsMin, `allowed: at most dns.ttlMsMax, which is ${ttlMsMax}`);
}

function outOfRange(limit: string, value: number, rule: string): NetError {
  return new NetError('INVALID', `option dns.${limit} is ${show(value)}; ${rule}`, { reach: 'unsent', limit, value });
}

export interface DnsStats {
  /** Entries held, failures included. */
  readonly names: number;
  /** Questions answered from an unexpired entry. Addresses and `localhost` are not questions. */
  readonly hits: number;
  /** Questions answered at once from an expired entry. */
  readonly staleHits: number;
  /** Questions answered at once by a remembered failure. */
  readonly negativeHits: number;
  /** Questions that had to wait for a lookup. */
  readonly misses: number;
  /** Lookups that ended at the resolver, refreshes in the background included. */
  readonly lookups: number;
  /** Those of them that failed. */
  readonly errors: number;
  /** (hits + staleHits + negativeHits) ÷ all questions, from 0 to 1; 0 before the first. */
  readonly hitRate: number;
  /** Lookups under way. */
  readonly inFlight: number;
  /** Mean length of a lookup in ms; 0 before the first. */
  readonly lookupMs: number;
}
