/**
 * A live percentile: of the latencies of the last 20 to 30 s, in constant memory.
 *
 * Three histograms are begun 10 s apart. Each value goes into all of them, and the eldest is asked; when it is 30 s old
 * it makes room for a new one. So nothing has to be merged to be asked, and the answer never rests on an empty window.
 * Source: Finagle's WindowedPercentileHistogram, 3 × 10 s ("a window of 30 seconds and 3 buckets tracked request
 * latency well" is its authors' finding); the histogram is ours.
 *
 * Invariants:
 *   (1) The answer rests on every value of the last (slots − 1) × slotMs, and on none older than slots × slotMs.
 *   (2) There is no answer while it would rest on fewer than `countMin` values.
 *   (3) It is the percentile or up to 4.4 % more, never less: where latencies hardly differ, an answer from the middle
 *       of their bucket would have half of them beyond the 95th percentile.
 *   (4) It is worked out at most once in `REFRESH_MS`: asking costs nothing.
 */
import { Histogram } from './histogram.ts';

export interface PercentileWindowOptions {
  /** 0…100. */
  readonly percentile: number;
  /** Values an answer rests on at least. */
  readonly countMin: number;
}

const SLOTS = 3;
const SLOT_MS = 10_000;
/** How old an answer may be, in ms. Finagle works it out every 3 s; a latency that rises is noticed sooner. */
const REFRESH_MS = 1_000;

/** From the geometric middle of a bucket of the histogram, which is what it answers, to its upper edge. */
const TO_UPPER_EDGE = 2 ** (1 / 32);

export class PercentileWindow {
  readonly #options: PercentileWindowOptions;
  /** Eldest first. */
  readonly #histograms: Histogram[] = Array.from({ length: SLOTS }, () => new Histogram());
  #slot: number;
  #answer: number | undefined;
  #askedAt = Number.NEGATIVE_INFINITY;

  /** @param now the instant, on the clock whose instants all later calls pass */
  constructor(options: PercentileWindowOptions, now: number) {
    this.#options = options;
    this.#slot = Math.floor(now / SLOT_MS);
  }

  record(ms: number, now: number): void {
    this.#advance(now);
    for (const histogram of this.#histograms) histogram.record(ms);
  }

  /** The percentile in ms, or nothing when too little is known. */
  at(now: number): number | undefined {
    this.#advance(now);
    if (this.count < this.#options.countMin) return undefined;
    if (this.#answer === undefined || now - this.#askedAt >= REFRESH_MS) {
      this.#answer = this.#histograms[0]!.quantile(this.#options.percentile / 100) * TO_UPPER_EDGE;
      this.#askedAt = now;
    }
    return this.#answer;
  }

  /** Values the answer rests on. */
  get count(): number {
    return this.#histograms[0]!.count;
  }

  #advance(now: number): void {
    const slot = Math.floor(now / SLOT_MS);
    if (slot <= this.#slot) return;
    for (let steps = Math.min(slot - this.#slot, SLOTS); steps > 0; steps--) {
      this.#histograms.shift();
      this.#histograms.push(new Histogram());
    }
    this.#slot = slot;
    this.#answer = undefined;
  }
}
