/**
 * Akamai's published limits, as options of `rateLimit` (techdocs.akamai.com, each API's page on rate limiting). They
 * are buckets that hold so much and refill at a rate; a window as long as a whole refill never takes more than such a
 * bucket has, whenever it begins.
 */
import type { Call } from '../../core/call.ts';
import type { RateLimitOptions } from '../../policies/rate-options.ts';

/** PAPI: 100 requests a minute for each account, whatever clients it has. */
export const PAPI_LIMIT: RateLimitOptions = { limits: [{ name: 'papi', limit: 100, windowMs: 60_000 }] };

/** Fast Purge: 100 requests at once and 50 a second, and 10,000 objects at once and 200 a second. */
export const FAST_PURGE_LIMITS: RateLimitOptions = {
  limits: [
    { name: 'requests', limit: 100, windowMs: 2_000 },
    { name: 'objects', limit: 10_000, windowMs: 50_000, weight: purgedObjects },
  ],
};

/** How many objects a call to Fast Purge is about: the length of `objects` in its body. */
export function purgedObjects({ body }: Pick<Call, 'body'>): number {
  if (typeof body !== 'string') return 0;
  try {
    const { objects } = JSON.parse(body) as { objects?: unknown };
    return Array.isArray(objects) ? objects.length : 0;
  } catch {
    return 0; // not JSON: Fast Purge will say so
  }
}
