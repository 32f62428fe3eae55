/** A call that waits for a start the fleet has left. */
import type { Placed } from '../../algo/heap.ts';
import { type Abortable, listen, unlisten } from '../../core/abort.ts';
import type { Call, Send } from '../../core/call.ts';
import type { Due } from '../../core/due.ts';
import type { Reply } from '../../core/reply.ts';
import type { FleetBucket } from './fleet-bucket.ts';

/** The buckets a call counts in, and what it weighs in each. */
export interface FleetSlots {
  readonly buckets: readonly FleetBucket[];
  readonly weights: readonly number[];
}

/** Who takes a waiter out of its queue. */
export interface FleetQueue {
  aborted(waiter: FleetWaiter, reason: unknown): void;
  outOfTime(waiter: FleetWaiter, now: number): void;
}

export class FleetWaiter implements Abortable, Placed, Due {
  readonly call: Call;
  readonly next: Send;
  readonly slots: FleetSlots;
  readonly reply: Promise<Reply>;
  resolve!: (reply: Promise<Reply>) => void;
  reject!: (error: unknown) => void;
  /** Which of its buckets it stands at. */
  at = 0;
  /** Whether it is still waiting. */
  waits = true;
  dueAt: number;
  heapPlace = -1;
  before: Due | undefined;
  after: Due | undefined;
  listed = false;
  readonly #order: number;
  readonly #queue: FleetQueue;

  constructor(call: Call, next: Send, slots: FleetSlots, queue: FleetQueue, order: number, giveUpAt: number) {
    this.call = call;
    this.next = next;
    this.slots = slots;
    this.#queue = queue;
    this.#order = order;
    this.dueAt = Math.min(call.deadlineAt, giveUpAt);
    this.reply = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
    if (call.signal !== undefined) listen(call.signal, this);
  }

  /** What it waits for. */
  get bucket(): FleetBucket {
    return this.slots.buckets[this.at]!;
  }

  /** Earliest deadline first; of equal ones the first to come. */
  precedes(other: FleetWaiter): boolean {
    const { deadlineAt } = this.call;
    return deadlineAt < other.call.deadlineAt || (deadlineAt === other.call.deadlineAt && this.#order < other.#order);
  }

  aborted(reason: unknown): void {
    this.#queue.aborted(this, reason);
  }

  due(now: number): void {
    this.#queue.outOfTime(this, now);
  }

  settle(): void {
    this.waits = false;
    if (this.call.signal !== undefined) unlisten(this.call.signal, this);
  }
}
