/**
 * How often each update of one slot came. Those with a number for an id, of which there are very many, stand in a table
 * of numbers: 16 bytes for each, no objects, nothing for the collector to follow.
 *
 *   a place:   free ──add──▶ counted ⇄ counted down to nothing ──grow──▶ free
 *
 * Invariants:
 *   (1) `total` is the sum of all counts, and `size` how many are above nothing.
 *   (2) At most three quarters of the places are not free, so that a search always ends.
 */

/** What tells an update from others of its slot: a number where there are very many, since each is kept for long. */
export type UpdateId = string | number;

/** As often as this, and the same update is not counted any more. */
const COUNT_MAX = 2 ** 20;
/** Places of a new table; a power of two, as ever after. Most slots of quiet streams have a few updates. */
const PLACES_FIRST = 16;
/** Eight of an id, four each of mark and count. */
const PLACE_BYTES = 16;
/** 2^32 divided by the golden ratio: spreads ids that follow each other over all places. */
const SPREAD = 0x9e3779b1;
const UNIT_OF_HIGH = 2 ** 32;

export class ToldIds {
  size = 0;
  total = 0;
  #texts: Map<string, number> | undefined;
  #ids = new Float64Array(0);
  #marks = new Uint32Array(0);
  /** One more than the count; 0 where the place is free. */
  #counts = new Uint32Array(0);
  #taken = 0;

  /** @param mark what two numbers that are the same do not share, where that may be: 32 bits */
  add(id: UpdateId, mark: number, count: number): void {
    if (typeof id === 'string') return this.#addText(textOf(id, mark), count);
    if (this.#taken * 4 >= this.#ids.length * 3) this.#grow();
    const place = this.#placeOf(id, mark);
    const before = this.#counts[place]!;
    if (before === 0) {
      this.#ids[place] = id;
      this.#marks[place] = mark;
      this.#taken++;
    }
    const counted = before === 0 ? 0 : before - 1;
    if (counted + count >= COUNT_MAX) return;
    this.#counts[place] = counted + count + 1;
    if (counted === 0) this.size++;
    this.total += count;
  }

  /** Counts one less. @returns whether there was one */
  take(id: UpdateId, mark: number): boolean {
    if (typeof id === 'string') return this.#takeText(textOf(id, mark));
    if (this.#taken === 0) return false;
    const place = this.#placeOf(id, mark);
    const before = this.#counts[place]!;
    if (before <= 1) return false;
    this.#counts[place] = before - 1;
    if (before === 2) this.size--;
    this.total--;
    return true;
  }

  /** Whether it is counted, with no mark. */
  has(id: UpdateId): boolean {
    if (typeof id === 'string') return this.#texts?.has(id) === true;
    return this.#taken > 0 && this.#counts[this.#placeOf(id, 0)]! > 1;
  }

  /** Counts all that is counted there as well. */
  addAll(others: ToldIds): void {
    for (const [text, count] of others.#texts ?? []) this.#addText(text, count);
    for (let at = 0; at < others.#ids.length; at++) {
      if (others.#counts[at]! > 1) this.add(others.#ids[at]!, others.#marks[at]!, others.#counts[at]! - 1);
    }
  }

  #addText(text: string, count: number): void {
    const texts = (this.#texts ??= new Map());
    const counted = texts.get(text) ?? 0;
    if (counted + count >= COUNT_MAX) return;
    texts.set(text, counted + count);
    if (counted === 0) this.size++;
    this.total += count;
  }

  #takeText(text: string): boolean {
    const counted = this.#texts?.get(text);
    if (counted === undefined) return false;
    if (counted > 1) this.#texts?.set(text, counted - 1);
    else this.#texts?.delete(text);
    if (counted === 1) this.size--;
    this.total--;
    return true;
  }

  /** Where it stands, or is to stand. */
  #placeOf(id: number, mark: number): number {
    const last = this.#ids.length - 1;
    let place = (Math.imul(id ^ (id / UNIT_OF_HIGH) ^ mark, SPREAD) >>> 8) & last;
    while (this.#counts[place] !== 0 && (this.#ids[place] !== id || this.#marks[place] !== mark)) {
      place = (place + 1) & last;
    }
    return place;
  }

  /** Makes room: twice as much of it where that is needed. */
  #grow(): void {
    const [ids, marks, counts] = [this.#ids, this.#marks, this.#counts];
    let live = 0;
    for (const count of counts) if (count > 1) live++;
    this.#make(live * 4 >= ids.length ? Math.max(ids.length * 2, PLACES_FIRST) : ids.length);
    this.#taken = live;
    for (let at = 0; at < ids.length; at++) {
      if (counts[at]! <= 1) continue;
      const place = this.#placeOf(ids[at]!, marks[at]!);
      this.#ids[place] = ids[at]!;
      this.#marks[place] = marks[at]!;
      this.#counts[place] = counts[at]!;
    }
  }

  /** All three in one piece of memory: pieces cost more than bytes do. */
  #make(places: number): void {
    const memory = new ArrayBuffer(places * PLACE_BYTES);
    this.#ids = new Float64Array(memory, 0, places);
    this.#marks = new Uint32Array(memory, places * 8, places);
    this.#counts = new Uint32Array(memory, places * 12, places);
  }
}

/** A text that is told apart by a mark, where it has one. */
const textOf = (id: string, mark: number): string => (mark === 0 ? id : `${id}/${mark}`);
