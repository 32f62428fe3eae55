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

/**
 * To which group each endpoint belongs, for one call. Retry asks on its way down how many there are, and the picker
 * asks again in the same step: what was found is kept for the same attempt at the same instant, until somebody learns
 * something.
 */
export class Ranking {
  readonly #endpoints: readonly Endpoint[];
  readonly #eligible: Eligible | undefined;
  readonly #ranks: number[] = [];
  #tried: readonly string[] | undefined;
  #visits = 0;
  #now = Number.NaN;

  constructor(endpoints: readonly Endpoint[], eligible: Eligible | undefined) {
    this.#endpoints = endpoints;
    this.#eligible = eligible;
  }

  /** An outcome was noted, or an operator has spoken. */
  changed(): void {
    this.#tried = undefined;
  }

  /** Fills `into`, whatever it held. @returns whether they are in and take calls (1 to 6) */
  candidates(call: Call, panic: boolean, now: number, into: Endpoint[]): boolean {
    const ranks = this.#of(call, panic, now);
    let best = Number.POSITIVE_INFINITY;
    let count = 0;
    for (let i = 0; i < ranks.length; i++) {
      const rank = ranks[i]!;
      if (rank > best) continue;
      if (rank < best) count = 0;
      best = rank;
      into[count++] = this.#endpoints[i]!;
    }
    into.length = count; // once: a list that was emptied takes new memory for what follows
    return best < PANIC;
  }

  /** How many endpoints of the first group are left, of any priority: that take the call, and where it has not been. */
  untried(call: Call, panic: boolean, now: number): number {
    let untried = 0;
    for (const rank of this.#of(call, panic, now)) if (rank < TRIED) untried++;
    return untried;
  }

  #of(call: Call, panic: boolean, now: number): readonly number[] {
    const { tried } = call;
    const known = tried !== undefined && tried === this.#tried && tried.length === this.#visits && now === this.#now;
    if (known) return this.#ranks;
    for (let i = 0; i < this.#endpoints.length; i++) {
      this.#ranks[i] = rankOf(this.#endpoints[i]!, call, panic, now, this.#eligible);
    }
    this.#tried = tried;
    this.#visits = tried?.length ?? 0;
    this.#now = now;
    return this.#ranks;
  }
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
