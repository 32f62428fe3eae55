/**
 * How far the peer's clock is from ours, as an interval, from the `Date` of its replies.
 *
 * A reply dated D was made when the peer's clock stood in [D, D + 1 s), at some instant between sending and receiving.
 * Each reply so bounds the offset, and the bounds of all of them are intersected; where they contradict each other a
 * clock was set, and the newest alone counts.
 * Source: K. Marzullo and S. Owicki, "Maintaining the time in a distributed system", 1983, for the intersection.
 */
import type { Clock } from '../../core/clock.ts';
import { dateOf } from '../../policies/retry-after.ts';

/** The grain of an HTTP date (RFC 9110 § 5.6.7). */
const GRAIN_MS = 1_000;

export class ServerTime {
  readonly #clock: Clock;
  #lower = Number.NEGATIVE_INFINITY;
  #upper = Number.POSITIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * What is added to our clock, in ms: nothing while ours may be right, and otherwise the least it can be wrong by on
   * the side of the past, as peers forgive what is a little old rather than what is not yet.
   */
  get offsetMs(): number {
    if (this.#lower <= 0 && this.#upper >= 0) return 0;
    return this.#lower;
  }

  /** The peer's time, as far as it is known, in ms since 1970. */
  now(): number {
    return Math.round(this.#clock.wall() + this.offsetMs);
  }

  /** The earliest it can be there; our own time where the peer has not said. */
  earliest(): number {
    return this.#clock.wall() + (Number.isFinite(this.#lower) ? this.#lower : 0);
  }

  /** @param sentWall our wall clock when the request went out */
  heard(date: string | undefined, sentWall: number): void {
    const there = date === undefined ? undefined : dateOf(date);
    if (there === undefined) return;
    const lower = there - this.#clock.wall();
    const upper = there + GRAIN_MS - sentWall;
    const [low, high] = [Math.max(lower, this.#lower), Math.min(upper, this.#upper)];
    [this.#lower, this.#upper] = low <= high ? [low, high] : [lower, upper];
  }
}
