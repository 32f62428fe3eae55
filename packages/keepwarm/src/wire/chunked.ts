/**
 * The chunked transfer coding, decoded as it arrives (RFC 9112 § 7.1).
 *
 *   size ──▶ (extension) ──▶ sizeLf ──▶ data ──▶ dataCr ──▶ dataLf ──▶ size …
 *                              │ size 0
 *                              ▼
 *                           trailer ⇄ trailerLf ──▶ done
 *
 * Invariants:
 *   (1) Bytes handed on are exactly the chunks' data, in order; `left` says how many of this chunk are still to come.
 *   (2) What is not data is bounded: extensions by `extensionBytesMax` over the whole body, trailers as a head is, and
 *       each chunk's own framing by 17 bytes.
 *   (3) After `done`, nothing more is consumed: what follows belongs to nobody.
 *   (4) The number of pieces handed on follows from the bytes, not from the chunks: small chunks of one read become one
 *       piece. A peer that sends a byte per chunk costs what its bytes cost, and never an object or a call for each.
 */
import { broken, type HeadLimits, tooLarge } from './response-head.ts';
import { CR, FIELD_TEXT, HEX, LF, TOKEN } from './tokens.ts';

export interface ChunkedLimits extends HeadLimits {
  /** Bytes of chunk extensions over one whole body. */
  readonly extensionBytesMax: number;
}

const SIZE = 0;
const EXTENSION = 1;
const SIZE_LF = 2;
const DATA = 3;
const DATA_CR = 4;
const DATA_LF = 5;
const TRAILER = 6;
const TRAILER_LF = 7;
const DONE = 8;

/** Digits of a chunk size: 13 hexadecimal ones reach 2^52, beyond what any limit here allows. */
const SIZE_DIGITS_MAX = 13;

/** Data of a chunk that is moved up to the data before it, in bytes. Beyond, a piece of its own costs less. */
const MOVE_BYTES_MAX = 4 * 1024;

export type OnData = (bytes: Uint8Array, from: number, to: number) => void;

export class ChunkedDecoder {
  #state = SIZE;
  #left = 0;
  #digits = 0;
  #extensionBytes = 0;
  #extension = '';
  #line = '';
  #trailerBytes = 0;
  /** Trailer lines without their CR LF. */
  readonly trailers: string[] = [];
  readonly #limits: ChunkedLimits;

  constructor(limits: ChunkedLimits) {
    this.#limits = limits;
  }

  get done(): boolean {
    return this.#state === DONE;
  }

  /**
   * Decodes from `at`, handing data on as ranges of `bytes`; what it has consumed of them, it may have moved about.
   * Data before a fault in the same read is not handed on.
   *
   * @returns the offset of the first byte not consumed: `end`, or earlier once done
   */
  read(bytes: Uint8Array, at: number, end: number, onData: OnData): number {
    let i = at;
    // Data that is still to be handed on: bytes[from, to).
    let from = at;
    let to = at;
    while (i < end && this.#state !== DONE) {
      if (this.#state !== DATA) {
        this.#framing(bytes[i++]!);
        continue;
      }
      const take = Math.min(this.#left, end - i);
      if (from < to && take <= MOVE_BYTES_MAX) {
        bytes.copyWithin(to, i, i + take);
      } else {
        if (from < to) onData(bytes, from, to);
        from = to = i;
      }
      to += take;
      i += take;
      this.#left -= take;
      if (this.#left === 0) this.#state = DATA_CR;
    }
    if (from < to) onData(bytes, from, to);
    return i;
  }

  #framing(code: number): void {
    switch (this.#state) {
      case SIZE:
        return this.#size(code);
      case EXTENSION:
        return this.#extend(code);
      case SIZE_LF:
        if (code !== LF) throw broken('a chunk size line that does not end in CR LF', 'body');
        this.#state = this.#left === 0 ? TRAILER : DATA;
        this.#digits = 0;
        return;
      case DATA_CR:
        if (code !== CR) throw broken('a chunk longer than its size', 'body');
        this.#state = DATA_LF;
        return;
      case DATA_LF:
        if (code !== LF) throw broken('a chunk that does not end in CR LF', 'body');
        this.#state = SIZE;
        return;
      case TRAILER:
        return this.#trailer(code);
      default:
        this.#countTrailer();
        if (code !== LF) throw broken('a bare CR in the trailers', 'body');
        return this.#endTrailer();
    }
  }

  #size(code: number): void {
    const value = HEX[code]!;
    if (value !== 255) {
      if (++this.#digits > SIZE_DIGITS_MAX) throw broken(`a chunk size of more than ${SIZE_DIGITS_MAX} digits`, 'body');
      this.#left = this.#left * 16 + value;
    } else if (this.#digits === 0) {
      throw broken('a chunk without a size', 'body');
    } else if (code === CR) {
      this.#state = SIZE_LF;
    } else if (code === 0x3b) {
      this.#extension = ';';
      this.#state = EXTENSION;
    } else {
      throw broken('a chunk size that is not hexadecimal', 'body');
    }
  }

  #extend(code: number): void {
    if (code === CR) {
      if (!EXTENSIONS.test(this.#extension)) throw broken('a malformed chunk extension', 'body');
      this.#extension = '';
      this.#state = SIZE_LF;
      return;
    }
    if (FIELD_TEXT[code] === 0) throw broken('a control character in a chunk extension', 'body');
    if (++this.#extensionBytes > this.#limits.extensionBytesMax) {
      throw tooLarge('extensionBytesMax', this.#limits.extensionBytesMax, 'bytes of chunk extensions', 'body');
    }
    this.#extension += String.fromCharCode(code);
  }

  #trailer(code: number): void {
    this.#countTrailer();
    if (code === CR) this.#state = TRAILER_LF;
    else if (code === LF) throw broken('a bare LF in the trailers', 'body');
    else if (FIELD_TEXT[code] === 0) throw broken('a control character in the trailers', 'body');
    else this.#line += String.fromCharCode(code);
  }

  #countTrailer(): void {
    if (++this.#trailerBytes > this.#limits.headBytesMax) {
      throw tooLarge('headBytesMax', this.#limits.headBytesMax, 'bytes of trailers', 'body');
    }
  }

  #endTrailer(): void {
    const line = this.#line;
    this.#line = '';
    this.#state = line === '' ? DONE : TRAILER;
    if (line === '') return;
    checkTrailer(line);
    if (this.trailers.push(line) > this.#limits.fieldsMax)
      throw tooLarge('fieldsMax', this.#limits.fieldsMax, 'trailer fields', 'body');
  }
}

/** `*( ";" name [ "=" ( token / quoted-string ) ] )`; the white space its grammar allows is obsolete and refused. */
const EXTENSIONS = /^(?:;[!#$%&'*+\-.^_`|~0-9A-Za-z]+(?:=(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+|"(?:[^"\\]|\\.)*"))?)+$/;

/** Fields that decide framing or routing may not come after the body (RFC 9110 § 6.5.1). */
const FORBIDDEN = /^(?:content-length|transfer-encoding|host|trailer|content-encoding|set-cookie|authorization):/i;

function checkTrailer(line: string): void {
  const colon = line.indexOf(':');
  if (colon <= 0) throw broken('a malformed trailer', 'body');
  for (let i = 0; i < colon; i++) if (TOKEN[line.charCodeAt(i)] === 0) throw broken('a malformed trailer', 'body');
  if (FORBIDDEN.test(line)) throw broken('a trailer that may not be one', 'body');
}
