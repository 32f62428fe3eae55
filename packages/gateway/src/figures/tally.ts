/**
 * What is counted of an upstream, under its name: the last while, and since the start. A reload that replaces the
 * upstream hands it on to the one that takes its place, so that no second of it is missing from a curve or a row.
 */
import { Ills, type IllTold } from './ills.ts';
import { Rolling, RollingCount, type Summary } from './rolling.ts';
import { Unreachable, type UnreachableTold } from './unreachable.ts';

/** What it took to open a connection, in ms. */
export interface Phases {
  readonly dnsMs: number;
  readonly tcpMs: number;
  readonly tlsMs: number;
}

/** What counts as now for rate and latency. */
export const LATELY_SECONDS = 10;
/** Cold calls whose opening phases are remembered, for medians. */
const OPENINGS_MAX = 64;

export interface Figures {
  /** Caller's request to end of reply, last 10 s. */
  readonly latency: Summary;
  /** Answered per second, over the last 10 s. */
  readonly callsPerSecond: number;
  /** Caller's request to first byte of the reply, where the connection was there; last minute. */
  readonly warm: Summary;
  /** The same where one had to be opened first; last 10 min. */
  readonly cold: Summary;
  /** What the connections cost that cold calls had to wait for: medians of the last 64, in ms. */
  readonly opening: Phases & { readonly count: number };
  /** Leases of the last minute that found a connection which had served before ÷ all, 0…1; 0 before the first. */
  readonly reuseRatio: number;
  /** In the last minute: failed calls, and replies with status 5xx. */
  readonly failedLately: number;
  readonly status5xxLately: number;
  /** What they were, replies with 429 among them; most of the last minute first. */
  readonly ills: readonly IllTold[];
  /** Origins to which no connection can be opened at the moment. */
  readonly unreachable: readonly UnreachableTold[];
}

export interface Totals {
  failed: number;
  status5xx: number;
  fresh: number;
  reused: number;
  retried: number;
  limitWaits: number;
}

/** Counts per bucket of slots of time, latest first, the one under way included; and what they are told with. */
export interface Counted {
  readonly latency: readonly Uint32Array[];
  readonly warm: readonly Uint32Array[];
  readonly cold: readonly Uint32Array[];
  readonly openings: readonly Phases[];
  /** Leases of the last minute. */
  readonly fresh: number;
  readonly reused: number;
}

export class Tally {
  /** 2 min by the second, for the curves. */
  readonly latency = new Rolling(1_000, 122);
  /** Since it was made, for whoever notes differences. */
  readonly totals: Totals = { failed: 0, status5xx: 0, fresh: 0, reused: 0, retried: 0, limitWaits: 0 };
  readonly #warm = new Rolling(5_000, 13);
  readonly #cold = new Rolling(30_000, 21);
  readonly #reused = new RollingCount(5_000, 12);
  readonly #fresh = new RollingCount(5_000, 12);
  readonly #failed = new RollingCount(5_000, 12);
  readonly #status5xx = new RollingCount(5_000, 12);
  readonly #ills = new Ills();
  readonly unreachable = new Unreachable();
  readonly #openings: Phases[] = [];
  readonly #startedAt: number;

  constructor(now: number) {
    this.#startedAt = now;
  }

  leased(fresh: boolean, now: number): void {
    (fresh ? this.#fresh : this.#reused).add(now);
    this.totals[fresh ? 'fresh' : 'reused']++;
  }

  /** To the first byte, where the connection was there. */
  warm(ms: number, now: number): void {
    this.#warm.record(ms, now);
  }

  /** To the first byte, where one had to be opened first. */
  cold(ms: number, phases: Phases, now: number): void {
    this.#cold.record(ms, now);
    this.#openings.push(phases);
    if (this.#openings.length > OPENINGS_MAX) this.#openings.shift();
  }

  /** @param what in a word */
  failed(what: string, now: number): void {
    this.#failed.add(now);
    this.#ills.add(what, now);
    this.totals.failed++;
  }

  /** A reply that is no good news: 5xx, or 429. */
  illStatus(status: number, now: number): void {
    this.#ills.add(`status ${status}`, now);
    if (status < 500) return;
    this.#status5xx.add(now);
    this.totals.status5xx++;
  }

  /** What the figures are made from, for whoever puts together those of several processes. */
  counted(now: number): Counted {
    const [fresh, reused] = [this.#fresh.sum(now), this.#reused.sum(now)];
    const [warm, cold] = [this.#warm.counts(now), this.#cold.counts(now)];
    return { latency: this.latency.counts(now), warm, cold, openings: this.#openings, fresh, reused };
  }

  figures(now: number): Figures {
    const latency = this.latency.summary(now, LATELY_SECONDS);
    const seconds = Math.min(LATELY_SECONDS + (now % 1_000) / 1_000, Math.max((now - this.#startedAt) / 1_000, 1));
    const reused = this.#reused.sum(now);
    const leases = reused + this.#fresh.sum(now);
    return {
      latency,
      callsPerSecond: latency.count / seconds,
      warm: this.#warm.summary(now),
      cold: this.#cold.summary(now),
      opening: {
        count: this.#openings.length,
        dnsMs: median(this.#openings.map(({ dnsMs }) => dnsMs)),
        tcpMs: median(this.#openings.map(({ tcpMs }) => tcpMs)),
        tlsMs: median(this.#openings.map(({ tlsMs }) => tlsMs)),
      },
      reuseRatio: leases === 0 ? 0 : reused / leases,
      failedLately: this.#failed.sum(now),
      status5xxLately: this.#status5xx.sum(now),
      ills: this.#ills.told(now),
      unreachable: this.unreachable.told(now),
    };
  }
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
