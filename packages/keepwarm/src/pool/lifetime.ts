/**
 * How long items stay: idle limits, age with jitter and replacement ahead of it, the idle minimum, surplus, sleep.
 * One timer serves all pools; it wakes for the earliest thing to do and looks at every item (there are a few hundred).
 *
 * The life of an item, in time:
 *
 *   opened ─────────────────────── replaceAt ──────── retireAt
 *      used, idle, used …          another is opened   closed if idle, else when it comes back
 *
 * Invariants:
 *   (1) An item unused for its idle limit is closed within 100 ms of it, unless the idle minimum needs it.
 *   (2) An item the peer is about to close (its own hint) is closed before, minimum or not; the minimum is refilled.
 *   (3) No item is lent after `retireAt`; and at `replaceAt` its successor is already being opened, if there is room.
 *   (4) `replaceAt` differs from item to item: fifty opened together do not leave together.
 *   (5) Sleeping items do not keep the process alive.
 */
import type { Clock, Random, Timer } from '../core/clock.ts';
import type { CloseReason } from '../core/observer.ts';
import type { ExclusivePool, Item } from './exclusive.ts';

export interface Kept<T extends Kept<T>> extends Item<T> {
  readonly pool: ExclusivePool<T>;
  idleSince: number;
  /** Own idle limit in ms: ours, or the peer's when shorter. */
  idleMs: number;
  /** Whether `idleMs` is the peer's word, which the idle minimum cannot overrule. */
  idleByPeer: boolean;
  replaceAt: number;
  retireAt: number;
  asleep: boolean;
  /** Lets the process end although this item is open. */
  sleep(): void;
  /** Looks after itself while leased: leak detection. */
  inspect(now: number): void;
  close(reason: CloseReason): void;
}

export interface LifetimeOptions {
  /** Idle items kept once they are older than `surplusMs`. */
  readonly idleMax: number;
  readonly idleMs: number;
  /** Bursts reuse what the last burst opened: only what has been idle for this long counts against `idleMax`. */
  readonly surplusMs: number;
  readonly ageMs: number;
  /** Share of `ageMs` by which lives differ, 0…1. */
  readonly ageJitter: number;
}

/** An item opened a moment ago may be wanted again at once; later it must not hold the process open. */
const SLEEP_AFTER_MS = 50;
/** How often pools that hold back (scarcity, failing spares) and leased items are looked at. */
const PATROL_MS = 1_000;
/** The last share of a life, during which the successor is opened. */
const OVERLAP = 0.02;

/** When an item opened `now` is to be replaced and retired. The jitter shortens lives, never lengthens them. */
export function lifeOf(options: LifetimeOptions, now: number, random: Random): { replaceAt: number; retireAt: number } {
  if (options.ageMs === Number.POSITIVE_INFINITY) return { replaceAt: options.ageMs, retireAt: options.ageMs };
  const retireAt = now + options.ageMs * (1 - options.ageJitter * random());
  return { replaceAt: retireAt - options.ageMs * OVERLAP, retireAt };
}

export class Lifetime<T extends Kept<T>> {
  readonly #options: LifetimeOptions;
  readonly #clock: Clock;
  readonly #items: Iterable<T>;
  readonly #pools: Iterable<ExclusivePool<T>>;
  #timer: Timer | undefined;
  #timerAt = Number.POSITIVE_INFINITY;

  constructor(options: LifetimeOptions, clock: Clock, items: Iterable<T>, pools: Iterable<ExclusivePool<T>>) {
    this.#options = options;
    this.#clock = clock;
    this.#items = items;
    this.#pools = pools;
  }

  /** An item has become idle, or a pool holds back: there will be something to do soon. Cheap when a visit is due anyway. */
  attend(now: number): void {
    if (now + SLEEP_AFTER_MS < this.#timerAt) this.#arm(now, now + SLEEP_AFTER_MS);
  }

  close(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#timerAt = Number.POSITIVE_INFINITY;
  }

  #arm(now: number, at: number): void {
    this.#timer?.cancel();
    this.#timerAt = at;
    this.#timer = this.#clock.after(Math.ceil(at - now), () => this.#visit());
  }

  #visit(): void {
    const now = this.#clock.now();
    this.#timerAt = Number.POSITIVE_INFINITY;
    let next = Number.POSITIVE_INFINITY;
    for (const item of this.#items) next = Math.min(next, this.#look(item, now));
    for (const pool of this.#pools) {
      if (pool.holdsBack) {
        pool.relax();
        next = Math.min(next, now + PATROL_MS);
      }
    }
    if (next < this.#timerAt) this.#arm(now, Math.max(next, now + 1));
  }

  /** @returns the instant at which this item wants to be looked at again */
  #look(item: T, now: number): number {
    if (item.place === 'gone') return Number.POSITIVE_INFINITY;
    if (now >= item.replaceAt) this.#replace(item);
    if (item.place === 'leased') {
      item.inspect(now);
      return now + PATROL_MS;
    }
    const reason = this.#reasonToGo(item, now);
    if (reason !== undefined) {
      item.pool.evict(item, reason);
      return Number.POSITIVE_INFINITY;
    }
    if (!item.asleep && now - item.idleSince >= SLEEP_AFTER_MS) item.sleep();
    return this.#nextLook(item, now);
  }

  #replace(item: T): void {
    item.replaceAt = Number.POSITIVE_INFINITY;
    item.pool.fill(item.pool.size + 1);
  }

  #reasonToGo(item: T, now: number): CloseReason | undefined {
    const { idleMax, surplusMs } = this.#options;
    const { idle, options } = item.pool;
    const idleFor = now - item.idleSince;
    if (now >= item.retireAt) return 'age';
    if (idleFor >= item.idleMs && (item.idleByPeer || idle.size > options.idleMin)) return 'idle';
    if (idle.size > Math.max(idleMax, options.idleMin) && idleFor >= surplusMs) return 'surplus';
    return undefined;
  }

  #nextLook(item: T, now: number): number {
    const { idleMax, surplusMs } = this.#options;
    const { idle, options } = item.pool;
    let at = Math.min(item.replaceAt, item.retireAt);
    if (item.idleByPeer || idle.size > options.idleMin) at = Math.min(at, item.idleSince + item.idleMs);
    if (idle.size > Math.max(idleMax, options.idleMin)) at = Math.min(at, item.idleSince + surplusMs);
    if (!item.asleep) at = Math.min(at, item.idleSince + SLEEP_AFTER_MS);
    return Math.max(at, now + 1);
  }
}
