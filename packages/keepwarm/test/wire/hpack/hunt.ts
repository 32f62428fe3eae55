/**
 * Mutated blocks: the decoder and the model must agree on each, on what it says, on whether it is refused, and on the
 * table that it leaves. Shared by the test, which judges some, and by the fuzzer, which judges as many as it is told.
 */
import { Buffer } from 'node:buffer';
import type { HpackDecoder } from '../../../src/wire/hpack/decoder.ts';
import { HpackEncoder } from '../../../src/wire/hpack/encoder.ts';
import { FieldLimitError, HpackError } from '../../../src/wire/hpack/error.ts';
import { aDecoder, decoded, type Field } from './blocks.ts';
import { Model } from './model.ts';

/** Numbers below `below` that a seed makes again (mulberry32). */
export function chance(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

const NAMES = [
  ':status',
  'server',
  'date',
  'content-type',
  'content-length',
  'x-a',
  'x-b',
  'set-cookie',
  'vary',
  'via',
];
const VALUES = [
  '200',
  '404',
  'nginx/1.24.0',
  'application/json',
  'gzip',
  '',
  'a',
  '{"a":[1,2]}',
  '\x00\x7f\xff\n~',
  'v',
];

/** Bytes at which something begins or ends. */
const EDGES = [0x00, 0x0f, 0x10, 0x1f, 0x20, 0x3f, 0x40, 0x7f, 0x80, 0x81, 0xbd, 0xbe, 0xbf, 0xfe, 0xff];

/** A valid block that follows those the encoder made before. */
function aBlock(next: (below: number) => number, encoder: HpackEncoder): Buffer {
  if (next(8) === 0) encoder.setTableBytesMax([0, 40, 100, 1_000, 4_096][next(5)]!);
  const into = Buffer.alloc(4_096);
  let at = encoder.begin(into, 0);
  for (let left = next(8); left > 0; left--) {
    const value = `${VALUES[next(VALUES.length)]}${next(4) === 0 ? 'y'.repeat(next(120)) : ''}`;
    at = encoder.field(into, at, NAMES[next(NAMES.length)]!, value, next(9) === 0);
  }
  return into.subarray(0, at);
}

/** The block with a few things wrong with it. */
export function mutated(next: (below: number) => number, block: Uint8Array): Uint8Array {
  let bytes = [...block];
  for (let times = next(4); times > 0; times--) {
    const at = next(bytes.length + 1);
    switch (next(7)) {
      case 0:
        if (at < bytes.length) bytes[at]! ^= 1 << next(8);
        break;
      case 1:
        bytes[at] = EDGES[next(EDGES.length)]!;
        break;
      case 2:
        bytes.splice(at, 0, EDGES[next(EDGES.length)]!);
        break;
      case 3:
        bytes.splice(at, 1 + next(4));
        break;
      case 4:
        bytes = bytes.slice(0, at);
        break;
      case 5:
        bytes.splice(at, 0, ...bytes.slice(next(bytes.length + 1)).slice(0, 1 + next(12)));
        break;
      default:
        for (let left = 1 + next(6); left > 0; left--) bytes.splice(at, 0, next(256));
    }
  }
  return Uint8Array.from(bytes);
}

export interface Finding {
  readonly number: number;
  readonly what: string;
  readonly blocks: readonly string[];
}

type Outcome = { readonly fields: readonly Field[] } | { readonly refused: string };

export class Hunt {
  readonly seed: number;
  readonly findings: Finding[] = [];
  readonly counts = { read: 0, refused: 0, limited: 0, again: 0 };

  constructor(seed: number) {
    this.seed = seed;
  }

  get blocks(): number {
    return this.counts.read + this.counts.refused + this.counts.limited;
  }

  /** Judges the connection of that number: blocks, valid at first, until one is refused or there are twelve. */
  judge(number: number): void {
    const next = chance(this.seed + Math.imul(number, 0x9e3779b1));
    const fieldsMax = next(3) === 0 ? 4 : 256;
    const [encoder, decoder, model] = [new HpackEncoder(), aDecoder({ fieldsMax }), new Model()];
    const sent: Uint8Array[] = [];
    for (let i = 0; i < 12; i++) {
      // What came before may come again, and mean the same or, with another table, something else.
      const again = sent.length > 0 && next(3) === 0;
      if (again) this.counts.again++;
      const valid = again ? sent[next(sent.length)]! : aBlock(next, encoder);
      const block = again || next(2) === 0 ? valid : mutated(next, valid);
      sent.push(block);
      const ours = outcome(() => decoded(decoder, block));
      const theirs = outcome(() => model.read(block));
      const what = this.#difference(ours, theirs, decoder, model, fieldsMax);
      if (what !== undefined) {
        this.findings.push({ number, what, blocks: sent.map((bytes) => Buffer.from(bytes).toString('hex')) });
      }
      if (what !== undefined || 'refused' in theirs) return;
    }
  }

  #difference(
    ours: Outcome,
    theirs: Outcome,
    decoder: HpackDecoder,
    model: Model,
    fieldsMax: number,
  ): string | undefined {
    if ('refused' in theirs) {
      this.counts.refused++;
      return 'refused' in ours && ours.refused === 'HpackError' ? undefined : `not refused: ${theirs.refused}`;
    }
    const { bytes, entries, bytesMax } = decoder.table;
    if (bytes !== model.bytes || entries !== model.entries.length || bytesMax !== model.bytesMax) {
      const theirTable = { bytes: model.bytes, entries: model.entries.length, bytesMax: model.bytesMax };
      return `a table ${JSON.stringify({ bytes, entries, bytesMax })}, not ${JSON.stringify(theirTable)}`;
    }
    if (theirs.fields.length > fieldsMax) {
      this.counts.limited++;
      return 'refused' in ours && ours.refused === 'FieldLimitError' ? undefined : 'not limited';
    }
    this.counts.read++;
    if ('refused' in ours) return `refused: ${ours.refused}`;
    return JSON.stringify(ours) === JSON.stringify(theirs) ? undefined : `says ${JSON.stringify(ours)}`;
  }
}

/** What a block comes to. A crash of the decoder is none of the outcomes a block may have. */
function outcome(read: () => Field[]): Outcome {
  try {
    return { fields: read() };
  } catch (error) {
    if (error instanceof HpackError || error instanceof FieldLimitError) return { refused: error.name };
    return { refused: String(error) };
  }
}
