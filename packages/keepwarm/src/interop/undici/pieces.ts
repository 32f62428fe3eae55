/**
 * The pieces of a body put together on their way to a handler. TLS and HTTP/2 cut a body into pieces of 16 KB or less,
 * and `fetch` spends some 10 µs on each, more than it takes to copy them. So what comes of a long body within a turn of
 * the event loop is told as one piece, and at the end of the turn at the latest.
 *
 * Invariants:
 *   (1) Every byte is given once, in order, in memory that is the handler's own.
 *   (2) Nothing is given while the handler has paused.
 *   (3) Kept are at most `LONG` bytes and what came in one call of `add`; of a body whose end is near, or not
 *       known, nothing is kept but for a pause.
 */
import { Buffer } from 'node:buffer'; // the global of this name is a getter, which a hot path would feel

/** Less than this to come is not worth waiting for. */
const LEFT_MIN = 32 * 1024;
/**
 * A piece of this size is long enough: over plain TCP they come so. Longer ones cost more than they save. Their memory
 * is fresh from the system, page by page, and a stream that holds 64 KB ahead says stop at every one of them.
 */
const LONG = 48 * 1024;
const NOTHING = Buffer.alloc(0);

/** The handler, as pieces see it. */
export interface Taker {
  readonly paused: boolean;
  readonly over: boolean;
  take(bytes: Buffer): void;
  turn(task: () => void): void;
}

export class Pieces {
  readonly #to: Taker;
  #left: number;
  #together = NOTHING;
  #filled = 0;
  #ready: Buffer[] = [];
  #turns = false;

  /** @param bytesExpected how long the body will be, or -1 */
  constructor(to: Taker, bytesExpected: number) {
    this.#to = to;
    this.#left = bytesExpected;
  }

  /** @param yours whether its memory is ours to keep */
  add(chunk: Uint8Array, yours: boolean): void {
    const left = this.#left;
    this.#left = Math.max(left - chunk.length, 0);
    if (this.#filled === 0 && (left < LEFT_MIN || chunk.length >= LONG)) {
      this.#ready.push(yours ? bufferOf(chunk) : Buffer.from(chunk));
      return this.give();
    }
    for (let at = 0; at < chunk.length; ) at += this.#put(at === 0 ? chunk : chunk.subarray(at), left - at);
    if (this.#filled > 0) this.#waitForTurn();
    this.give();
  }

  /** Gives what is there, all of it, as far as the handler lets us. */
  flush(): void {
    const { length } = this.#together;
    if (this.#filled > 0) {
      const part = this.#together.subarray(0, this.#filled);
      // Who keeps a little should not keep a lot for it.
      this.#ready.push(this.#filled * 2 < length ? Buffer.from(part) : part);
      this.#together = NOTHING;
      this.#filled = 0;
    }
    this.give();
  }

  /** Gives what is complete. */
  give(): void {
    const to = this.#to;
    while (this.#ready.length > 0 && !to.paused && !to.over) to.take(this.#ready.shift()!);
  }

  /** @returns how much of the chunk there was room for */
  #put(chunk: Uint8Array, left: number): number {
    if (this.#filled === 0) this.#together = Buffer.allocUnsafeSlow(Math.min(Math.max(left, chunk.length), LONG));
    const count = Math.min(chunk.length, this.#together.length - this.#filled);
    this.#together.set(count === chunk.length ? chunk : chunk.subarray(0, count), this.#filled);
    this.#filled += count;
    if (this.#filled === this.#together.length) {
      this.#ready.push(this.#together);
      this.#filled = 0;
    }
    return count;
  }

  #waitForTurn(): void {
    if (this.#turns) return;
    this.#turns = true;
    this.#to.turn(() => {
      this.#turns = false;
      if (!this.#to.paused && !this.#to.over) this.flush();
    });
  }
}

export function bufferOf(bytes: Uint8Array): Buffer {
  return bytes instanceof Buffer ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
