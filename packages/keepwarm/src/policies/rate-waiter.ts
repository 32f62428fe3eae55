/** A call that waits for its turn under rate limits. */

import type { Link } from '../algo/chain.ts';
import type { Placed } from '../algo/heap.ts';
import { type Abortable, listen, unlisten } from '../core/abort.ts';
import type { Call, Outlet, Relay } from '../core/call.ts';
import type { Clock } from '../core/clock.ts';
import type { NetError } from '../core/error.ts';
import { failLater } from '../core/relay.ts';
import type { RateBucket } from './rate-bucket.ts';
import type { RateKeys } from './rate-keys.ts';
import { abortedWhileWaiting } from './rate-refusals.ts';
import type { RateSlots } from './rate-slots.ts';

/** What takes a waiter out of its queue when its caller aborts. */
export interface RateQueue<W> {
  leave(waiter: W): void;
}

export interface WaiterOptions {
  readonly call: Call;
  readonly to: Outlet;
  readonly next: Relay;
  readonly clock: Clock;
  readonly slots: RateSlots;
  readonly at: number;
}

export class RateWaiter implements Abortable, Link<RateWaiter>, Placed {
  readonly call: Call;
  readonly to: Outlet;
  readonly next: Relay;
  readonly deadlineAt: number;
  readonly arrivedAt: number;
  readonly slots: RateSlots;
  /** Which of its buckets it stands at. */
  at: number;
  heapPlace = -1;
  chainBefore: RateWaiter | undefined;
  chainAfter: RateWaiter | undefined;
  readonly #clock: Clock;
  readonly #order: number;
  readonly #queue: RateQueue<RateWaiter>;

  constructor(about: WaiterOptions, queue: RateQueue<RateWaiter>, order: number, now: number) {
    const { call, to, next, slots, at } = about;
    this.call = call;
    this.to = to;
    this.next = next;
    this.#clock = about.clock;
    this.slots = slots;
    this.at = at;
    this.deadlineAt = call.deadlineAt;
    this.arrivedAt = now;
    this.#order = order;
    this.#queue = queue;
    if (call.signal !== undefined) listen(call.signal, this);
  }

  /** What it waits for, and what it weighs there. */
  get bucket(): RateBucket {
    return this.slots.buckets[this.at]!;
  }

  get weight(): number {
    return this.slots.weights[this.at]!;
  }

  get limit(): RateKeys {
    return this.slots.limits[this.at]!;
  }

  /** Earliest deadline first; of equal ones the first to come. */
  precedes(other: RateWaiter): boolean {
    return this.deadlineAt < other.deadlineAt || (this.deadlineAt === other.deadlineAt && this.#order < other.#order);
  }

  aborted(reason: unknown): void {
    this.#queue.leave(this);
    this.refused(abortedWhileWaiting(this.call, reason));
  }

  refused(error: NetError): void {
    failLater(this.to, error, this.#clock);
  }

  /** It waits no longer: its signal is not listened to any more. */
  settle(): void {
    if (this.call.signal !== undefined) unlisten(this.call.signal, this);
  }
}
