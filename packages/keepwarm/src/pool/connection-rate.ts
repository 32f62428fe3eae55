/**
 * The gate in front of every dial to a provider that limits how fast connections are opened: whoever wants to dial
 * waits here for a start, and says what became of it.
 *
 *   asked ──▶ granted at once, or waiting ──▶ granted ──▶ settled | lost | cancelled
 *                                    └──▶ refused: SATURATED (too many wait), ABORTED, CLOSED
 *
 * Invariants, true whenever no method is running:
 *   (1) Those of `algo/start-window.ts`: the provider never counts more than `limit` in any window.
 *   (2) Reconnects go before growth, the oldest of each first; nobody overtakes who asked before.
 *   (3) A grant stands in the store before its dial can begin: a process that is killed forgets none.
 *   (4) While anyone waits, a timer is set for the earliest instant at which the first may start, should what is under
 *       way settle by then; whatever settles is served at once.
 *   (5) waiting ≤ waitersMax. Each start is accounted for once, whatever its holder says twice.
 */

import { type StartFigures, type StartKind, StartWindow } from '../algo/start-window.ts';
import { type Abortable, listen, unlisten } from '../core/abort.ts';
import type { Clock, Timer } from '../core/clock.ts';
import { NetError } from '../core/error.ts';
import { earlierStarts, type StartStore } from './start-store.ts';

export interface ConnectionRateOptions extends StartFigures {
  /** What messages call it: the provider. Put no secrets in it. */
  readonly name: string;
  /** The longest an attempt can be under way, in ms: by then an earlier run's, of which no more is known, are over. */
  readonly attemptMs: number;
  readonly waitersMax: number;
  /** How long nothing is opened after the provider had too much and did not say for how long, in ms. */
  readonly penaltyMs: number;
  /** What is assumed of earlier runs where there is no store: that they used it all, or that there was none. */
  readonly assumed: 'full' | 'empty';
}

/**
 * Where each comes from:
 *  - `limit` 60, `windowMs` 60 s: what providers of Solana streams allow a token.
 *  - `reserve` 12: a fifth, so that growth and rotation never keep a lost session from coming back.
 *  - `attemptMs` 10 s: `connect.connectMs`. `lateMs` 1 s: the first retransmission of a SYN (RFC 6298 § 2).
 *  - `penaltyMs` 60 s: one window. `waitersMax` 1,000: ours.
 */
export const CONNECTION_RATE_DEFAULTS: Omit<ConnectionRateOptions, 'name'> = {
  limit: 60,
  windowMs: 60_000,
  reserve: 12,
  lateMs: 1_000,
  attemptMs: 10_000,
  waitersMax: 1_000,
  penaltyMs: 60_000,
  assumed: 'full',
};

export interface ConnectionRateParts {
  readonly clock: Clock;
  readonly store?: StartStore | undefined;
}

/** The right to dial once. Exactly one of the three is to be said; the first word counts. */
export interface Start {
  /** The peer has answered, or has refused. */
  settled(): void;
  /** No answer came, and the attempt is over: its socket is destroyed. */
  lost(): void;
  /** No packet was sent. */
  cancelled(): void;
}

/** What whoever dials needs of it. */
export interface StartGate {
  /** @throws NetError, reach unsent */
  start(kind: StartKind, signal?: AbortSignal): Promise<Start>;
}

export interface ConnectionRateSnapshot {
  readonly name: string;
  readonly limit: number;
  readonly windowMs: number;
  /** Places taken, those under way included. */
  readonly used: number;
  readonly underWay: number;
  readonly waiting: number;
  readonly granted: number;
  readonly penalties: number;
  /** What is left of a pause, in ms. */
  readonly pausedMs: number;
}

export class ConnectionRate implements StartGate {
  readonly #options: ConnectionRateOptions;
  readonly #clock: Clock;
  readonly #store: StartStore | undefined;
  readonly #window: StartWindow;
  readonly #waiting: Readonly<Record<StartKind, Set<Waiter>>> = { reconnect: new Set(), growth: new Set() };
  #timer: Timer | undefined;
  #hanging: Timer | undefined;
  #granted = 0;
  #penalties = 0;
  #closed = false;

  constructor(options: ConnectionRateOptions, { clock, store }: ConnectionRateParts) {
    this.#options = options;
    this.#clock = clock;
    this.#store = store;
    const now = clock.now();
    const earlier = store === undefined ? options.assumed : earlierStarts(store, options, now, clock.wall());
    this.#window = new StartWindow(options, now, earlier === 'empty' ? [] : earlier);
    const hanging = this.#window.underWay;
    // What had begun when the run before ended is over by then, whatever became of it.
    if (hanging > 0) this.#hanging = clock.after(options.attemptMs, () => this.#forget(hanging));
  }

  /** Resolves when a connection may be opened. @throws NetError `SATURATED`, `ABORTED` or `CLOSED`, all unsent */
  start(kind: StartKind, signal?: AbortSignal): Promise<Start> {
    if (this.#closed) return Promise.reject(refusal('CLOSED', this.#options, 'no more connections are opened'));
    if (signal?.aborted) return Promise.reject(gone(this.#options, signal.reason));
    const first = kind === 'reconnect' ? this.#waiting.reconnect.size === 0 : this.#size === 0;
    if (first && this.#window.admits(kind, this.#clock.now())) return this.#grant();
    const { waitersMax, name } = this.#options;
    if (this.#size >= waitersMax) {
      const why = `${waitersMax} connections already wait to be opened to ${name} (limit waitersMax ${waitersMax})`;
      const details = { reach: 'unsent', phase: 'connect', limit: 'waitersMax', value: waitersMax } as const;
      return Promise.reject(new NetError('SATURATED', why, details));
    }
    return new Promise((resolve, reject) => {
      const lane = this.#waiting[kind];
      const waiter = new Waiter(resolve, reject, signal, (reason) => {
        lane.delete(waiter);
        reject(gone(this.#options, reason));
        this.#serve();
      });
      lane.add(waiter);
      if (signal !== undefined) listen(signal, waiter);
      this.#arm();
    });
  }

  /** The provider says that it was too much: RESOURCE_EXHAUSTED, 429, a reset at once. @param ms as it asks for */
  penalise(ms: number = this.#options.penaltyMs): void {
    this.#penalties++;
    this.#window.pause(this.#clock.now() + ms);
    this.#arm();
  }

  snapshot(): ConnectionRateSnapshot {
    const { name, limit, windowMs } = this.#options;
    const now = this.#clock.now();
    return {
      name,
      limit,
      windowMs,
      used: this.#window.used(now),
      underWay: this.#window.underWay,
      waiting: this.#size,
      granted: this.#granted,
      penalties: this.#penalties,
      pausedMs: Math.max(this.#window.pausedUntil - now, 0),
    };
  }

  /** Refuses whoever waits. What is under way is still accounted for. Twice is harmless. */
  close(): void {
    this.#closed = true;
    this.#hanging?.cancel();
    this.#timer?.cancel();
    this.#timer = undefined;
    for (const lane of Object.values(this.#waiting)) {
      for (const waiter of lane) {
        waiter.settle();
        waiter.reject(refusal('CLOSED', this.#options, 'no more connections are opened'));
      }
      lane.clear();
    }
  }

  get #size(): number {
    return this.#waiting.reconnect.size + this.#waiting.growth.size;
  }

  /** @returns a promise that is settled: what cannot be recorded is not granted */
  #grant(): Promise<Start> {
    this.#window.begin(this.#clock.now());
    const id = ++this.#granted;
    try {
      this.#store?.granted(id, this.#clock.wall());
    } catch (cause) {
      this.#window.cancel();
      const why = `no connection to ${this.#options.name} is opened: that it is could not be recorded`;
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
      lost: once(() => this.#window.lose(this.#clock.now()), false),
      cancelled: once(() => this.#window.cancel(), true),
    });
  }

  /** A settlement that cannot be recorded counts for longer after a restart, never for less: no call fails for it. */
  #record(id: number, cancelled: boolean): void {
    try {
      if (cancelled) this.#store?.cancelled(id);
      else this.#store?.settled(id, this.#clock.wall());
    } catch {
      // see above
    }
  }

  #forget(count: number): void {
    for (let i = 0; i < count; i++) this.#window.settle(this.#clock.now());
    this.#serve();
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

class Waiter implements Abortable {
  readonly resolve: (start: Start) => void;
  readonly reject: (error: unknown) => void;
  readonly #signal: AbortSignal | undefined;
  readonly #gone: (reason: unknown) => void;

  constructor(
    resolve: (start: Start) => void,
    reject: (error: unknown) => void,
    signal: AbortSignal | undefined,
    gone: (reason: unknown) => void,
  ) {
    this.resolve = resolve;
    this.reject = reject;
    this.#signal = signal;
    this.#gone = gone;
  }

  aborted(reason: unknown): void {
    this.#gone(reason);
  }

  settle(): void {
    if (this.#signal !== undefined) unlisten(this.#signal, this);
  }
}

function refusal(code: 'CLOSED', { name }: ConnectionRateOptions, why: string): NetError {
  return new NetError(code, `${name}: ${why}`, { reach: 'unsent', phase: 'closing' });
}

function gone({ name }: ConnectionRateOptions, cause: unknown): NetError {
  const why = `whoever waited to open a connection to ${name} wants none any more`;
  return new NetError('ABORTED', why, { reach: 'unsent', phase: 'connect', cause });
}
