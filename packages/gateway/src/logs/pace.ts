/** Lets so many lines of a kind through in a second, and says with the next one how many it did not. */
const PER_SECOND_MAX = 10;

interface Kind {
  second: number;
  written: number;
  omitted: number;
}

export class Pace {
  readonly #kinds = new Map<string, Kind>();
  readonly #now: () => number;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** @param write gets `{ omitted }` when lines of this kind were left out before */
  of(kind: string, write: (omitted: object) => void): void {
    const second = Math.floor(this.#now() / 1_000);
    const known = this.#kinds.get(kind) ?? { second, written: 0, omitted: 0 };
    this.#kinds.set(kind, known);
    if (known.second !== second) {
      known.second = second;
      known.written = 0;
    }
    if (known.written >= PER_SECOND_MAX) {
      known.omitted++;
      return;
    }
    known.written++;
    const { omitted } = known;
    known.omitted = 0;
    write(omitted === 0 ? {} : { omitted });
  }
}
