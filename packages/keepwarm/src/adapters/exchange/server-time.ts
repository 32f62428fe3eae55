/**
 * How far the peer's clock is from ours, as an interval, from the `Date` of its replies.
 *
 * A reply dated D was made when the peer's clock stood in [D, D + 1 s), at some instant between sending and receiving.
 * Each reply so bounds the offset, and the bounds of all of them are intersected; where they contradict each other a
 * clock was set, and the newest alone counts.
 *
 * There are two such intervals: against our wall clock, by which we tell the peer what time it is; and against our
 * monotonic clock, by which we tell whether a time has passed there. Nobody sets that one.
 *
 * Source: K. Marzullo and S. Owicki, "Maintaining the time in a distributed system", 1983, for the intersection.
 */
import type { Clock } from '../../core/clock.ts';
import type { ReplyFields } from '../../core/reply-fields.ts';
import { dateOf } from '../../policies/retry-after.ts';

/** The grain of an HTTP date (RFC 9110 § 5.6.7). */
const GRAIN_MS = 1_000;

/** An instant, on both of our clocks. */
export interface Instant {
  readonly wall: number;
  readonly now: number;
}

export class ServerTime {
  readonly #clock: Clock;
  readonly #ofWall = new Offset();
  readonly #ofNow = new Offset();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * What is added to our clock, in ms: nothing while ours may be right, and otherwise the least it can be wrong by on
   * the side of the past, as peers forgive what is a little old rather than what is not yet.
   */
  get offsetMs(): number {
    const { lower, upper } = this.#ofWall;
    return lower <= 0 && upper >= 0 ? 0 : lower;
  }

  /** The peer's time, as far as it is known, in ms since 1970. */
  now(): number {
    return Math.round(this.#clock.wall() + this.offsetMs);
  }

  /** The earliest it can be there, whoever sets our wall clock meanwhile; our own time where the peer has not said. */
  earliest(): number {
    const { lower } = this.#ofNow;
    return Number.isFinite(lower) ? this.#clock.now() + lower : this.#clock.wall();
  }

  /** @param headers of a reply @param sent when the request went out */
  heard(headers: Pick<ReplyFields, 'get'>, sent: Instant): void {
    // What a cache on the way has kept is dated when it was made.
    if ((headers.get('age') ?? '0') !== '0') return;
    const there = dateOf(headers.get('date') ?? '');
    if (there === undefined) return;
    this.#ofWall.note(there, sent.wall, this.#clock.wall());
    this.#ofNow.note(there, sent.now, this.#clock.now());
  }
}

/** What is to be added to one of our clocks, between two bounds. */
class Offset {
  lower = Number.NEGATIVE_INFINITY;
  upper = Number.POSITIVE_INFINITY;

  note(there: number, sentAt: number, receivedAt: number): void {
    const lower = there - receivedAt;
    const upper = there + GRAIN_MS - sentAt;
    const [low, high] = [Math.max(lower, this.lower), Math.min(upper, this.upper)];
    [this.lower, this.upper] = low <= high ? [low, high] : [lower, upper];
  }
}
