/**
 * How long to wait before the next attempt.
 *
 * Full jitter: drawn evenly from 0 to an exponential step. Of the variants compared by its author it needs the fewest
 * calls in all to get a crowd of competing clients through; adding jitter to a fixed part keeps the crowd together.
 * Source: M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
 */
import type { Random } from '../core/clock.ts';

/** 2³⁰ times any base is beyond every cap; more would end as `0 × Infinity`. */
const DOUBLINGS_MAX = 30;

/**
 * @param baseMs  the longest wait after the first attempt, in ms; doubled after each further one
 * @param capMs   the longest wait of all, in ms; applied before the draw, so that capped waits still differ
 * @param attempt 1 for the wait after the first attempt
 * @returns a wait in [0, min(capMs, baseMs × 2^(attempt − 1))), in ms
 */
export function fullJitter(baseMs: number, capMs: number, attempt: number, random: Random): number {
  return random() * Math.min(capMs, baseMs * 2 ** Math.min(attempt - 1, DOUBLINGS_MAX));
}
