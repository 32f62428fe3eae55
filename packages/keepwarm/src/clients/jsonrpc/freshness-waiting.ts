/**
 * Callers who wait for some endpoint to reach a height, or for heights to be known anew: told that it has come about,
 * that it takes too long, or that all ends.
 */
import { listen, unlisten } from '../../core/abort.ts';
import type { Clock } from '../../core/clock.ts';
import { NetError } from '../../core/error.ts';

/** By what a caller leaves. */
export interface WaitEnds {
  readonly signal?: AbortSignal | undefined;
  /** On the clock. Default: none. */
  readonly deadlineAt?: number | undefined;
}

/** Callers that may wait for a height at once. */
const WAITERS_MAX = 10_000;

interface Waiter {
  /** `Infinity` for the end of a round. */
  readonly height: number;
  reached(): void;
  failed(error: NetError): void;
}

interface Waiting {
  readonly height: number;
  readonly signal: AbortSignal | undefined;
  readonly ms: number;
  readonly late: () => NetError;
}

export class HeightWaiting {
  readonly #waiters = new Set<Waiter>();
  readonly #reachMs: number;
  readonly #clock: Clock;
  #furthest = -1;
  #closed = false;

  constructor(reachMs: number, clock: Clock) {
    this.#reachMs = reachMs;
    this.#clock = clock;
  }

  get size(): number {
    return this.#waiters.size;
  }

  /** @throws NetError `TIMEOUT` after `reachMs`, `DEADLINE`, `SATURATED` when too many wait, `CLOSED`; the reason */
  wait(height: number, ends: WaitEnds = {}): Promise<void> {
    return this.#enter(height, ends, this.#reachMs);
  }

  /** Until the heights of all endpoints have been asked for. @throws as `wait`, but for `TIMEOUT` */
  round(ends: WaitEnds = {}): Promise<void> {
    return this.#enter(Number.POSITIVE_INFINITY, ends, Number.POSITIVE_INFINITY);
  }

  /** The furthest endpoint is here. */
  reached(furthest: number): void {
    this.#furthest = furthest;
    for (const waiter of this.#waiters) if (waiter.height <= furthest) waiter.reached();
  }

  /** All endpoints have been asked. */
  measured(): void {
    for (const waiter of this.#waiters) if (waiter.height === Number.POSITIVE_INFINITY) waiter.reached();
  }

  close(): void {
    this.#closed = true;
    for (const waiter of this.#waiters) waiter.failed(closed());
  }

  #enter(height: number, { signal, deadlineAt = Number.POSITIVE_INFINITY }: WaitEnds, waitMs: number): Promise<void> {
    if (this.#closed) return Promise.reject(closed());
    if (signal?.aborted) return Promise.reject(signal.reason);
    const leftMs = deadlineAt - this.#clock.now();
    if (leftMs <= 0) return Promise.reject(this.#outOfTime(height));
    if (this.#waiters.size >= WAITERS_MAX) return Promise.reject(saturated());
    const late = leftMs < waitMs ? () => this.#outOfTime(height) : () => this.#late(height);
    return new Promise((resolve, reject) => {
      const waiting = { height, signal, ms: Math.min(leftMs, waitMs), late };
      this.#join(waiting, resolve, reject);
    });
  }

  #join({ height, signal, ms, late }: Waiting, resolve: () => void, reject: (error: unknown) => void): void {
    const over = (): void => {
      timer?.cancel();
      this.#clock.release();
      if (signal !== undefined) unlisten(signal, caller);
      this.#waiters.delete(waiter);
    };
    const failed = (error: unknown): void => {
      over();
      reject(error);
    };
    const reached = (): void => {
      over();
      resolve();
    };
    const waiter: Waiter = { height, reached, failed };
    const caller = { aborted: failed };
    const timer = ms === Number.POSITIVE_INFINITY ? undefined : this.#clock.after(ms, () => failed(late()));
    this.#clock.hold(); // nothing is under way while it waits, that would keep the process alive
    if (signal !== undefined) listen(signal, caller);
    this.#waiters.add(waiter);
  }

  #outOfTime(height: number): NetError {
    const what = height === Number.POSITIVE_INFINITY ? 'told its height' : `reached height ${height}`;
    return new NetError('DEADLINE', `the call ran out of time while no endpoint had ${what}`, {
      reach: 'unsent',
      phase: 'queue',
    });
  }

  #late(height: number): NetError {
    const value = this.#reachMs;
    const furthest = this.#furthest < 0 ? 'none has said where it is' : `the furthest is at ${this.#furthest}`;
    const message = `no endpoint has reached height ${height} in ${value} ms (limit freshness.reachMs); ${furthest}`;
    return new NetError('TIMEOUT', message, { reach: 'unsent', phase: 'queue', limit: 'freshness.reachMs', value });
  }
}

const closed = (): NetError =>
  new NetError('CLOSED', 'the client was closed before an endpoint reached the height', { reach: 'unsent' });

function saturated(): NetError {
  const message = `${WAITERS_MAX} calls already wait for a height, as many as may`;
  return new NetError('SATURATED', message, { reach: 'unsent', value: WAITERS_MAX });
}
