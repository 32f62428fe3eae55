/** A list whose links stand in its members: nothing is allocated, and leaving from anywhere is O(1). */
export interface Link<T> {
  chainBefore: T | undefined;
  chainAfter: T | undefined;
}

/** A member stands in at most one chain at a time. */
export class Chain<T extends Link<T>> {
  #first: T | undefined;
  #last: T | undefined;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** The one that has been in the chain for longest. */
  get first(): T | undefined {
    return this.#first;
  }

  push(member: T): void {
    member.chainBefore = this.#last;
    member.chainAfter = undefined;
    if (this.#last === undefined) this.#first = member;
    else this.#last.chainAfter = member;
    this.#last = member;
    this.#size++;
  }

  shift(): T | undefined {
    const member = this.#first;
    if (member !== undefined) this.remove(member);
    return member;
  }

  pop(): T | undefined {
    const member = this.#last;
    if (member !== undefined) this.remove(member);
    return member;
  }

  /** The member must stand in this chain. */
  remove(member: T): void {
    if (member.chainBefore === undefined) this.#first = member.chainAfter;
    else member.chainBefore.chainAfter = member.chainAfter;
    if (member.chainAfter === undefined) this.#last = member.chainBefore;
    else member.chainAfter.chainBefore = member.chainBefore;
    member.chainBefore = undefined;
    member.chainAfter = undefined;
    this.#size--;
  }

  /** Oldest first; the member at hand may be removed. */
  *[Symbol.iterator](): Generator<T> {
    let member = this.#first;
    while (member !== undefined) {
      const next: T | undefined = member.chainAfter;
      yield member;
      member = next;
    }
  }
}
