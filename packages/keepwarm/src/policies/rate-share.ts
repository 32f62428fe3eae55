/**
 * A part of a limit that several processes keep together. Each has some of its places, and starts calls in these only,
 * as if they were the limit; a place that is free here may be given to another process. So no window ever holds more
 * than the whole: of a place that moves, the last start in it has left every window before another can begin there.
 * Source: D. Barbará, H. Garcia-Molina, "The Demarcation Protocol", EDBT 1992.
 *
 * Who has which place is for whoever moves them to know; here only the own ones are.
 */
import type { Clock } from '../core/clock.ts';
import type { RateBucket } from './rate-bucket.ts';
import type { RateLimiter } from './rate-limiter.ts';

export class RateShare {
  readonly name: string;
  /** Places there are, in all processes. */
  readonly limit: number;
  /** After so long nothing counts any more that a process had started which is no more, in ms. */
  readonly settledMs: number;
  readonly #bucket: RateBucket;
  readonly #limiter: RateLimiter;
  readonly #clock: Clock;

  /** @internal */
  constructor(limiter: RateLimiter, name: string, bucket: RateBucket, lateMs: number, clock: Clock) {
    this.name = name;
    this.limit = bucket.whole;
    this.settledMs = bucket.window.windowMs + lateMs;
    this.#bucket = bucket;
    this.#limiter = limiter;
    this.#clock = clock;
  }

  /** Places this process has: all of them, until it is told otherwise. */
  get places(): number {
    return this.#bucket.places;
  }

  /** Fewer than are used hold for what begins from now on: nothing does until so many have become free. */
  set places(places: number) {
    this.#bucket.places = Math.min(Math.max(Math.floor(places), 0), this.limit);
    this.#limiter.changed(this.#bucket);
  }

  /** Weight that counts now, of starts in this process. */
  get used(): number {
    return this.#bucket.window.used(this.#clock.now());
  }

  /** Nothing starts for `ms`, or for longer if that has been said before: the peer asked another process for it. */
  pause(ms: number): void {
    this.#bucket.pause(ms, this.#clock.now());
    this.#limiter.changed(this.#bucket);
  }

  /** Weight of the calls that wait here, and of the one among them that is next. */
  get waiting(): number {
    return this.#bucket.waitingWeight;
  }
  get nextWeight(): number {
    return this.#bucket.waiters.first?.weight ?? 0;
  }
}
