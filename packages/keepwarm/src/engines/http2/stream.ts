/**
 * One call at the engine: waits for a place on a session, sends, receives, ends. It is the pool's waiter and a member
 * of the deadline list itself, so that a small call allocates little besides it.
 *
 *              ┌── never processed (GOAWAY, REFUSED_STREAM, not sent), or safe to repeat ──┐
 *              ▼                                                                            │
 *   start ──▶ queue ──▶ write ──▶ head ──▶ body (kept) ──▶ done                             │
 *              │          └─────────┼──────────┼───────────────────────────────────────────┘
 *              │                    │          └── end of turn ──▶ body (piped) ──▶ done
 *              └──▶ done (refused, due, aborted at any stage: RST_STREAM, and the session goes on)
 *
 * Invariants:
 *   (1) The promise settles once; whatever comes later goes to the body's reader, and ends once too.
 *   (2) Abort, deadline and every fault of the stream act at once and cost nobody else anything.
 *   (3) It is sent again freely where the peer says, or it is plain, that it was not processed; a few times at most.
 *       Otherwise twice at most, after a loss on a newer session, if it is idempotent, its body can be sent again, not
 *       a byte came back, and the session had answered others before.
 *   (4) Its place on the session is free before the caller's code runs.
 *   (5) What is not read is not credited: at most a window of it comes.
 */
import { type Abortable, listen, unlisten } from '../../core/abort.ts';
import { type Call, isRepeatable, mayRepeat, outgoing } from '../../core/call.ts';
import type { Due } from '../../core/due.ts';
import { NetError, type Phase, type Reach } from '../../core/error.ts';
import type { SlotWaiter } from '../../pool/slot-queue.ts';
import { ERROR } from '../../wire/h2/codes.ts';
import type { FieldSection } from '../../wire/hpack/section.ts';
import type { PipeOwner } from '../http1/body-pipe.ts';
import { causeOf, describe } from '../http1/failures.ts';
import { leaseStack } from '../http1/lease-stack.ts';
import { type Awaiting, patienceMs } from '../patience.ts';
import { Arrival } from './arrival.ts';
import { type Loss, tell } from './failures.ts';
import type { Http2Host } from './host.ts';
import { Inflow } from './inflow.ts';
import { HTTP2 } from './options.ts';
import type { OriginSessions } from './origin-sessions.ts';
import type { Promised, Run } from './promised.ts';
import type { ReplyHead } from './reply-head.ts';
import type { Session } from './session.ts';
import type { Upload } from './upload.ts';

export class Stream implements SlotWaiter<Session>, Due, Abortable, PipeOwner {
  chainBefore: SlotWaiter<Session> | undefined;
  chainAfter: SlotWaiter<Session> | undefined;
  queued = false;
  newerThan = 0;
  before: Due | undefined;
  after: Due | undefined;
  listed = false;
  dueAt = Number.POSITIVE_INFINITY;

  readonly call: Call;
  fields!: Call['headers']; // as they go out
  /** Its number on the session; 0 while it has none. */
  id = 0;
  phase: Phase = 'queue';
  leasedAt = 0;
  upload: Upload | undefined;
  readonly stack: string | undefined;
  readonly #host: Http2Host;
  readonly #place: OriginSessions;
  readonly #promised: Promised;
  readonly #startedAt: number;
  #deadlineAt: number;
  #session: Session | undefined;
  #reused = false;
  #refusals = 0;
  #hops = 0;
  #anyByte = false;
  #awaiting: Awaiting = 'nobody';
  #arrival: Arrival;
  inflow: Inflow;
  #lingers = false;
  #over = false;

  constructor(host: Http2Host, place: OriginSessions, call: Call, promised: Promised, now: number) {
    this.#host = host;
    this.#place = place;
    this.call = call;
    this.#promised = promised;
    this.#arrival = new Arrival(call, host.limits.interimMax);
    this.inflow = new Inflow(host.session.streamWindowBytes);
    this.#startedAt = now;
    this.#deadlineAt = call.deadlineAt;
    this.stack = host.limits.leakStacks ? leaseStack() : undefined;
  }

  start(): void {
    const { signal } = this.call;
    if (signal?.aborted) return this.aborted(signal.reason);
    if (this.#deadlineAt <= this.#startedAt) return this.due(this.#startedAt);
    if (signal !== undefined) listen(signal, this);
    this.#queue(this.#startedAt);
    if (!this.#over) this.#host.due.join(this);
  }

  #queue(now: number): void {
    this.phase = 'queue';
    const session = this.#place.take(now, this.newerThan);
    if (session !== undefined) return this.#lease(session, now);
    this.dueAt = Math.min(this.#deadlineAt, now + this.call.limits.queueMs);
    try {
      this.#place.pool.wait(this);
    } catch (error) {
      this.#fail(NetError.from(error));
    }
  }

  granted(session: Session): void {
    this.#lease(session, this.#host.clock.now());
  }

  refused(error: NetError): void {
    this.#fail(error);
  }

  /** The origin does not speak HTTP/2 after all: the call is made over HTTP/1.1, by whoever is given it. */
  moved(run: Run): void {
    if (this.#over) return;
    this.#finish();
    this.#promised.pass(run);
  }

  #lease(session: Session, now: number): void {
    const call = outgoing(this.call);
    if (call instanceof NetError) {
      session.pool.release(session); // nothing was sent on it
      return this.#fail(this.#placed(call));
    }
    this.fields = call.headers;
    this.#session = session;
    this.#reused = session.leases > 0;
    this.leasedAt = now;
    this.phase = 'write';
    this.dueAt = this.#deadlineAt;
    session.open(this, now, now - this.#startedAt, now - session.activeAt > HTTP2.quietMs);
  }

  /** For whom its body waits; for nobody once its last byte is out: then the answer is due, if it has not come. */
  awaits(awaiting: Awaiting, now = this.#host.clock.now()): void {
    this.#awaiting = awaiting;
    if (awaiting === 'nobody' && this.phase === 'write') this.phase = 'head';
    if (!this.#over) this.#heed(now);
  }

  /** A header block came. @throws NetError where the stream must be reset */
  headers(section: FieldSection<ReplyHead>, endStream: boolean, now: number): void {
    this.#anyByte = true;
    this.#arrival.take(section, endStream);
    if (endStream) return this.ended();
    if (this.#arrival.head !== undefined) this.#await(now);
  }

  /** DATA came, within its window. @throws NetError where the stream must be reset */
  data(bytes: Buffer, from: number, to: number, now: number): void {
    this.#arrival.add(bytes, from, to);
    if (!this.#over) this.#await(now);
  }

  /** So much of its window was used, by DATA and padding alike. @returns whether it was there to be used */
  used(bytes: number): boolean {
    const allowed = this.inflow.used(bytes);
    if (!this.#over && !this.#promised.stalled) this.#credit();
    return allowed;
  }

  /** The peer has ended the stream. @throws NetError where the reply is not what it said it would be */
  ended(): void {
    const arrival = this.#arrival;
    arrival.finish();
    const session = this.#session!;
    const whole = this.#promised.piped ? undefined : arrival.whole(session.id, this.#reused);
    this.#finish();
    session.finished(this);
    if (whole !== undefined) this.#promised.hand(whole);
    else this.#promised.end(arrival.trailers);
  }

  /** The end of the turn: what there is goes to the caller, with the rest to come. */
  handOver(): void {
    const session = this.#session;
    if (session === undefined || this.#arrival.head === undefined || this.#promised.piped) return;
    const { reply, delivery } = this.#arrival.piped(session.id, this.#reused, this);
    this.#promised.pipe(reply, delivery);
  }

  /** The peer, or the loss of the session, has ended the stream. */
  lost(error: NetError, said: Loss): void {
    if (this.#over) return;
    // Whoever has begun to answer has processed it, whatever is said then: what came is not the whole, nor forgotten.
    const how = said === 'unprocessed' && this.#arrival.head !== undefined ? 'judged' : said;
    const unsent = how === 'unprocessed';
    const failure = this.#placed(tell.asMet(error, unsent ? 'unsent' : this.#reach(), this.phase));
    const again = this.#mayRepeat(how);
    this.#session = undefined;
    if (!again) return this.#fail(failure);
    this.upload?.stop();
    this.#host.hopped(this.call, failure);
    const elsewhere = this.#host.elsewhere(this.#place);
    if (elsewhere !== undefined) return this.moved(elsewhere);
    if (how === 'with its session') this.newerThan = this.#place.pool.serial;
    this.id = 0;
    this.upload = undefined;
    this.#arrival = new Arrival(this.call, this.#host.limits.interimMax);
    this.inflow = new Inflow(this.#host.session.streamWindowBytes);
    this.#queue(this.#host.clock.now());
    if (!this.#over) this.#host.due.hasten(this);
  }

  #mayRepeat(how: Loss): boolean {
    if (how === 'unprocessed') return isRepeatable(this.call.body) && this.#refusals++ < HTTP2.refusalsMax;
    if (how === 'judged' || this.#anyByte || !mayRepeat(this.call)) return false;
    const stale = how === 'misdirected' || (this.#session?.answered ?? 0) > 0;
    return stale && this.#hops++ < HTTP2.hopsMax && this.#host.mayHop();
  }

  readMore(): void {
    if (this.#over || this.#session === undefined) return;
    this.#heed();
    this.#credit();
  }

  waitForReader(): void {
    this.dueAt = this.#deadlineAt;
  }

  abandonBody(reason: unknown): void {
    const details = { reach: 'answered', phase: 'body', cause: reason } as const;
    this.giveUp(new NetError('ABORTED', 'the reply was given up before its end', details));
  }

  liftDeadline(until = Number.POSITIVE_INFINITY): void {
    if (this.#over) return;
    this.#deadlineAt = until;
    this.#heed();
  }

  due(now: number): void {
    if (!this.#over) this.giveUp(describe.late(this.call, this.phase, now >= this.#deadlineAt, this.#reach()));
  }

  aborted(reason: unknown): void {
    if (!this.#over) this.giveUp(describe.aborted(this.call, this.phase, reason, this.#reach()));
  }

  closed(cause: NetError): void {
    if (!this.#over) this.giveUp(describe.closed(this.call, this.phase, cause, this.#reach()));
  }

  /** Ends the call with an error; the peer is told to stop. */
  giveUp(error: NetError, code: number = ERROR.CANCEL): void {
    if (this.#session === undefined) this.#place.pool.withdraw(this);
    else this.#session.cancel(this, code);
    this.#fail(this.#placed(error));
  }

  /** The peer may have got it as soon as it has a number: what is written will go out. */
  #reach(): Reach {
    return this.#anyByte ? 'answered' : this.id > 0 ? 'unknown' : 'unsent';
  }

  /** More of the reply is to come. */
  #await(now: number): void {
    this.phase = 'body';
    this.#heed(now);
    if (this.#lingers || this.#promised.stalled) return;
    this.#lingers = true;
    this.#host.linger(this);
  }

  #credit(): void {
    const bytes = this.inflow.credit(this.#arrival.bytesLeft);
    if (bytes > 0) this.#session?.credit(this.id, bytes);
  }

  #fail(error: NetError): void {
    if (this.#over) return;
    this.#finish();
    this.#promised.fail(error.about(this.call.origin.key));
  }

  #heed(now = this.#host.clock.now()): void {
    if (this.#promised.stalled) return this.waitForReader();
    this.dueAt = Math.min(this.#deadlineAt, now + patienceMs(this.call.limits, this.phase, this.#awaiting));
    this.#host.due.hasten(this);
  }

  #finish(): void {
    this.#over = true;
    this.#session = undefined;
    this.upload?.stop();
    this.#host.due.leave(this);
    if (this.call.signal !== undefined) unlisten(this.call.signal, this);
  }

  #placed(error: NetError): NetError {
    return causeOf(error, this.call.origin.key, this.#session?.id);
  }
}
