/**
 * Frames as they go out: written one behind the other into one buffer, so that a turn of the event loop ends with one
 * write, however many calls it began (docs/decisions/0005-writes-of-a-turn.md).
 *
 * Invariants:
 *   (1) What has been handed out by `take` is not touched again until `reuse` gives it back.
 *   (2) A frame is written whole or not at all, and a header block without anything in between.
 *   (3) A writer with nothing to say holds no buffer: those that have been sent serve whoever writes next.
 */
import { Buffer } from 'node:buffer'; // the global of this name is a getter, which a hot path would feel
import { FLAG, FRAME_HEADER_BYTES, TYPE } from './codes.ts';

/** Enough for the small calls of a busy turn. */
const FIRST_BYTES = 16 * 1024;
/** A larger one is not kept: it was made for a burst. */
const KEPT_BYTES_MAX = 256 * 1024;
const KEPT_MAX = 8;
const NOTHING = Buffer.alloc(0);

/** Buffers that serve again, of all writers. */
const spare: Buffer[] = [];

export class FrameWriter {
  #bytes: Buffer = NOTHING;
  #at = 0;

  /** Bytes that wait to be taken. */
  get size(): number {
    return this.#at;
  }

  /** All that was written, to be sent at once. */
  take(): Buffer {
    const taken = this.#bytes.subarray(0, this.#at);
    this.#bytes = NOTHING;
    this.#at = 0;
    return taken;
  }

  /** Bytes that were taken have been sent: their buffer may serve again, whoever writes next. */
  reuse(taken: Buffer): void {
    const { byteLength } = taken.buffer;
    if (byteLength < FIRST_BYTES || byteLength > KEPT_BYTES_MAX || spare.length >= KEPT_MAX) return;
    spare.push(Buffer.from(taken.buffer, 0, byteLength));
  }

  text(latin1: string): void {
    this.#reserve(latin1.length);
    this.#at += this.#bytes.write(latin1, this.#at, 'latin1');
  }

  /**
   * A header block in as many frames as it takes.
   *
   * @param frameBytesMax what the peer allows (SETTINGS_MAX_FRAME_SIZE)
   */
  headers(stream: number, block: Buffer, length: number, endStream: boolean, frameBytesMax: number): void {
    let at = Math.min(length, frameBytesMax);
    const endsHeaders = at === length ? FLAG.endHeaders : 0;
    this.#frame(at, TYPE.headers, endsHeaders | (endStream ? FLAG.endStream : 0), stream);
    this.#copy(block, 0, at);
    while (at < length) {
      const to = Math.min(at + frameBytesMax, length);
      this.#frame(to - at, TYPE.continuation, to === length ? FLAG.endHeaders : 0, stream);
      this.#copy(block, at, to);
      at = to;
    }
  }

  /** @param bytes a text only if each of its characters is a byte, and ASCII: then it needs no copy of itself */
  data(stream: number, bytes: Uint8Array | string, from: number, to: number, endStream: boolean): void {
    this.#frame(to - from, TYPE.data, endStream ? FLAG.endStream : 0, stream);
    if (typeof bytes === 'string') this.#at += this.#bytes.write(bytes.slice(from, to), this.#at, 'latin1');
    else this.#copy(bytes, from, to);
  }

  /** A whole small body that is text, of `length` bytes in UTF-8. */
  textData(stream: number, text: string, length: number): void {
    this.#frame(length, TYPE.data, FLAG.endStream, stream);
    if (length === text.length) this.#bytes.write(text, this.#at, 'latin1');
    else this.#bytes.write(text, this.#at, 'utf8');
    this.#at += length;
  }

  settings(pairs: readonly (readonly [id: number, value: number])[]): void {
    this.#frame(pairs.length * 6, TYPE.settings, 0, 0);
    for (const [id, value] of pairs) {
      this.#at = this.#bytes.writeUInt16BE(id, this.#at);
      this.#at = this.#bytes.writeUInt32BE(value, this.#at);
    }
  }

  settingsAck(): void {
    this.#frame(0, TYPE.settings, FLAG.ack, 0);
  }

  /** `bytes` has 8 bytes of ping from `from`. */
  ping(ack: boolean, bytes: Uint8Array, from: number): void {
    this.#frame(8, TYPE.ping, ack ? FLAG.ack : 0, 0);
    this.#copy(bytes, from, from + 8);
  }

  reset(stream: number, code: number): void {
    this.#frame(4, TYPE.rstStream, 0, stream);
    this.#at = this.#bytes.writeUInt32BE(code, this.#at);
  }

  windowUpdate(stream: number, increment: number): void {
    this.#frame(4, TYPE.windowUpdate, 0, stream);
    this.#at = this.#bytes.writeUInt32BE(increment, this.#at);
  }

  goaway(lastStream: number, code: number, debug: string): void {
    this.#frame(8 + debug.length, TYPE.goaway, 0, 0);
    this.#at = this.#bytes.writeUInt32BE(lastStream, this.#at);
    this.#at = this.#bytes.writeUInt32BE(code, this.#at);
    this.#at += this.#bytes.write(debug, this.#at, 'latin1');
  }

  /** Writes a frame's header and makes room for all of the frame. */
  #frame(length: number, type: number, flags: number, stream: number): void {
    this.#reserve(FRAME_HEADER_BYTES + length);
    const bytes = this.#bytes;
    const at = this.#at;
    bytes[at] = length >>> 16;
    bytes[at + 1] = length >>> 8;
    bytes[at + 2] = length;
    bytes[at + 3] = type;
    bytes[at + 4] = flags;
    bytes[at + 5] = stream >>> 24;
    bytes[at + 6] = stream >>> 16;
    bytes[at + 7] = stream >>> 8;
    bytes[at + 8] = stream;
    this.#at = at + FRAME_HEADER_BYTES;
  }

  #copy(bytes: Uint8Array, from: number, to: number): void {
    if (to - from < SMALL) for (let i = from; i < to; i++) this.#bytes[this.#at++] = bytes[i]!;
    else {
      this.#bytes.set(from === 0 && to === bytes.length ? bytes : bytes.subarray(from, to), this.#at);
      this.#at += to - from;
    }
  }

  #reserve(count: number): void {
    if (this.#at + count <= this.#bytes.length) return;
    if (this.#at === 0) {
      this.#bytes = spare.pop() ?? NOTHING;
      if (count <= this.#bytes.length) return;
      this.#bytes = Buffer.allocUnsafeSlow(Math.max(FIRST_BYTES, count));
      return;
    }
    const larger = Buffer.allocUnsafeSlow(Math.max(this.#bytes.length * 2, this.#at + count));
    this.#bytes.copy(larger, 0, 0, this.#at);
    this.#bytes = larger;
  }
}

/** Up to here a loop is cheaper than a view and a copy of it. */
const SMALL = 48;
