/**
 * Latencies in logarithmic buckets: a bounded relative error at any size, constant memory, no sorting.
 * Buckets grow by a factor of 2^(1/16) ≈ 1.044, so a reported quantile is within about 2.2 % of the true one.
 * Source: C. Masson et al., "DDSketch", VLDB 2019 (the mapping; ours is fixed-size and in ms from 1 µs to 4.8 hours).
 */
const STEPS_PER_DOUBLING = 16;
const MIN_MS = 0.001;
const DOUBLINGS = 34;
const SIZE = STEPS_PER_DOUBLING * DOUBLINGS;

/**
 * Upper bounds of what `Quantiles.buckets` counts, in ms: those OpenTelemetry advises for requests (5 ms … 10 s), with
 * finer ones below, as a warm call ends sooner, and one for the default deadline above.
 */
export const BOUNDS_MS: readonly number[] = [
  0.5, 1, 2.5, 5, 10, 25, 50, 75, 100, 250, 500, 750, 1_000, 2_500, 5_000, 7_500, 10_000, 30_000,
];
/** For each bound, how many of our buckets lie below it: it is moved to the nearest edge, by less than 2.2 %. */
const BELOW = BOUNDS_MS.map((ms) => Math.round(Math.log2(ms / MIN_MS) * STEPS_PER_DOUBLING));

export interface Quantiles {
  readonly count: number;
  /** Of all records, in ms. */
  readonly sumMs: number;
  readonly meanMs: number;
  readonly p50Ms: number;
  readonly p90Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  /** For each of `BOUNDS_MS`, how many records are at most that; right but for those within 2.2 % of the bound. */
  readonly buckets: readonly number[];
}

/** What a histogram counts, to be put together with others: percentiles of several have no percentile in common. */
export interface HistogramCounts {
  readonly sumMs: number;
  readonly maxMs: number;
  /** Index of a bucket and how many are in it, by turns; buckets of an older or newer version do not fit. */
  readonly counts: readonly number[];
}

/** All of them as one. */
export function quantilesOf(all: readonly HistogramCounts[]): Quantiles {
  const histogram = new Histogram();
  for (const each of all) histogram.add(each);
  return histogram.snapshot();
}

export class Histogram {
  readonly #buckets = new Uint32Array(SIZE);
  #count = 0;
  #sum = 0;
  #max = 0;

  /** Records one length of time, in ms; what is below 1 µs counts as 1 µs. */
  record(ms: number): void {
    const index = ms <= MIN_MS ? 0 : Math.min(Math.log2(ms / MIN_MS) * STEPS_PER_DOUBLING, SIZE - 1) | 0;
    this.#buckets[index]!++;
    this.#count++;
    this.#sum += ms;
    if (ms > this.#max) this.#max = ms;
  }

  get count(): number {
    return this.#count;
  }

  /** The value below which the share `q` (0…1) of the records lies, in ms; 0 when there are none. */
  quantile(q: number): number {
    if (this.#count === 0) return 0;
    const rank = Math.max(1, Math.ceil(q * this.#count));
    let seen = 0;
    for (let i = 0; i < SIZE; i++) {
      seen += this.#buckets[i]!;
      // The bucket's geometric middle, never beyond what was really seen.
      if (seen >= rank) return Math.min(MIN_MS * 2 ** ((i + 0.5) / STEPS_PER_DOUBLING), this.#max);
    }
    return this.#max;
  }

  snapshot(): Quantiles {
    return {
      count: this.#count,
      sumMs: this.#sum,
      meanMs: this.#count === 0 ? 0 : this.#sum / this.#count,
      p50Ms: this.quantile(0.5),
      p90Ms: this.quantile(0.9),
      p95Ms: this.quantile(0.95),
      p99Ms: this.quantile(0.99),
      maxMs: this.#max,
      buckets: this.#cumulated(),
    };
  }

  counts(): HistogramCounts {
    const counts: number[] = [];
    for (let i = 0; i < SIZE; i++) if (this.#buckets[i] !== 0) counts.push(i, this.#buckets[i]!);
    return { sumMs: this.#sum, maxMs: this.#max, counts };
  }

  add({ sumMs, maxMs, counts }: HistogramCounts): void {
    for (let i = 0; i + 1 < counts.length; i += 2) {
      this.#buckets[counts[i]!]! += counts[i + 1]!;
      this.#count += counts[i + 1]!;
    }
    this.#sum += sumMs;
    this.#max = Math.max(this.#max, maxMs);
  }

  #cumulated(): number[] {
    let seen = 0;
    let next = 0;
    return BELOW.map((below) => {
      while (next < below) seen += this.#buckets[next++]!;
      return seen;
    });
  }
}
