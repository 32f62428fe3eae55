/** The last `sizeMax` values, oldest overwritten first: a history with a bound. */
export class Ring<T> {
  readonly #slots: T[] = [];
  readonly #sizeMax: number;
  #next = 0;

  constructor(sizeMax: number) {
    this.#sizeMax = sizeMax;
  }

  push(value: T): void {
    if (this.#sizeMax <= 0) return;
    this.#slots[this.#next] = value;
    this.#next = (this.#next + 1) % this.#sizeMax;
  }

  /** Oldest first. */
  toArray(): T[] {
    return [...this.#slots.slice(this.#next), ...this.#slots.slice(0, this.#next)];
  }
}
