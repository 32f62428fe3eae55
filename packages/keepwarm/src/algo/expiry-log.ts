/**
 * Weights that count until an instant each, in order of that instant, in a ring that grows as needed.
 *
 * Every entry holds the sum of all weights up to and including its own, so the instant by which a given weight will
 * have expired is found by halving.
 *
 * Invariants:
 *   (1) Instants strictly rise from the oldest entry to the newest.
 *   (2) Two instants that are less than `grainMs` apart may share an entry, which then counts until the later of them:
 *       never shorter than asked for, and by less than `grainMs` longer. Equal instants always share one.
 */
const FIRST_SLOTS = 8;

export class ExpiryLog {
  readonly #grainMs: number;
  #until = new Float64Array(FIRST_SLOTS);
  #sums = new Float64Array(FIRST_SLOTS);
  #oldest = 0;
  #size = 0;
  /** The sum up to the newest entry, and up to the last one that has expired. */
  #added = 0;
  #expired = 0;
  /** The first instant put into the newest entry. */
  #openedAt = Number.NEGATIVE_INFINITY;

  constructor(grainMs = 0) {
    this.#grainMs = grainMs;
  }

  /** What has been added and has not expired. */
  get weight(): number {
    return this.#added - this.#expired;
  }

  /** Entries in memory. */
  get size(): number {
    return this.#size;
  }

  /** The latest instant; `-Infinity` when it is empty. */
  get last(): number {
    return this.#size === 0 ? Number.NEGATIVE_INFINITY : this.#until[this.#slot(this.#size - 1)]!;
  }

  /** An instant earlier than `last` is taken for `last`: it counts for longer, never for less. */
  add(until: number, weight: number): void {
    this.#added += weight;
    const last = this.last;
    if (this.#size > 0 && (until <= last || until - this.#openedAt < this.#grainMs)) {
      const newest = this.#slot(this.#size - 1);
      this.#until[newest] = Math.max(until, last);
      this.#sums[newest] = this.#added;
      return;
    }
    if (this.#size === this.#until.length) this.#grow();
    const slot = this.#slot(this.#size++);
    this.#openedAt = until;
    this.#until[slot] = until;
    this.#sums[slot] = this.#added;
  }

  /** Lets go of everything that counted until `now` or before. */
  expire(now: number): void {
    while (this.#size > 0 && this.#until[this.#oldest]! <= now) this.#shift();
  }

  /** As `expire`, telling of each entry with its instant, oldest first. */
  expireInto(now: number, tell: (until: number, weight: number) => void): void {
    while (this.#size > 0 && this.#until[this.#oldest]! <= now) {
      const until = this.#until[this.#oldest]!;
      const before = this.#expired;
      const weight = this.#sums[this.#oldest]! - before;
      this.#shift();
      tell(until, weight);
    }
  }

  /**
   * The instant by which at least `weight` of it will have expired. `weight` is more than 0 and at most `this.weight`.
   */
  instantOf(weight: number): number {
    const wanted = this.#expired + weight;
    let low = 0;
    let high = this.#size - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#sums[this.#slot(middle)]! >= wanted) high = middle;
      else low = middle + 1;
    }
    return this.#until[this.#slot(low)]!;
  }

  #shift(): void {
    this.#expired = this.#sums[this.#oldest]!;
    this.#oldest = this.#slot(1);
    this.#size--;
    if (this.#size === 0) this.#added = this.#expired = 0; // sums stay small, and exact, for ever
  }

  /** The lengths are powers of two. */
  #slot(index: number): number {
    return (this.#oldest + index) & (this.#until.length - 1);
  }

  #grow(): void {
    const until = new Float64Array(this.#until.length * 2);
    const sums = new Float64Array(until.length);
    for (let i = 0; i < this.#size; i++) {
      until[i] = this.#until[this.#slot(i)]!;
      sums[i] = this.#sums[this.#slot(i)]!;
    }
    this.#until = until;
    this.#sums = sums;
    this.#oldest = 0;
  }
}
