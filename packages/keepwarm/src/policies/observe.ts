/**
 * Tells how calls end: counts, lengths of time, and the facts `replied` and `failed`. Stands outermost, and so lets
 * failures out to callers no faster than the event loop can bear (core/turnstile.ts).
 */
import { Histogram } from '../algo/histogram.ts';
import type { Call, Outlet, Policy } from '../core/call.ts';
import { factOf } from '../core/call-fact.ts';
import type { Clock } from '../core/clock.ts';
import { NetError } from '../core/error.ts';
import type { Observer } from '../core/observer.ts';
import { pass, relayed } from '../core/relay.ts';
import type { Reply } from '../core/reply.ts';
import { type Turnstile, turnstileOf } from '../core/turnstile.ts';

export class CallRecord {
  calls = 0;
  inFlight = 0;
  failures = 0;
  /** Replies by the first digit of their status. */
  readonly byClass = [0, 0, 0, 0, 0, 0];
  readonly byCode = new Map<string, number>();
  /** From call to the end of the reply. */
  readonly latency = new Histogram();
  /** Bodies that were decoded: bytes as they came, and as they were handed on. */
  readonly inflated = { encodedBytes: 0, decodedBytes: 0 };
}

export const observe = (record: CallRecord, clock: Clock, observer: Observer): Policy => {
  const view: View = { record, clock, observer, turnstile: turnstileOf(clock) };
  return relayed(clock, (next) => (call, to, now) => {
    record.calls++;
    if (record.inFlight++ === 0) clock.hold();
    pass(next, call, new Observed(view, call, to), now);
  });
};

interface View {
  readonly record: CallRecord;
  readonly clock: Clock;
  readonly observer: Observer;
  readonly turnstile: Turnstile;
}

class Observed implements Outlet {
  readonly #view: View;
  readonly #call: Call;
  readonly #to: Outlet;

  constructor(view: View, call: Call, to: Outlet) {
    this.#view = view;
    this.#call = call;
    this.#to = to;
  }

  replied(reply: Reply, now: number): void {
    const headMs = now - this.#call.startedAt;
    if (reply.ended) ended(this.#view, this.#call, reply.status, reply.socketId, reply.reused, headMs, headMs);
    else onEnd(reply, this.#view, this.#call, headMs);
    this.#to.replied(reply, now);
  }

  failed(thrown: unknown, now: number): void {
    const { record, clock, observer, turnstile } = this.#view;
    const error = NetError.from(thrown);
    left(record, clock);
    record.failures++;
    record.byCode.set(error.code, (record.byCode.get(error.code) ?? 0) + 1);
    observer.failed?.({ ...factOf(this.#call), error, totalMs: now - this.#call.startedAt });
    turnstile.fail(this.#to, error, now);
  }
}

/** Until a reply ends, neither it is held (see Ending) nor who was told of it, who may hold it. */
function onEnd(reply: Reply, view: View, call: Call, headMs: number): void {
  const { status, socketId, reused } = reply;
  reply.onEnd(() => ended(view, call, status, socketId, reused, headMs, view.clock.now() - call.startedAt));
}

function ended(
  { record, clock, observer }: View,
  call: Call,
  status: number,
  socketId: number,
  reused: boolean,
  headMs: number,
  totalMs: number,
): void {
  left(record, clock);
  record.byClass[Math.min((status / 100) | 0, 5)]!++;
  record.latency.record(totalMs);
  observer.replied?.({ ...factOf(call), status, socketId, reused, headMs, totalMs });
}

/** The process may end when nobody waits for a call any more, and not in the middle of a wait between two attempts. */
function left(record: CallRecord, clock: Clock): void {
  if (--record.inFlight === 0) clock.release();
}
