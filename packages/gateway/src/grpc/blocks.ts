/**
 * Memory for what is written to callers, used again once it has left: making blocks of this size anew for each write
 * costs more than filling them.
 *
 *   kept ──take──▶ lent ──written: give──▶ kept, or dropped where enough are
 */

/** Room for a write and the update that goes over its measure. */
const BLOCK_BYTES = 96 * 1024;
/** Kept for later, in all: 6 MiB. */
const BLOCKS_MAX = 64;

export class Blocks {
  readonly #kept: Buffer[] = [];

  /** Memory of at least that many bytes, with whatever was in it. */
  take(bytes: number): Buffer {
    return bytes > BLOCK_BYTES
      ? Buffer.allocUnsafeSlow(bytes)
      : (this.#kept.pop() ?? Buffer.allocUnsafeSlow(BLOCK_BYTES));
  }

  /** Nobody reads it any more. */
  give(block: Buffer): void {
    if (block.length === BLOCK_BYTES && this.#kept.length < BLOCKS_MAX) this.#kept.push(block);
  }
}
