/** What happened to each upstream since it was asked last, as rows. Read off counters that are kept anyway. */
import { statsOf } from '../admin/upstream-parts.ts';
import type { AnyUpstream } from '../data/routes.ts';
import type { FigureBook, Totals } from '../figures/figures.ts';
import { BUCKETS } from '../figures/rolling.ts';
import { packed, type Row } from './row.ts';

interface Seen {
  readonly totals: Totals;
  /** The last second whose calls are in a row. */
  second: number;
  saturation: number;
}

export class Minutes {
  readonly #seen = new WeakMap<FigureBook, Seen>();
  readonly #now: () => number;

  /** @param now the clock of the figures */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** Notes how full pools are. What this costs grows with the sockets, so it is done a few times a minute. */
  sample(upstreams: readonly AnyUpstream[]): void {
    for (const upstream of upstreams) {
      const seen = this.#of(upstream.book);
      for (const { saturation } of statsOf(upstream).pools) seen.saturation = Math.max(seen.saturation, saturation);
    }
  }

  /** @param at when the minute began, in ms since 1970; `seconds` how much of it has been seen */
  take(upstreams: readonly AnyUpstream[], at: number, seconds: number): Row[] {
    this.sample(upstreams);
    return upstreams.map(({ name, book }) => this.#row(name, book, at, seconds));
  }

  #row(upstream: string, book: FigureBook, at: number, seconds: number): Row {
    const seen = this.#of(book);
    const counts = new Uint32Array(BUCKETS);
    const current = book.latency.slotAt(this.#now());
    let calls = 0;
    for (let slot = seen.second + 1; slot < current; slot++) calls += book.latency.addTo(counts, slot);
    const { failed, status5xx, fresh, reused, retried, limitWaits } = book.totals;
    const before = seen.totals;
    const failures = failed - before.failed;
    const row: Row = {
      upstream,
      at,
      seconds,
      calls: calls + failures,
      errors: failures + status5xx - before.status5xx,
      fresh: fresh - before.fresh,
      reused: reused - before.reused,
      retries: retried - before.retried,
      limitWaits: limitWaits - before.limitWaits,
      saturation: seen.saturation,
      latency: packed(counts),
    };
    Object.assign(before, book.totals);
    seen.second = Math.max(seen.second, current - 1);
    seen.saturation = 0;
    return row;
  }

  #of(book: FigureBook): Seen {
    let seen = this.#seen.get(book);
    if (seen === undefined) {
      const totals = { failed: 0, status5xx: 0, fresh: 0, reused: 0, retried: 0, limitWaits: 0 };
      seen = { totals, second: -1, saturation: 0 };
      this.#seen.set(book, seen);
    }
    return seen;
  }
}
