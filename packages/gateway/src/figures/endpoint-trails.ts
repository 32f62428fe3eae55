/**
 * How many calls each endpoint of a pool answered, second by second: where traffic goes, and where it went. Read off
 * the library's counters once a second, so that calls pay nothing for it.
 */

/** Two minutes, as the page's other curves. */
export const TRAIL_SECONDS = 120;
const SECOND_MS = 1_000;

/** What the library counts of an endpoint since it was made. */
export interface Counted {
  readonly name: string;
  readonly successes: number;
  readonly failures: number;
  readonly busy: number;
}

interface Trail {
  seen: number;
  readonly counts: number[];
}

export class EndpointTrails {
  readonly #read: () => readonly Counted[];
  readonly #trails = new Map<string, Trail>();
  readonly #timer: NodeJS.Timeout;

  constructor(read: () => readonly Counted[]) {
    this.#read = read;
    this.#timer = setInterval(() => this.look(), SECOND_MS);
    this.#timer.unref();
  }

  /** Notes the second that has just ended. */
  look(): void {
    for (const { name, successes, failures, busy } of this.#read()) {
      const outcomes = successes + failures + busy;
      const trail = this.#trails.get(name) ?? { seen: 0, counts: [] };
      trail.counts.push(Math.max(0, outcomes - trail.seen));
      if (trail.counts.length > TRAIL_SECONDS) trail.counts.shift();
      trail.seen = outcomes;
      this.#trails.set(name, trail);
    }
  }

  /** Outcomes per second, oldest first, up to the last full second; at most `TRAIL_SECONDS`. */
  of(name: string): readonly number[] {
    return this.#trails.get(name)?.counts ?? [];
  }

  /** Twice is harmless. */
  close(): void {
    clearInterval(this.#timer);
  }
}
