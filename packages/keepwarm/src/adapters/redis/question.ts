/** One question to Redis: how things stand with some buckets, and who wants to start. */
import type { FleetBucket } from './fleet-bucket.ts';
import type { FleetWaiter } from './fleet-waiter.ts';

/** A script holds Redis up while it runs: about 5 µs per start and 20 µs per bucket. */
const ASKS_MAX = 64;
const BUCKETS_MAX = 64;

export class Question {
  readonly askedAt: number;
  readonly buckets: FleetBucket[] = [];
  readonly asks: FleetWaiter[] = [];
  readonly #places = new Map<FleetBucket, number>();

  constructor(now: number) {
    this.askedAt = now;
  }

  /** Whether there is no room for more buckets that only have something to tell. */
  get isFull(): boolean {
    return this.buckets.length >= BUCKETS_MAX;
  }

  add(bucket: FleetBucket): number {
    const known = this.#places.get(bucket);
    if (known !== undefined) return known;
    const place = this.buckets.push(bucket);
    this.#places.set(bucket, place);
    return place;
  }

  /** Who comes next among those that stand at its buckets; nobody when it has enough. */
  next(): FleetWaiter | undefined {
    if (this.asks.length >= ASKS_MAX) return undefined;
    let next: FleetWaiter | undefined;
    for (const { waiters, askAt } of this.buckets) {
      const { first } = waiters;
      if (first !== undefined && askAt <= this.askedAt && (next === undefined || first.precedes(next))) next = first;
    }
    return next;
  }

  ask(waiter: FleetWaiter): void {
    this.asks.push(waiter);
    for (const bucket of waiter.slots.buckets) this.add(bucket);
  }

  get keys(): string[] {
    return this.buckets.flatMap(({ keys }) => keys);
  }

  /** As the script reads them, after the process and its sequence number. */
  get args(): (string | number)[] {
    const args: (string | number)[] = [this.buckets.length];
    for (const bucket of this.buckets) args.push(...bucket.args(this.askedAt));
    args.push(this.asks.length);
    for (const { slots } of this.asks) {
      args.push(slots.buckets.length);
      for (const [i, bucket] of slots.buckets.entries()) args.push(this.#places.get(bucket)!, slots.weights[i]!);
    }
    return args;
  }

  /** Tells every bucket what the answer says of it. @returns whether Redis had lost its memory of one of them */
  heard(answer: readonly unknown[], now: number): boolean {
    let forgot = false;
    for (const [i, bucket] of this.buckets.entries()) {
      if (bucket.heard(String(answer[2 + 2 * i]), this.askedAt, now)) forgot = true;
      const hintUs = Number(answer[3 + 2 * i]);
      if (hintUs !== 0) bucket.refusedFor(hintUs, this.askedAt, now);
    }
    return forgot;
  }

  granted(answer: readonly unknown[], index: number): boolean {
    return String(answer[1])[index] === '1';
  }
}
