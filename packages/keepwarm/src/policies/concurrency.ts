/**
 * Bounds the calls in flight to an origin, endpoint or section: by a number, or by one that learns what the peer takes.
 * Beyond it calls wait, bounded in number and time, in the order of their deadlines.
 *
 *   call ──place──▶ in flight ──reply has ended, or error──▶ over
 *     │                 ▲                  │
 *     └──none──▶ waiting ◀──its place──────┘
 *                   └──deadline, waitMs, abort, close──▶ refused
 *
 * Invariants, per key, true whenever no method is running:
 *   (1) Nothing starts while in-flight ≥ limit. A limit that shrinks takes nothing back from those under way.
 *   (2) While anyone waits, in-flight ≥ limit: a place that becomes free goes to a waiter at once, never to a newcomer.
 *   (3) Of those who wait, the one with the earliest deadline starts first; of equals the first to come.
 *   (4) waiting ≤ waitersMax, and nobody waits longer than waitMs or beyond its deadline, but for the timer's grain.
 *   (5) Every place is given back once; every waiter settles once, and an aborted one without any timer.
 *
 * A call that need not wait costs one `then`. All waiters share one timer.
 */
import { type AdaptiveLimit, AimdLimit, type AimdOptions, FixedLimit } from '../algo/aimd.ts';
import { GradientLimit, type GradientOptions } from '../algo/gradient.ts';
import { KeyedStore } from '../algo/keyed.ts';
import type { Call, Policy, Send } from '../core/call.ts';
import { factOf } from '../core/call-fact.ts';
import type { Clock } from '../core/clock.ts';
import { DueList } from '../core/due.ts';
import { NetError } from '../core/error.ts';
import type { Observer } from '../core/observer.ts';
import type { Reply } from '../core/reply.ts';
import {
  abortedWhileWaiting,
  closedWhileWaiting,
  deadlinePassed,
  tooManyKeys,
  tooManyWaiting,
  waitedTooLong,
} from './concurrency-refusals.ts';
import { ConcurrencyWaiter, Lane, type WaitingRoom } from './concurrency-waiter.ts';
import { PATIENCE_MS, saysOverload } from './health.ts';

export interface ConcurrencyOptions extends AimdOptions, GradientOptions {
  /** `fixed`: `limit` as it is. `aimd`: follows drops. `gradient`: follows latency, and drops. */
  readonly algorithm: 'fixed' | 'aimd' | 'gradient';
  /** Calls that may wait, per key; the next is refused with `SATURATED`. */
  readonly waitersMax: number;
  /** How long a call may wait, in ms. */
  readonly waitMs: number;
  /** Statuses by which a peer sheds load. */
  readonly statuses: readonly number[];
  /** Limits kept; one with calls in flight or waiting is not forgotten. */
  readonly keysMax: number;
  /** Which limit a call counts in; its section and origin when left out. It is shown in facts: put no secrets in it. */
  readonly key?: (call: Call) => string;
}

/**
 * Where each comes from:
 *  - `algorithm` `aimd`: recommended for clients by the authors of concurrency-limits; it needs no steady latency.
 *  - `limit` 20, `limitMax` 200, `backoff` 0.9, `slowMs` 5 s: `AIMDLimit`'s. `limitMin` 1 where `AIMDLimit` has 20: a
 *    peer that is down to serving one call at a time should get one at a time.
 *  - `tolerance` 1.5, `queue` 4, `smoothing` 0.2, `longWindow` 600: `Gradient2Limit`'s; `windowMs` 1 s, `windowCount`
 *    10: `WindowedLimit`'s.
 *  - `waitersMax` 1,000, `waitMs` 10 s: as the pool's queue. `keysMax` 1,000: ours.
 *  - `statuses`: 429 and 503 are how a server says that it is asked too much (RFC 6585 § 4, RFC 9110 § 15.6.4).
 */
export const CONCURRENCY_DEFAULTS: ConcurrencyOptions = {
  algorithm: 'aimd',
  limit: 20,
  limitMin: 1,
  limitMax: 200,
  backoff: 0.9,
  slowMs: 5_000,
  tolerance: 1.5,
  queue: 4,
  smoothing: 0.2,
  longWindow: 600,
  windowMs: 1_000,
  windowCount: 10,
  waitersMax: 1_000,
  waitMs: 10_000,
  statuses: [429, 503],
  keysMax: 1_000,
};

export interface ConcurrencyParts {
  readonly clock: Clock;
  readonly observer: Observer;
  /** A missed deadline is a drop only when the peer had been given so long, in ms. Default `PATIENCE_MS`. */
  readonly patienceMs?: number;
}

export interface ConcurrencySnapshot {
  readonly key: string;
  readonly limit: number;
  readonly inFlight: number;
  readonly waiting: number;
  /** Calls started, dropped by the peer, and refused by us, since it was made. */
  readonly granted: number;
  readonly dropped: number;
  readonly refused: number;
}

export interface ConcurrencyPolicy extends Policy {
  /** One entry per key in memory. */
  snapshot(): ConcurrencySnapshot[];
  /** Ends every wait with `CLOSED`; nothing starts any more. Closing twice is harmless. */
  close(): void;
}

export function concurrency(options: ConcurrencyOptions, parts: ConcurrencyParts): ConcurrencyPolicy {
  const gate = new Gate(options, parts);
  const policy: Policy = (next) => (call) => gate.send(call, next);
  return Object.assign(policy, { snapshot: () => gate.snapshot(), close: () => gate.close() });
}

function limitOf(options: ConcurrencyOptions): AdaptiveLimit {
  switch (options.algorithm) {
    case 'fixed':
      return new FixedLimit(options.limit);
    case 'aimd':
      return new AimdLimit(options);
    case 'gradient':
      return new GradientLimit(options);
  }
}

class Gate implements WaitingRoom {
  readonly #options: ConcurrencyOptions;
  readonly #clock: Clock;
  readonly #observer: Observer;
  readonly #patienceMs: number;
  readonly #statuses: ReadonlySet<number>;
  readonly #lanes: KeyedStore<Lane>;
  readonly #due: DueList;
  #arrivals = 0;
  #closed = false;

  constructor(options: ConcurrencyOptions, { clock, observer, patienceMs = PATIENCE_MS }: ConcurrencyParts) {
    this.#options = options;
    this.#clock = clock;
    this.#observer = observer;
    this.#patienceMs = patienceMs;
    this.#statuses = new Set(options.statuses);
    this.#due = new DueList(clock);
    this.#lanes = new KeyedStore({
      keysMax: options.keysMax,
      make: (key) => new Lane(key, limitOf(options)),
      forgettable: () => true,
    });
  }

  send(call: Call, next: Send): Promise<Reply> {
    if (this.#closed) return Promise.reject(closedWhileWaiting(call));
    const now = this.#clock.now();
    const lane = this.#lanes.of(this.#options.key?.(call) ?? keyOf(call), now);
    if (lane === undefined) return Promise.reject(tooManyKeys(call, this.#options.keysMax));
    this.#lanes.join(lane);
    if (lane.waiters.size === 0 && lane.inFlight < lane.limit.limit) return this.#run(call, next, lane, now);
    return this.#wait(call, next, lane, now);
  }

  overdue(waiter: ConcurrencyWaiter, now: number): void {
    const { call, lane } = waiter;
    this.#refuse(
      waiter,
      now >= call.deadlineAt ? deadlinePassed(call, lane) : waitedTooLong(call, lane, this.#options),
    );
  }

  abandoned(waiter: ConcurrencyWaiter, reason: unknown): void {
    this.#remove(waiter);
    this.#lanes.leave(waiter.lane);
    waiter.reject(abortedWhileWaiting(waiter.call, reason));
  }

  snapshot(): ConcurrencySnapshot[] {
    return Array.from(this.#lanes, ({ key, limit, inFlight, waiters, granted, dropped, refused }) => {
      return { key, limit: limit.limit, inFlight, waiting: waiters.size, granted, dropped, refused };
    });
  }

  close(): void {
    this.#closed = true;
    for (const lane of this.#lanes) {
      for (const waiter of [...lane.waiters.values()]) this.#refuse(waiter, closedWhileWaiting(waiter.call));
    }
    this.#due.close();
  }

  #run(call: Call, next: Send, lane: Lane, since: number): Promise<Reply> {
    const inFlight = ++lane.inFlight;
    lane.granted++;
    let sent: Promise<Reply>;
    try {
      sent = next(call);
    } catch (error) {
      sent = Promise.reject(error);
    }
    return sent.then(
      (reply) => {
        if (this.#statuses.has(reply.status)) dropped(lane);
        else if (this.#options.algorithm !== 'fixed') this.#answered(lane, since, inFlight);
        if (reply.ended) this.#release(lane);
        else {
          reply.onEnd(() => this.#release(lane));
          this.#fill(lane); // the limit may have grown
        }
        return reply;
      },
      (thrown: unknown) => {
        if (saysOverload(NetError.from(thrown), this.#clock.now() - since, this.#patienceMs)) dropped(lane);
        this.#release(lane);
        throw thrown;
      },
    );
  }

  #answered(lane: Lane, since: number, inFlight: number): void {
    const now = this.#clock.now();
    lane.limit.answered(now - since, inFlight, now);
  }

  #release(lane: Lane): void {
    lane.inFlight--;
    this.#fill(lane);
    this.#lanes.leave(lane);
  }

  /** Starts those who wait while there is room for them. Nothing runs in between, so nobody overtakes. */
  #fill(lane: Lane): void {
    while (lane.inFlight < lane.limit.limit) {
      const waiter = lane.waiters.first;
      if (waiter === undefined) return;
      this.#remove(waiter);
      waiter.resolve(this.#run(waiter.call, waiter.next, lane, this.#clock.now()));
    }
  }

  #wait(call: Call, next: Send, lane: Lane, now: number): Promise<Reply> {
    const refusal = this.#refusal(call, lane, now);
    if (refusal !== undefined) {
      this.#lanes.leave(lane);
      this.#refused(call, lane, refusal);
      return Promise.reject(refusal);
    }
    const waiter = new ConcurrencyWaiter(call, next, lane, this, this.#arrivals++, now + this.#options.waitMs);
    lane.waiters.push(waiter);
    this.#due.join(waiter);
    this.#observer.concurrencyWaits?.({ ...factOf(call), limit: lane.key, waiting: lane.waiters.size });
    return waiter.reply;
  }

  #refusal(call: Call, lane: Lane, now: number): NetError | undefined {
    const { waitersMax } = this.#options;
    if (call.signal?.aborted) return abortedWhileWaiting(call, call.signal.reason);
    if (call.deadlineAt <= now) return deadlinePassed(call, lane);
    return lane.waiters.size >= waitersMax ? tooManyWaiting(call, lane, waitersMax) : undefined;
  }

  #refuse(waiter: ConcurrencyWaiter, error: NetError): void {
    this.#remove(waiter);
    this.#lanes.leave(waiter.lane);
    this.#refused(waiter.call, waiter.lane, error);
    waiter.reject(error);
  }

  #refused(call: Call, lane: Lane, error: NetError): void {
    lane.refused++;
    if (error.code !== 'ABORTED') this.#observer.concurrencyRefused?.({ ...factOf(call), limit: lane.key, error });
  }

  #remove(waiter: ConcurrencyWaiter): void {
    waiter.lane.waiters.remove(waiter);
    this.#due.leave(waiter);
    waiter.settle();
  }
}

function dropped(lane: Lane): void {
  lane.dropped++;
  lane.limit.dropped();
}

const keyOf = ({ section, origin }: Call): string => (section === '' ? origin.key : `${section} ${origin.key}`);
