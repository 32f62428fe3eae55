/** A field section that was read, and the memory of the last few, so that what comes again is not read again. */

/**
 * The fields of one block. One object may stand for many blocks that said the same, so it is never changed.
 *
 * @template Note what its user keeps with it
 */
export class FieldSection<Note = unknown> {
  /** Name and value in turn, in the order they came. */
  readonly fields: readonly string[];
  /** By field: true where the peer asked that it never enters a table. `undefined` when there is none such. */
  readonly sensitive: readonly (boolean | undefined)[] | undefined;
  /** Name + value + 32 over all fields, as the limit counts them (RFC 9113 § 6.5.2). */
  readonly listBytes: number;
  /**
   * What the user made of the fields: kept with them, so that a section that comes again need not be judged again. It
   * must follow from the fields alone.
   */
  note: Note | undefined = undefined;

  constructor(fields: readonly string[], sensitive: readonly (boolean | undefined)[] | undefined, listBytes: number) {
    this.fields = fields;
    this.sensitive = sensitive;
    this.listBytes = listBytes;
  }
}

/** The longest block that is remembered, in bytes: what is longer hardly comes twice. */
export const REMEMBERED_BYTES_MAX = 256;

/** How many places there are. Which one a block may have follows from its bytes. */
const PLACES = 4;

interface Remembered<Note> {
  readonly block: Uint8Array;
  readonly generation: number;
  readonly section: FieldSection<Note>;
}

/** The last few blocks that left the table as it was, with what they said. */
export class SectionMemory<Note> {
  readonly #places: (Remembered<Note> | undefined)[] = new Array(PLACES).fill(undefined);

  get(block: Uint8Array, from: number, to: number, generation: number): FieldSection<Note> | undefined {
    const known = this.#places[placeOf(block, from, to)];
    if (known === undefined || known.generation !== generation) return undefined;
    const { block: bytes } = known;
    if (bytes.length !== to - from) return undefined;
    for (let i = 0; i < bytes.length; i++) if (bytes[i] !== block[from + i]) return undefined;
    return known.section;
  }

  set(block: Uint8Array, from: number, to: number, generation: number, section: FieldSection<Note>): void {
    if (to - from > REMEMBERED_BYTES_MAX || to === from) return;
    this.#places[placeOf(block, from, to)] = { block: new Uint8Array(block.subarray(from, to)), generation, section };
  }
}

/** The length and the last byte: replies that take turns on a connection usually differ in one of them. */
function placeOf(block: Uint8Array, from: number, to: number): number {
  return to === from ? 0 : (to - from + block[to - 1]!) % PLACES;
}
