/**
 * Streams opened no faster than a provider allows: whoever wants one waits for a start first, and what becomes of the
 * stream says what becomes of the start.
 *
 *   asked ──start──▶ sent ──its answer has begun, or is a refusal──▶ settled (RESOURCE_EXHAUSTED: and a pause)
 *                     ├── ended without an answer ─────────────────▶ lost
 *                     └── never sent ──────────────────────────────▶ cancelled
 */
import type { Call, Send } from '../../core/call.ts';
import type { Clock } from '../../core/clock.ts';
import { NetError } from '../../core/error.ts';
import type { Reply } from '../../core/reply.ts';
import { GrpcError } from '../../engines/grpc/error.ts';
import type { ConnectionLimiter, Start } from '../../pool/start-gate.ts';
import { GrpcAsked } from './asked.ts';

export class StreamStarts {
  readonly #limiter: ConnectionLimiter;
  readonly #clock: Clock;
  readonly #waitMs: number;

  /** @param waitMs the longest wait for a start, where the call's deadline allows it */
  constructor(limiter: ConnectionLimiter, clock: Clock, waitMs: number) {
    this.#limiter = limiter;
    this.#clock = clock;
    this.#waitMs = waitMs;
  }

  /** Sends a call whose answer is a stream once it may be; any other at once. */
  async send(call: Call, next: Send): Promise<Reply> {
    if (!(call.about instanceof GrpcAsked) || call.about.single) return next(call);
    const start = await this.#start(call);
    try {
      const reply = await next(call);
      start.settled();
      return reply;
    } catch (thrown) {
      this.#account(start, thrown);
      throw thrown;
    }
  }

  async #start({ signal, deadlineAt }: Call): Promise<Start> {
    const leftMs = deadlineAt - this.#clock.now();
    const late = leftMs <= this.#waitMs ? deadlinePassed() : tooLong(this.#waitMs);
    const ending = new AbortController();
    const timer = this.#clock.after(Math.max(Math.min(leftMs, this.#waitMs), 0), () => ending.abort(late));
    const left = (): void => ending.abort(signal?.reason);
    signal?.addEventListener('abort', left);
    if (signal?.aborted) left();
    try {
      return await this.#limiter.start('growth', ending.signal);
    } catch (thrown) {
      throw ending.signal.reason === late ? late : thrown;
    } finally {
      timer.cancel();
      signal?.removeEventListener('abort', left);
    }
  }

  #account(start: Start, thrown: unknown): void {
    const error = NetError.from(thrown);
    if (error.reach === 'unsent') return start.cancelled();
    const { cause } = error;
    const refusal = cause instanceof GrpcError && cause.status === 'RESOURCE_EXHAUSTED' ? cause : undefined;
    if (refusal === undefined && error.reach !== 'answered') return start.lost();
    start.settled();
    if (refusal === undefined) return;
    const { pushbackMs = -1 } = refusal;
    this.#limiter.penalise(pushbackMs < 0 ? undefined : pushbackMs);
  }
}

function tooLong(waitMs: number): NetError {
  const why = `no stream could be opened within ${waitMs} ms, by the limit streamRate (limit waitMs ${waitMs})`;
  return new NetError('TIMEOUT', why, { reach: 'unsent', phase: 'queue', limit: 'waitMs', value: waitMs });
}

function deadlinePassed(): NetError {
  const why = 'the deadline passed while the call waited until a stream may be opened (limit streamRate)';
  return new NetError('DEADLINE', why, { reach: 'unsent', phase: 'queue' });
}
