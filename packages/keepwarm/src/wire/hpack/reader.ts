/** Integers and strings of RFC 7541 § 5, read one after the other from a block. */
import { Buffer } from 'node:buffer';
import { HpackError } from './error.ts';
import { huffmanDecode, huffmanDecodedMax } from './huffman.ts';

/** The largest integer that is read. No table, index or string comes near it; RFC 7541 § 5.1 asks for some limit. */
const INTEGER_MAX = 2 ** 31 - 1;

/** Bytes of an integer after its prefix: five hold 35 bits. More can only be padding without end. */
const CONTINUED_MAX = 5;

/** What strings are put together in. Reading one never waits, so one place serves all connections. */
const SCRATCH = Buffer.allocUnsafeSlow(4_096);

/** The longest string that is looked up before it is made. */
const KNOWN_LENGTH_MAX = 32;

/**
 * Short strings that were read lately, each where its characters put it, so that the length, status or date of the next
 * reply is found instead of made: asking V8 for a string costs more than comparing one.
 */
const KNOWN: string[] = new Array(256).fill('');

/** The first `length` bytes of `bytes` as latin1. */
function textOf(bytes: Buffer, length: number, isSecret: boolean): string {
  if (isSecret || length > KNOWN_LENGTH_MAX) return bytes.toString('latin1', 0, length);
  let hash = length;
  for (let i = 0; i < length; i++) hash = (Math.imul(hash, 31) + bytes[i]!) | 0;
  const place = (hash ^ (hash >>> 8)) & 0xff;
  const known = KNOWN[place]!;
  if (known.length === length) {
    let i = 0;
    while (i < length && known.charCodeAt(i) === bytes[i]) i++;
    if (i === length) return known;
  }
  return (KNOWN[place] = bytes.toString('latin1', 0, length));
}

/** A place in a block. One object serves all blocks of a connection in turn. */
export class BlockReader {
  #bytes: Uint8Array = SCRATCH;
  /** The next byte to be read. */
  at = 0;
  #to = 0;

  open(bytes: Uint8Array, from: number, to: number): void {
    this.#bytes = bytes;
    this.at = from;
    this.#to = to;
  }

  /** Lets go of the block's bytes. */
  close(): void {
    this.#bytes = SCRATCH;
    this.at = this.#to = 0;
  }

  get hasMore(): boolean {
    return this.at < this.#to;
  }

  /** The next byte, which stays the next; only while `hasMore`. */
  get byte(): number {
    return this.#bytes[this.at]!;
  }

  /** An integer whose first bits are the ones of `mask` in the next byte (RFC 7541 § 5.1). */
  integer(mask: number): number {
    const prefix = this.#next() & mask;
    if (prefix < mask) return prefix;
    let value = mask;
    let weight = 1;
    for (let i = 0; i < CONTINUED_MAX; i++) {
      const byte = this.#next();
      value += (byte & 0x7f) * weight;
      if (value > INTEGER_MAX) throw new HpackError(`an integer above ${INTEGER_MAX}`);
      if (byte < 0x80) return value;
      weight *= 128;
    }
    throw new HpackError(`an integer of more than ${CONTINUED_MAX + 1} bytes`);
  }

  /** A string, in either coding, as latin1 (RFC 7541 § 5.2). `isSecret`: it is not kept to be found again. */
  string(isSecret = false): string {
    const coded = this.#at() >= 0x80;
    const length = this.integer(0x7f);
    const from = this.at;
    const to = from + length;
    if (to > this.#to) throw new HpackError(`a string of ${length} bytes where ${this.#to - from} are left`);
    this.at = to;
    if (length === 0) return '';
    const room = coded ? huffmanDecodedMax(length) : length;
    const scratch = room <= SCRATCH.length ? SCRATCH : Buffer.allocUnsafeSlow(room);
    if (coded) return textOf(scratch, huffmanDecode(this.#bytes, from, to, scratch), isSecret);
    for (let i = 0; i < length; i++) scratch[i] = this.#bytes[from + i]!;
    return textOf(scratch, length, isSecret);
  }

  #at(): number {
    if (this.at >= this.#to) throw new HpackError('the block ends within a field');
    return this.#bytes[this.at]!;
  }

  #next(): number {
    const byte = this.#at();
    this.at++;
    return byte;
  }
}
