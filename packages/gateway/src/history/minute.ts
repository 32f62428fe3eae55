/**
 * What happened to each upstream since it was asked last, as rows. Read off counters that are kept anyway, and that a
 * reload hands on. An upstream that is configured no more has a last row.
 */
import { statsOf } from '../admin/upstream-parts.ts';
import type { AnyUpstream } from '../data/routes.ts';
import { BUCKETS } from '../figures/rolling.ts';
import type { Tally, Totals } from '../figures/tally.ts';
import { packed, type Row } from './row.ts';

interface Seen {
  readonly totals: Totals;
  /** The last second whose calls are in a row. */
  second: number;
  saturation: number;
}

export class Minutes {
  readonly #seen = new WeakMap<Tally, Seen>();
  /** Those there were when it was looked last. */
  #known: ReadonlyMap<string, Tally> = new Map();
  readonly #now: () => number;

  /** @param now the clock of the figures */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** Notes how full pools are. What this costs grows with the sockets, so it is done a few times a minute. */
  sample(upstreams: readonly AnyUpstream[]): void {
    for (const upstream of upstreams) {
      const seen = this.#of(upstream.book.tally);
      for (const { saturation } of statsOf(upstream).pools) seen.saturation = Math.max(seen.saturation, saturation);
    }
    this.#known = new Map([...this.#known, ...upstreams.map(({ name, book }) => [name, book.tally] as const)]);
  }

  /** @param at when the minute began, in ms since 1970; `seconds` how much of it has been seen */
  take(upstreams: readonly AnyUpstream[], at: number, seconds: number): Row[] {
    this.sample(upstreams);
    const rows = Array.from(this.#known, ([name, tally]) => this.#row(name, tally, at, seconds));
    this.#known = new Map(upstreams.map(({ name, book }) => [name, book.tally]));
    return rows;
  }

  #row(upstream: string, tally: Tally, at: number, seconds: number): Row {
    const seen = this.#of(tally);
    const counts = new Uint32Array(BUCKETS);
    const current = tally.latency.slotAt(this.#now());
    let calls = 0;
    for (let slot = seen.second + 1; slot < current; slot++) calls += tally.latency.addTo(counts, slot);
    const { failed, status5xx, fresh, reused, retried, limitWaits } = tally.totals;
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
    Object.assign(before, tally.totals);
    seen.second = Math.max(seen.second, current - 1);
    seen.saturation = 0;
    return row;
  }

  #of(tally: Tally): Seen {
    let seen = this.#seen.get(tally);
    if (seen === undefined) {
      const totals = { failed: 0, status5xx: 0, fresh: 0, reused: 0, retried: 0, limitWaits: 0 };
      seen = { totals, second: -1, saturation: 0 };
      this.#seen.set(tally, seen);
    }
    return seen;
  }
}
