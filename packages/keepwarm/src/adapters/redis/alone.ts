/**
 * What one process of a fleet may start while Redis does not answer it, so that all of them together stay within the
 * limit although none can see the others.
 *
 *   with Redis ──▶ meeting what was granted ──▶ share ──▶ (Redis answers) meeting the others ──▶ with Redis
 *                  a window, and redisMs                  RETRY_MS, and redisMs
 *
 * In any window grants and starts alone add up to the limit at most, given that all processes lost Redis, and that
 * there are no more of them than `share`:
 *   (1) Until all that was granted before the loss has left every window, a process starts again in places of its own
 *       only, as they become free: as much as it had, at most its share. What all of them had was within the limit.
 *   (2) From then on each starts its share, in windows that count what it had, and the shares add up to the limit.
 *   (3) Who is back reports what it has started, and asks for nothing until the others have had time to do the same.
 *       The same holds when Redis turns out to have lost its memory: somebody may have been alone for longer.
 *
 * With a share of 1 there is nobody to meet.
 */
import type { FleetBucket } from './fleet-bucket.ts';
import { RETRY_MS } from './link.ts';

export interface Alone {
  readonly share: number;
  readonly redisMs: number;
}

/** How long who is back waits for the others, in ms: each asks after `RETRY_MS` at the latest, for `redisMs`. */
export function meetingMs({ share, redisMs }: Alone): number {
  return share === 1 ? 0 : RETRY_MS + redisMs;
}

/**
 * Starts whoever may start now, of those who wait for these buckets.
 *
 * @param lostAt when the loss was noticed
 * @returns when the next may; `Infinity` for nobody
 */
export function startAlone(
  buckets: readonly FleetBucket[],
  settings: Alone,
  lostAt: number,
  now: number,
  start: (waiter: NonNullable<FleetBucket['waiters']['first']>) => void,
): number {
  let nextAt = Number.POSITIVE_INFINITY;
  for (const bucket of buckets) {
    for (let first = bucket.waiters.first; first !== undefined; first = bucket.waiters.first) {
      let at = now;
      for (const [i, each] of first.slots.buckets.entries()) {
        at = Math.max(at, each.aloneAt(first.slots.weights[i]!, settings, lostAt, now));
      }
      if (at > now) {
        nextAt = Math.min(nextAt, at);
        break;
      }
      start(first);
    }
  }
  return nextAt;
}
