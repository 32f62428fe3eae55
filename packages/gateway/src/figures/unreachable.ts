/**
 * Origins to which no connection could be opened when it was last tried. Endpoints of several that nobody has to call
 * are found here before a call is harmed; what nobody has tried for a minute is no news any more.
 */
export interface UnreachableTold {
  readonly origin: string;
  /** In a word, such as `ECONNREFUSED`. */
  readonly why: string;
  /** Since the first of the failures in a row, in ms. */
  readonly forMs: number;
}

/** A client of any origin may meet many. */
const ORIGINS_MAX = 100;
const NEWS_MS = 60_000;

export class Unreachable {
  readonly #origins = new Map<string, { why: string; since: number; last: number }>();
  /** Connections that are open, of each origin that has any. */
  readonly #open = new Map<string, number>();

  failed(origin: string, why: string, now: number): void {
    const known = this.#origins.get(origin);
    if (known === undefined || now - known.last > NEWS_MS) {
      this.#origins.delete(origin);
      if (this.#origins.size >= ORIGINS_MAX) this.#origins.delete(this.#origins.keys().next().value!); // the oldest
      this.#origins.set(origin, { why, since: now, last: now });
    } else {
      known.why = why;
      known.last = now;
    }
  }

  opened(origin: string): void {
    this.#origins.delete(origin);
    this.#open.set(origin, (this.#open.get(origin) ?? 0) + 1);
  }

  closed(origin: string): void {
    const left = (this.#open.get(origin) ?? 1) - 1;
    if (left > 0) this.#open.set(origin, left);
    else this.#open.delete(origin);
  }

  /** Those there is no way to, also if nobody tried lately, with how long that has been so, in ms. */
  lost(now: number): [origin: string, forMs: number][] {
    return [...this.#origins].flatMap(([origin, { since }]): [string, number][] =>
      this.#open.has(origin) ? [] : [[origin, now - since]],
    );
  }

  told(now: number): UnreachableTold[] {
    return [...this.#origins].flatMap(([origin, { why, since, last }]) =>
      now - last > NEWS_MS ? [] : [{ origin, why, forMs: now - since }],
    );
  }
}

/** What several processes tell of one upstream, as one. */
export function unreachableTogether(all: readonly UnreachableTold[]): UnreachableTold[] {
  const groups = Map.groupBy(all, ({ origin }) => origin).values();
  return [...groups].map((each) => each.reduce((longest, told) => (told.forMs > longest.forMs ? told : longest)));
}
