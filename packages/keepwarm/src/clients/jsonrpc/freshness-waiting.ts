/** Callers who wait for some endpoint to reach a height: told that it has, that it takes too long, or that all ends. */
import { listen, unlisten } from '../../core/abort.ts';
import type { Clock } from '../../core/clock.ts';
import { NetError } from '../../core/error.ts';

/** Callers that may wait for a height at once. */
const WAITERS_MAX = 10_000;

interface Waiter {
  readonly height: number;
  reached(): void;
  failed(error: NetError): void;
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

  /** @throws NetError `TIMEOUT` after `reachMs`, `SATURATED` when too many wait, `CLOSED`; the signal's reason */
  wait(height: number, signal: AbortSignal | undefined): Promise<void> {
    if (this.#closed) return Promise.reject(closed());
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (this.#waiters.size >= WAITERS_MAX) return Promise.reject(saturated());
    return new Promise((resolve, reject) => this.#join(height, signal, resolve, reject));
  }

  /** The furthest endpoint is here. */
  reached(furthest: number): void {
    this.#furthest = furthest;
    for (const waiter of this.#waiters) if (waiter.height <= furthest) waiter.reached();
  }

  close(): void {
    this.#closed = true;
    for (const waiter of this.#waiters) waiter.failed(closed());
  }

  #join(height: number, signal: AbortSignal | undefined, resolve: () => void, reject: (error: unknown) => void): void {
    const over = (): void => {
      timer.cancel();
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
    const timer = this.#clock.after(this.#reachMs, () => failed(this.#late(height)));
    this.#clock.hold(); // nothing is under way while it waits, that would keep the process alive
    if (signal !== undefined) listen(signal, caller);
    this.#waiters.add(waiter);
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
  const message = `${WAITERS_MAX} calls already wait for a height (limit waitersMax ${WAITERS_MAX})`;
  return new NetError('SATURATED', message, { reach: 'unsent', limit: 'waitersMax', value: WAITERS_MAX });
}
