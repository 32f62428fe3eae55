/**
 * One at a time, in the order of asking: what carries a number that must rise is made and sent in a lane.
 *
 *   enter ──▶ waiting ──▶ inside ──▶ left
 *               └ its signal, its deadline or close(): it settles at once, and the others move up
 *
 * Invariants, true whenever no method is running:
 *   (1) At most one is inside.
 *   (2) While anyone waits, somebody is inside.
 *   (3) waiting ≤ waitersMax.
 */
import { type Abortable, listen, unlisten } from '../../core/abort.ts';
import type { Clock, Timer } from '../../core/clock.ts';
import { NetError } from '../../core/error.ts';
import { turnstileOf } from '../../core/turnstile.ts';
import type { Turn } from './waited.ts';

/** Leaves the lane; twice is harmless. */
export type Leave = () => void;

interface Waiter {
  let(leave: Leave): void;
  fail(error: NetError): void;
}

export class Lane {
  readonly #name: string;
  readonly #waitersMax: number;
  readonly #clock: Clock;
  readonly #waiting = new Set<Waiter>();
  #inside = false;
  #closed = false;

  /** @param name of the account, as errors say it */
  constructor(name: string, waitersMax: number, clock: Clock) {
    this.#name = name;
    this.#waitersMax = waitersMax;
    this.#clock = clock;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /** @throws NetError `SATURATED`, `ABORTED`, `DEADLINE` or `CLOSED`; nothing was sent */
  enter({ signal, deadlineAt }: Turn): Promise<Leave> {
    const refused = this.#refusal(signal, deadlineAt);
    if (refused !== undefined) return turnstileOf(this.#clock).refuse(refused);
    if (!this.#inside) return Promise.resolve(this.#take());
    if (this.#waiting.size >= this.#waitersMax) return turnstileOf(this.#clock).refuse(this.#full());
    return new Promise((resolve, reject) => {
      let timer: Timer | undefined;
      const party: Abortable = { aborted: (reason) => waiter.fail(this.#aborted(reason)) };
      const settled = (): void => {
        this.#waiting.delete(waiter);
        timer?.cancel();
        if (signal !== undefined) unlisten(signal, party);
      };
      const waiter: Waiter = {
        let(leave) {
          settled();
          resolve(leave);
        },
        fail(error) {
          settled();
          reject(error);
        },
      };
      this.#waiting.add(waiter);
      if (signal !== undefined) listen(signal, party);
      const leftMs = deadlineAt - this.#clock.now();
      if (Number.isFinite(leftMs)) timer = this.#clock.after(leftMs, () => waiter.fail(this.#late()));
    });
  }

  /** Whoever waits gets `CLOSED`; who is inside goes on. Twice is harmless. */
  close(): void {
    this.#closed = true;
    for (const waiter of [...this.#waiting]) waiter.fail(this.#error('CLOSED', 'the client was closed'));
  }

  #take(): Leave {
    this.#inside = true;
    let left = false;
    return () => {
      if (left) return;
      left = true;
      const [next] = this.#waiting;
      if (next === undefined) this.#inside = false;
      else next.let(this.#take());
    };
  }

  #refusal(signal: AbortSignal | undefined, deadlineAt: number): NetError | undefined {
    if (this.#closed) return this.#error('CLOSED', 'the client is closed');
    if (signal?.aborted) return this.#aborted(signal.reason);
    return deadlineAt <= this.#clock.now() ? this.#late() : undefined;
  }

  #aborted(cause: unknown): NetError {
    return new NetError('ABORTED', `${this.#name}: given up before it was signed`, {
      ...{ reach: 'unsent', phase: 'queue', cause },
    });
  }

  #late(): NetError {
    return this.#error('DEADLINE', 'its deadline passed while others of the account were under way');
  }

  #full(): NetError {
    const value = this.#waitersMax;
    return new NetError('SATURATED', `${this.#name}: ${value} already wait their turn (limit waitersMax ${value})`, {
      ...{ reach: 'unsent', phase: 'queue', limit: 'waitersMax', value },
    });
  }

  #error(code: 'CLOSED' | 'DEADLINE', what: string): NetError {
    return new NetError(code, `${this.#name}: ${what}`, { reach: 'unsent', phase: 'queue' });
  }
}
