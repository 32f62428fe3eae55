/**
 * Sends a second copy of a call that is slower than nearly all of the last half minute's, and takes the first good
 * answer. A tail that comes from one slow connection, machine or pause is cut off at about the percentile, for a few
 * per cent of extra load. Source: J. Dean and L. A. Barroso, "The Tail at Scale", CACM 2013 (hedged requests);
 * Finagle's BackupRequestFilter (live percentile, its own share of the budget, what is recorded and what is not).
 *
 *   alone ──good, or failed──▶ settled
 *     │ due, and both budgets grant it
 *     ▼
 *   both ──a good reply──▶ settled; the other finishes unheeded
 *     └──one failed──▶ last ──any outcome──▶ settled
 *
 * Invariants:
 *   (1) Only idempotent calls that can be sent again are hedged, each at most once, each copy granted by both budgets.
 *   (2) Nothing is hedged before the percentile rests on `countMin` answers, nor while it is `delayMsMax` or more: then
 *       not a tail is slow but the peer, and a copy would only add to it.
 *   (3) A failure of one copy is not the outcome while the other is under way.
 *   (4) The caller gets one outcome. A reply that is not it is drained, so that its connection can be used again:
 *       ending a copy early would close its connection on HTTP/1.1. The limits of the call bound what it may still
 *       take.
 *
 * Waiting calls share one timer. A call that is not armed, as nothing is known yet or it is not idempotent, costs at
 * most one `then`.
 */
import { type Budget, RetryBudget } from '../algo/budget.ts';
import { PercentileWindow } from '../algo/percentile-window.ts';
import { type Call, mayRepeat, type Policy, type Send } from '../core/call.ts';
import type { Clock } from '../core/clock.ts';
import { DueList } from '../core/due.ts';
import { NetError } from '../core/error.ts';
import type { Observer } from '../core/observer.ts';
import type { Reply } from '../core/reply.ts';
import { Race, type RaceHost } from './hedge-race.ts';
import { TRANSIENT_STATUSES } from './repeat.ts';

export interface HedgeOptions {
  /** A call slower than this share of the others is sent twice, 0…100. */
  readonly percentile: number;
  /** Copies per call made, 0.05 for one in twenty; the budget shared with retries holds besides. */
  readonly share: number;
  /** Copies per second whatever the traffic, as a reserve over 10 s. */
  readonly perSecond: number;
  /** Answers of the last 20 to 30 s that must be known before anything is hedged. */
  readonly countMin: number;
  /** No copy is sent earlier than this after the first, in ms. */
  readonly delayMsMin: number;
  /** No copy is sent at all while the percentile is this high, in ms. */
  readonly delayMsMax: number;
  /** Statuses that are no good answer while another copy is under way. */
  readonly statuses: readonly number[];
  /** Which of the calls that may be repeated are hedged; all when left out. */
  readonly only?: (call: Call) => boolean;
}

/**
 * Where each comes from:
 *  - `percentile` 95 and `share` 0.05: "The Tail at Scale" (a hedge after the 95th percentile adds about 5 % of load);
 *    Finagle ties the two together likewise (percentile = 100 × (1 − maxExtraLoad)).
 *  - `perSecond` 1: ours. Where calls are few their share is a fraction of a copy, and chance alone would use it up.
 *  - `countMin` 100: ours; five answers then lie beyond the 95th percentile.
 *  - `delayMsMin` 1 ms, `delayMsMax` 2 s: Finagle's `minSendBackupAfterMs` and the upper end of its histogram.
 *  - `statuses`: see `TRANSIENT_STATUSES`.
 */
export const HEDGE_DEFAULTS: HedgeOptions = {
  percentile: 95,
  share: 0.05,
  perSecond: 1,
  countMin: 100,
  delayMsMin: 1,
  delayMsMax: 2_000,
  statuses: TRANSIENT_STATUSES,
};

/** Over which the share holds, in ms: as long as the shared budget's. */
const SHARE_WINDOW_MS = 10_000;

export interface HedgeParts {
  readonly clock: Clock;
  readonly observer: Observer;
  /** Shared with retries, which make the deposits. */
  readonly budget: Budget;
}

export interface HedgeSnapshot {
  /** When a copy would be sent now, in ms after the first; nothing while none would be. */
  readonly delayMs: number | undefined;
  /** Answers that rests on. */
  readonly count: number;
  readonly hedged: number;
  /** Copies that were answered first, and well. */
  readonly won: number;
  /** Copies that were due and refused by a budget. */
  readonly denied: number;
  /** Calls that wait for their answer or for their copy. */
  readonly armed: number;
}

export interface Hedge extends Policy {
  snapshot(): HedgeSnapshot;
  /** Sends no further copies; calls under way get their answers. */
  close(): void;
}

export function hedge(options: HedgeOptions, parts: HedgeParts): Hedge {
  const state = new Hedging(options, parts);
  const policy: Policy = (next) => {
    const recorded = state.recording(next);
    return (call) => {
      if (!mayRepeat(call) || options.only?.(call) === false) return next(call);
      const delayMs = state.admitted();
      return delayMs === undefined ? recorded(call) : new Race(state, next, call, delayMs).start();
    };
  };
  return Object.assign(policy, { snapshot: () => state.snapshot(), close: () => state.close() });
}

/** What all calls share. */
class Hedging implements RaceHost {
  readonly clock: Clock;
  readonly observer: Observer;
  readonly due: DueList;
  readonly latency: PercentileWindow;
  hedged = 0;
  won = 0;
  #denied = 0;
  #closed = false;
  readonly #options: HedgeOptions;
  readonly #statuses: ReadonlySet<number>;
  readonly #shared: Budget;
  readonly #own: RetryBudget;

  constructor(options: HedgeOptions, parts: HedgeParts) {
    this.#options = options;
    this.clock = parts.clock;
    this.observer = parts.observer;
    this.due = new DueList(parts.clock);
    this.latency = new PercentileWindow(options, parts.clock.now());
    this.#statuses = new Set(options.statuses);
    this.#shared = parts.budget;
    this.#own = new RetryBudget(
      { share: options.share, perSecond: options.perSecond, windowMs: SHARE_WINDOW_MS },
      parts.clock,
    );
  }

  /** Counts a call that may be hedged. @returns after how long, in ms; nothing for not at all */
  admitted(): number | undefined {
    const now = this.clock.now();
    this.#own.deposit(now);
    return this.#delayMs(now);
  }

  #delayMs(now: number): number | undefined {
    const { delayMsMin, delayMsMax } = this.#options;
    const ms = this.#closed ? undefined : this.latency.at(now);
    return ms === undefined || ms >= delayMsMax ? undefined : Math.max(ms, delayMsMin);
  }

  /** The share is looked at first and spent last, so that neither budget pays for what the other refuses. */
  granted(): boolean {
    const granted = this.#own.balance >= 1 && this.#shared.withdraw() && this.#own.withdraw();
    if (!granted) this.#denied++;
    return granted;
  }

  isGood(reply: Reply): boolean {
    return !this.#statuses.has(reply.status);
  }

  /** The same send; its good answers, and those that came too late, are what the percentile is of. */
  recording(next: Send): Send {
    return (call) => {
      const since = this.clock.now();
      return next(call).then(
        (reply) => {
          if (this.isGood(reply)) this.record(since);
          return reply;
        },
        (thrown: unknown) => {
          this.recordFailure(since, thrown);
          throw thrown;
        },
      );
    };
  }

  record(since: number): void {
    const now = this.clock.now();
    this.latency.record(now - since, now);
  }

  /**
   * What took too long was at least that slow. Fast failures are left out: they would make all that works look slow.
   */
  recordFailure(since: number, thrown: unknown): void {
    if (thrown instanceof NetError && (thrown.code === 'TIMEOUT' || thrown.code === 'DEADLINE')) this.record(since);
  }

  snapshot(): HedgeSnapshot {
    const { hedged, won } = this;
    const delayMs = this.#delayMs(this.clock.now());
    return { delayMs, count: this.latency.count, hedged, won, denied: this.#denied, armed: this.due.size };
  }

  close(): void {
    this.#closed = true;
    this.due.close();
  }
}
