/**
 * Who waits for a start: reconnects, and behind them growth.
 *
 * Invariants:
 *   (1) size ≤ waitersMax.
 *   (2) Each is granted, refused or let go once, and has left its lane then; the oldest of a lane goes first.
 */
import { listen } from '../core/abort.ts';
import type { Start, StartKind } from './start-gate.ts';
import { closed, gone, tooMany, Waiter } from './start-waiter.ts';

export interface LanesOptions {
  readonly name: string;
  readonly waitersMax: number;
}

export class StartLanes {
  readonly #options: LanesOptions;
  readonly #left: () => void;
  readonly #lanes: Readonly<Record<StartKind, Set<Waiter<Start>>>> = { reconnect: new Set(), growth: new Set() };
  #closed = false;

  /** @param left told when one who waited wants to no longer */
  constructor(options: LanesOptions, left: () => void) {
    this.#options = options;
    this.#left = left;
  }

  get size(): number {
    return this.#lanes.reconnect.size + this.#lanes.growth.size;
  }

  /** The lane whose turn it is. */
  get first(): StartKind | undefined {
    if (this.waits('reconnect')) return 'reconnect';
    return this.waits('growth') ? 'growth' : undefined;
  }

  waits(kind: StartKind): boolean {
    return this.#lanes[kind].size > 0;
  }

  /** @throws NetError `SATURATED`, `ABORTED` or `CLOSED`, all unsent */
  join(kind: StartKind, signal: AbortSignal | undefined): Promise<Start> {
    const { name, waitersMax } = this.#options;
    if (this.#closed) return Promise.reject(closed(name));
    if (signal?.aborted) return Promise.reject(gone(name, signal.reason));
    if (this.size >= waitersMax) return Promise.reject(tooMany(name, waitersMax));
    return new Promise((resolve, reject) => {
      const waiter = new Waiter<Start>(resolve, reject, signal, (reason) => {
        this.#lanes[kind].delete(waiter);
        reject(gone(name, reason));
        this.#left();
      });
      this.#lanes[kind].add(waiter);
      if (signal !== undefined) listen(signal, waiter);
    });
  }

  /** Kinds of those who are to be asked for now, in order, at most so many. */
  due(askAt: Readonly<Record<StartKind, number>>, now: number, countMax: number): StartKind[] {
    const kinds: StartKind[] = [];
    for (const kind of ['reconnect', 'growth'] as const) {
      const count = askAt[kind] <= now ? Math.min(this.#lanes[kind].size, countMax - kinds.length) : 0;
      for (let i = 0; i < count; i++) kinds.push(kind);
    }
    return kinds;
  }

  /** To the oldest of a lane in which somebody waits. */
  grant(kind: StartKind, start: Start): void {
    for (const waiter of this.#lanes[kind]) {
      this.#lanes[kind].delete(waiter);
      waiter.settle();
      return waiter.resolve(start);
    }
  }

  close(): void {
    this.#closed = true;
    for (const lane of Object.values(this.#lanes)) {
      for (const waiter of lane) {
        waiter.settle();
        waiter.reject(closed(this.#options.name));
      }
      lane.clear();
    }
  }
}
