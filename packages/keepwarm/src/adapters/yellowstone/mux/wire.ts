/**
 * As much of protobuf's wire format as the multiplexer needs: it takes requests and updates apart and puts them
 * together again as bytes, so that what it does not know is passed on, and nothing is decoded twice.
 * Source: protobuf.dev/programming-guides/encoding.
 */
import { Buffer } from 'node:buffer'; // the global of this name is a getter, which a hot path would feel

export const VARINT = 0;
export const LENGTH = 2;

/** Bytes that are no protobuf. */
export class WireFault extends Error {
  override readonly name = 'WireFault';
}

/** The fields of one message, one after the other; a cursor, so that a busy stream makes no object for each. */
export class Fields {
  readonly bytes: Buffer;
  readonly #end: number;
  #next: number;
  number = 0;
  wire = 0;
  /** Where the field begins, tag included. */
  from = 0;
  /** Where its value begins, after the length of one that has a length. */
  at = 0;
  /** Where it ends. */
  to = 0;
  /** Of a varint; exact up to 2⁵³. */
  value = 0;

  constructor(bytes: Buffer, from = 0, to: number = bytes.length) {
    this.bytes = bytes;
    this.#next = from;
    this.#end = to;
  }

  /** @throws WireFault */
  next(): boolean {
    if (this.#next >= this.#end) return false;
    this.from = this.#next;
    const tag = this.#varint();
    this.number = Math.floor(tag / 8);
    this.wire = tag % 8;
    if (this.number === 0) throw new WireFault('a field with the number 0');
    this.#next = this.to = this.#skip();
    if (this.to > this.#end) throw new WireFault(`field ${this.number} ends beyond its message`);
    return true;
  }

  #skip(): number {
    switch (this.wire) {
      case VARINT: {
        this.at = this.#next;
        this.value = this.#varint();
        return this.#next;
      }
      case LENGTH: {
        const length = this.#varint();
        this.at = this.#next;
        return this.at + length;
      }
      case 1:
        this.at = this.#next;
        return this.at + 8;
      case 5:
        this.at = this.#next;
        return this.at + 4;
      default:
        throw new WireFault(`field ${this.number} is of wire type ${this.wire}`);
    }
  }

  #varint(): number {
    const { bytes } = this;
    let value = 0;
    let scale = 1;
    for (let count = 0; count < 10; count++) {
      if (this.#next >= this.#end) throw new WireFault('a number ends beyond its message');
      const byte = bytes[this.#next++]!;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      scale *= 128;
    }
    throw new WireFault('a number of more than ten bytes');
  }
}

/** @param value a whole number from 0 to 2⁵³ */
export function varint(value: number): Buffer {
  const bytes: number[] = [];
  let left = value;
  for (; left >= 0x80; left = Math.floor(left / 128)) bytes.push((left % 128) + 0x80);
  bytes.push(left);
  return Buffer.from(bytes);
}

/** A field that has a length: text, bytes, a message. */
export function lengthField(number: number, value: Uint8Array): Buffer {
  return Buffer.concat([varint(number * 8 + LENGTH), varint(value.length), value]);
}

export function varintField(number: number, value: number): Buffer {
  return Buffer.concat([varint(number * 8 + VARINT), varint(value)]);
}
