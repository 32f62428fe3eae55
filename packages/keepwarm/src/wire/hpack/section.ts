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
const PLACES = 8;

/** Bytes of a block that tell its place. The others are compared only with what is found there. */
const SAMPLES = 16;

interface Place<Note> {
  /** The print of the last block that should have stood here: one that came only once is not worth a copy. */
  print: number;
  block: Uint8Array;
  generation: number;
  section: FieldSection<Note>;
}

/** The last few blocks that left the table as it was, with what they said. */
export class SectionMemory<Note> {
  readonly #places: Place<Note>[] = Array.from({ length: PLACES }, () => ({
    print: 0,
    block: NOTHING,
    generation: -1,
    section: EMPTY,
  }));
  /** Of the block last looked for. */
  #print = 0;

  get(block: Uint8Array, from: number, to: number, generation: number): FieldSection<Note> | undefined {
    this.#print = printOf(block, from, to);
    const known = this.#places[this.#print & (PLACES - 1)]!;
    if (known.generation !== generation) return undefined;
    const { block: bytes } = known;
    if (bytes.length !== to - from) return undefined;
    for (let i = 0; i < bytes.length; i++) if (bytes[i] !== block[from + i]) return undefined;
    return known.section;
  }

  /** Keeps what the block just looked for turned out to say, if this is the second time in a row at its place. */
  set(block: Uint8Array, from: number, to: number, generation: number, section: FieldSection<Note>): void {
    if (to - from > REMEMBERED_BYTES_MAX) return;
    const place = this.#places[this.#print & (PLACES - 1)]!;
    if (place.print === this.#print) {
      place.block = new Uint8Array(block.subarray(from, to));
      place.generation = generation;
      place.section = section;
    }
    place.print = this.#print;
  }
}

const NOTHING = new Uint8Array(0);
const EMPTY = new FieldSection<never>([], undefined, 0);

function printOf(block: Uint8Array, from: number, to: number): number {
  const step = Math.ceil((to - from) / SAMPLES);
  let print = to - from;
  for (let at = from; at < to; at += step) print = (Math.imul(print, 31) + block[at]!) | 0;
  return print ^ (print >>> 15);
}
