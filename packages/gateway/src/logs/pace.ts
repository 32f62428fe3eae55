/** Lets so many lines of a kind through in a time, and says with the next one how many it did not. */
export interface PaceLimit {
  readonly lines: number;
  readonly windowMs: number;
}

/** What a person can follow. */
const BUSY: PaceLimit = { lines: 10, windowMs: 1_000 };
/** What goes on and on, and says the same each time. */
export const STILL: PaceLimit = { lines: 1, windowMs: 60_000 };

/** Kinds that are remembered; beyond that all begin anew. */
const KINDS_MAX = 1_000;

interface Kind {
  window: number;
  written: number;
  omitted: number;
}

export class Pace {
  readonly #kinds = new Map<string, Kind>();
  readonly #limit: PaceLimit;
  readonly #now: () => number;

  constructor(limit: PaceLimit = BUSY, now: () => number = () => performance.now()) {
    this.#limit = limit;
    this.#now = now;
  }

  /** @param write gets `{ omitted }` when lines of this kind were left out before */
  of(kind: string, write: (omitted: object) => void): void {
    const { lines, windowMs } = this.#limit;
    const window = Math.floor(this.#now() / windowMs);
    const known = this.#kinds.get(kind) ?? { window, written: 0, omitted: 0 };
    if (!this.#kinds.has(kind) && this.#kinds.size >= KINDS_MAX) this.#kinds.clear();
    this.#kinds.set(kind, known);
    if (known.window !== window) {
      known.window = window;
      known.written = 0;
    }
    if (known.written >= lines) {
      known.omitted++;
      return;
    }
    known.written++;
    const { omitted } = known;
    known.omitted = 0;
    write(omitted === 0 ? {} : { omitted });
  }
}
