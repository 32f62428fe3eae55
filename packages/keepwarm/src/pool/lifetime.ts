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
 *   (3) At `replaceAt` a successor is being opened, if there is room; at `retireAt` an idle item is closed. One that is
 *       lent is closed when it comes back, by whoever takes it back. The minimum does not count on replaced ones.
 *   (4) `replaceAt` differs from item to item: fifty opened together do not leave together.
 *   (5) Sleeping items do not keep the process alive.
 *   (6) An item lost as soon as it was there, and unused, is not replaced before the next patrol: whoever accepts
 *       connections and closes them would be dialled as fast as that goes.
 *   (7) While any item lives, a visit is due within `LOOK_MS_MAX`; where something is to be done, in time for it.
 */
import type { Clock, Random, Timer } from '../core/clock.ts';
import type { CloseReason } from '../core/observer.ts';
import type { Item } from './exclusive.ts';

/** What lifetime asks of a pool, whether its items are lent whole or in slots. */
export interface Household<T> {
  readonly idle: Iterable<T> & { readonly size: number };
  /** Items, those being opened included. */
  readonly size: number;
  readonly options: { readonly idleMin: number };
  readonly holdsBack: boolean;
  evict(item: T, reason: CloseReason): void;
  fill(count: number): number;
  /** Opens nothing ahead of demand until `relax`. */
  holdBack(): void;
  relax(): void;
}

export interface Kept<T extends Kept<T>> extends Item<T> {
  readonly pool: Household<T>;
  idleSince: number;
  /** Own idle limit in ms: ours, or the peer's when shorter. */
  idleMs: number;
  /** Whether `idleMs` is the peer's word, which the idle minimum cannot overrule. */
  idleByPeer: boolean;
  replaceAt: number;
  retireAt: number;
  asleep: boolean;
  /** How often it was lent. */
  readonly leases: number;
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
/** How often leased items are looked at, and pools that hold back (scarcity, failing spares) try again. */
const PATROL_MS = 1_000;
/** What has lived for so long was not lost as soon as it was there: some peers keep what is quiet for half a second. */
const BRIEF_MS = 100;
/** Lending tells nobody, so what is idle may be leased, and leaked, by now: it is looked at again at least so often. */
const LOOK_MS_MAX = 10_000;
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
  readonly #registry: { readonly live: Iterable<T> };
  readonly #pools: Iterable<Household<T>>;
  /** How long after becoming idle an item is looked at, at the latest. */
  readonly #soonMs: number;
  #timer: Timer | undefined;
  /** `Infinity` when no timer is set, `-Infinity` when none will be: closed. */
  #timerAt = Number.POSITIVE_INFINITY;
  #patrolAt = Number.NEGATIVE_INFINITY;

  /** `registry.live` is asked at every visit: the items there are. */
  constructor(
    options: LifetimeOptions,
    clock: Clock,
    registry: { readonly live: Iterable<T> },
    pools: Iterable<Household<T>>,
  ) {
    this.#options = options;
    this.#clock = clock;
    this.#registry = registry;
    this.#pools = pools;
    this.#soonMs = Math.min(SLEEP_AFTER_MS, options.idleMs);
  }

  /** An item has become idle, or a pool holds back: there will be something to do soon. Cheap when a visit is due. */
  attend(now: number): void {
    if (now + this.#soonMs < this.#timerAt) this.#arm(now, now + this.#soonMs);
  }

  /** To be told before an item leaves that is lost, or that the peer wants to close. Invariant (6). */
  parted({ pool, leases }: T, openedAt: number): void {
    const now = this.#clock.now();
    if (leases > 0 || now - openedAt >= BRIEF_MS) return;
    pool.holdBack();
    if (pool.holdsBack) this.attend(now);
  }

  close(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#timerAt = Number.NEGATIVE_INFINITY;
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
    for (const item of this.#registry.live) next = Math.min(next, this.#look(item, now));
    next = Math.min(next, this.#patrol(now));
    if (next < this.#timerAt) this.#arm(now, Math.max(next, now + 1));
  }

  /** Lets pools that hold back try again, no sooner than a second after the last time. @returns when to come again */
  #patrol(now: number): number {
    const due = now >= this.#patrolAt;
    if (due) this.#patrolAt = now + PATROL_MS;
    let next = Number.POSITIVE_INFINITY;
    for (const pool of this.#pools) {
      if (!pool.holdsBack) continue;
      if (due) pool.relax();
      next = this.#patrolAt;
    }
    return next;
  }

  /** @returns the instant at which this item wants to be looked at again */
  #look(item: T, now: number): number {
    if (item.place === 'gone') return Number.POSITIVE_INFINITY;
    if (now >= item.replaceAt) this.#replace(item);
    if (item.place === 'leased') {
      item.inspect(now);
      return Math.min(now + PATROL_MS, item.replaceAt);
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
    const idleFor = now - item.idleSince;
    if (now >= item.retireAt) return 'age';
    if (idleFor >= item.idleMs && (item.idleByPeer || isSpare(item))) return 'idle';
    if (idleFor >= this.#options.surplusMs && this.#isSurplus(item)) return 'surplus';
    return undefined;
  }

  #nextLook(item: T, now: number): number {
    let at = Math.min(item.replaceAt, item.retireAt, now + LOOK_MS_MAX);
    if (item.idleByPeer || isSpare(item)) at = Math.min(at, item.idleSince + item.idleMs);
    if (this.#isSurplus(item)) at = Math.min(at, item.idleSince + this.#options.surplusMs);
    if (!item.asleep) at = Math.min(at, item.idleSince + SLEEP_AFTER_MS);
    return Math.max(at, now + 1);
  }

  #isSurplus(item: T): boolean {
    return item.pool.idle.size > this.#options.idleMax && isSpare(item);
  }
}

/** Whether its pool has its idle minimum without this idle item. */
function isSpare<T extends Kept<T>>(item: T): boolean {
  const { idle, options } = item.pool;
  if (idle.size <= options.idleMin) return false;
  if (options.idleMin === 0 || isReplaced(item)) return true;
  let lasting = 0;
  for (const other of idle) if (!isReplaced(other)) lasting++;
  return lasting > options.idleMin;
}

/** Whether its successor has been sent for: it will leave soon. */
function isReplaced<T extends Kept<T>>(item: T): boolean {
  return item.replaceAt === Number.POSITIVE_INFINITY && item.retireAt !== Number.POSITIVE_INFINITY;
}
