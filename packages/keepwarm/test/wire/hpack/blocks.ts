/** Blocks and fields, as tests write them down. */
import { Buffer } from 'node:buffer';
import { HpackDecoder } from '../../../src/wire/hpack/decoder.ts';
import { blockBytesMax, type FieldPair, type HpackEncoder } from '../../../src/wire/hpack/encoder.ts';

export const LIMITS = { listBytesMax: 65_536, fieldsMax: 256 } as const;

/** Bytes from hexadecimal digits, spaces aside. */
export const hex = (digits: string): Buffer => Buffer.from(digits.replaceAll(/\s/g, ''), 'hex');

export interface Field {
  readonly name: string;
  readonly value: string;
  readonly sensitive: boolean;
}

/** What a decoder makes of a block that stands among other bytes, none of which it may look at. */
export function decoded(decoder: HpackDecoder, block: Uint8Array): Field[] {
  const around = Buffer.alloc(block.length + 16, 0xff);
  around.set(block, 8);
  const fields: Field[] = [];
  decoder.decode(around, 8, 8 + block.length, (name, value, sensitive) => fields.push({ name, value, sensitive }));
  return fields;
}

/** As lines of `name: value`. */
export const lines = (fields: readonly Field[]): string[] => fields.map(({ name, value }) => `${name}: ${value}`);

export function encoded(encoder: HpackEncoder, fields: readonly FieldPair[]): Buffer {
  const into = Buffer.alloc(blockBytesMax(fields));
  return into.subarray(0, encoder.encode(into, 0, fields));
}

export const aDecoder = (limits: Partial<ConstructorParameters<typeof HpackDecoder>[0]> = {}): HpackDecoder =>
  new HpackDecoder({ ...LIMITS, ...limits });
