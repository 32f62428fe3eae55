/**
 * What a page wants to know of one upstream that the library's snapshot does not say: the last seconds instead of all
 * time, calls that found a connection open against those that had to wait for one, and each socket's recent past.
 */
import type { Observer, Reply } from 'keepwarm';
import { Listeners } from './listeners.ts';
import { Rolling, RollingCount, type Summary } from './rolling.ts';
import { Trail } from './trail.ts';

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
/** Closed sockets whose trail is kept; as many as the library remembers by default. */
const CLOSED_MAX = 200;
/** A call that waited no longer than this for its first connection found it open, whatever the clock's noise says. */
const AT_ONCE_MS = 1;

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
}

export interface Totals {
  failed: number;
  status5xx: number;
  fresh: number;
  reused: number;
  retried: number;
  limitWaits: number;
}

export class FigureBook {
  /** 2 min by the second, for the curves. */
  readonly latency = new Rolling(1_000, 122);
  readonly #warm = new Rolling(5_000, 13);
  readonly #cold = new Rolling(30_000, 21);
  readonly #reused = new RollingCount(5_000, 12);
  readonly #fresh = new RollingCount(5_000, 12);
  readonly #failed = new RollingCount(5_000, 12);
  readonly #status5xx = new RollingCount(5_000, 12);
  readonly #openings: Phases[] = [];
  readonly #trails = new Map<number, Trail>();
  readonly #closed: number[] = [];
  /** Sockets whose first call has not been answered yet: what they cost, and how long that call waited. */
  readonly #unproven = new Map<number, { readonly phases: Phases; waitMs: number }>();
  readonly #now: () => number;
  readonly #startedAt: number;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
    this.#startedAt = now();
    this.#listeners.add(this.#noting);
  }

  /** For the client whose figures these are. */
  get observer(): Observer {
    return this.#listeners.observer;
  }

  /** Another who wants to know what that client does. */
  listen(observer: Observer): void {
    this.#listeners.add(observer);
  }

  readonly #listeners = new Listeners();

  /** Since it was made, for whoever notes differences. */
  readonly totals: Totals = { failed: 0, status5xx: 0, fresh: 0, reused: 0, retried: 0, limitWaits: 0 };

  readonly #noting: Observer = {
    retried: () => void this.totals.retried++,
    rateWaits: () => void this.totals.limitWaits++,
    concurrencyWaits: () => void this.totals.limitWaits++,
    socketOpened: (fact) => {
      this.#trails.set(fact.socketId, new Trail(this.#now()));
      this.#unproven.set(fact.socketId, { phases: fact, waitMs: 0 });
    },
    socketClosed: ({ socketId }) => {
      this.#trails.get(socketId)?.released(this.#now());
      this.#unproven.delete(socketId);
      this.#closed.push(socketId);
      if (this.#closed.length > CLOSED_MAX) this.#trails.delete(this.#closed.shift()!);
    },
    leased: ({ socketId, fresh, waitMs }) => {
      const now = this.#now();
      (fresh ? this.#fresh : this.#reused).add(now);
      this.totals[fresh ? 'fresh' : 'reused']++;
      const first = fresh ? this.#unproven.get(socketId) : undefined;
      if (first !== undefined) first.waitMs = waitMs;
      this.#trails.get(socketId)?.leased(now);
    },
    released: ({ socketId }) => this.#trails.get(socketId)?.released(this.#now()),
  };

  /** The head of a reply has come. */
  answered({ socketId, reused, status }: Pick<Reply, 'socketId' | 'reused' | 'status'>, startedAt: number): void {
    const now = this.#now();
    const first = reused ? undefined : this.#unproven.get(socketId);
    this.#unproven.delete(socketId);
    if (first !== undefined && first.waitMs > AT_ONCE_MS) this.cold(now - startedAt, first.phases);
    else this.#warm.record(now - startedAt, now);
    if (status < 500) return;
    this.#status5xx.add(now);
    this.totals.status5xx++;
  }

  /** The reply has been passed on to its end. */
  ended(startedAt: number): void {
    const now = this.#now();
    this.latency.record(now - startedAt, now);
  }

  failed(): void {
    this.#failed.add(this.#now());
    this.totals.failed++;
  }

  /** A call that had to wait for its connection; some are made on purpose, for comparison. `ms` to the first byte. */
  cold(ms: number, phases: Phases): void {
    this.#cold.record(ms, this.#now());
    this.#openings.push(phases);
    if (this.#openings.length > OPENINGS_MAX) this.#openings.shift();
  }

  /** One digit per slot of the socket's last two minutes; empty for one that is not known. */
  trail(socketId: number): string {
    return this.#trails.get(socketId)?.digits(this.#now()) ?? '';
  }

  figures(): Figures {
    const now = this.#now();
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
    };
  }
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
