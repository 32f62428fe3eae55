/**
 * How many connections there may be at once at a provider that counts them: those being opened, open and draining all
 * do, since the provider sees each until it is closed. Shared by everything that connects there.
 *
 *   asked ──▶ taken at once, or waiting ──▶ taken ──the connection is closed──▶ released
 *                                  └──▶ refused: SATURATED (too many wait), ABORTED, CLOSED
 *
 * Invariants, true whenever no method is running:
 *   (1) taken ≤ connectionsMax.
 *   (2) While anyone waits, no place is free: a released one goes straight to whoever is next.
 *   (3) Reconnects go before growth, the oldest of each first.
 *   (4) waiting ≤ waitersMax. Each place is released once, whatever its holder says twice.
 */
import type { StartKind } from '../algo/start-window.ts';
import { listen } from '../core/abort.ts';
import { closed, gone, tooMany, Waiter } from './start-waiter.ts';

export interface ConnectionCapOptions {
  /** What messages call it: the provider. Put no secrets in it. */
  readonly name: string;
  /** Connections at once, draining ones included; a whole number from 1. */
  readonly connectionsMax: number;
  /** Who may wait for a place; the next is refused with `SATURATED`. */
  readonly waitersMax: number;
}

/** `connectionsMax` 100: what the most generous plans of providers allow. `waitersMax` 1,000: as of the rate. */
export const CONNECTION_CAP_DEFAULTS: Omit<ConnectionCapOptions, 'name'> = { connectionsMax: 100, waitersMax: 1_000 };

/** The right to have one connection, from before it is dialled until it is closed. */
export interface Place {
  /** It is closed, or never came about. Twice is harmless. */
  release(): void;
}

export interface ConnectionCapSnapshot {
  readonly name: string;
  readonly connectionsMax: number;
  readonly taken: number;
  readonly waiting: number;
}

export class ConnectionCap {
  readonly #options: ConnectionCapOptions;
  readonly #waiting: Readonly<Record<StartKind, Set<Waiter<Place>>>> = { reconnect: new Set(), growth: new Set() };
  #taken = 0;
  #closed = false;

  constructor(options: ConnectionCapOptions) {
    this.#options = options;
  }

  /**
   * A place at once, or none: by which whoever wants to make before it breaks learns that it must break first.
   */
  tryTake(): Place | undefined {
    return this.free ? this.#take() : undefined;
  }

  /** Whether there is a place. While others wait, there is none: (2). */
  get free(): boolean {
    return !this.#closed && this.#taken < this.#options.connectionsMax;
  }

  /** Resolves when there is a place. @throws NetError `SATURATED`, `ABORTED` or `CLOSED`, all unsent */
  take(kind: StartKind, signal?: AbortSignal): Promise<Place> {
    const { name, waitersMax } = this.#options;
    if (this.#closed) return Promise.reject(closed(name));
    if (signal?.aborted) return Promise.reject(gone(name, signal.reason));
    if (this.free) return Promise.resolve(this.#take());
    if (this.#size >= waitersMax) return Promise.reject(tooMany(name, waitersMax));
    return new Promise((resolve, reject) => {
      const lane = this.#waiting[kind];
      const waiter = new Waiter<Place>(resolve, reject, signal, (reason) => {
        lane.delete(waiter);
        reject(gone(name, reason));
      });
      lane.add(waiter);
      if (signal !== undefined) listen(signal, waiter);
    });
  }

  snapshot(): ConnectionCapSnapshot {
    const { name, connectionsMax } = this.#options;
    return { name, connectionsMax, taken: this.#taken, waiting: this.#size };
  }

  /** Refuses whoever waits; places that are taken stay so until they are released. Twice is harmless. */
  close(): void {
    this.#closed = true;
    for (const lane of Object.values(this.#waiting)) {
      for (const waiter of lane) {
        waiter.settle();
        waiter.reject(closed(this.#options.name));
      }
      lane.clear();
    }
  }

  get #size(): number {
    return this.#waiting.reconnect.size + this.#waiting.growth.size;
  }

  #take(): Place {
    this.#taken++;
    let released = false;
    return {
      release: () => {
        if (released) return;
        released = true;
        this.#taken--;
        this.#hand();
      },
    };
  }

  /** The place that has become free, to whoever is next. */
  #hand(): void {
    const { reconnect, growth } = this.#waiting;
    const lane = reconnect.size > 0 ? reconnect : growth;
    for (const waiter of lane) {
      lane.delete(waiter);
      waiter.settle();
      return waiter.resolve(this.#take());
    }
  }
}
