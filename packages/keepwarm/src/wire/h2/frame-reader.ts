/**
 * Frames as they come in, from pieces cut anywhere (RFC 9113 § 4, § 6). Keeps nothing of a frame that lies whole in one
 * piece; DATA is handed on as it comes and never kept.
 *
 *   header ──▶ whole (any frame but DATA) ──▶ header
 *      └─────▶ pad ──▶ data ──▶ padding ────▶ header
 *
 * Invariants:
 *   (1) What a handler is told does not depend on how the bytes were cut, except where DATA is split into ranges.
 *   (2) At most `FRAME_BYTES_MIN` bytes of a frame are kept, and `blockBytesMax` of a header block.
 *   (3) Between a HEADERS without END_HEADERS and its last CONTINUATION nothing else is let through.
 *   (4) After a fault nothing more is read: where the next frame begins may not be known.
 */
import { Buffer } from 'node:buffer'; // the global of this name is a getter, which a hot path would feel
import { ERROR, FLAG, FRAME_BYTES_MIN, FRAME_HEADER_BYTES, TYPE } from './codes.ts';
import { broken, checkLength, checkStream, wrongSize } from './frame-rules.ts';
import { type BlockLimits, HeaderBlock } from './header-block.ts';

/** What frames mean to whoever reads them. Ranges are valid during the call only. */
export interface FrameHandler {
  /** `flowBytes` of the window are used: the range, and what padding stood before it. */
  onData(stream: number, bytes: Buffer, from: number, to: number, flowBytes: number): void;
  /** The frame of the DATA told before is over. `empty`: it carried not a byte. */
  onDataEnd(stream: number, endStream: boolean, empty: boolean, flowBytes: number): void;
  /** A whole header block, however many frames it came in. */
  onHeaders(stream: number, block: Buffer, from: number, to: number, endStream: boolean): void;
  onReset(stream: number, code: number): void;
  onSettings(pairs: readonly (readonly [id: number, value: number])[]): void;
  onSettingsAck(): void;
  /** `from` is where its 8 bytes begin. */
  onPing(ack: boolean, bytes: Buffer, from: number): void;
  onGoaway(lastStream: number, code: number, debug: string): void;
  onWindowUpdate(stream: number, increment: number): void;
  /** A frame that means nothing to a client: PRIORITY, or a type nobody knows. */
  onIgnored(stream: number): void;
  /** A broken rule that concerns one stream only (§ 5.4.2). */
  onStreamFault(stream: number, code: number, why: string): void;
}

/** Text a peer gives with its GOAWAY; more of it helps nobody. */
const DEBUG_BYTES_MAX = 256;

export class FrameReader {
  readonly #handler: FrameHandler;
  readonly #block: HeaderBlock;
  readonly #header = Buffer.alloc(FRAME_HEADER_BYTES);
  #headerBytes = 0;
  #step: 'header' | 'whole' | 'pad' | 'data' | 'padding' | 'failed' = 'header';
  #length = 0;
  #type = 0;
  #flags = 0;
  #stream = 0;
  /** Bytes of the frame at hand that are still to come. */
  #left = 0;
  #padding = 0;
  #kept: Buffer | undefined;
  #keptBytes = 0;
  #first = true;

  constructor(limits: BlockLimits, handler: FrameHandler) {
    this.#block = new HeaderBlock(limits);
    this.#handler = handler;
  }

  /** Whether it stands between two frames, so that a peer may end here. */
  get between(): boolean {
    return this.#step === 'header' && this.#headerBytes === 0 && this.#block.stream === 0;
  }

  /** @throws ConnectionFault; the reader is of no more use then */
  read(bytes: Buffer, from: number, to: number): void {
    let at = from;
    try {
      // A frame without payload is over as soon as its header is: it needs no further byte.
      while (at < to || (this.#step !== 'header' && this.#left === 0)) {
        if (this.#step === 'header') at = this.#readHeader(bytes, at, to);
        else if (this.#step === 'whole') at = this.#readWhole(bytes, at, to);
        else at = this.#readData(bytes, at, to);
      }
    } catch (error) {
      this.#step = 'failed';
      throw error;
    }
  }

  #readHeader(bytes: Buffer, start: number, to: number): number {
    let header = bytes;
    let at = start;
    let next = start + FRAME_HEADER_BYTES;
    if (this.#headerBytes > 0 || next > to) {
      const count = Math.min(FRAME_HEADER_BYTES - this.#headerBytes, to - start);
      bytes.copy(this.#header, this.#headerBytes, start, start + count);
      this.#headerBytes += count;
      next = start + count;
      if (this.#headerBytes < FRAME_HEADER_BYTES) {
        this.#looksLikeHttp1();
        return next;
      }
      header = this.#header;
      at = 0;
      this.#headerBytes = 0;
    }
    this.#length = (header[at]! << 16) | (header[at + 1]! << 8) | header[at + 2]!;
    this.#type = header[at + 3]!;
    this.#flags = header[at + 4]!;
    this.#stream =
      ((header[at + 5]! & 0x7f) << 24) | (header[at + 6]! << 16) | (header[at + 7]! << 8) | header[at + 8]!;
    this.#begin();
    return next;
  }

  #begin(): void {
    if (this.#first) this.#checkFirst();
    const type = this.#type;
    const length = this.#length;
    if (length > FRAME_BYTES_MIN) {
      throw wrongSize(`a frame of ${length} bytes, where ${FRAME_BYTES_MIN} are allowed`);
    }
    const expected = this.#block.stream;
    if (expected !== 0 && (type !== TYPE.continuation || this.#stream !== expected)) {
      throw broken(`a frame of type ${type} within the header block of stream ${expected}`);
    }
    this.#left = length;
    checkStream(type, this.#stream);
    this.#padding = 0;
    if (type !== TYPE.data) this.#step = 'whole';
    else this.#step = (this.#flags & FLAG.padded) === 0 ? 'data' : 'pad';
    if (this.#step === 'pad' && length === 0) throw wrongSize('padded DATA without the length of its padding');
  }

  /** The server's preface is a SETTINGS frame (§ 3.4). */
  #checkFirst(): void {
    this.#first = false;
    if (this.#type === TYPE.settings && (this.#flags & FLAG.ack) === 0) return;
    if (this.#length === HTT) throw broken('it answers in HTTP/1');
    throw broken('its first frame is not SETTINGS; it may not speak HTTP/2');
  }

  /** A peer that speaks HTTP/1 answers the preface with a short line, and then waits: no header would come about. */
  #looksLikeHttp1(): void {
    if (!this.#first || this.#headerBytes < HTTP.length) return;
    if (this.#header.toString('latin1', 0, HTTP.length) === HTTP) throw broken('it answers in HTTP/1');
  }

  #readWhole(bytes: Buffer, at: number, to: number): number {
    const length = this.#length;
    if (this.#left === length && to - at >= length) {
      this.#step = 'header';
      this.#take(bytes, at, at + length);
      return at + length;
    }
    const kept = (this.#kept ??= Buffer.allocUnsafeSlow(FRAME_BYTES_MIN));
    const count = Math.min(this.#left, to - at);
    bytes.copy(kept, this.#keptBytes, at, at + count);
    this.#keptBytes += count;
    this.#left -= count;
    if (this.#left === 0) {
      this.#keptBytes = 0;
      this.#step = 'header';
      this.#take(kept, 0, length);
    }
    return at + count;
  }

  #readData(bytes: Buffer, start: number, to: number): number {
    let at = start;
    if (this.#step === 'pad') {
      this.#padding = bytes[at++]!;
      this.#left--;
      if (this.#padding > this.#left) throw broken('padding longer than the frame it is in');
      this.#step = 'data';
    }
    if (this.#step === 'data') {
      const count = Math.min(this.#left - this.#padding, to - at);
      if (count > 0) {
        this.#handler.onData(this.#stream, bytes, at, at + count, count);
        at += count;
        this.#left -= count;
      }
      if (this.#left > this.#padding) return at;
      this.#step = 'padding';
    }
    const count = Math.min(this.#left, to - at);
    this.#left -= count;
    if (this.#left === 0) {
      this.#step = 'header';
      const padded = (this.#flags & FLAG.padded) === 0 ? 0 : this.#padding + 1;
      const endStream = (this.#flags & FLAG.endStream) !== 0;
      this.#handler.onDataEnd(this.#stream, endStream, this.#length === padded, padded);
    }
    return at + count;
  }

  #take(bytes: Buffer, from: number, to: number): void {
    switch (this.#type) {
      case TYPE.headers:
        return this.#takeHeaders(bytes, from, to);
      case TYPE.continuation:
        return this.#takeContinuation(bytes, from, to);
      case TYPE.rstStream:
        checkLength('RST_STREAM', to - from, 4);
        return this.#handler.onReset(this.#stream, bytes.readUInt32BE(from));
      case TYPE.settings:
        return this.#takeSettings(bytes, from, to);
      case TYPE.pushPromise:
        throw broken('PUSH_PROMISE, which we have switched off');
      case TYPE.ping:
        checkLength('PING', to - from, 8);
        return this.#handler.onPing((this.#flags & FLAG.ack) !== 0, bytes, from);
      case TYPE.goaway:
        return this.#takeGoaway(bytes, from, to);
      case TYPE.windowUpdate:
        return this.#takeWindowUpdate(bytes, from, to);
      case TYPE.priority:
        if (to - from === 5) return this.#handler.onIgnored(this.#stream);
        return this.#handler.onStreamFault(this.#stream, ERROR.FRAME_SIZE_ERROR, 'PRIORITY that is not 5 bytes long');
      default:
        return this.#handler.onIgnored(this.#stream);
    }
  }

  #takeHeaders(bytes: Buffer, start: number, end: number): void {
    let from = start;
    let to = end;
    const flags = this.#flags;
    if ((flags & FLAG.padded) !== 0) {
      if (from >= to) throw wrongSize('padded HEADERS without the length of its padding');
      to -= bytes[from++]!;
    }
    if ((flags & FLAG.priority) !== 0) from += 5;
    if (from > to) throw broken('padding or priority longer than the HEADERS it is in');
    const endStream = (flags & FLAG.endStream) !== 0;
    if ((flags & FLAG.endHeaders) !== 0) return this.#handler.onHeaders(this.#stream, bytes, from, to, endStream);
    this.#block.begin(this.#stream, endStream, bytes, from, to);
  }

  #takeContinuation(bytes: Buffer, from: number, to: number): void {
    const block = this.#block;
    block.add(bytes, from, to);
    if ((this.#flags & FLAG.endHeaders) === 0) return;
    const { stream, endsStream, length } = block;
    const whole = block.bytes;
    block.release();
    this.#handler.onHeaders(stream, whole, 0, length, endsStream);
  }

  #takeSettings(bytes: Buffer, from: number, to: number): void {
    if ((this.#flags & FLAG.ack) !== 0) {
      checkLength('SETTINGS with ACK', to - from, 0);
      return this.#handler.onSettingsAck();
    }
    if ((to - from) % 6 !== 0) throw wrongSize('SETTINGS cut within a setting');
    const pairs: (readonly [number, number])[] = [];
    for (let at = from; at < to; at += 6) pairs.push([bytes.readUInt16BE(at), bytes.readUInt32BE(at + 2)]);
    this.#handler.onSettings(pairs);
  }

  #takeGoaway(bytes: Buffer, from: number, to: number): void {
    if (to - from < 8) throw wrongSize('GOAWAY shorter than 8 bytes');
    const debug = bytes.toString('latin1', from + 8, Math.min(to, from + 8 + DEBUG_BYTES_MAX));
    this.#handler.onGoaway(bytes.readUInt32BE(from) & 0x7fffffff, bytes.readUInt32BE(from + 4), debug);
  }

  #takeWindowUpdate(bytes: Buffer, from: number, to: number): void {
    checkLength('WINDOW_UPDATE', to - from, 4);
    const increment = bytes.readUInt32BE(from) & 0x7fffffff;
    if (increment > 0) return this.#handler.onWindowUpdate(this.#stream, increment);
    if (this.#stream === 0) throw broken('WINDOW_UPDATE by 0');
    this.#handler.onStreamFault(this.#stream, ERROR.PROTOCOL_ERROR, 'WINDOW_UPDATE by 0');
  }
}

const HTTP = 'HTTP/1';
/** The first three letters of it, taken for a length. */
const HTT = 0x485454;
