/**
 * One call at the engine: waits for a connection, writes, reads, ends. It is the pool's waiter and a member of the
 * deadline list itself, so that a small call allocates little besides it.
 *
 *              ┌───── died before anything was written, or safe to repeat ─────┐
 *              ▼                                                               │
 *   start ──▶ queue ──▶ (end of turn) ─▶ head ──▶ whole ──▶ done               │
 *              │             └─────────────┼────────────────────────────────────┘
 *              │                           └──▶ body ──▶ done
 *              └──▶ done (refused, due, aborted at any stage)
 *
 * Invariants:
 *   (1) The outlet is told once; whatever comes later goes to the body's reader, and ends once too.
 *   (2) Abort and deadline act at once in every state; a connection with bytes under way is then closed, never reused.
 *   (3) It is repeated on another connection only when nothing was written; or when it is idempotent, its body can be
 *       sent again, the connection had lain idle or served before, and not a byte came back: then once, on an unused
 *       one.
 *   (4) The connection is back in the pool before the caller's code runs.
 *   (5) Bytes after the end of the message are the peer's fault and this call's failure: its framing cannot be trusted.
 */
import { type Abortable, listen, unlisten } from '../../core/abort.ts';
import { type Call, mayRepeat, type Outlet, outgoing } from '../../core/call.ts';
import type { Due } from '../../core/due.ts';
import { NetError, type Phase } from '../../core/error.ts';
import type { CloseReason } from '../../core/observer.ts';
import { Afterwards, failLater } from '../../core/relay.ts';
import type { Reply } from '../../core/reply.ts';
import type { Waiter } from '../../pool/exclusive.ts';
import { patienceMs } from '../patience.ts';
import type { PipeOwner } from './body-pipe.ts';
import type { Connection } from './connection.ts';
import type { Delivery } from './delivery.ts';
import { causeOf, describe } from './failures.ts';
import type { Host } from './host.ts';
import type { Incoming } from './incoming.ts';
import { leaseStack } from './lease-stack.ts';
import type { OriginPool } from './origin-pool.ts';
import { writeRequest } from './request.ts';
import type { Writer } from './turn.ts';
import { Upload, type UploadOwner } from './upload.ts';

/**
 * A connection unused for longer gets one turn of the event loop to report its death before it is written to, in ms.
 */
const QUIET_MS = 1_000;

export class Exchange implements Waiter<Connection>, Due, Abortable, PipeOwner, UploadOwner, Writer {
  chainBefore: Waiter<Connection> | undefined;
  chainAfter: Waiter<Connection> | undefined;
  before: Due | undefined;
  after: Due | undefined;
  listed = false;
  dueAt = Number.POSITIVE_INFINITY;
  wantsFresh = false;

  readonly call: Call;
  readonly #host: Host;
  readonly #place: OriginPool;
  #to: Outlet;
  /** When it came here: where something above has held it up, long after it was made. */
  readonly #startedAt: number;
  /** Where the call was made, when leak reports are to tell. */
  readonly stack: string | undefined;
  #connection: Connection | undefined;
  #incoming: Incoming | undefined;
  phase: Phase = 'queue';
  #deadlineAt: number;
  #waiting = false;
  /** The connection lay idle before it was ours, or served another: it may have died unnoticed. */
  #mayBeStale = false;
  written = false;
  #upload: Upload | undefined;
  #anyByte = false;
  /** Once the caller has a reply whose body is still arriving. */
  #delivery: Delivery | undefined;
  #over = false;

  constructor(host: Host, place: OriginPool, call: Call, to: Outlet, now: number) {
    this.#host = host;
    this.#place = place;
    this.call = call;
    this.#to = to;
    this.#startedAt = now;
    this.#deadlineAt = call.deadlineAt;
    this.stack = host.limits.leakStacks ? leaseStack() : undefined;
  }

  start(): void {
    const { signal, deadlineAt } = this.call;
    if (signal?.aborted) return this.aborted(signal.reason);
    if (deadlineAt <= this.#startedAt) return this.due(this.#startedAt);
    if (signal !== undefined) listen(signal, this);
    this.#queue(this.#startedAt);
    if (!this.#over) this.#host.due.join(this);
  }

  #queue(now: number): void {
    this.phase = 'queue';
    const connection = this.wantsFresh ? undefined : this.#place.take(now);
    if (connection !== undefined) return this.#lease(connection, now, true);
    this.dueAt = Math.min(this.#deadlineAt, now + this.call.limits.queueMs);
    this.#waiting = true;
    try {
      this.#place.pool.wait(this);
    } catch (error) {
      this.#waiting = false;
      this.#fail(NetError.from(error));
    }
  }

  granted(connection: Connection): void {
    this.#waiting = false;
    this.#lease(connection, this.#host.clock.now(), connection.leases > 0);
  }

  refused(error: NetError): void {
    this.#waiting = false;
    this.#fail(error);
  }

  #lease(connection: Connection, now: number, mayBeStale: boolean): void {
    const quiet = mayBeStale && now - connection.idleSince > QUIET_MS;
    this.#connection = connection;
    this.#mayBeStale = mayBeStale;
    this.dueAt = this.#deadlineAt;
    connection.lend(this, now, now - this.#startedAt);
    if (!this.#host.turn.defers(this, quiet, this.#host.due.size)) this.writeNow(now);
  }

  /** Sends the request, unless it or its connection ended while it waited for the turn. */
  writeNow(now: number): void {
    const connection = this.#connection;
    if (this.#over || connection === undefined || this.written) return;
    if (!connection.usable) return this.#lost('peer', describe.reset(undefined, 'unsent', 'write', connection.id));
    const call = outgoing(this.call);
    if (call instanceof NetError) return this.#giveUp('aborted', this.#placed(call));
    this.phase = 'head';
    this.#incoming = this.#host.borrowIncoming();
    this.#incoming.begin(this.call);
    const producer = writeRequest(connection.socket, call, this.#place.heads, this);
    // The system refuses a write at once when it knows that the connection is dead: not a byte has left.
    const dead = connection.socket.errored;
    if (dead !== null) return this.#lost('reset', describe.reset(dead, 'unsent', 'write', connection.id));
    this.written = true;
    if (producer === undefined) return this.#await(now);
    this.phase = 'write';
    this.dueAt = this.#deadlineAt;
    this.#upload = new Upload(connection.socket, producer, this, this.#host.clock);
  }

  uploadMoved(): void {
    if (this.#over || !this.written) return;
    if (this.#upload?.done && this.phase === 'write') this.phase = 'head'; // else it came early
    this.#await();
  }

  uploadFailed(error: NetError): void {
    this.#giveUp('aborted', this.#placed(error));
  }

  /** Nothing was written for this call yet, or it may be repeated: another connection. */
  #again(now: number): void {
    this.#connection = undefined;
    this.written = false;
    this.#incoming = undefined;
    this.#upload?.stop(); // its socket is yet to say that it is closed, and its producer may end or fail before
    this.#upload = undefined;
    this.#queue(now);
    if (!this.#over) this.#host.due.hasten(this);
  }

  /** @returns false to stop reading */
  received(bytes: Buffer, count: number): boolean {
    const incoming = this.#incoming;
    if (incoming === undefined) {
      // It spoke before it was asked, while we waited for the turn.
      this.#lost('protocol', describe.spokeUnasked(this.#connection?.id));
      return false;
    }
    this.#anyByte = true;
    let consumed: number;
    try {
      consumed = incoming.read(bytes, count);
    } catch (error) {
      this.#giveUp('protocol', this.#placed(NetError.from(error)));
      return false;
    }
    if (this.#over) return false;
    if (!incoming.ended) return !incoming.begun || this.#readOn(incoming, count);
    if (consumed === count) this.#complete(incoming);
    else this.#giveUp('protocol', this.#placed(describe.bytesAfterEnd(count - consumed)));
    return true;
  }

  peerEnded(): void {
    const incoming = this.#incoming;
    if (incoming === undefined) return this.connectionLost(undefined);
    try {
      incoming.finish();
    } catch (error) {
      return this.#lost('peer', NetError.from(error));
    }
    this.#complete(incoming);
  }

  connectionLost(cause: Error | undefined): void {
    const connection = this.#connection;
    const phase = this.written ? this.phase : 'write';
    this.#lost('reset', describe.reset(cause, this.#reach(), phase, connection?.id));
  }

  #lost(reason: CloseReason, error: NetError): void {
    const connection = this.#connection;
    connection?.close(reason);
    // Unwritten it costs nothing to try again; but a fresh connection that died at once tells of a peer that wants
    // none, and dialling on and on would be a storm.
    if (!this.written && this.#mayBeStale) return this.#again(this.#host.clock.now());
    if (!this.#mayHop()) return this.#fail(this.#placed(error));
    this.#host.hopped(this.call, error);
    this.wantsFresh = true;
    this.#again(this.#host.clock.now());
  }

  /** Invariant (3). */
  #mayHop(): boolean {
    const stale = this.#mayBeStale && this.written && !this.#anyByte && !this.wantsFresh;
    return stale && mayRepeat(this.call) && this.#host.mayHop();
  }

  /** A part of the message has been read: the reply goes to the caller, the rest to come. @returns false to pause */
  #readOn(incoming: Incoming, count: number): boolean {
    this.phase = 'body';
    if (this.#delivery === undefined) {
      const { reply, delivery } = incoming.piped(this.#connection!, this);
      this.#delivery = delivery;
      this.#hand(reply);
      if (this.#over) return false;
    }
    this.#await();
    const connection = this.#connection!;
    if (this.#delivery.keeps) connection.landing = incoming.landing(connection.socket, count);
    if (!this.#delivery.full) return true;
    connection.socket.pause();
    return false;
  }

  readMore(): void {
    if (this.#over || this.#connection === undefined) return;
    this.#await();
    if (this.#connection.socket.isPaused()) this.#connection.socket.resume();
  }

  waitForReader(): void {
    this.dueAt = this.#deadlineAt;
  }

  abandonBody(reason: unknown): void {
    const cause = { reach: 'answered', phase: 'body', cause: reason } as const;
    this.#giveUp('aborted', new NetError('ABORTED', 'the reply was given up before its end', cause));
  }

  liftDeadline(until = Number.POSITIVE_INFINITY): void {
    if (this.#over) return;
    this.#deadlineAt = until;
    this.#await();
  }

  due(now: number): void {
    if (!this.#over)
      this.#giveUp('aborted', describe.late(this.call, this.phase, now >= this.#deadlineAt, this.#reach()));
  }

  aborted(reason: unknown): void {
    if (!this.#over) this.#giveUp('aborted', describe.aborted(this.call, this.phase, reason, this.#reach()));
  }

  /** The client is closed under it. */
  closed(cause: NetError): void {
    if (!this.#over) this.#giveUp('closing', describe.closed(this.call, this.phase, cause, this.#reach()));
  }

  #reach(): 'unsent' | 'unknown' | 'answered' {
    return this.#anyByte ? 'answered' : this.written ? 'unknown' : 'unsent';
  }

  /** Ends the call with an error, whatever it is doing, and gives its connection up. */
  #giveUp(reason: CloseReason, error: NetError): void {
    const connection = this.#connection;
    if (connection === undefined) {
      if (this.#waiting) this.#place.pool.withdraw(this);
      this.#waiting = false;
    } else if (!this.written && reason === 'aborted') {
      this.#connection = undefined;
      connection.giveBack(this.#host.clock.now(), undefined); // nothing was sent on it: it is as good as before
    } else {
      connection.close(reason);
    }
    this.#fail(error);
  }

  #fail(error: NetError): void {
    if (this.#over) return;
    this.#finish();
    this.#connection = undefined;
    const told = error.about(this.call.origin.key);
    if (this.#delivery !== undefined) return this.#delivery.fail(told);
    failLater(this.#to, told, this.#host.clock);
  }

  /** The message has ended cleanly. */
  #complete(incoming: Incoming): void {
    const connection = this.#connection!;
    const { persistent, keepAliveSeconds, trailers } = incoming;
    const whole = this.#delivery === undefined ? incoming.whole(connection) : undefined;
    this.#finish();
    this.#connection = undefined;
    this.#incoming = undefined;
    this.#host.returnIncoming(incoming);
    if (keepAliveSeconds >= 0) connection.heed(keepAliveSeconds);
    const spent = !persistent || this.#upload?.done === false || this.call.headers.saysClose;
    const now = this.#host.clock.now();
    connection.giveBack(now, spent ? 'reply' : undefined);
    if (whole === undefined) this.#delivery!.end(trailers);
    else this.#hand(whole, now);
  }

  /** As long as the peer may take for the step at hand; the reader and the source of what we send have no limit. */
  #await(now = this.#host.clock.now()): void {
    if (this.#delivery?.stalled) return this.waitForReader();
    this.dueAt = Math.min(this.#deadlineAt, now + patienceMs(this.call.limits, this.phase, this.#upload?.awaiting));
    this.#host.due.hasten(this);
  }

  #finish(): void {
    this.#over = true;
    this.#upload?.stop();
    this.#host.due.leave(this);
    if (this.call.signal !== undefined) unlisten(this.call.signal, this);
  }

  /** Gives the reply to the caller, decoded: one that is whole at the instant `now`, as the last thing this does. */
  #hand(reply: Reply, now?: number): void {
    const to = this.#to;
    this.#to = NOBODY; // it may hold the reply, which from here on is the caller's alone: see Delivery
    const { clock } = this.#host;
    try {
      const decoded = reply.encoded ? this.#host.decode(reply, this.call) : reply;
      if (now === undefined) new Afterwards(to, clock).replied(decoded);
      else to.replied(decoded, now);
    } catch (thrown) {
      failLater(to, NetError.from(thrown), clock);
    }
  }

  #placed(error: NetError): NetError {
    return causeOf(error, this.call.origin.key, this.#connection?.id);
  }
}

const NOBODY: Outlet = { replied() {}, failed() {} };
