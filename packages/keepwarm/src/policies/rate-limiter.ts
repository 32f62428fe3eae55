/**
 * Lets calls start within several limits at once, or has them wait their turn.
 *
 *              all admit it
 *   enter ───────────────────────────▶ started ─ settle ─▶ counts for a window more
 *     │                                 ▲  │
 *     └─ one does not ─▶ waiting ───────┘  └─ cancel ─▶ free at once: nothing had been sent
 *          │                │
 *          └──── refused ◀──┘  by its deadline, its caller, or the limits of the queue
 *
 * Who waits stands at the one bucket that refused it. When that has room the waiter looks at its other buckets, and
 * changes over to the first that has none. So a key that is used up holds nobody else up.
 *
 * Invariants, true whenever no method is running:
 *   (1) A call counts in all of its limits or in none.
 *   (2) Nobody starts ahead of one who waits for the same bucket and precedes it: earliest deadline first, ties in the
 *       order of arrival. A heavy call is not overtaken by light ones.
 *   (3) waiting ≤ waitersMax, and nobody waits beyond waitMs or its deadline, but for the timer's grain.
 *   (4) One timer at most, and only while somebody waits; it is due no later than the first of them can start, or has
 *       waited for long enough: who comes is let wait only if it might start by then.
 *   (5) Every waiter settles once: started, refused, aborted, or closed.
 */
import { Chain } from '../algo/chain.ts';
import { Heap } from '../algo/heap.ts';
import type { Call, Outlet, Relay } from '../core/call.ts';
import type { Clock, Timer } from '../core/clock.ts';
import type { NetError } from '../core/error.ts';
import type { RateBucket } from './rate-bucket.ts';
import { RateKeys, type RateSnapshot } from './rate-keys.ts';
import { type RateSettings, weightOf } from './rate-options.ts';
import {
  abortedWhileWaiting,
  closedWhileWaiting,
  deadlinePassed,
  startTooLate,
  tooMany,
  waitedTooLong,
  waitTooLong,
} from './rate-refusals.ts';
import { RateSlots } from './rate-slots.ts';
import { RateWaiter } from './rate-waiter.ts';

/** A start: what it holds, and its place in each bucket's order of starts. */
export interface RateTicket {
  readonly slots: RateSlots;
  readonly marks: readonly number[];
}

export interface RateEvents {
  /** Called synchronously at the instant of the grant. Must not throw. */
  started(waiter: RateWaiter, ticket: RateTicket, now: number): void;
  waits(call: Call, limit: string, waiting: number): void;
  refused(call: Call, limit: string, error: NetError): void;
}

export class RateLimiter {
  readonly limits: readonly RateKeys[];
  readonly #settings: RateSettings;
  readonly #clock: Clock;
  readonly #events: RateEvents;
  /** The same for every call that weighs 1 everywhere, where no limit has keys. */
  readonly #fixed: RateSlots | undefined;
  /** Whether every call does. */
  readonly #light: boolean;
  /** Everyone who waits, in the order of arrival: the first has waited longest. */
  readonly #waiting = new Chain<RateWaiter>();
  /** Buckets that somebody waits for, by the instant they are to be looked at, and by who is first there. */
  readonly #busy = new Heap<RateBucket>((a, b) => a.wakeAt < b.wakeAt || (a.wakeAt === b.wakeAt && a.precedes(b)));
  #arrivals = 0;
  #timer: Timer | undefined;
  #timerAt = Number.POSITIVE_INFINITY;
  #closed = false;

  constructor(settings: RateSettings, clock: Clock, events: RateEvents) {
    this.#settings = settings;
    this.#clock = clock;
    this.#events = events;
    this.limits = settings.limits.map((limit) => new RateKeys(limit, settings));
    this.#light = settings.limits.every(({ weight }) => weight === undefined);
    if (settings.limits.every(({ key }) => key === undefined)) {
      const buckets = this.limits.map(({ only }) => only!);
      this.#fixed = new RateSlots(
        this.limits,
        buckets,
        buckets.map(() => 1),
      );
    }
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  snapshot(): RateSnapshot[] {
    const now = this.#clock.now();
    return this.limits.map((limit) => limit.snapshot(now));
  }

  /** A ticket when it may start now; otherwise it waits. @throws NetError when it may do neither */
  enter(call: Call, to: Outlet, next: Relay, now: number): RateTicket | undefined {
    const slots = this.#slotsOf(call, now);
    const { buckets, weights } = slots;
    for (let i = 0; i < buckets.length; i++) {
      const bucket = buckets[i]!;
      if (bucket.waiters.size > 0 || !bucket.fits(weights[i]!, now)) {
        this.#wait(call, to, next, slots, i, now);
        return undefined;
      }
    }
    if (this.#closed) throw closedWhileWaiting(call);
    return { slots, marks: slots.begin(now) };
  }

  /** The peer has counted it, or we have. */
  settle({ slots }: RateTicket, now: number): void {
    slots.settle(now);
  }

  /** It ended without an answer: the peer may count it yet. */
  lose({ slots }: RateTicket, now: number): void {
    slots.lose(now);
  }

  /** It was never sent: whoever waits may have its place. */
  cancel({ slots }: RateTicket): void {
    slots.cancel();
    for (const bucket of slots.buckets) this.changed(bucket);
  }

  /** It may be that somebody can start now, or later than it seemed. */
  changed(bucket: RateBucket): void {
    if (bucket.waiters.size > 0) this.#look(bucket);
  }

  leave(waiter: RateWaiter): void {
    this.#remove(waiter);
    this.changed(waiter.bucket); // it may have stood in the way of a lighter one
  }

  /** Nobody starts any more; whoever waits is told so. */
  close(): void {
    this.#closed = true;
    for (const waiter of this.#waiting) {
      this.#remove(waiter);
      waiter.refused(closedWhileWaiting(waiter.call));
    }
    this.#timer?.cancel();
    this.#timerAt = Number.POSITIVE_INFINITY;
  }

  #weighsOne(call: Call): boolean {
    for (const { limit } of this.limits) if (weightOf(limit, call) !== 1) return false;
    return true;
  }

  #slotsOf(call: Call, now: number): RateSlots {
    if (this.#fixed !== undefined && (this.#light || this.#weighsOne(call))) return this.#fixed;
    const limits: RateKeys[] = [];
    const buckets: RateBucket[] = [];
    const weights: number[] = [];
    for (const limit of this.limits) {
      const weight = weightOf(limit.limit, call);
      if (weight === 0) continue;
      limits.push(limit);
      buckets.push(limit.bucketOf(call, now));
      weights.push(weight);
    }
    return new RateSlots(limits, buckets, weights);
  }

  #wait(call: Call, to: Outlet, next: Relay, slots: RateSlots, at: number, now: number): void {
    const refusal = this.#refusal(call, slots, at, now);
    if (refusal !== undefined) {
      this.#refused(call, slots.limits[at]!, refusal);
      throw refusal;
    }
    const waiter = new RateWaiter({ call, to, next, slots, at, clock: this.#clock }, this, this.#arrivals++, now);
    this.#waiting.push(waiter);
    slots.join();
    waiter.bucket.addWaiter(waiter, waiter.weight);
    this.#events.waits(call, waiter.limit.name, this.#waiting.size);
    this.#look(waiter.bucket);
    this.#arm(now + this.#settings.waitMs); // no look may be due before: its places may be elsewhere
  }

  #refusal(call: Call, { limits, buckets, weights }: RateSlots, at: number, now: number): NetError | undefined {
    if (this.#closed) return closedWhileWaiting(call);
    if (call.signal?.aborted) return abortedWhileWaiting(call, call.signal.reason);
    const { name } = limits[at]!;
    const { waitersMax, waitMs } = this.#settings;
    let startAt = now;
    for (let i = 0; i < buckets.length; i++) {
      const bucket = buckets[i]!;
      startAt = Math.max(startAt, bucket.mayFitAt(weights[i]!, now, bucket.aheadOf(call.deadlineAt)));
    }
    if (this.#waiting.size >= waitersMax) return tooMany(call, name, waitersMax, startAt - now);
    if (startAt >= call.deadlineAt) return startTooLate(call, name, startAt - now, call.deadlineAt - now);
    if (startAt - now > waitMs) return waitTooLong(call, name, startAt - now, waitMs);
    return undefined;
  }

  #remove(waiter: RateWaiter): void {
    this.#waiting.remove(waiter);
    waiter.bucket.removeWaiter(waiter, waiter.weight);
    waiter.slots.leave();
    waiter.settle();
  }

  /** Has everyone start who can, as far as this bucket is concerned; then sees to it that it is looked at again. */
  #look(bucket: RateBucket): void {
    const now = this.#clock.now();
    for (let first = bucket.waiters.first; first !== undefined; first = bucket.waiters.first) {
      const fitsAt = bucket.fitsAt(first.weight, now);
      if (first.deadlineAt > now && fitsAt > now) {
        this.#schedule(bucket, Math.min(fitsAt, first.deadlineAt));
        return;
      }
      if (first.deadlineAt <= now) this.#refuse(first, deadlinePassed(first.call, first.limit.name));
      else this.#startOrMove(first, now);
    }
    if (bucket.heapPlace >= 0) this.#busy.remove(bucket);
  }

  #startOrMove(waiter: RateWaiter, now: number): void {
    const { buckets, weights } = waiter.slots;
    const from = waiter.bucket;
    const at = buckets.findIndex((bucket, i) => {
      const ahead = bucket !== from && bucket.waiters.first?.precedes(waiter);
      return ahead || !bucket.fits(weights[i]!, now);
    });
    if (at === -1) {
      this.#remove(waiter);
      const { slots } = waiter;
      this.#events.started(waiter, { slots, marks: slots.begin(now) }, now);
      return;
    }
    from.removeWaiter(waiter, waiter.weight);
    waiter.at = at;
    waiter.bucket.addWaiter(waiter, waiter.weight);
    if (waiter.bucket.waiters.first === waiter) this.#schedule(waiter.bucket, now);
  }

  #refuse(waiter: RateWaiter, error: NetError): void {
    this.#remove(waiter);
    this.#refused(waiter.call, waiter.limit, error);
    waiter.refused(error);
  }

  #refused(call: Call, limit: RateKeys, error: NetError): void {
    limit.refused++;
    this.#events.refused(call, limit.name, error);
  }

  #schedule(bucket: RateBucket, wakeAt: number): void {
    bucket.wakeAt = wakeAt;
    if (bucket.heapPlace >= 0) this.#busy.moved(bucket);
    else this.#busy.push(bucket);
    this.#arm(wakeAt);
  }

  #takeDue(now: number): RateBucket[] {
    const due: RateBucket[] = [];
    for (let bucket = this.#busy.first; bucket !== undefined && bucket.wakeAt <= now; bucket = this.#busy.first) {
      this.#busy.remove(bucket);
      due.push(bucket);
    }
    return due;
  }

  #arm(at: number): void {
    if (at >= this.#timerAt || this.#closed) return;
    this.#timer?.cancel();
    this.#timerAt = at;
    this.#timer = this.#clock.after(Math.max(Math.ceil(at - this.#clock.now()), 0), () => this.#wake());
  }

  #wake(): void {
    this.#timerAt = Number.NEGATIVE_INFINITY; // what is scheduled meanwhile is seen to below
    const now = this.#clock.now();
    const { waitMs } = this.#settings;
    // However late this is, all that are due by now are due at once: so the order of those who wait there decides.
    for (const bucket of this.#takeDue(now)) this.#schedule(bucket, now);
    for (let bucket = this.#busy.first; bucket !== undefined && bucket.wakeAt <= now; bucket = this.#busy.first) {
      this.#look(bucket);
    }
    for (let first = this.#waiting.first; first !== undefined; first = this.#waiting.first) {
      if (first.arrivedAt + waitMs > now) break;
      const retryAfterMs = first.bucket.mayFitAt(first.weight, now, 0) - now;
      this.#refuse(first, waitedTooLong(first.call, first.limit.name, waitMs, { retryAfterMs }));
      this.changed(first.bucket);
    }
    this.#timerAt = Number.POSITIVE_INFINITY;
    const first = this.#waiting.first;
    if (first === undefined) return;
    this.#arm(Math.min(first.arrivedAt + waitMs, this.#busy.first?.wakeAt ?? Number.POSITIVE_INFINITY));
  }
}
