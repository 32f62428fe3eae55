/** A binary heap whose members know their place in it: the first is at hand, and leaving from anywhere is O(log n). */
export interface Placed {
  /** Its own; -1 while it stands in no heap. */
  heapPlace: number;
}

/** A member stands in at most one heap at a time. */
export class Heap<T extends Placed> {
  readonly #members: T[] = [];
  readonly #precedes: (a: T, b: T) => boolean;

  /** `precedes` must be a strict order. */
  constructor(precedes: (a: T, b: T) => boolean) {
    this.#precedes = precedes;
  }

  get size(): number {
    return this.#members.length;
  }

  get first(): T | undefined {
    return this.#members[0];
  }

  push(member: T): void {
    member.heapPlace = this.#members.push(member) - 1;
    this.#rise(member);
  }

  /** The member must stand in this heap. */
  remove(member: T): void {
    const place = member.heapPlace;
    const last = this.#members.pop()!;
    member.heapPlace = -1;
    if (last === member) return;
    this.#members[place] = last;
    last.heapPlace = place;
    this.moved(last);
  }

  /** Must be told when what the order looks at has changed in a member. */
  moved(member: T): void {
    this.#rise(member);
    this.#sink(member);
  }

  /** In no order. */
  values(): Iterable<T> {
    return this.#members.values();
  }

  #rise(member: T): void {
    while (member.heapPlace > 0) {
      const parent = this.#members[(member.heapPlace - 1) >> 1]!;
      if (!this.#precedes(member, parent)) return;
      this.#swap(parent, member);
    }
  }

  #sink(member: T): void {
    for (;;) {
      const left = this.#members[2 * member.heapPlace + 1];
      const right = this.#members[2 * member.heapPlace + 2];
      if (left === undefined) return;
      const child = right !== undefined && this.#precedes(right, left) ? right : left;
      if (!this.#precedes(child, member)) return;
      this.#swap(member, child);
    }
  }

  #swap(above: T, below: T): void {
    const place = above.heapPlace;
    this.#members[below.heapPlace] = above;
    this.#members[place] = below;
    above.heapPlace = below.heapPlace;
    below.heapPlace = place;
  }
}
