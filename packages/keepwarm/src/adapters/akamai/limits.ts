/**
 * Akamai's published limits, as options of `rateLimit` (techdocs.akamai.com, each API's page on rate limiting). They
 * are buckets that hold so much and refill at a rate; a window as long as a whole refill never takes more than such a
 * bucket has, whenever it begins.
 */
import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from 'node:zlib';
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

/**
 * How many objects a call to Fast Purge is about: the length of `objects` in its body, which `compress` may have
 * compressed before it came here.
 */
export function purgedObjects({ body, headers }: Pick<Call, 'body' | 'headers'>): number {
  if (typeof body !== 'string' && !(body instanceof Uint8Array)) return 0;
  try {
    const text = typeof body === 'string' ? body : plain(body, headers.get('content-encoding')).toString();
    const { objects } = JSON.parse(text) as { objects?: unknown };
    return Array.isArray(objects) ? objects.length : 0;
  } catch {
    return 0; // not JSON: Fast Purge will say so
  }
}

/** Ten thousand objects have long addresses, and still take less than this. */
const BOUND = { maxOutputLength: 64 * 1024 * 1024 };

function plain(body: Uint8Array, coding: string | undefined): Buffer {
  if (coding === 'gzip') return gunzipSync(body, BOUND);
  if (coding === 'br') return brotliDecompressSync(body, BOUND);
  return coding === 'zstd' ? zstdDecompressSync(body, BOUND) : Buffer.from(body);
}
