/**
 * Lends items, at most `sizeMax` of them, each to one holder at a time. Knows neither time nor what an item is.
 *
 *        open()                take() / a waiter
 *   ───────────▶ opening ──▶ leased ⇄ idle ──▶ gone
 *                   │           └───────────▶ gone
 *                   └─ failed
 *
 * Invariants, true whenever no method is running:
 *   (1) opening + leased + idle ≤ sizeMax, and each of them holds one place of the shared capacity.
 *   (2) While anyone waits, nothing is idle that the waiter would take: a released item goes straight to the oldest
 *       waiter. It is never set free first, so a newcomer cannot overtake (no barging). Only a pool that has more
 *       places than one that goes without gives it up instead.
 *   (3) While anyone waits, every free place is being opened: opening ≥ min(waiting, room), where room is what size,
 *       shared capacity and scarcity leave. Those who insist on an unused item have room made for them.
 *   (4) A newcomer waits only while waiting − opening ≤ waitersMax: those for whom an item is being opened are not a
 *       queue. Nothing is unbounded: waiting ≤ waitersMax + sizeMax.
 *   (5) Every waiter settles once: by an item, its own withdrawal, close(), or a failure to open when no other opening
 *       is left for it. It does not wait for leased items then, which may never come back: another endpoint may answer.
 *   (6) An item that was opened for somebody who has gone meanwhile stays, idle, for the next.
 *   (7) What is opened ahead of demand takes free places only, never one that somebody goes without.
 */
import { Chain, type Link } from '../algo/chain.ts';
import { invariant, NetError } from '../core/error.ts';
import type { CloseReason } from '../core/observer.ts';
import type { Capacity } from './capacity.ts';

export interface Item<T> extends Link<T> {
  place: 'leased' | 'idle' | 'gone';
}

export interface Waiter<T> extends Link<Waiter<T>> {
  /** Insists on an item nobody has used, because a used one has just failed it. */
  readonly wantsFresh: boolean;
  granted(item: T): void;
  refused(error: NetError): void;
}

export interface PoolOptions {
  /** What messages call the pool: its origin. */
  readonly name: string;
  readonly sizeMax: number;
  readonly waitersMax: number;
  /** Opened ahead of demand: this many stay idle while `sizeMax` allows. */
  readonly idleMin: number;
  readonly scheduling: 'lifo' | 'fifo';
}

export interface PoolOwner<T> {
  /** Starts to open one item; answers later with exactly one `opened` or `openFailed`. */
  open(): void;
  /** The item has left the pool and is to be closed. */
  close(item: T, reason: CloseReason): void;
}

export class ExclusivePool<T extends Item<T>> {
  readonly options: PoolOptions;
  readonly #owner: PoolOwner<T>;
  readonly #capacity: Capacity;
  readonly #idle = new Chain<T>();
  readonly #waiting = new Chain<Waiter<T>>();
  readonly #waitingFresh = new Chain<Waiter<T>>();
  #opening = 0;
  #leased = 0;
  /** Places we believe the system can give; below `sizeMax` after it ran out of descriptors or ports. */
  #ceiling: number;
  /** Spares are opened only for a pool that is in use. */
  #spares = false;
  /** A spare has just failed, or found no place: no more until `relax`, or a burst of failures would feed on itself. */
  #lapsed = false;
  #closed = false;

  constructor(options: PoolOptions, owner: PoolOwner<T>, capacity: Capacity) {
    this.options = options;
    this.#owner = owner;
    this.#capacity = capacity;
    this.#ceiling = options.sizeMax;
  }

  get opening(): number {
    return this.#opening;
  }
  get leased(): number {
    return this.#leased;
  }
  get idle(): Chain<T> {
    return this.#idle;
  }
  get waiting(): number {
    return this.#waiting.size + this.#waitingFresh.size;
  }
  get size(): number {
    return this.#opening + this.#leased + this.#idle.size;
  }
  get closed(): boolean {
    return this.#closed;
  }
  /** Callers for whom nothing is being opened. */
  get lacking(): number {
    return Math.max(this.waiting - this.#opening, 0);
  }
  /** Whether it opens less than it would: the system ran out of something, or a spare has failed or found no place. */
  get holdsBack(): boolean {
    return !this.#closed && (this.#ceiling < this.options.sizeMax || (this.#lapsed && this.options.idleMin > 0));
  }

  /** An idle item, at once, or nothing. */
  take(): T | undefined {
    const item = this.options.scheduling === 'lifo' ? this.#idle.pop() : this.#idle.shift();
    if (item === undefined) return undefined;
    item.place = 'leased';
    this.#leased++;
    if (this.#idle.size + this.#opening < this.options.idleMin) this.#replenish();
    return item;
  }

  /** Queues for an item, when `take` had none. @throws NetError `SATURATED` or `CLOSED`; it is not queued then */
  wait(waiter: Waiter<T>): void {
    const { name, waitersMax } = this.options;
    if (this.#closed)
      throw new NetError('CLOSED', `the pool of ${name} is closed`, { reach: 'unsent', phase: 'queue' });
    (waiter.wantsFresh ? this.#waitingFresh : this.#waiting).push(waiter);
    this.#spares = true;
    this.#replenish();
    if (this.waiting - this.#opening <= waitersMax) return;
    this.withdraw(waiter);
    throw new NetError('SATURATED', `${waitersMax} calls already wait for ${name} (limit waitersMax ${waitersMax})`, {
      reach: 'unsent',
      phase: 'queue',
      limit: 'waitersMax',
      value: waitersMax,
    });
  }

  /** Leaves the queue. What is being opened for it will serve another. */
  withdraw(waiter: Waiter<T>): void {
    (waiter.wantsFresh ? this.#waitingFresh : this.#waiting).remove(waiter);
  }

  /** Takes a leased item back: to the oldest waiter, or to the idle ones. */
  release(item: T): void {
    invariant(item.place === 'leased', 'an item was released that is not leased');
    if (this.#waitingFresh.size > this.#opening || (this.#waiting.size > 0 && this.#capacity.cedes(this))) {
      return this.#giveUp(item);
    }
    const waiter = this.#waiting.shift();
    if (waiter === undefined) this.#rest(item);
    else waiter.granted(item);
  }

  /** The item is lost or of no more use: it leaves the pool, whatever it was doing. Harmless when it is gone. */
  remove(item: T): void {
    if (item.place === 'gone') return;
    if (item.place === 'idle') this.#idle.remove(item);
    else this.#leased--;
    item.place = 'gone';
    this.#capacity.give();
    if (!this.#closed) this.#replenish();
  }

  /** Answers `open()`. A fresh item goes first to those who insist on one. */
  opened(item: T): void {
    this.#opening--;
    item.place = 'leased';
    this.#leased++;
    const waiter = this.#waitingFresh.shift() ?? this.#waiting.shift();
    if (waiter === undefined) this.#rest(item);
    else waiter.granted(item);
    this.#replenish();
  }

  /**
   * Answers `open()`. The oldest waiter is told if this was the last opening it could hope for; except when the system
   * merely ran out of descriptors or ports while other items live: then the pool makes do with what it has, and its
   * waiters wait for those.
   */
  openFailed(error: NetError, scarce: boolean): void {
    this.#opening--;
    this.#capacity.give();
    if (this.#closed) return;
    if (scarce && this.size > 0) {
      this.#ceiling = this.size;
    } else {
      this.#lapsed = true;
      if (this.lacking > 0) (this.#waitingFresh.shift() ?? this.#waiting.shift())?.refused(error);
    }
    this.#replenish();
  }

  /** Opens no spares until `relax`: the last one did not last. */
  holdBack(): void {
    this.#lapsed = true;
  }

  /** Looks again whether there is room: after scarcity, after a failed spare, or when capacity was given back. */
  relax(): void {
    this.#ceiling = this.options.sizeMax;
    this.#lapsed = false;
    this.#replenish();
  }

  /** Capacity came free for this pool. */
  fed(): void {
    this.#replenish();
  }

  /** Opens until `count` items are opening or open, as limits and free places allow. @returns how many are opening */
  fill(count: number): number {
    this.#spares = true;
    while (this.size < count && this.#openOne(false));
    return this.#opening;
  }

  /** Takes an idle item out to be closed. */
  evict(item: T, reason: CloseReason): void {
    invariant(item.place === 'idle', 'an item was evicted that is not idle');
    this.#idle.remove(item);
    this.#expel(item, reason);
    if (!this.#closed && this.#idle.size + this.#opening < this.options.idleMin) this.#replenish();
  }

  evictIdle(reason: CloseReason): number {
    const count = this.#idle.size;
    for (let item = this.#idle.shift(); item !== undefined; item = this.#idle.shift()) this.#expel(item, reason);
    return count;
  }

  /** Refuses everyone who waits, gives up what is idle; leased items are closed as they come back. */
  close(error: NetError): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const queue of [this.#waiting, this.#waitingFresh]) {
      for (let waiter = queue.shift(); waiter !== undefined; waiter = queue.shift()) waiter.refused(error);
    }
    this.evictIdle('closing');
  }

  #replenish(): void {
    while (this.lacking > 0 && this.#openOne(true));
    while (this.#waitingFresh.size > this.#opening && this.#idle.size > 0) this.#replace(this.#idle.shift()!);
    if (!this.#spares || this.#lapsed || this.#closed) return;
    while (this.#idle.size + this.#opening - this.waiting < this.options.idleMin && this.#openOne(false));
  }

  /** @returns whether there was room to start opening one */
  #openOne(awaited: boolean): boolean {
    if (this.size >= this.#ceiling || this.#closed) return false;
    if (!this.#capacity.take(this, awaited)) {
      this.#lapsed ||= !awaited;
      return false;
    }
    this.#opening++;
    this.#owner.open();
    return true;
  }

  /** A leased item nobody waits for: idle from now on, or closed with the pool. */
  #rest(item: T): void {
    this.#leased--;
    if (this.#closed) return this.#expel(item, 'closing');
    item.place = 'idle';
    this.#idle.push(item);
    this.#capacity.idled();
  }

  /** A leased item is not lent on: one of ours insists on an unused one, or another pool goes without. */
  #giveUp(item: T): void {
    this.#leased--;
    if (this.#waitingFresh.size > this.#opening) return this.#replace(item);
    this.#expel(item, 'surplus');
    this.#replenish();
  }

  /** Closes an item and opens another in its place, which nobody else can take meanwhile. */
  #replace(item: T): void {
    item.place = 'gone';
    this.#opening++;
    this.#owner.close(item, 'surplus');
    this.#owner.open();
  }

  #expel(item: T, reason: CloseReason): void {
    item.place = 'gone';
    this.#capacity.give();
    this.#owner.close(item, reason);
  }
}
