/**
 * Messages that have come and were not read yet, in order, with what they weigh.
 *
 * Invariants:
 *   (1) `weight` is that of the messages in it: their bytes, and a little for each.
 *   (2) A place that was read holds nothing.
 */

/** A message as it came; `decompress` makes it readable. */
export class Compressed {
  readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }
}

export type Received = Uint8Array | Compressed;

/** What a message weighs besides its bytes: empty ones are not free. */
const MESSAGE_WEIGHT = 64;
/** Places at first; a power of two, as ever after. */
const PLACES_FIRST = 8;

export class Unread {
  size = 0;
  weight = 0;
  #places: (Received | undefined)[] = [];
  /** Where the oldest is. */
  #first = 0;

  push(message: Received): void {
    if (this.size === this.#places.length) this.#grow();
    this.#places[(this.#first + this.size++) & (this.#places.length - 1)] = message;
    this.weight += weightOf(message);
  }

  /** The oldest, if any. */
  peek(): Received | undefined {
    return this.size === 0 ? undefined : this.#places[this.#first];
  }

  shift(): Received | undefined {
    if (this.size === 0) return undefined;
    const message = this.#places[this.#first]!;
    this.#places[this.#first] = undefined;
    this.#first = (this.#first + 1) & (this.#places.length - 1);
    this.size--;
    this.weight -= weightOf(message);
    return message;
  }

  clear(): void {
    this.#places = [];
    this.size = this.weight = this.#first = 0;
  }

  #grow(): void {
    const before = this.#places;
    this.#places = new Array<Received | undefined>(Math.max(before.length * 2, PLACES_FIRST)).fill(undefined);
    for (let at = 0; at < this.size; at++) this.#places[at] = before[(this.#first + at) & (before.length - 1)];
    this.#first = 0;
  }
}

const weightOf = (message: Received): number =>
  (message instanceof Compressed ? message.bytes.length : message.length) + MESSAGE_WEIGHT;
