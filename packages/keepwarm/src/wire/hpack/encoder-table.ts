/**
 * The encoder's dynamic table (RFC 7541 § 2.3.2, § 4), with a way from names and values to indices.
 *
 * Entries are numbered from 1 as they are added. Those that are there have the numbers after `#added − #count`; the
 * index of one is `STATIC_COUNT + #added − number + 1`.
 *
 * Invariants, true whenever no method is running:
 *   (1) bytes = Σ (name + value + 32) over the entries ≤ bytesMax.
 *   (2) What a name record says is there, is there, under that number.
 *   (3) Two equal generations mean that every index means the same, and that the same values fit.
 */
import { Credit, type Indexing, indexingOf } from './indexing.ts';
import { ENTRY_OVERHEAD, STATIC_BY_NAME, STATIC_COUNT, type StaticName } from './static-table.ts';

/** Names that are kept track of. Beyond them, fields go out as literals: a caller may make up names for ever. */
const NAMES_MAX = 128;

/** Most names never have an entry: they are secret, vary, or stand in the static table with their value. */
const NONE: ReadonlyMap<string, number> = new Map();

/** What is known of one name. */
export class NameRecord {
  readonly isKept: boolean;
  readonly indexing: Indexing;
  readonly credit = new Credit();
  readonly fixed: StaticName | undefined;
  /** Numbers of this name's entries, by value. */
  entries: ReadonlyMap<string, number> = NONE;
  /** The number of its newest entry, which may be gone. */
  newest = 0;
  #own: Map<string, number> | undefined;

  constructor(name: string, isKept: boolean) {
    this.isKept = isKept;
    this.indexing = indexingOf(name);
    this.fixed = STATIC_BY_NAME.get(name);
  }

  enter(value: string, number: number): void {
    if (this.entries === NONE) this.entries = this.#own = new Map();
    this.#own?.set(value, number);
    this.newest = number;
  }

  leave(value: string): void {
    this.#own?.delete(value);
  }
}

interface Entry {
  readonly record: NameRecord;
  readonly value: string;
  readonly bytes: number;
}

export class EncoderTable {
  readonly #names = new Map<string, NameRecord>();
  /** Oldest first. */
  readonly #entries: (Entry | undefined)[] = [];
  /** Where the oldest is; what stands before it is cut off now and then. */
  #first = 0;
  #added = 0;
  #bytes = 0;
  #bytesMax: number;
  #generation = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get count(): number {
    return this.#entries.length - this.#first;
  }

  get bytesMax(): number {
    return this.#bytesMax;
  }

  get generation(): number {
    return this.#generation;
  }

  /** What is known of a name. When too many are, the record is not kept, and no entry can be found by it again. */
  record(name: string): NameRecord {
    const known = this.#names.get(name);
    if (known !== undefined) return known;
    const record = new NameRecord(name, this.#names.size < NAMES_MAX);
    if (record.isKept) this.#names.set(name, record);
    return record;
  }

  /** The index of an entry with this name and value, or 0. */
  indexOf(record: NameRecord, value: string): number {
    const fixed = record.fixed?.values.get(value);
    if (fixed !== undefined) return fixed;
    const number = record.entries.get(value);
    return number === undefined ? 0 : STATIC_COUNT + this.#added - number + 1;
  }

  /** The index of an entry with this name, or 0. */
  indexOfName(record: NameRecord): number {
    if (record.fixed !== undefined) return record.fixed.index;
    if (record.newest <= this.#added - this.count) return 0;
    return STATIC_COUNT + this.#added - record.newest + 1;
  }

  /** Whether an entry may be added: it can be found again, and takes up at most half of the table. */
  takes(record: NameRecord, name: string, value: string): boolean {
    return record.isKept && (name.length + value.length + ENTRY_OVERHEAD) * 2 <= this.#bytesMax;
  }

  /** Adds an entry that is not there yet and can fit, evicting the oldest until it does. */
  add(name: string, record: NameRecord, value: string): void {
    const bytes = name.length + value.length + ENTRY_OVERHEAD;
    this.#evict(this.#bytesMax - bytes);
    const number = ++this.#added;
    this.#entries.push({ record, value, bytes });
    record.enter(value, number);
    this.#bytes += bytes;
    this.#generation++;
  }

  resize(bytesMax: number): void {
    if (bytesMax !== this.#bytesMax) this.#generation++;
    this.#bytesMax = bytesMax;
    this.#evict(bytesMax);
  }

  #evict(bytesMax: number): void {
    while (this.#bytes > bytesMax) {
      const { record, value, bytes } = this.#entries[this.#first]!;
      this.#entries[this.#first++] = undefined;
      this.#bytes -= bytes;
      record.leave(value);
      this.#generation++;
    }
    if (this.#first > 64 && this.#first * 2 > this.#entries.length) {
      this.#entries.splice(0, this.#first);
      this.#first = 0;
    }
  }
}
