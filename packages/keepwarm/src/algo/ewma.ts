/** What was measured lately counts most: two averages that fade with time instead of with the number of values. */

/** After so many decay times less than 1 % of a value is left; then nothing is known any more. */
const MEMORY = 5;

/**
 * Peak EWMA: a mean latency that believes bad news at once and good news slowly. A value above the mean becomes the
 * mean; one below draws it down with a weight of 1 − exp(−Δt/decayMs). Unobserved, it fades towards 0: whoever was slow
 * is asked again after a while, and one answer tells. Source: Finagle's PeakEwma. Unlike there, reading changes
 * nothing, so the mean does not depend on who looks at it; and it ends in "unknown" instead of in ever smaller numbers,
 * which would be the best of all offers.
 */
export class PeakEwma {
  readonly #decayMs: number;
  #ms = 0;
  /** The instant of the last value; nothing has been measured before there is one. */
  #since = Number.NEGATIVE_INFINITY;

  /** @param decayMs the time in which a value that is not repeated falls to 37 % (1/e), in ms */
  constructor(decayMs: number) {
    this.#decayMs = decayMs;
  }

  /** The mean, in ms; 0 while nothing is known. */
  at(now: number): number {
    return now - this.#since > MEMORY * this.#decayMs ? 0 : this.#ms * this.#kept(now);
  }

  record(ms: number, now: number): void {
    const kept = this.#kept(now);
    this.#ms = ms >= this.#ms ? ms : this.#ms * kept + ms * (1 - kept);
    this.#since = now;
  }

  /** Notes that something took at least `ms`: it can show that the mean is too low, never that it is too high. */
  recordAtLeast(ms: number, now: number): void {
    if (ms <= this.at(now)) return;
    this.#ms = ms;
    this.#since = now;
  }

  clear(): void {
    this.#ms = 0;
    this.#since = Number.NEGATIVE_INFINITY;
  }

  #kept(now: number): number {
    return Math.exp((this.#since - now) / this.#decayMs);
  }
}

/**
 * Which share of the outcomes was bad, those of the last `decayMs` before all. There is always one good outcome among
 * them that nobody saw: a first failure reads as a half, and what is known fades to 0 with its age.
 */
export class FadingShare {
  readonly #decayMs: number;
  #good = 0;
  #bad = 0;
  #since = 0;

  /** @param decayMs the time in which the weight of an outcome falls to 37 % (1/e), in ms */
  constructor(decayMs: number) {
    this.#decayMs = decayMs;
  }

  /** 0…1 */
  at(now: number): number {
    if (this.#bad === 0) return 0;
    const kept = Math.exp((this.#since - now) / this.#decayMs);
    return (this.#bad * kept) / ((this.#bad + this.#good) * kept + 1);
  }

  record(bad: boolean, now: number): void {
    const kept = Math.exp((this.#since - now) / this.#decayMs);
    this.#good = this.#good * kept + (bad ? 0 : 1);
    this.#bad = this.#bad * kept + (bad ? 1 : 0);
    this.#since = now;
  }

  clear(): void {
    this.#good = 0;
    this.#bad = 0;
  }
}
