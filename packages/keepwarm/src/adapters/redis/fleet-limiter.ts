/**
 * Asks Redis for the starts of one process, a batch at a time: whoever comes while a question is open is in the next
 * one.
 *
 *                     answer                      no answer within redisMs
 *   asking ⇄ with Redis ──────────────────────────▶ on its own ──▶ with Redis, at the first answer
 *                                                   closed: nobody starts
 *                                                   local: see `alone.ts`
 *
 * Invariants, true whenever no method is running:
 *   (1) With Redis: nobody starts whom Redis has not granted it, in an answer no older than redisMs.
 *   (2) On its own, with `local`: who starts leaves no more than its share in the window that ends there.
 *   (3) What this process has begun or had answered, Redis hears of with the next question, however long that takes.
 *   (4) waiting ≤ waitersMax, and nobody waits for longer than waitMs or beyond its deadline, but for the timers'
 *       grain.
 *   (5) One question at a time; three timers at most, and none when nothing waits, runs or is to be told.
 *   (6) Of those who wait for the same bucket the one with the earliest deadline is asked for first.
 */
import { Heap } from '../../algo/heap.ts';
import type { Call, Send } from '../../core/call.ts';
import type { Clock, Timer } from '../../core/clock.ts';
import { DueList } from '../../core/due.ts';
import type { NetError } from '../../core/error.ts';
import * as refusals from '../../policies/rate-refusals.ts';
import { meetingMs, startAlone } from './alone.ts';
import type { FleetBucket } from './fleet-bucket.ts';
import { FleetLimit, slotsOf } from './fleet-limits.ts';
import { type FleetSlots, FleetWaiter } from './fleet-waiter.ts';
import { type Answer, RedisLink } from './link.ts';
import type { FleetSettings } from './options.ts';
import { Question } from './question.ts';

export interface FleetEvents {
  /** Called synchronously at the instant of the grant. Must not throw. */
  started(waiter: FleetWaiter): void;
  waits(call: Call, limit: string, waiting: number): void;
  refused(call: Call, limit: string, error: NetError): void;
}

export class FleetLimiter {
  readonly limits: readonly FleetLimit[];
  readonly link: RedisLink;
  readonly #settings: FleetSettings;
  readonly #clock: Clock;
  readonly #events: FleetEvents;
  readonly #process: string;
  readonly #waiting: DueList;
  /** Buckets by the instant at which something is to be asked or told. */
  readonly #due = new Heap<FleetBucket>((a, b) => a.dueAt < b.dueAt);
  #arrivals = 0;
  #questions = 0;
  #timer: Timer | undefined;
  #timerAt = Number.POSITIVE_INFINITY;
  /** When the next can start within its share, while this process is on its own. */
  #localAt = Number.POSITIVE_INFINITY;
  /** Nobody asks for a start before: others that were alone may not have reported yet. */
  #meetAt = Number.NEGATIVE_INFINITY;
  #turning = false;
  #turnAgain = false;
  #closed = false;

  constructor(settings: FleetSettings, process: string, clock: Clock, events: FleetEvents) {
    this.#settings = settings;
    this.#process = process;
    this.#clock = clock;
    this.#events = events;
    this.#waiting = new DueList(clock);
    this.link = new RedisLink(settings.client, clock, settings.redisMs);
    const tag = `${settings.prefix}:${settings.name}`;
    this.limits = settings.limits.map((limit) => new FleetLimit(limit, settings, tag));
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /** Whether starts are decided here, for want of Redis. */
  get isLocal(): boolean {
    return this.link.lostAt !== undefined && this.#settings.onLoss === 'local';
  }

  /** @throws NetError when it may not even wait */
  enter(call: Call, next: Send): FleetWaiter {
    const now = this.#clock.now();
    const slots = slotsOf(this.limits, call, now);
    const limit = slots.buckets[0]?.limit ?? this.limits[0]!;
    const refusal = this.#refusal(call, limit.name, now);
    if (refusal !== undefined) throw this.#refused(call, limit, refusal);
    const waiter = new FleetWaiter(call, next, slots, this, this.#arrivals++, now + this.#settings.waitMs);
    if (slots.buckets.length === 0) return this.#pass(waiter);
    for (const bucket of slots.buckets) bucket.limit.join(bucket);
    this.#waiting.join(waiter);
    this.#stand(waiter, 0);
    this.#turn();
    if (waiter.waits) this.#events.waits(call, waiter.bucket.limit.name, this.waiting);
    return waiter;
  }

  settle(slots: FleetSlots): void {
    this.#ended(slots, (bucket, weight, now) => bucket.settle(weight, now));
  }

  lose(slots: FleetSlots): void {
    this.#ended(slots, (bucket, weight, now) => bucket.lose(weight, now));
  }

  cancel(slots: FleetSlots): void {
    this.#ended(slots, (bucket, weight, now) => bucket.cancel(weight, now));
  }

  /** @returns whether that is news */
  pause(bucket: FleetBucket, ms: number): boolean {
    const news = bucket.pause(ms, this.#clock.now());
    if (news) this.#schedule(bucket);
    this.#turn();
    return news;
  }

  aborted(waiter: FleetWaiter, reason: unknown): void {
    this.#remove(waiter);
    waiter.reject(refusals.abortedWhileWaiting(waiter.call, reason));
  }

  outOfTime(waiter: FleetWaiter, now: number): void {
    const {
      call,
      bucket: { limit },
    } = waiter;
    this.#remove(waiter);
    const late = call.deadlineAt <= now;
    const cause = this.link.lostAt === undefined ? undefined : this.link.lastError;
    const error = late
      ? refusals.deadlinePassed(call, limit.name, cause)
      : refusals.waitedTooLong(call, limit.name, this.#settings.waitMs, { cause });
    waiter.reject(this.#refused(call, limit, error));
  }

  close(): void {
    this.#closed = true;
    for (const waiter of this.#waiting as Iterable<FleetWaiter>) {
      this.#remove(waiter);
      waiter.reject(refusals.closedWhileWaiting(waiter.call));
    }
    this.#waiting.close();
    this.#timer?.cancel();
    this.link.close();
  }

  /** It weighs nothing. */
  #pass(waiter: FleetWaiter): FleetWaiter {
    waiter.settle();
    this.#events.started(waiter);
    return waiter;
  }

  #refusal(call: Call, name: string, now: number): NetError | undefined {
    if (this.#closed) return refusals.closedWhileWaiting(call);
    if (call.signal?.aborted) return refusals.abortedWhileWaiting(call, call.signal.reason);
    if (this.waiting >= this.#settings.waitersMax) return refusals.tooMany(call, name, this.#settings.waitersMax);
    return call.deadlineAt <= now ? refusals.deadlinePassed(call, name) : undefined;
  }

  #refused(call: Call, limit: FleetLimit, error: NetError): NetError {
    limit.refused++;
    this.#events.refused(call, limit.name, error);
    return error;
  }

  #stand(waiter: FleetWaiter, at: number): void {
    waiter.at = at;
    waiter.bucket.waiters.push(waiter);
    this.#schedule(waiter.bucket);
  }

  #remove(waiter: FleetWaiter): void {
    if (waiter.heapPlace >= 0) waiter.bucket.waiters.remove(waiter);
    this.#waiting.leave(waiter);
    waiter.settle();
    for (const bucket of waiter.slots.buckets) bucket.limit.leave(bucket);
    this.#schedule(waiter.bucket);
  }

  #ended({ buckets, weights }: FleetSlots, end: (bucket: FleetBucket, weight: number, now: number) => void): void {
    const now = this.#clock.now();
    for (const [i, bucket] of buckets.entries()) {
      end(bucket, weights[i]!, now);
      bucket.limit.leave(bucket);
      this.#schedule(bucket);
    }
    this.#turn();
  }

  #start(waiter: FleetWaiter, now: number): void {
    const { buckets, weights } = waiter.slots;
    this.#remove(waiter);
    for (const [i, bucket] of buckets.entries()) {
      bucket.limit.join(bucket);
      bucket.begin(weights[i]!, now);
      bucket.limit.granted += weights[i]!;
      this.#schedule(bucket);
    }
    this.#events.started(waiter);
  }

  #schedule(bucket: FleetBucket): void {
    const askAt = bucket.waiters.size === 0 ? Number.POSITIVE_INFINITY : Math.max(bucket.askAt, this.#meetAt);
    bucket.dueAt = Math.min(askAt, bucket.reportAt);
    if (bucket.dueAt === Number.POSITIVE_INFINITY) {
      if (bucket.heapPlace >= 0) this.#due.remove(bucket);
    } else if (bucket.heapPlace >= 0) this.#due.moved(bucket);
    else this.#due.push(bucket);
  }

  /** Does what is due, and sees to it that this is called again in time. */
  #turn(): void {
    this.#turnAgain = true;
    if (this.#turning || this.#closed) return;
    this.#turning = true;
    while (this.#turnAgain) {
      this.#turnAgain = false; // a call that starts may bring others with it
      const now = this.#clock.now();
      if (this.isLocal) {
        const due = [...this.#due.values()];
        this.#localAt = startAlone(due, this.#settings, this.link.noticedAt, now, (each) => this.#start(each, now));
      }
      if (!this.link.asking && Math.max(this.#dueAt, this.link.retryAt) <= now) this.#ask(now);
    }
    this.#turning = false;
    if (!this.link.asking) this.#arm(Math.max(this.#dueAt, this.link.retryAt));
    if (this.isLocal) this.#arm(this.#localAt);
  }

  get #dueAt(): number {
    return this.#due.first?.dueAt ?? Number.POSITIVE_INFINITY;
  }

  #ask(now: number): void {
    const question = new Question(now);
    for (let first = this.#due.first; first !== undefined && first.dueAt <= now; first = this.#due.first) {
      if (question.isFull) break;
      this.#due.remove(first);
      question.add(first);
    }
    const asks = now >= this.#meetAt && !(this.isLocal && this.#settings.share > 1);
    for (let waiter = question.next(); asks && waiter !== undefined; waiter = question.next()) {
      waiter.bucket.waiters.remove(waiter);
      const blocked = waiter.slots.buckets.findIndex(({ askAt }) => askAt > now);
      if (blocked >= 0) this.#stand(waiter, blocked);
      else question.ask(waiter);
    }
    const args = [this.#process, ++this.#questions, ...question.args];
    const alone = this.isLocal;
    this.link.ask(question.keys, args, (answer) => this.#answered(question, answer, alone));
  }

  #answered(question: Question, answer: Answer, alone: boolean): void {
    const now = this.#clock.now();
    if (answer === undefined) {
      for (const waiter of question.asks) if (waiter.waits) this.#stand(waiter, waiter.at);
      for (const bucket of question.buckets) bucket.unused(now);
    } else {
      const forgot = question.heard(answer, now);
      if (alone || (forgot && this.#settings.onLoss === 'local')) this.#meet(now);
      for (const [i, waiter] of question.asks.entries()) {
        if (question.granted(answer, i)) {
          if (waiter.waits) this.#start(waiter, now);
          else for (const bucket of waiter.slots.buckets) bucket.unused(now);
        } else if (waiter.waits) {
          const blocked = waiter.slots.buckets.findIndex(({ askAt }) => askAt > now);
          this.#stand(waiter, Math.max(blocked, 0));
        }
      }
    }
    for (const bucket of question.buckets) this.#schedule(bucket);
    this.#turn();
  }

  /** Back from being alone, or with a Redis that knows nothing of it: see `alone.ts`, (3). */
  #meet(now: number): void {
    this.#meetAt = now + meetingMs(this.#settings);
    for (const bucket of this.limits.flatMap(({ buckets }) => [...buckets])) {
      bucket.tell(now);
      this.#schedule(bucket);
    }
  }

  #arm(at: number): void {
    if (at >= this.#timerAt) return;
    this.#timer?.cancel();
    this.#timerAt = at;
    this.#timer = this.#clock.after(Math.max(Math.ceil(at - this.#clock.now()), 0), () => {
      this.#timerAt = Number.POSITIVE_INFINITY;
      this.#turn();
    });
  }
}
