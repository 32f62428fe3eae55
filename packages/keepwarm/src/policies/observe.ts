/** Tells how calls end: counts, lengths of time, and the facts `replied` and `failed`. Stands outermost. */
import { Histogram } from '../algo/histogram.ts';
import type { Policy } from '../core/call.ts';
import { factOf } from '../core/call-fact.ts';
import type { Clock } from '../core/clock.ts';
import { NetError } from '../core/error.ts';
import type { Observer } from '../core/observer.ts';

export class CallRecord {
  calls = 0;
  inFlight = 0;
  failures = 0;
  /** Replies by the first digit of their status. */
  readonly byClass = [0, 0, 0, 0, 0, 0];
  readonly byCode = new Map<string, number>();
  /** From call to the end of the reply. */
  readonly latency = new Histogram();
}

export const observe =
  (record: CallRecord, clock: Clock, observer: Observer): Policy =>
  (next) =>
  (call) => {
    record.calls++;
    if (record.inFlight++ === 0) clock.hold();
    return next(call).then(
      (reply) => {
        const { status, socketId, reused } = reply; // the listener must not hold the reply: see Ending
        const over = (headMs: number, totalMs: number): void => {
          left(record, clock);
          record.byClass[Math.min((status / 100) | 0, 5)]!++;
          record.latency.record(totalMs);
          observer.replied?.({ ...factOf(call), status, socketId, reused, headMs, totalMs });
        };
        const headMs = clock.now() - call.startedAt;
        if (reply.ended) over(headMs, headMs);
        else reply.onEnd(() => over(headMs, clock.now() - call.startedAt));
        return reply;
      },
      (thrown: unknown) => {
        const error = NetError.from(thrown);
        left(record, clock);
        record.failures++;
        record.byCode.set(error.code, (record.byCode.get(error.code) ?? 0) + 1);
        observer.failed?.({ ...factOf(call), error, totalMs: clock.now() - call.startedAt });
        throw error;
      },
    );
  };

/** The process may end when nobody waits for a call any more, and not in the middle of a wait between two attempts. */
function left(record: CallRecord, clock: Clock): void {
  if (--record.inFlight === 0) clock.release();
}
