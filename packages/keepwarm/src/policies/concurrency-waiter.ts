/** The calls of one key under a concurrency limit: those in flight as a number, those that wait one by one. */
import type { AdaptiveLimit } from '../algo/aimd.ts';
import { Heap, type Placed } from '../algo/heap.ts';
import type { Keyed } from '../algo/keyed.ts';
import { type Abortable, listen, unlisten } from '../core/abort.ts';
import type { Call, Send } from '../core/call.ts';
import type { Due } from '../core/due.ts';
import type { NetError } from '../core/error.ts';
import type { Reply } from '../core/reply.ts';

export class Lane implements Keyed<Lane> {
  readonly key: string;
  readonly limit: AdaptiveLimit;
  readonly waiters = new Heap<ConcurrencyWaiter>((a, b) => a.precedes(b));
  inFlight = 0;
  granted = 0;
  dropped = 0;
  refused = 0;
  users = 0;
  chainBefore: Lane | undefined;
  chainAfter: Lane | undefined;

  constructor(key: string, limit: AdaptiveLimit) {
    this.key = key;
    this.limit = limit;
  }
}

/** Told when a waiter should wait no longer. */
export interface WaitingRoom {
  overdue(waiter: ConcurrencyWaiter, now: number): void;
  abandoned(waiter: ConcurrencyWaiter, reason: unknown): void;
}

export class ConcurrencyWaiter implements Abortable, Due, Placed {
  readonly call: Call;
  readonly next: Send;
  readonly lane: Lane;
  readonly reply: Promise<Reply>;
  resolve!: (reply: Promise<Reply>) => void;
  reject!: (error: NetError) => void;
  heapPlace = -1;
  dueAt: number;
  before: Due | undefined;
  after: Due | undefined;
  listed = false;
  readonly #order: number;
  readonly #room: WaitingRoom;

  /** @param order of arrival @param untilAt the instant beyond which it may not wait, whatever its deadline */
  constructor(call: Call, next: Send, lane: Lane, room: WaitingRoom, order: number, untilAt: number) {
    this.call = call;
    this.next = next;
    this.lane = lane;
    this.dueAt = Math.min(call.deadlineAt, untilAt);
    this.#order = order;
    this.#room = room;
    this.reply = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
    if (call.signal !== undefined) listen(call.signal, this);
  }

  /** Earliest deadline first; of equal ones the first to come. */
  precedes(other: ConcurrencyWaiter): boolean {
    const { deadlineAt } = other.call;
    return this.call.deadlineAt < deadlineAt || (this.call.deadlineAt === deadlineAt && this.#order < other.#order);
  }

  due(now: number): void {
    this.#room.overdue(this, now);
  }

  aborted(reason: unknown): void {
    this.#room.abandoned(this, reason);
  }

  /** It waits no longer: its signal is not listened to any more. */
  settle(): void {
    if (this.call.signal !== undefined) unlisten(this.call.signal, this);
  }
}
