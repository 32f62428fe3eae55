/**
 * Field blocks of one connection, peer to us, as fields (RFC 7541 § 3, § 6).
 *
 *            decode, read                     broken block
 *   ───────▶ in step ─────────▶ in step          │
 *               │                                ▼
 *               └──────────────────────────▶ out of step: every block is refused
 *
 * Invariants, true whenever no method is running:
 *   (1) In step: the dynamic table is what the peer's encoder takes it to be, after refused sections as well.
 *   (2) All or nothing: no field of a block is seen unless all of it was read and is within the limits.
 *   (3) A section that comes from memory is the one that reading the same bytes again would make: the bytes are equal,
 *       and the table has not changed, neither since they were read nor by them.
 */
import { DecoderTable } from './decoder-table.ts';
import { FieldLimitError, HpackError } from './error.ts';
import { BlockReader } from './reader.ts';
import { FieldSection, SectionMemory } from './section.ts';
import { ENTRY_OVERHEAD, STATIC_COUNT, STATIC_NAMES, STATIC_VALUES, TABLE_BYTES_INITIAL } from './static-table.ts';

export interface DecoderLimits {
  /** Our SETTINGS_HEADER_TABLE_SIZE: bytes the peer may fill our table with. Default 4,096 (RFC 9113 § 6.5.2). */
  readonly tableBytesMax?: number;
  /** Bytes of one field section, each field counting 32 more than its name and value (RFC 9113 § 6.5.2). */
  readonly listBytesMax: number;
  /** Fields of one section, pseudo-header fields included. */
  readonly fieldsMax: number;
}

/** `sensitive`: the peer asks that it never enters a table, here or further on (RFC 7541 § 6.2.3). */
export type OnField = (name: string, value: string, sensitive: boolean) => void;

/** @template Note what the user of a section keeps with it; see `FieldSection.note` */
export class HpackDecoder<Note = unknown> {
  readonly #limits: DecoderLimits;
  readonly #reader = new BlockReader();
  readonly #table = new DecoderTable(TABLE_BYTES_INITIAL);
  readonly #memory = new SectionMemory<Note>();
  /** The most a size update may ask for. */
  #tableBytesMax: number;
  /** The next block must begin with a size update, as its table is larger than what the peer has agreed to. */
  #updateDue = false;
  #broken: HpackError | undefined;
  // The section being read.
  #fields: string[] = [];
  #sensitive: boolean[] | undefined;
  #listBytes = 0;
  #count = 0;
  #exceeded: FieldLimitError | undefined;

  constructor(limits: DecoderLimits) {
    this.#limits = limits;
    // Until the peer has acknowledged our settings, it may still go by the initial ones.
    this.#tableBytesMax = Math.max(limits.tableBytesMax ?? TABLE_BYTES_INITIAL, TABLE_BYTES_INITIAL);
  }

  /** Bytes, entries and size of the dynamic table, for tests and for whoever wants to look. */
  get table(): { readonly bytes: number; readonly entries: number; readonly bytesMax: number } {
    return { bytes: this.#table.bytes, entries: this.#table.count, bytesMax: this.#table.bytesMax };
  }

  /**
   * The peer has acknowledged a SETTINGS_HEADER_TABLE_SIZE of ours. When its table is larger, its next block must begin
   * with a size update (RFC 7541 § 4.2).
   */
  setTableBytesMax(bytes: number): void {
    this.#tableBytesMax = bytes;
    this.#updateDue = this.#table.bytesMax > bytes;
  }

  /**
   * One complete field block, with what CONTINUATION frames brought already joined.
   *
   * @throws HpackError where the connection must end; `FieldLimitError` where only the stream must
   */
  decode(block: Uint8Array, from: number, to: number, onField: OnField): void {
    const { fields, sensitive } = this.read(block, from, to);
    for (let i = 0; i < fields.length; i += 2) onField(fields[i]!, fields[i + 1]!, sensitive?.[i >> 1] === true);
  }

  /**
   * As `decode`, in one piece. A block that came before, and means the same as then, gives the same object again.
   */
  read(block: Uint8Array, from: number, to: number): FieldSection<Note> {
    if (this.#broken !== undefined) throw new HpackError('the block follows a broken one', { cause: this.#broken });
    const { generation } = this.#table;
    const known = this.#updateDue ? undefined : this.#memory.get(block, from, to, generation);
    if (known !== undefined) return known;
    const section = this.#readAll(block, from, to);
    if (generation === this.#table.generation && section.sensitive === undefined) {
      this.#memory.set(block, from, to, generation, section);
    }
    return section;
  }

  #readAll(block: Uint8Array, from: number, to: number): FieldSection<Note> {
    this.#fields = [];
    this.#sensitive = undefined;
    this.#listBytes = this.#count = 0;
    this.#exceeded = undefined;
    this.#reader.open(block, from, to);
    try {
      this.#readUpdates();
      while (this.#reader.hasMore) this.#readField();
    } catch (error) {
      if (error instanceof HpackError) this.#broken = error;
      throw error;
    } finally {
      this.#reader.close();
    }
    if (this.#exceeded !== undefined) throw this.#exceeded;
    return new FieldSection(this.#fields, this.#sensitive, this.#listBytes);
  }

  /** Size updates, which stand before all fields (§ 4.2, § 6.3). */
  #readUpdates(): void {
    const reader = this.#reader;
    while (reader.hasMore && (reader.byte & 0xe0) === 0x20) {
      const bytes = reader.integer(0x1f);
      if (bytes > this.#tableBytesMax) {
        throw new HpackError(`a table size of ${bytes} bytes, above the limit of ${this.#tableBytesMax}`);
      }
      this.#table.resize(bytes);
      this.#updateDue = false;
    }
    if (this.#updateDue) {
      throw new HpackError(`no table size update, though the limit was lowered to ${this.#tableBytesMax} bytes`);
    }
  }

  #readField(): void {
    const reader = this.#reader;
    const { byte } = reader;
    if (byte >= 0x80) {
      const index = reader.integer(0x7f);
      if (index <= STATIC_COUNT) {
        if (index === 0) throw new HpackError('index 0, which stands for nothing');
        this.#take(STATIC_NAMES[index]!, STATIC_VALUES[index]!, false);
      } else {
        const nth = this.#nth(index);
        this.#take(this.#table.name(nth), this.#table.value(nth), false);
      }
    } else if (byte >= 0x40) {
      const name = this.#readName(0x3f);
      const value = reader.string();
      this.#table.add(name, value);
      this.#take(name, value, false);
    } else if (byte >= 0x20) {
      throw new HpackError('a table size update after the first field');
    } else {
      const name = this.#readName(0x0f);
      const sensitive = byte >= 0x10;
      this.#take(name, reader.string(sensitive), sensitive);
    }
  }

  #readName(mask: number): string {
    const index = this.#reader.integer(mask);
    if (index === 0) return this.#reader.string();
    return index <= STATIC_COUNT ? STATIC_NAMES[index]! : this.#table.name(this.#nth(index));
  }

  /** @returns the place of an index in the dynamic table, 0 being the newest */
  #nth(index: number): number {
    const nth = index - STATIC_COUNT - 1;
    if (nth >= this.#table.count) {
      throw new HpackError(`index ${index}, where the last entry has ${STATIC_COUNT + this.#table.count}`);
    }
    return nth;
  }

  /** Beyond a limit nothing is kept any more; the rest is read for the table's sake. */
  #take(name: string, value: string, sensitive: boolean): void {
    if (this.#exceeded !== undefined) return;
    this.#listBytes += name.length + value.length + ENTRY_OVERHEAD;
    const { listBytesMax, fieldsMax } = this.#limits;
    if (this.#listBytes > listBytesMax) this.#exceed(new FieldLimitError('listBytesMax', listBytesMax));
    else if (++this.#count > fieldsMax) this.#exceed(new FieldLimitError('fieldsMax', fieldsMax));
    else {
      this.#fields.push(name, value);
      if (sensitive) (this.#sensitive ??= [])[this.#count - 1] = true;
    }
  }

  #exceed(error: FieldLimitError): void {
    this.#exceeded = error;
    this.#fields = [];
  }
}
