/** When the head passed each height, as far as that is remembered: what a lag is in time. */

/** Heights remembered: at a round a second, some four minutes. */
const LENGTH_MAX = 256;

interface Passed {
  readonly height: number;
  readonly at: number;
}

export class Passing {
  /** Rising in both. */
  readonly #passed: Passed[] = [];

  /** The head is here. What stood above it was of a chain that is no more. */
  at(height: number, now: number): void {
    while (this.#passed.length > 0 && this.#passed.at(-1)!.height >= height) this.#passed.pop();
    this.#passed.push({ height, at: now });
    if (this.#passed.length > LENGTH_MAX) this.#passed.shift();
  }

  /** How long ago the head passed it, in ms; 0 when it has not. At least so long, when that is beyond memory. */
  agoMs(height: number, now: number): number {
    const first = this.#passed.find((passed) => passed.height > height);
    return first === undefined ? 0 : now - first.at;
  }
}
