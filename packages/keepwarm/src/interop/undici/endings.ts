/**
 * By what dispatches are ended before their time: an AbortController for each, used again by a later one unless it has
 * fired. To make one, and to have its signal listened to for the first time, costs as much as all else a small dispatch
 * takes on its way to the client.
 */

/** Kept for dispatches to come; as many as may well be under way at once. */
const UNUSED_MAX = 256;

export class Endings {
  readonly #unused: AbortController[] = [];

  take(): AbortController {
    return this.#unused.pop() ?? new AbortController();
  }

  /** Said by a dispatch that has ended by itself, with nothing of it left that could listen. */
  giveBack(ending: AbortController): void {
    if (!ending.signal.aborted && this.#unused.length < UNUSED_MAX) this.#unused.push(ending);
  }
}
