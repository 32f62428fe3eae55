/**
 * Where the time of an attempt begins: below the rate limits. What they hold back is our own doing, known beforehand
 * and bounded by the call's deadline. Counted as the attempt's, it would be taken for a peer that does not answer, and
 * what was never sent would be repeated into the same wait. What waits further down, for a place or a connection, waits
 * for the peer.
 */
import type { Call, Outlet, Policy } from '../core/call.ts';
import type { Clock } from '../core/clock.ts';
import { NetError } from '../core/error.ts';
import { pass, relayed } from '../core/relay.ts';
import type { Reply } from '../core/reply.ts';

/** `attemptMs` of a call, from here on, as the deadline of all below. */
export const attemptTime = (clock: Clock): Policy =>
  relayed(clock, (next) => (call, to, now) => {
    const { attemptMs } = call;
    if (attemptMs === undefined || now + attemptMs >= call.deadlineAt) return next(call, to, now);
    pass(next, { ...call, deadlineAt: now + attemptMs }, new Timed(call, attemptMs, to), now);
  });

class Timed implements Outlet {
  readonly #call: Call;
  readonly #attemptMs: number;
  readonly #to: Outlet;

  constructor(call: Call, attemptMs: number, to: Outlet) {
    this.#call = call;
    this.#attemptMs = attemptMs;
    this.#to = to;
  }

  replied(reply: Reply, now: number): void {
    this.#to.replied(reply, now);
  }

  /** The deadline of an attempt is a timeout to the call, as long as its own has not passed. */
  failed(thrown: unknown, now: number): void {
    const late = thrown instanceof NetError && thrown.code === 'DEADLINE' && now < this.#call.deadlineAt;
    this.#to.failed(late ? this.#tooLong(thrown) : thrown, now);
  }

  #tooLong(error: NetError): NetError {
    const { method, origin } = this.#call;
    const value = Math.round(this.#attemptMs);
    const message = `${method} ${origin.key}: the attempt took longer than ${value} ms (limit attemptMs)`;
    const details = { ...error, cause: error, limit: 'attemptMs', value };
    const what = error.message.split('(limit deadlineMs): ').at(-1); // without a limit that is not the one that was met
    return new NetError('TIMEOUT', `${message}: ${what}`, details);
  }
}
