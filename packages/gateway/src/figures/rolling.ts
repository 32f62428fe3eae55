/**
 * Lengths of time over the last while: a ring of slots, each with a count per logarithmic bucket. Recording costs one
 * logarithm and one increment; old slots are forgotten when their place is needed, so there is nothing to sweep.
 *
 * The library's own histograms count since the start; a page that says "now" needs one that forgets.
 */

/** Buckets grow by 2^(1/8) ≈ 1.09: a quantile is within 4.5 % of the true one, which is finer than a page can show. */
const STEPS_PER_DOUBLING = 8;
/** 50 µs, below which a call over a socket does not get. */
const MIN_MS = 0.05;
/** 50 µs × 2^21 = 105 s. */
const DOUBLINGS = 21;
export const BUCKETS = STEPS_PER_DOUBLING * DOUBLINGS;

export interface Summary {
  readonly count: number;
  /** 0 when `count` is. */
  readonly meanMs: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
}

export class Rolling {
  readonly #slotMs: number;
  readonly #slots: number;
  readonly #counts: Uint32Array;
  /** Which slot of time, counted from 0, each place of the ring holds. */
  readonly #stamps: Float64Array;

  /** Remembers `slots` × `slotMs`. */
  constructor(slotMs: number, slots: number) {
    this.#slotMs = slotMs;
    this.#slots = slots;
    this.#counts = new Uint32Array(slots * BUCKETS);
    this.#stamps = new Float64Array(slots).fill(-1);
  }

  /** `now` is monotonic and the same clock for every call, in ms. */
  record(ms: number, now: number): void {
    const slot = Math.floor(now / this.#slotMs);
    const place = slot % this.#slots;
    if (this.#stamps[place] !== slot) {
      this.#stamps[place] = slot;
      this.#counts.fill(0, place * BUCKETS, (place + 1) * BUCKETS);
    }
    const bucket = ms <= MIN_MS ? 0 : Math.min((Math.log2(ms / MIN_MS) * STEPS_PER_DOUBLING) | 0, BUCKETS - 1);
    this.#counts[place * BUCKETS + bucket]!++;
  }

  /** What was recorded in the last `slots` full slots and the one under way. */
  summary(now: number, slots: number = this.#slots - 1): Summary {
    return summary([this], now, slots);
  }

  /** What was recorded, per bucket: in the slot under way, and in each of the full ones before it, latest first. */
  counts(now: number): Uint32Array[] {
    const current = this.slotAt(now);
    return Array.from({ length: this.#slots }, (_, i) => {
      const counts = new Uint32Array(BUCKETS);
      this.addTo(counts, current - i);
      return counts;
    });
  }

  /** The slot of time that an instant falls into. */
  slotAt(now: number): number {
    return Math.floor(now / this.#slotMs);
  }

  /** Adds the counts of one slot of time to `sums`. @returns how many there were */
  addTo(sums: Uint32Array, slot: number): number {
    const place = slot % this.#slots;
    if (slot < 0 || this.#stamps[place] !== slot) return 0;
    let count = 0;
    for (let i = 0; i < BUCKETS; i++) {
      const some = this.#counts[place * BUCKETS + i]!;
      sums[i]! += some;
      count += some;
    }
    return count;
  }
}

/** What several of them recorded, all with slots of one length: in the last `slots` full ones and the one under way. */
export function summary(rollings: readonly Rolling[], now: number, slots: number): Summary {
  const current = rollings[0]?.slotAt(now) ?? 0;
  return summarise(rollings, current - slots, current);
}

/** One summary per full slot, oldest first; the slot under way is left out, as it would always look like a drop. */
export function series(rollings: readonly Rolling[], now: number, slots: number): Summary[] {
  const current = rollings[0]?.slotAt(now) ?? 0;
  return Array.from({ length: slots }, (_, i) => summarise(rollings, current - slots + i, current - slots + i));
}

function summarise(rollings: readonly Rolling[], from: number, to: number): Summary {
  const sums = new Uint32Array(BUCKETS);
  let count = 0;
  for (const rolling of rollings) for (let slot = from; slot <= to; slot++) count += rolling.addTo(sums, slot);
  return summaryOf(sums, count);
}

/** @param sums per bucket */
export function summaryOf(sums: Uint32Array, count: number = sums.reduce((all, each) => all + each, 0)): Summary {
  const [p50Ms, p95Ms, p99Ms] = [0.5, 0.95, 0.99].map((q) => quantile(sums, count, q)) as [number, number, number];
  return { count, meanMs: mean(sums, count), p50Ms, p95Ms, p99Ms };
}

/** As near as buckets tell it: within 4.5 %. */
function mean(counts: Uint32Array, count: number): number {
  let sumMs = 0;
  for (let i = 0; i < BUCKETS; i++) if (counts[i] !== 0) sumMs += counts[i]! * middleMs(i);
  return count === 0 ? 0 : sumMs / count;
}

const middleMs = (bucket: number): number => MIN_MS * 2 ** ((bucket + 0.5) / STEPS_PER_DOUBLING);

/** @param counts per bucket, `count` in all; @param q in (0, 1). @returns ms, 0 when there are none */
export function quantile(counts: Uint32Array, count: number, q: number): number {
  if (count === 0) return 0;
  const rank = Math.max(1, Math.ceil(q * count));
  let seen = 0;
  for (let i = 0; i < BUCKETS; i++) {
    seen += counts[i]!;
    if (seen >= rank) return middleMs(i);
  }
  return MIN_MS * 2 ** DOUBLINGS;
}

/** How often something happened in the last while. */
export class RollingCount {
  readonly #slotMs: number;
  readonly #counts: Float64Array;
  readonly #stamps: Float64Array;

  constructor(slotMs: number, slots: number) {
    this.#slotMs = slotMs;
    this.#counts = new Float64Array(slots);
    this.#stamps = new Float64Array(slots).fill(-1);
  }

  add(now: number): void {
    const slot = Math.floor(now / this.#slotMs);
    const place = slot % this.#counts.length;
    if (this.#stamps[place] !== slot) {
      this.#stamps[place] = slot;
      this.#counts[place] = 0;
    }
    this.#counts[place]!++;
  }

  /** In the slot under way and the full ones before it. */
  sum(now: number): number {
    const oldest = Math.floor(now / this.#slotMs) - this.#counts.length;
    let sum = 0;
    for (let i = 0; i < this.#counts.length; i++) if (this.#stamps[i]! > oldest) sum += this.#counts[i]!;
    return sum;
  }
}
