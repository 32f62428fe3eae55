/** A bucket as Akamai describes its limits: it holds so much, and fills again at a rate. */
import type { Clock } from '../../core/clock.ts';

export class Bucket {
  readonly burst: number;
  readonly #perMs: number;
  readonly #clock: Clock;
  #level: number;
  #at: number;

  constructor({ burst, perSecond }: { readonly burst: number; readonly perSecond: number }, clock: Clock) {
    this.burst = burst;
    this.#perMs = perSecond / 1_000;
    this.#clock = clock;
    this.#level = burst;
    this.#at = clock.now();
  }

  get left(): number {
    return Math.floor(this.#level);
  }

  /** Takes so much if there is as much. */
  take(amount: number): { readonly over: boolean } {
    const now = this.#clock.now();
    this.#level = Math.min(this.burst, this.#level + (now - this.#at) * this.#perMs);
    this.#at = now;
    if (amount > this.#level + 1e-9) return { over: true };
    this.#level -= amount;
    return { over: false };
  }
}
