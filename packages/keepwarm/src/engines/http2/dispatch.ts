/**
 * What the peer's frames mean to a session and its streams (RFC 9113 § 5.1, § 6). Whatever concerns one stream only
 * ends that stream; what makes the connection unreadable or costs too much throws, and ends the session.
 *
 *   a stream as we see it:    idle ──HEADERS──▶ open ──last DATA──▶ half closed ──reply's end──▶ closed
 *                                                 └────────── RST_STREAM, either side ─────────────┘
 *
 * Frames on an idle stream break the protocol. On a closed one they may have crossed our RST_STREAM: they are read for
 * what the connection needs of them (header table, windows), and all but DATA strain the patience of the session. DATA
 * may be as much as the windows of the streams that we gave up had left: more was never on its way.
 */
import type { Buffer } from 'node:buffer';
import { NetError } from '../../core/error.ts';
import { ConnectionFault, ERROR } from '../../wire/h2/codes.ts';
import type { FrameHandler } from '../../wire/h2/frame-reader.ts';
import { Patience } from '../../wire/h2/patience.ts';
import { HpackDecoder } from '../../wire/hpack/decoder.ts';
import { FieldLimitError, HpackError } from '../../wire/hpack/error.ts';
import type { FieldSection } from '../../wire/hpack/section.ts';
import { limitReached } from '../http1/failures.ts';
import { tell } from './failures.ts';
import type { Http2Host } from './host.ts';
import { Inflow } from './inflow.ts';
import { HTTP2 } from './options.ts';
import type { ReplyHead } from './reply-head.ts';
import type { Session } from './session.ts';
import type { Stream } from './stream.ts';

type DispatchLimits = Pick<Http2Host, 'limits' | 'session'>;

export class Dispatch implements FrameHandler {
  readonly #session: Session;
  readonly #decoder: HpackDecoder<ReplyHead>;
  readonly #patience: Patience;
  readonly #inflow: Inflow;
  readonly #headBytesMax: number;
  readonly #tableBytesMax: number;
  /** The instant of the bytes being read. */
  now: number;
  /** Pieces of bodies that had gone out when a frame was borne last. */
  #pieces = 0;
  /** WINDOW_UPDATE frames that were due for pieces. */
  #credits = 0;
  /** Bytes that may still come on streams we gave up. */
  #strayBytes = 0;

  constructor(session: Session, { limits, session: { windowBytes, tableBytesMax } }: DispatchLimits, now: number) {
    this.#session = session;
    this.#headBytesMax = limits.headBytesMax;
    this.#tableBytesMax = tableBytesMax;
    this.#inflow = new Inflow(windowBytes);
    this.#decoder = new HpackDecoder({
      tableBytesMax,
      listBytesMax: limits.headBytesMax,
      fieldsMax: limits.fieldsMax + 1,
    });
    this.#patience = new Patience(HTTP2.idleFramesMax, HTTP2.idleFramesPerSecond, now);
    this.now = now;
  }

  /** A call was begun: what the peer says about it is no flood. */
  useful(): void {
    this.#patience.useful();
  }

  /** A stream was given up on which the peer may have sent so many bytes more. */
  strays(bytes: number): void {
    this.#strayBytes += Math.max(bytes, 0);
  }

  onData(id: number, bytes: Buffer, from: number, to: number, flowBytes: number): void {
    const stream = this.#streamOf(id, 'DATA');
    this.#used(stream, flowBytes);
    if (stream === undefined) return; // it may be on its way, in however small frames
    this.#patience.useful();
    this.#guarded(stream, () => stream.data(bytes, from, to, this.now));
  }

  onDataEnd(id: number, endStream: boolean, empty: boolean, flowBytes: number): void {
    const stream = this.#streamOf(id, 'DATA');
    if (flowBytes > 0) this.#used(stream, flowBytes);
    if (endStream && stream !== undefined) this.#guarded(stream, () => stream.ended());
    else if (empty) this.#bear('empty DATA');
  }

  /** Both windows. The session's is opened again at once: one reader who stops must not stop the others. */
  #used(stream: Stream | undefined, flowBytes: number): void {
    if (!this.#inflow.used(flowBytes)) throw flow('more DATA than the window of the session');
    const credit = this.#inflow.credit(Number.POSITIVE_INFINITY);
    if (credit > 0) this.#session.credit(0, credit);
    if (stream === undefined) {
      this.#strayBytes -= flowBytes;
      if (this.#strayBytes >= 0) return;
      throw new ConnectionFault(ERROR.STREAM_CLOSED, 'DATA on a closed stream that was not on its way any more');
    }
    if (stream.used(flowBytes)) return;
    this.strays(this.#inflow.left); // by how much it goes too far on this stream, the window of the session bounds
    const error = tell.broken('more DATA than the window of the stream', 'answered', 'body');
    stream.giveUp(error, ERROR.FLOW_CONTROL_ERROR);
  }

  onHeaders(id: number, block: Buffer, from: number, to: number, endStream: boolean): void {
    const stream = this.#streamOf(id, 'HEADERS');
    let section: FieldSection<ReplyHead>;
    try {
      section = this.#decoder.read(block, from, to);
    } catch (thrown) {
      if (thrown instanceof HpackError) throw new ConnectionFault(ERROR.COMPRESSION_ERROR, thrown.message);
      if (!(thrown instanceof FieldLimitError)) throw thrown;
      if (stream === undefined) return this.#bear('HEADERS on closed streams');
      return stream.giveUp(this.#tooLarge(thrown), ERROR.CANCEL);
    }
    if (stream === undefined) return this.#bear('HEADERS on closed streams');
    this.#patience.useful();
    this.#guarded(stream, () => stream.headers(section, endStream, this.now));
  }

  #tooLarge({ limit, value }: FieldLimitError): NetError {
    if (limit === 'fieldsMax') return limitReached('fieldsMax', value - 1, 'header fields', 'head');
    return limitReached('headBytesMax', this.#headBytesMax, 'bytes of head', 'head');
  }

  onReset(id: number, code: number): void {
    const stream = this.#streamOf(id, 'RST_STREAM');
    this.#bear('RST_STREAM');
    if (stream === undefined) return;
    const refused = code === ERROR.REFUSED_STREAM;
    this.#session.forget(stream);
    if (refused) return stream.lost(tell.refused(HTTP2.refusalsMax + 1), 'unprocessed');
    const misdirected = code === ERROR.HTTP_1_1_REQUIRED && this.#session.http1Required();
    const how = misdirected ? 'misdirected' : code === ERROR.NO_ERROR ? 'dropped' : 'judged';
    stream.lost(tell.reset(code, 'unknown', stream.phase), how);
  }

  onSettings(pairs: readonly (readonly [id: number, value: number])[]): void {
    this.#bear('SETTINGS');
    this.#session.heed(pairs, this.now);
  }

  onSettingsAck(): void {
    this.#bear('SETTINGS');
    this.#decoder.setTableBytesMax(this.#tableBytesMax);
    this.#session.liveness.acknowledged(this.now);
  }

  onPing(ack: boolean, bytes: Buffer, from: number): void {
    this.#bear('PING');
    if (ack) this.#session.liveness.ponged(this.now);
    else this.#session.out.ping(true, bytes, from);
  }

  onGoaway(last: number, code: number): void {
    this.#bear('GOAWAY');
    this.#session.leave(last, code);
  }

  onWindowUpdate(id: number, increment: number): void {
    // Some servers credit an upload for each piece they read of it, on its stream and on the session.
    if (this.#credits < this.#session.requests.outflow.pieces * 2) this.#credits++;
    else this.#bear('WINDOW_UPDATE');
    const stream = id === 0 ? undefined : this.#streamOf(id, 'WINDOW_UPDATE');
    if (this.#session.requests.outflow.widen(id, increment)) return;
    if (id === 0) throw flow('a window of the session beyond 2^31-1');
    stream?.giveUp(tell.broken('a window beyond 2^31-1', 'unknown', stream.phase), ERROR.FLOW_CONTROL_ERROR);
  }

  onIgnored(): void {
    this.#bear('frames without meaning');
  }

  onStreamFault(id: number, code: number, why: string): void {
    this.#bear('broken frames');
    const stream = this.#streamOf(id, 'a frame');
    stream?.giveUp(tell.broken(why, 'unknown', stream.phase), code);
  }

  /** @returns nothing for a stream that is closed */
  #streamOf(id: number, what: string): Stream | undefined {
    const stream = this.#session.streams.get(id);
    if (stream === undefined && !this.#session.hasOpened(id)) {
      throw new ConnectionFault(ERROR.PROTOCOL_ERROR, `${what} on stream ${id}, which nobody has opened`);
    }
    return stream;
  }

  /** What a stream's frame breaks ends that stream. */
  #guarded(stream: Stream, take: () => void): void {
    try {
      take();
    } catch (thrown) {
      const error = NetError.from(thrown);
      stream.giveUp(error, error.code === 'PROTOCOL' ? ERROR.PROTOCOL_ERROR : ERROR.CANCEL);
    }
  }

  #bear(what: string): void {
    const { pieces } = this.#session.requests.outflow;
    if (pieces > this.#pieces) {
      this.#patience.useful(pieces - this.#pieces); // others ping as they read it
      this.#pieces = pieces;
    }
    if (this.#patience.idle(this.now)) return;
    throw new ConnectionFault(ERROR.ENHANCE_YOUR_CALM, `a flood of ${what}`);
  }
}

function flow(why: string): ConnectionFault {
  return new ConnectionFault(ERROR.FLOW_CONTROL_ERROR, why);
}
