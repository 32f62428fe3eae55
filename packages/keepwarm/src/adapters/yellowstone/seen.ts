/**
 * Which updates have been told, slot by slot, and by which opening of the stream: what two openings send is one and the
 * same, what one sends twice is two.
 *
 *   (1) At most `sizeMax` are remembered; when there are more, the lowest slots are forgotten whole.
 *   (2) Everything told of slots from `floor` on is remembered.
 */
import type { Identity } from './identity.ts';

/** By id: the opening that told it last, and its mark below that. */
type Ids = Map<string | number, number>;

/** How many marks there are. */
const MARKS = 2 ** 32;

export class Seen {
  readonly #sizeMax: number;
  readonly #slots = new Map<number, Ids>();
  /** Of the slot that was noted last: most come in a row. */
  #slot = -1;
  #ids: Ids = new Map();
  #size = 0;
  #floor = 0;

  constructor(sizeMax: number) {
    this.#sizeMax = sizeMax;
  }

  get size(): number {
    return this.#size;
  }

  get floor(): number {
    return this.#floor;
  }

  /** @returns whether an earlier opening has told it */
  repeats({ slot, id, mark }: Identity, opening: number): boolean {
    if (slot < this.#floor) return false;
    if (slot !== this.#slot) this.#turnTo(slot);
    const before = this.#ids.get(id);
    this.#ids.set(id, opening * MARKS + mark);
    if (before === undefined) {
      if (++this.#size > this.#sizeMax) this.#forgetLowest();
      return false;
    }
    return before % MARKS === mark && Math.floor(before / MARKS) < opening;
  }

  /** What is below is not told again. */
  forget(below: number): void {
    if (below <= this.#floor) return;
    this.#floor = below;
    for (const [slot, ids] of this.#slots) {
      if (slot >= below) continue;
      this.#slots.delete(slot);
      this.#size -= ids.size;
    }
    if (this.#slot < below) this.#slot = -1;
  }

  #turnTo(slot: number): void {
    let ids = this.#slots.get(slot);
    if (ids === undefined) {
      ids = new Map();
      this.#slots.set(slot, ids);
    }
    this.#slot = slot;
    this.#ids = ids;
  }

  #forgetLowest(): void {
    let lowest = Number.POSITIVE_INFINITY;
    for (const slot of this.#slots.keys()) if (slot < lowest) lowest = slot;
    this.forget(lowest + 1);
  }
}
