/**
 * What waits for one monitor. It never fills beyond its limits, whatever the monitor does or does not do, and nobody
 * else waits for it.
 *
 * Invariants:
 *   (1) Items leave in the order they came in; what is dropped leaves a gap and nothing out of order.
 *   (2) At most `updatesMax` items of at most `bytesMax` bytes wait, one item that is larger by itself aside.
 *   (3) Whatever came in has left, was dropped and counted, or waits.
 */
import type { QueuePolicy } from './options.ts';

export interface QueueLimits {
  readonly updatesMax: number;
  readonly bytesMax: number;
  readonly policy: QueuePolicy;
}

/** Places taken at the front before the rest moves up. */
const COMPACT_AT = 1_024;

export class MonitorQueue<T> {
  readonly #limits: QueueLimits;
  readonly #weigh: (item: T) => number;
  #items: T[] = [];
  #first = 0;
  #bytes = 0;
  #dropped = 0;

  constructor(limits: QueueLimits, weigh: (item: T) => number) {
    this.#limits = limits;
    this.#weigh = weigh;
  }

  get size(): number {
    return this.#items.length - this.#first;
  }
  get bytes(): number {
    return this.#bytes;
  }
  get dropped(): number {
    return this.#dropped;
  }

  /** @returns false when it is full and its monitor is to be disconnected */
  push(item: T): boolean {
    const { updatesMax, bytesMax, policy } = this.#limits;
    const weight = this.#weigh(item);
    while (this.size > 0 && (this.size >= updatesMax || this.#bytes + weight > bytesMax)) {
      if (policy === 'disconnect') return false;
      this.#dropped++;
      if (policy === 'dropNewest') return true;
      this.shift();
    }
    this.#items.push(item);
    this.#bytes += weight;
    return true;
  }

  shift(): T | undefined {
    if (this.size === 0) return undefined;
    const item = this.#items[this.#first++]!;
    this.#bytes -= this.#weigh(item);
    if (this.#first === this.#items.length) {
      this.#items = [];
      this.#first = 0;
    } else if (this.#first >= COMPACT_AT && this.#first * 2 >= this.#items.length) {
      this.#items = this.#items.slice(this.#first);
      this.#first = 0;
    }
    return item;
  }

  clear(): void {
    this.#items = [];
    this.#first = this.#bytes = 0;
  }
}
