/**
 * Which endpoints a call may go to: status first, load later. The first of these groups that is not empty:
 *
 *   1. in, and not asking to be left alone, the call has not been there: those of the lowest priority number
 *   2. the same, where it has been: a second try there is better than a pause somebody asked for is broken
 *   3. in, but asked to be left alone (429 with `Retry-After`), the call has not been there; 4. where it has been
 *   5. in, but not eligible for this call, as it lags behind what the call needs; 6. the same, where it has been. An
 *      old answer is better than none, and whoever asked for it may be able to tell
 *   7. in panic, or with nobody in: all that are not cordoned, the call has not been there; 8. where it has been
 *   9. all are cordoned: all of them. Somebody who calls wants an answer more than an operator wants silence.
 *
 * Failover follows from 1: a call whose attempt failed at the last endpoint of a priority goes on to the next one.
 */
import type { Call } from '../core/call.ts';
import type { Endpoint } from './endpoint.ts';

/** Whether an endpoint can serve a call as it should be: it is far enough along, by whoever knows what that means. */
export type Eligible = (endpoint: string, call: Call, now: number) => boolean;

const TIER_BITS = 20; // above any priority

/** Fills `into`, whatever it held. @returns whether they are in and take calls (1 to 6) */
export function candidates(
  endpoints: readonly Endpoint[],
  call: Call,
  panic: boolean,
  now: number,
  into: Endpoint[],
  eligible?: Eligible,
): boolean {
  let best = Number.POSITIVE_INFINITY;
  let count = 0;
  for (const endpoint of endpoints) {
    const rank = rankOf(endpoint, call, panic, now, eligible);
    if (rank > best) continue;
    if (rank < best) count = 0;
    best = rank;
    into[count++] = endpoint;
  }
  into.length = count; // once: a list that was emptied takes new memory for what follows
  return best < PANIC;
}

/** How many endpoints of the first group are left, of any priority: that take the call, and where it has not been. */
export function untriedOf(
  endpoints: readonly Endpoint[],
  call: Call,
  panic: boolean,
  now: number,
  eligible?: Eligible,
): number {
  let untried = 0;
  for (const endpoint of endpoints) if (rankOf(endpoint, call, panic, now, eligible) < TRIED) untried++;
  return untried;
}

const BUSY = 2 << TIER_BITS;
const LAGGING = 4 << TIER_BITS;
const PANIC = 6 << TIER_BITS;
const CORDONED = 8 << TIER_BITS;
const TRIED = 1 << TIER_BITS;

function rankOf(endpoint: Endpoint, call: Call, panic: boolean, now: number, eligible: Eligible | undefined): number {
  if (endpoint.cordoned) return CORDONED;
  const { tried } = call;
  const again = tried !== undefined && tried.length > 0 && tried.includes(endpoint.name) ? TRIED : 0;
  if (panic || endpoint.ejection.out) return PANIC + again;
  if (eligible !== undefined && !eligible(endpoint.name, call, now)) return LAGGING + again + endpoint.priority;
  return (endpoint.pausedUntilMs > now ? BUSY : 0) + again + endpoint.priority;
}
