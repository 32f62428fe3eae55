/**
 * One HTTP/2 connection and the record of its life. It carries many calls at once, each on a stream of its own.
 *
 *   dialled ──preface, SETTINGS──▶ greeting ──the peer's SETTINGS──▶ open ⇄ idle ──▶ gone
 *                                     │                               └──▶ draining ──▶ gone
 *                                     └──▶ gone
 *   draining: GOAWAY from the peer, age, requests or stream ids used up; streams go on, none begins.
 *
 * Invariants:
 *   (1) What is written in one turn of the event loop goes out in one write, field blocks in the order of streams.
 *   (2) It leaves pool and registry once, together, at the moment its fate is sealed; every stream on it is told then.
 *   (3) A stream above GOAWAY's last id, or one whose HEADERS never left, was not processed, and is told so.
 *   (4) What the socket reports after the end is ignored.
 */
import { Buffer } from 'node:buffer'; // the global of this name is a getter, which a hot path would feel
import type { Socket } from 'node:net';
import { NetError } from '../../core/error.ts';
import type { CloseReason, SocketFact } from '../../core/observer.ts';
import { PassingMap } from '../../core/passing-map.ts';
import type { SocketLife } from '../../net/sockets.ts';
import type { Kept } from '../../pool/lifetime.ts';
import type { SharedItem } from '../../pool/slot-item.ts';
import { ConnectionFault, ERROR, PREFACE, SETTING, STREAM_ID_MAX, WINDOW_INITIAL } from '../../wire/h2/codes.ts';
import { FrameReader } from '../../wire/h2/frame-reader.ts';
import { FrameWriter } from '../../wire/h2/frame-writer.ts';
import { PeerSettings } from '../../wire/h2/settings.ts';
import { describe } from '../http1/failures.ts';
import type { Carrier } from '../http1/host.ts';
import { hearOut } from '../http1/last-words.ts';
import { own, replayEarly, type SocketOwner } from '../reading.ts';
import { Dispatch } from './dispatch.ts';
import { tell } from './failures.ts';
import { Flush } from './flush.ts';
import type { Http2Host } from './host.ts';
import { Leaks } from './leaks.ts';
import { type Alive, Liveness } from './liveness.ts';
import { HTTP2 } from './options.ts';
import type { OriginSessions } from './origin-sessions.ts';
import { Requests } from './requests.ts';
import { type Birth, lifeAsTold, tellChanged, tellClosed } from './session-life.ts';
import type { Stream } from './stream.ts';

export class Session implements Kept<Session>, SharedItem<Session>, Carrier, SocketOwner, Alive {
  readonly id: number;
  readonly pool: OriginSessions['pool'];
  readonly socket: Socket;
  readonly birth: Birth;
  readonly streams = new PassingMap<number, Stream>();
  readonly peer = new PeerSettings();
  readonly out = new FrameWriter();
  readonly liveness: Liveness;

  place: 'leased' | 'idle' | 'gone' = 'leased';
  draining: CloseReason | undefined;
  chainBefore: Session | undefined;
  chainAfter: Session | undefined;
  slotsMax = 0;
  slotsUsed = 0;
  serial = 0;
  idleSince: number;
  idleMs: number;
  readonly idleByPeer = false;
  replaceAt = Number.POSITIVE_INFINITY;
  retireAt = Number.POSITIVE_INFINITY;
  asleep = false;
  leases = 0;
  answered = 0; // calls that ended with a reply
  activeAt: number;
  closeReason: CloseReason | undefined;

  readonly http1Required = (): boolean => this.#host.http1Required(this.birth.origin);
  readonly #host: Http2Host;
  readonly #dispatch: Dispatch;
  readonly #reader: FrameReader;
  readonly requests: Requests;
  readonly #leaks: Leaks;
  readonly #flush: Flush;
  #greeted: ((error: NetError | undefined) => void) | undefined;
  #lastByPeer = STREAM_ID_MAX;

  constructor(host: Http2Host, pool: OriginSessions['pool'], birth: Birth, idleMs: number) {
    const now = host.clock.now();
    this.#host = host;
    this.id = host.sockets.nextId();
    this.pool = pool;
    this.birth = birth;
    this.socket = birth.dialled.socket;
    this.idleMs = idleMs;
    this.idleSince = this.activeAt = now;
    this.#dispatch = new Dispatch(this, host, now);
    // What is too large costs its stream only, and for that it must be read; beyond four times as much it is a flood.
    const limits = { blockBytesMax: host.limits.headBytesMax * 4, continuationsMax: HTTP2.continuationsMax };
    this.#reader = new FrameReader(limits, this.#dispatch);
    this.requests = new Requests(this.out, this.peer, host.session.tableBytesMax);
    this.#leaks = new Leaks(host);
    this.#flush = new Flush(host, this.socket, this.out, this.requests, {
      refused: () => this.pool.drain(this, 'reset'), // its end is told by the socket, once it has been heard out
      deaf: (bytes) => this.#end('reset', tell.deaf(bytes), undefined),
    });
    this.liveness = new Liveness(this, this.#flush, host.session, now, (member) => host.sessionsDue.join(member));
    own(this.socket, this);
    hearOut(this.socket, host.clock, () => this.streams.size > 0);
  }

  /** Says hello. @param greeted is told once: the peer speaks HTTP/2, or what came instead */
  greet(greeted: (error: NetError | undefined) => void): void {
    const { session } = this.#host;
    this.#greeted = greeted;
    this.out.text(PREFACE);
    this.out.settings([
      [SETTING.headerTableSize, session.tableBytesMax],
      [SETTING.enablePush, 0],
      [SETTING.initialWindowSize, session.streamWindowBytes],
      [SETTING.maxHeaderListSize, this.#host.limits.headBytesMax],
    ]);
    if (session.windowBytes > WINDOW_INITIAL) this.out.windowUpdate(0, session.windowBytes - WINDOW_INITIAL);
    this.#flush.writeNow();
    replayEarly(this.socket, this);
  }

  /** Whether this was ever a stream of ours. */
  hasOpened(id: number): boolean {
    return (id & 1) === 1 && id < this.requests.nextId;
  }

  /** Begins a call on a slot it was lent, after it has waited for so long. */
  open(stream: Stream, now: number, waitMs: number, quiet: boolean): void {
    const fresh = this.leases++ === 0;
    if (fresh) this.#host.counters.leasesFresh++;
    else this.#host.counters.leasesReused++;
    this.#host.counters.leasesHttp2++;
    this.#host.waited(waitMs);
    this.#host.observer.leased?.({ ...this.fact(), call: stream.call.id ?? 0, waitMs, fresh });
    if (this.asleep) {
      this.asleep = false;
      this.socket.ref();
    }
    this.#dispatch.useful();
    // It stands here before it begins: its body is the caller's code, and may end the call at once.
    this.streams.set(this.requests.nextId, stream);
    this.#flush.together(() => this.requests.begin(stream, this.birth.fields, now, this.#flush.soon));
    if (this.leases >= this.#host.limits.requestsMax || this.requests.nextId > STREAM_ID_MAX) {
      this.pool.drain(this, 'requests');
    }
    this.#flush.soon(quiet);
  }

  /** The stream has ended with a reply. */
  finished(stream: Stream): void {
    this.answered++;
    // The reply is whole although the request is not: the peer is told to expect no more (§ 8.1).
    if (this.requests.outflow.has(stream.id)) return this.cancel(stream, ERROR.NO_ERROR);
    this.forget(stream);
  }

  /** We give the stream up. */
  cancel(stream: Stream, code: number): void {
    if (this.closeReason === undefined) this.out.reset(stream.id, code);
    this.#dispatch.strays(stream.inflow.left);
    this.forget(stream);
    this.#flush.soon();
  }

  /** The stream is over: its slot goes to the next. */
  forget(stream: Stream): void {
    if (!this.streams.delete(stream.id)) return;
    this.requests.drop(stream.id);
    this.#leaks.ended(stream);
    const now = this.#host.clock.now();
    this.idleSince = now;
    this.pool.release(this);
    if (this.place !== 'idle') return;
    this.#host.observer.released?.(this.fact());
    this.#host.lifetime.attend(now);
  }

  credit(id: number, bytes: number): void {
    this.out.windowUpdate(id, bytes);
    this.#flush.soon();
  }

  ping(): void {
    this.out.ping(false, PING, 0);
    this.#flush.soon();
  }

  died(what: string, ms: number): void {
    this.#end('reset', tell.silent(ms, what), undefined);
  }

  /** The peer's settings: the first ones make it a session. @throws ConnectionFault */
  heed(pairs: readonly (readonly [id: number, value: number])[], now: number): void {
    const { initialWindowSize } = this.peer;
    this.peer.apply(pairs);
    if (!this.requests.outflow.shift(this.peer.initialWindowSize - initialWindowSize)) {
      throw new ConnectionFault(ERROR.FLOW_CONTROL_ERROR, 'SETTINGS that make a window larger than 2^31-1');
    }
    for (const [id, value] of pairs) if (id === SETTING.headerTableSize) this.requests.encoder.setTableBytesMax(value);
    this.out.settingsAck();
    this.slotsMax = Math.min(this.#host.session.streamsMax, this.peer.maxConcurrentStreams);
    const greeted = this.#greeted;
    this.#greeted = undefined;
    tellChanged(this, false, this.#host);
    if (greeted === undefined) return this.pool.slotsChanged(this);
    this.#host.sockets.add(this);
    this.liveness.dueAt = now + this.#host.session.pongMs;
    this.#host.sessionsDue.join(this.liveness);
    greeted(undefined);
  }

  /** GOAWAY: streams above `last` were not processed, the others go on. Invariant (3). */
  leave(last: number, code: number): void {
    if (this.#greeted !== undefined) throw new ConnectionFault(ERROR.NO_ERROR, 'it leaves before it has come');
    if (code === ERROR.HTTP_1_1_REQUIRED) this.http1Required();
    this.#lastByPeer = Math.min(this.#lastByPeer, last);
    tellChanged(this, true, this.#host);
    this.#host.lifetime.parted(this, this.birth.openedAt);
    this.pool.drain(this, 'peer');
    for (const stream of [...this.streams.values()].filter(({ id }) => id > this.#lastByPeer)) {
      this.forget(stream);
      stream.lost(tell.leaving(code), 'unprocessed');
    }
  }

  received(count: number, bytes: Buffer): boolean {
    if (this.place === 'gone') return false;
    this.activeAt = this.#dispatch.now = this.#host.clock.now();
    try {
      this.#flush.together(() => this.#reader.read(bytes, 0, count));
    } catch (thrown) {
      this.#fault(thrown);
      return false;
    }
    if (this.out.size > 0 || this.requests.outflow.ready) this.#flush.soon();
    return this.closeReason === undefined;
  }

  #fault(thrown: unknown): void {
    const code = thrown instanceof ConnectionFault ? thrown.code : ERROR.INTERNAL_ERROR;
    this.#end('protocol', tell.broken(NetError.from(thrown).message, 'unknown', 'head'), code);
  }

  ended(): void {
    this.lost(undefined);
  }

  lost(error: Error | undefined): void {
    const reason = error === undefined ? 'peer' : 'reset';
    this.#end(reason, describe.reset(error, 'unknown', 'head', this.id), undefined);
  }

  /** The owner closes it: streams on it are lost, and their callers told by whoever closes. */
  close(reason: CloseReason): void {
    this.#end(reason, tell.closed(reason), ERROR.NO_ERROR);
  }

  sleep(): void {
    this.asleep = true;
    this.socket.unref();
  }

  inspect(now: number): void {
    if (now >= this.retireAt) this.pool.drain(this, 'age');
    for (const stream of this.streams.values()) this.#leaks.inspect(stream, this.fact(), now);
  }

  fact(): SocketFact {
    return { socketId: this.id, origin: this.birth.origin.key, section: this.birth.section };
  }

  life(): SocketLife {
    return lifeAsTold(this, this.#host);
  }

  /** Invariant (2). With a code, the peer is told why. */
  #end(reason: CloseReason, error: NetError, code: number | undefined): void {
    if (this.closeReason !== undefined) return;
    this.closeReason = reason;
    this.out.take(); // what was put off must not go out any more: streams in it are told that they were not sent
    if (code !== undefined) this.out.goaway(0, code, '');
    this.#flush.end();
    this.socket.destroy();
    if (this.#greeted !== undefined) {
      this.place = 'gone';
      return this.#greeted(tell.noHello(error));
    }
    this.#host.sessionsDue.leave(this.liveness);
    if (reason === 'peer' || reason === 'reset') this.#host.lifetime.parted(this, this.birth.openedAt);
    this.pool.remove(this);
    this.place = 'gone';
    this.#host.sockets.remove(this);
    tellClosed(this, reason, this.#host);
    for (const stream of [...this.streams.values()]) {
      const unsent = stream.id > this.#flush.writtenId || stream.id > this.#lastByPeer;
      this.forget(stream);
      stream.lost(error, unsent ? 'unprocessed' : 'with its session');
    }
  }
}
const PING = Buffer.from('keepwarm', 'latin1');
