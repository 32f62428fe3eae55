/**
 * Which messages have been seen, the last `idsMax` of them, and from where: a connection that says a thing twice means
 * it (a head that is head again), but what two of them say, or what was asked for besides, is one and the same.
 */
export class SeenIds {
  readonly #idsMax: number;
  readonly #sources = new Map<string, number>();

  constructor(idsMax: number) {
    this.#idsMax = idsMax;
  }

  has(id: string): boolean {
    return this.#sources.has(id);
  }

  get size(): number {
    return this.#sources.size;
  }

  /** Notes a message. @returns whether it had been seen, from another source */
  repeats(id: string, source: number): boolean {
    const before = this.#sources.get(id);
    this.#sources.delete(id); // to the end: what was seen last is forgotten last
    this.#sources.set(id, source);
    if (before === undefined && this.#sources.size > this.#idsMax) {
      for (const oldest of this.#sources.keys()) {
        this.#sources.delete(oldest);
        break;
      }
    }
    return before !== undefined && before !== source;
  }

  forget(id: string): void {
    this.#sources.delete(id);
  }
}
