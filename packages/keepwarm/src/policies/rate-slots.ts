/** The buckets a call counts in, and what it weighs in each. A call counts in all of them or in none. */
import type { RateBucket } from './rate-bucket.ts';
import type { RateKeys } from './rate-keys.ts';

export class RateSlots {
  readonly limits: readonly RateKeys[];
  readonly buckets: readonly RateBucket[];
  readonly weights: readonly number[];

  constructor(limits: readonly RateKeys[], buckets: readonly RateBucket[], weights: readonly number[]) {
    this.limits = limits;
    this.buckets = buckets;
    this.weights = weights;
  }

  /** @returns its place in each bucket's order of starts */
  begin(now: number): readonly number[] {
    const { limits, buckets, weights } = this;
    const marks = new Array<number>(buckets.length);
    for (let i = 0; i < buckets.length; i++) {
      marks[i] = buckets[i]!.begin(weights[i]!, now);
      limits[i]!.join(buckets[i]!);
      limits[i]!.granted += weights[i]!;
    }
    return marks;
  }

  settle(now: number): void {
    for (let i = 0; i < this.buckets.length; i++) this.buckets[i]!.window.settle(this.weights[i]!, now);
    this.leave();
  }

  lose(now: number): void {
    for (let i = 0; i < this.buckets.length; i++) this.buckets[i]!.window.lose(this.weights[i]!, now);
    this.leave();
  }

  cancel(): void {
    for (let i = 0; i < this.buckets.length; i++) this.buckets[i]!.window.cancel(this.weights[i]!);
    this.leave();
  }

  /** The call is concerned with its buckets while it waits, and while it is under way. */
  join(): void {
    for (let i = 0; i < this.buckets.length; i++) this.limits[i]!.join(this.buckets[i]!);
  }

  leave(): void {
    for (let i = 0; i < this.buckets.length; i++) this.limits[i]!.leave(this.buckets[i]!);
  }
}
