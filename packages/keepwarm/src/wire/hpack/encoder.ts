/**
 * Fields of one connection, us to peer, as field blocks (RFC 7541 § 3, § 6).
 *
 * A block begins with `begin`, and what follows is added piece by piece, so that what is constant can be copied and
 * what varies stands where it must; `encode` does both for a list. **Every block that was begun must be sent, in the
 * order in which they were begun**: the peer's table follows the bytes, ours has already moved on.
 *
 * Invariants, true whenever no method is running:
 *   (1) The table is what a decoder has that read all blocks so far, and never above what the peer allows.
 *   (2) A remembered piece is the one that encoding its list again would make: the table has not changed, neither since
 *       then nor by it, and nothing in it could still enter the table.
 *   (3) A piece that does not fit `into` is refused before anything has changed.
 */
import { EncoderTable, type NameRecord } from './encoder-table.ts';
import { huffmanEncode, huffmanLength } from './huffman.ts';
import { STATIC_COUNT, TABLE_BYTES_INITIAL } from './static-table.ts';

/** A field to be sent: its name in lower case, both checked to be sendable (`fieldFault`). */
export type FieldPair = readonly [name: string, value: string];

export interface EncoderLimits {
  /** Bytes of table we are willing to keep, however many the peer offers. Default 4,096. */
  readonly tableBytesMax?: number;
}

/** Bytes that `begin` may write: two size updates. */
export const BEGIN_BYTES_MAX = 12;

/** Bytes a field may take beyond its name and value: three integers of at most six bytes. */
const FIELD_EXTRA = 18;

/** Lists that are remembered. A connection has few kinds of request; the oldest makes room for the newest. */
const LISTS_MAX = 16;

interface RememberedList {
  /** The most its encoding can take. */
  readonly bytesMax: number;
  /** What it became, or `undefined` when encoding it changed the table. */
  bytes: Uint8Array | undefined;
  generation: number;
}

export class HpackEncoder {
  readonly #table: EncoderTable;
  readonly #tableBytesMax: number;
  /** The smallest size since the last update that was sent, and the last; both are told, in this order (§ 4.2). */
  #smallest: number;
  #wanted: number;
  readonly #lists = new Map<readonly FieldPair[], RememberedList>();
  /** A field was written as a literal that could still enter the table, if it keeps coming. */
  #mayAdd = false;
  #lastList: readonly FieldPair[] | undefined;
  #lastRemembered: RememberedList | undefined;

  constructor(limits: EncoderLimits = {}) {
    this.#table = new EncoderTable(TABLE_BYTES_INITIAL);
    this.#tableBytesMax = limits.tableBytesMax ?? TABLE_BYTES_INITIAL;
    this.#smallest = this.#wanted = Math.min(this.#tableBytesMax, TABLE_BYTES_INITIAL);
  }

  /** Bytes, entries and size of the dynamic table, for tests and for whoever wants to look. */
  get table(): { readonly bytes: number; readonly entries: number; readonly bytesMax: number } {
    return { bytes: this.#table.bytes, entries: this.#table.count, bytesMax: this.#table.bytesMax };
  }

  /** The peer's SETTINGS_HEADER_TABLE_SIZE has changed; the next block says what we make of it. */
  setTableBytesMax(bytes: number): void {
    this.#wanted = Math.min(bytes, this.#tableBytesMax);
    this.#smallest = Math.min(this.#smallest, this.#wanted);
  }

  /** A whole block: `begin`, then each field. Returns the place after it. `into` needs `blockBytesMax(fields)`. */
  encode(into: Uint8Array, at: number, fields: readonly FieldPair[]): number {
    demand(into, at, blockBytesMax(fields));
    return this.#fields(into, this.begin(into, at), fields);
  }

  /** Begins a block at `at`: tells the peer of a new table size, which only the beginning of a block can do. */
  begin(into: Uint8Array, at: number): number {
    const table = this.#table;
    if (this.#smallest === table.bytesMax && this.#wanted === table.bytesMax) return at;
    demand(into, at, BEGIN_BYTES_MAX);
    let next = at;
    if (this.#smallest < this.#wanted && this.#smallest < table.bytesMax)
      next = this.#resize(into, next, this.#smallest);
    if (this.#wanted !== table.bytesMax) next = this.#resize(into, next, this.#wanted);
    this.#smallest = this.#wanted;
    return next;
  }

  #resize(into: Uint8Array, at: number, bytes: number): number {
    this.#table.resize(bytes);
    return writeInteger(into, at, 0x20, 0x1f, bytes);
  }

  /**
   * Adds a list that will come again: this very array, unchanged. Once the table holds what it needs, it is copied.
   */
  constant(into: Uint8Array, at: number, fields: readonly FieldPair[]): number {
    const known = this.#remembered(fields);
    const { bytes } = known;
    if (bytes !== undefined && known.generation === this.#table.generation) {
      if (into.length - at < bytes.length) demand(into, at, bytes.length);
      if (bytes.length > 48) into.set(bytes, at);
      else for (let i = 0; i < bytes.length; i++) into[at + i] = bytes[i]!;
      return at + bytes.length;
    }
    demand(into, at, known.bytesMax);
    known.generation = this.#table.generation;
    this.#mayAdd = false;
    const end = this.#fields(into, at, fields);
    const isSettled = known.generation === this.#table.generation && !this.#mayAdd;
    known.bytes = isSettled ? new Uint8Array(into.subarray(at, end)) : undefined;
    return end;
  }

  #remembered(fields: readonly FieldPair[]): RememberedList {
    if (fields === this.#lastList && this.#lastRemembered !== undefined) return this.#lastRemembered;
    let known = this.#lists.get(fields);
    if (known === undefined) {
      if (this.#lists.size >= LISTS_MAX) {
        for (const oldest of this.#lists.keys()) {
          this.#lists.delete(oldest);
          break;
        }
      }
      known = { bytesMax: blockBytesMax(fields) - BEGIN_BYTES_MAX, bytes: undefined, generation: -1 };
      this.#lists.set(fields, known);
    }
    this.#lastList = fields;
    this.#lastRemembered = known;
    return known;
  }

  /** Adds one field. `secret`: it is one, whatever its name; names that speak of secrets are taken for them anyway. */
  field(into: Uint8Array, at: number, name: string, value: string, secret = false): number {
    demand(into, at, name.length + value.length + FIELD_EXTRA);
    return this.#field(into, at, name, value, secret);
  }

  #fields(into: Uint8Array, at: number, fields: readonly FieldPair[]): number {
    let next = at;
    for (const field of fields) next = this.#field(into, next, field[0], field[1], false);
    return next;
  }

  #field(into: Uint8Array, at: number, name: string, value: string, secret: boolean): number {
    const table = this.#table;
    const record = table.record(name);
    if (secret || record.indexing === 'secret') return writeLiteral(into, at, 0x10, 0x0f, table, record, name, value);
    const index = table.indexOf(record, value);
    if (index !== 0) {
      if (index > STATIC_COUNT) record.credit.earn();
      return writeInteger(into, at, 0x80, 0x7f, index);
    }
    const fits = record.indexing === 'by credit' && table.takes(record, name, value);
    if (!fits || !record.credit.spend(value)) {
      this.#mayAdd ||= fits;
      return writeLiteral(into, at, 0, 0x0f, table, record, name, value);
    }
    const end = writeLiteral(into, at, 0x40, 0x3f, table, record, name, value);
    table.add(name, record, value);
    return end;
  }
}

/** The most a block of these fields can take, in bytes. */
export function blockBytesMax(fields: readonly FieldPair[]): number {
  let bytes = BEGIN_BYTES_MAX;
  for (const field of fields) bytes += field[0].length + field[1].length + FIELD_EXTRA;
  return bytes;
}

function demand(into: Uint8Array, at: number, bytes: number): void {
  if (into.length - at >= bytes) return;
  throw new RangeError(`a field block may need ${bytes} bytes, and there is room for ${into.length - at}`);
}

function writeLiteral(
  into: Uint8Array,
  at: number,
  first: number,
  mask: number,
  table: EncoderTable,
  record: NameRecord,
  name: string,
  value: string,
): number {
  const index = table.indexOfName(record);
  let next = writeInteger(into, at, first, mask, index);
  if (index === 0) next = writeString(into, next, name);
  return writeString(into, next, value);
}

/** An integer with the bits of `first` before its prefix, which are the ones of `mask` (RFC 7541 § 5.1). */
export function writeInteger(into: Uint8Array, at: number, first: number, mask: number, value: number): number {
  if (value < mask) {
    into[at] = first | value;
    return at + 1;
  }
  let next = at;
  into[next++] = first | mask;
  let rest = value - mask;
  for (; rest >= 0x80; rest >>>= 7) into[next++] = (rest & 0x7f) | 0x80;
  into[next++] = rest;
  return next;
}

/** A string in whichever coding is shorter (RFC 7541 § 5.2). */
export function writeString(into: Uint8Array, at: number, text: string): number {
  const coded = huffmanLength(text);
  if (coded < text.length) return huffmanEncode(text, into, writeInteger(into, at, 0x80, 0x7f, coded));
  let next = writeInteger(into, at, 0, 0x7f, text.length);
  for (let i = 0; i < text.length; i++) into[next++] = text.charCodeAt(i);
  return next;
}
