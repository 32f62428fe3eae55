/**
 * The gate in front of every dial to a provider that limits how fast connections are opened: whoever wants to dial
 * waits here for a start, and says what became of it.
 *
 *   asked ──▶ granted at once, or waiting ──▶ granted ──▶ settled | thrown out | lost | cancelled
 *                                    └──▶ refused: SATURATED (too many wait), ABORTED, CLOSED
 *
 * One of these may stand before all clients and pools that go to one provider: its window is theirs together.
 *
 * Invariants, true whenever no method is running:
 *   (1) Those of `algo/start-window.ts`: the provider never counts more than `limit` in any window.
 *   (2) Reconnects go before growth, the oldest of each first; nobody overtakes who asked before.
 *   (3) A grant stands in the store before its dial can begin: a process that is killed forgets none.
 *   (4) While anyone waits, a timer is set for the earliest instant at which the first may start, should what is under
 *       way settle by then; whatever settles is served at once.
 *   (5) waiting ≤ waitersMax. Each start is accounted for once, whatever its holder says twice.
 *   (6) While the provider has had too much (`algo/penalty.ts`) nothing is granted, reconnects neither.
 */

import { type Remembered, type StartFigures, StartWindow } from '../algo/start-window.ts';
import { listen } from '../core/abort.ts';
import type { Clock, Timer } from '../core/clock.ts';
import { NetError } from '../core/error.ts';
import type { ConnectionLimiter, ConnectionRateSnapshot, Start, StartGate, StartKind } from './start-gate.ts';
import { type PenaltyOptions, StartPenalties } from './start-penalties.ts';
import { earlierStarts, type StartStore } from './start-store.ts';
import { closed, gone, type Opened, tooMany, Waiter } from './start-waiter.ts';

export type { StartGate };

export interface ConnectionRateOptions extends StartFigures, PenaltyOptions {
  /** What messages call it: the provider. Put no secrets in it. */
  readonly name: string;
  /** The longest an attempt can be under way, in ms: by then an earlier run's, of which no more is known, are over. */
  readonly attemptMs: number;
  readonly waitersMax: number;
  /** What is assumed of earlier runs where there is no store: that they used it all, or that there was none. */
  readonly assumed: 'full' | 'empty';
}

/**
 * Where each comes from:
 *  - `limit` 60, `windowMs` 60 s: what providers of Solana streams allow a token.
 *  - `reserve` 12: a fifth, so that growth and rotation never keep a lost session from coming back.
 *  - `attemptMs` 10 s: `connect.connectMs`. `lateMs` 1 s: the first retransmission of a SYN (RFC 6298 § 2).
 *  - `penaltyMs` 60 s: one window, by which the provider has forgotten all. `penaltyMsMax` 10 min: four doublings.
 *  - `resetMs` 1 s: short, since a server that restarts throws out as well. `waitersMax`: ours.
 */
export const CONNECTION_RATE_DEFAULTS: Omit<ConnectionRateOptions, 'name'> = {
  limit: 60,
  windowMs: 60_000,
  reserve: 12,
  lateMs: 1_000,
  attemptMs: 10_000,
  waitersMax: 1_000,
  penaltyMs: 60_000,
  penaltyMsMax: 600_000,
  resetMs: 1_000,
  assumed: 'full',
};

export interface ConnectionRateParts {
  readonly clock: Clock;
  readonly store?: StartStore | undefined;
  /** What messages say is opened. Default a connection. */
  readonly what?: Opened | undefined;
  /** Called once, when somebody waits since nothing is known of earlier runs, with what is left of that, in ms. */
  readonly unknown?: ((leftMs: number) => void) | undefined;
  /** Called once, when it is closed. */
  readonly closed?: (() => void) | undefined;
}

export class ConnectionRate implements ConnectionLimiter {
  readonly #options: ConnectionRateOptions;
  readonly #clock: Clock;
  readonly #parts: ConnectionRateParts;
  readonly #penalties: StartPenalties;
  readonly #window: StartWindow;
  readonly #waiting: Readonly<Record<StartKind, Set<Waiter<Start>>>> = { reconnect: new Set(), growth: new Set() };
  #timer: Timer | undefined;
  /** For what earlier runs had under way. */
  #earlier: readonly Timer[] = [];
  /** Until when earlier runs are taken to have used it all. */
  #assumedUntil = Number.NEGATIVE_INFINITY;
  #unknown: ConnectionRateParts['unknown'];
  #granted = 0;
  #closed = false;

  constructor(options: ConnectionRateOptions, parts: ConnectionRateParts) {
    const { clock, store } = parts;
    this.#options = options;
    this.#clock = clock;
    this.#parts = parts;
    this.#penalties = new StartPenalties(options);
    const now = clock.now();
    const earlier = store === undefined ? options.assumed : earlierStarts(store, options, now, clock.wall());
    this.#window = new StartWindow(options, now, earlier === 'empty' ? [] : earlier);
    if (Array.isArray(earlier)) this.#follow(earlier);
    if (earlier === 'full') this.#assumedUntil = now + options.windowMs;
    this.#unknown = parts.unknown;
  }

  /** Resolves when a connection may be opened. @throws NetError `SATURATED`, `ABORTED` or `CLOSED`, all unsent */
  start(kind: StartKind, signal?: AbortSignal): Promise<Start> {
    const { waitersMax, name } = this.#options;
    const { what } = this.#parts;
    if (this.#closed) return Promise.reject(closed(name, what));
    if (signal?.aborted) return Promise.reject(gone(name, signal.reason, what));
    if (this.admits(kind)) return this.#grant();
    if (this.#size >= waitersMax) return Promise.reject(tooMany(name, waitersMax, what));
    this.#tellUnknown();
    return new Promise((resolve, reject) => {
      const lane = this.#waiting[kind];
      const waiter = new Waiter<Start>(resolve, reject, signal, (reason) => {
        lane.delete(waiter);
        reject(gone(name, reason, what));
        this.#serve();
      });
      lane.add(waiter);
      if (signal !== undefined) listen(signal, waiter);
      this.#arm();
    });
  }

  admits(kind: StartKind): boolean {
    const first = kind === 'reconnect' ? this.#waiting.reconnect.size === 0 : this.#size === 0;
    return !this.#closed && first && this.#window.admits(kind, this.#clock.now());
  }

  penalise(askedMs?: number): void {
    this.#window.pause(this.#penalties.refused(this.#clock.now(), askedMs));
  }

  snapshot(): ConnectionRateSnapshot {
    const { name, limit, windowMs, reserve } = this.#options;
    const now = this.#clock.now();
    return {
      name,
      limit,
      windowMs,
      reserve,
      used: this.#window.used(now),
      underWay: this.#window.underWay,
      waiting: this.#size,
      granted: this.#granted,
      penalties: this.#penalties.count,
      pausedMs: Math.max(this.#window.pausedUntil - now, 0),
      assumedMs: Math.max(this.#assumedUntil - now, 0),
    };
  }

  /** Refuses whoever waits. What is under way is still accounted for. Twice is harmless. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#parts.closed?.();
    for (const timer of this.#earlier) timer.cancel();
    this.#timer?.cancel();
    this.#timer = undefined;
    for (const lane of Object.values(this.#waiting)) {
      for (const waiter of lane) {
        waiter.settle();
        waiter.reject(closed(this.#options.name, this.#parts.what));
      }
      lane.clear();
    }
  }

  #tellUnknown(): void {
    const leftMs = this.#assumedUntil - this.#clock.now();
    if (leftMs > 0) this.#unknown?.(leftMs);
    this.#unknown = undefined;
  }

  get #size(): number {
    return this.#waiting.reconnect.size + this.#waiting.growth.size;
  }

  /** @returns a promise that is settled: what cannot be recorded is not granted */
  #grant(): Promise<Start> {
    this.#window.begin(this.#clock.now());
    const id = ++this.#granted;
    try {
      this.#parts.store?.granted(id, this.#clock.wall());
    } catch (cause) {
      this.#window.cancel();
      const what = `no ${this.#parts.what ?? 'connection'} to ${this.#options.name} is opened`;
      const why = `${what}: that it is could not be recorded`;
      return Promise.reject(new NetError('CONNECT', why, { reach: 'unsent', phase: 'connect', cause }));
    }
    let over = false;
    const once = (end: () => void, cancelled: boolean) => (): void => {
      if (over) return;
      over = true;
      end();
      this.#record(id, cancelled);
      this.#serve();
    };
    return Promise.resolve({
      settled: once(() => this.#window.settle(this.#clock.now()), false),
      thrownOut: once(() => {
        const now = this.#clock.now();
        this.#window.settle(now);
        this.#window.pause(this.#penalties.thrownOut(now));
      }, false),
      lost: once(() => this.#window.lose(this.#clock.now()), false),
      cancelled: once(() => this.#window.cancel(), true),
    });
  }

  /** A settlement that cannot be recorded counts for longer after a restart, never for less: no call fails for it. */
  #record(id: number, cancelled: boolean): void {
    try {
      if (cancelled) this.#parts.store?.cancelled(id);
      else this.#parts.store?.settled(id, this.#clock.wall());
    } catch {
      // see above
    }
  }

  /** Ends what earlier runs had under way, once it is over. */
  #follow(earlier: readonly Remembered[]): void {
    const { attemptMs, lateMs, limit } = this.#options;
    const begun = earlier.filter(({ settledAt }) => settledAt === undefined).length;
    const hanging = Math.min(begun, limit);
    const arriving = this.#window.underWay - hanging;
    const after = (ms: number, count: number, end: (now: number) => void): Timer[] => {
      if (count === 0) return [];
      const over = (): void => {
        for (let i = 0; i < count; i++) end(this.#clock.now());
        this.#serve();
      };
      return [this.#clock.after(ms, over)];
    };
    this.#earlier = [
      ...after(lateMs, arriving, (now) => this.#window.settle(now)),
      // What had begun when the run before ended is over by then; whether it was answered, nobody knows.
      ...after(attemptMs, hanging, (now) => this.#window.lose(now)),
    ];
  }

  /** Grants what may be granted, in order. */
  #serve(): void {
    if (this.#closed) return;
    for (const kind of ['reconnect', 'growth'] as const) {
      for (const waiter of this.#waiting[kind]) {
        if (!this.#window.admits(kind, this.#clock.now())) return this.#arm();
        this.#waiting[kind].delete(waiter);
        waiter.settle();
        this.#grant().then(waiter.resolve, waiter.reject);
      }
    }
    this.#arm();
  }

  #arm(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (this.#closed || this.#size === 0) return;
    const kind = this.#waiting.reconnect.size > 0 ? 'reconnect' : 'growth';
    const now = this.#clock.now();
    const waitMs = this.#window.admitsAt(kind, now) - now;
    this.#timer = this.#clock.after(Math.max(Math.ceil(waitMs), 1), () => {
      this.#timer = undefined;
      this.#serve();
    });
  }
}
