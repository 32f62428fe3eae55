/**
 * A header block that comes in more than one frame (RFC 9113 § 4.3), bounded in bytes and in frames: a block without
 * end costs its sender nothing, and would cost us memory or, frame by empty frame, time.
 */
import { Buffer } from 'node:buffer';
import { broken, calm } from './frame-rules.ts';

export interface BlockLimits {
  /** Bytes of one header block as it comes, in all its frames. */
  readonly blockBytesMax: number;
  /** CONTINUATION frames of one header block. */
  readonly continuationsMax: number;
}

const EMPTY = Buffer.alloc(0);

export class HeaderBlock {
  /** The stream whose block is under way, or 0. */
  stream = 0;
  endsStream = false;
  bytes: Buffer = EMPTY;
  length = 0;
  readonly #limits: BlockLimits;
  #continuations = 0;

  constructor(limits: BlockLimits) {
    this.#limits = limits;
  }

  begin(stream: number, endsStream: boolean, bytes: Buffer, from: number, to: number): void {
    this.stream = stream;
    this.endsStream = endsStream;
    this.length = 0;
    this.#continuations = 0;
    this.#keep(bytes, from, to);
  }

  /** @throws ConnectionFault */
  add(bytes: Buffer, from: number, to: number): void {
    if (this.stream === 0) throw broken('CONTINUATION without the HEADERS it would continue');
    const { continuationsMax } = this.#limits;
    if (++this.#continuations > continuationsMax) {
      throw calm(`more than ${continuationsMax} CONTINUATION frames in one header block`);
    }
    this.#keep(bytes, from, to);
  }

  /** Lets go of the block, once it has been read. */
  release(): void {
    this.stream = 0;
    this.bytes = EMPTY;
  }

  #keep(bytes: Buffer, from: number, to: number): void {
    const needed = this.length + to - from;
    const { blockBytesMax } = this.#limits;
    if (needed > blockBytesMax) throw calm(`a header block of more than ${blockBytesMax} bytes`);
    if (this.bytes.length < needed) {
      const larger = Buffer.allocUnsafe(Math.min(Math.max(needed * 2, 1024), blockBytesMax));
      this.bytes.copy(larger, 0, 0, this.length);
      this.bytes = larger;
    }
    bytes.copy(this.bytes, this.length, from, to);
    this.length = needed;
  }
}
