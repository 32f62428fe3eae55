/**
 * The window of one stream towards us: what its peer may still send, and what it has sent that it may send again.
 *
 * Invariant: left + uncredited = window, so that a reader who does not read stops the peer after one window.
 */
export class Inflow {
  readonly #windowBytes: number;
  #left: number;
  #uncredited = 0;

  constructor(windowBytes: number) {
    this.#windowBytes = windowBytes;
    this.#left = windowBytes;
  }

  /** Bytes the peer may send now. */
  get left(): number {
    return this.#left;
  }

  /** @returns whether the peer was allowed to send these bytes, padding included */
  used(bytes: number): boolean {
    this.#left -= bytes;
    this.#uncredited += bytes;
    return this.#left >= 0;
  }

  /**
   * Bytes to credit the peer with now: none until half of the window is used, nor when all that is to come fits.
   *
   * @param toCome bytes of the body that are still to come; `Infinity` where that is not known
   */
  credit(toCome: number): number {
    const bytes = this.#uncredited;
    if (bytes < this.#windowBytes / 2 || toCome <= this.#left) return 0;
    this.#left += bytes;
    this.#uncredited = 0;
    return bytes;
  }
}
