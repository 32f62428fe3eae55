/**
 * Lends slots on sessions: many callers on one item at a time, each item with as many slots as it says at the moment.
 * Knows neither time nor what an item is.
 *
 *        open()               first slot lent, last one back
 *   ───────────▶ opening ──▶ idle ⇄ leased ──▶ gone
 *                   │          └──────┴──drain──▶ draining ──▶ gone, with its last slot
 *                   └─ failed, or another protocol
 *
 * Invariants, true whenever no method is running:
 *   (1) opening + open ≤ sizeMax. Draining items have a place of the shared capacity, as all others, but none of ours:
 *       one that drains slowly must not keep its successor away.
 *   (2) A slot is lent only while slotsUsed < slotsMax. Where `slotsMax` falls below what is lent, nothing is taken
 *       away; nothing more is lent.
 *   (3) While anyone waits, no slot is free that the waiter would take: it goes straight to the oldest (no barging).
 *   (4) Before the first item is open, at most one is being opened on behalf of callers, however many wait: how much
 *       it carries, and whether it can be shared at all, is not known. From then on as many as the waiting need.
 *   (5) waiting ≤ waitersMax, those aside for whom items are being opened.
 *   (6) Every waiter settles once: by a slot, its own withdrawal, close(), or a failure to open when no item is open
 *       and none is being opened. While one is open, callers wait for its slots; a failure then holds back further
 *       attempts until `relax`.
 *   (7) Least loaded first, the oldest of equals: what a burst has opened becomes idle again after it.
 */
import { Chain } from '../algo/chain.ts';
import { invariant, NetError } from '../core/error.ts';
import type { CloseReason } from '../core/observer.ts';
import type { Capacity } from './capacity.ts';
import type { SharedItem, SharedOptions, SharedOwner } from './slot-item.ts';
import { SlotQueue, type SlotWaiter } from './slot-queue.ts';

export class SharedPool<T extends SharedItem<T>> {
  readonly options: SharedOptions;
  readonly #owner: SharedOwner<T>;
  readonly #capacity: Capacity;
  /** Open and not draining, oldest first. */
  readonly #open: T[] = [];
  readonly #idle = new Chain<T>();
  readonly #queue = new SlotQueue<T>();
  #opening = 0;
  #slotsLent = 0;
  #serial = 0;
  /** Slots of the item opened last; nothing before the first. */
  #slotsExpected: number | undefined;
  #ceiling: number;
  #spares = false;
  /** An opening has failed: nothing more until `relax`, unless callers would be left with nothing at all. */
  #lapsed = false;
  #closed = false;

  constructor(options: SharedOptions, owner: SharedOwner<T>, capacity: Capacity) {
    this.options = options;
    this.#owner = owner;
    this.#capacity = capacity;
    this.#ceiling = options.sizeMax;
  }

  get opening(): number {
    return this.#opening;
  }
  get open(): readonly T[] {
    return this.#open;
  }
  get idle(): Chain<T> {
    return this.#idle;
  }
  /** Slots in use, those of draining items included. */
  get slotsLent(): number {
    return this.#slotsLent;
  }
  get waiting(): number {
    return this.#queue.size;
  }
  get size(): number {
    return this.#opening + this.#open.length;
  }
  /** Serial of the item opened last. */
  get serial(): number {
    return this.#serial;
  }
  get slotsExpected(): number | undefined {
    return this.#slotsExpected;
  }
  /** Callers for whom nothing is being opened. */
  get lacking(): number {
    return Math.max(this.waiting - this.#coming(), 0);
  }
  get holdsBack(): boolean {
    if (this.#closed) return false;
    return this.#ceiling < this.options.sizeMax || (this.#lapsed && (this.waiting > 0 || this.options.idleMin > 0));
  }

  /** A slot, at once, or nothing. */
  readonly take = (newerThan = 0): T | undefined => {
    const item = this.#pick(newerThan);
    if (item !== undefined) this.#lend(item);
    return item;
  };

  /** Queues for a slot, when `take` had none. @throws NetError `SATURATED` or `CLOSED`; it is not queued then */
  wait(waiter: SlotWaiter<T>): void {
    const { name, waitersMax } = this.options;
    const details = { reach: 'unsent', phase: 'queue' } as const;
    if (this.#closed) throw new NetError('CLOSED', `the pool of ${name} is closed`, details);
    this.#queue.push(waiter);
    this.#spares = true;
    this.#replenish();
    if (this.lacking <= waitersMax) return;
    this.withdraw(waiter);
    throw new NetError('SATURATED', `${waitersMax} calls already wait for ${name} (limit waitersMax ${waitersMax})`, {
      ...details,
      limit: 'waitersMax',
      value: waitersMax,
    });
  }

  readonly withdraw = (waiter: SlotWaiter<T>): void => this.#queue.withdraw(waiter);
  readonly holdBack = (): void => void (this.#lapsed = true);

  /** Takes a slot back: for the oldest waiter, or free. */
  release(item: T): void {
    invariant(item.slotsUsed > 0, 'a slot was released that is not lent');
    item.slotsUsed--;
    this.#slotsLent--;
    if (item.place === 'gone') return;
    if (item.draining !== undefined) {
      if (item.slotsUsed === 0) this.#expel(item, item.draining);
      return;
    }
    this.#queue.serve(this.take);
    this.#settle(item);
  }

  /** The item has come to have more slots, or fewer. */
  slotsChanged(item: T): void {
    if (item.place === 'gone' || item.draining !== undefined) return;
    this.#slotsExpected = item.slotsMax;
    this.#queue.serve(this.take);
    this.#replenish();
  }

  /** The item takes no more callers; it is closed when the last one has left, at once if there is none. */
  drain(item: T, reason: CloseReason): void {
    if (item.place === 'gone' || item.draining !== undefined) return;
    item.draining = reason;
    this.#leave(item);
    if (item.slotsUsed === 0) this.#expel(item, reason);
    if (!this.#closed) this.#replenish();
  }

  /** The item is lost: it leaves the pool, whatever it was doing. Harmless when it is gone. */
  remove(item: T): void {
    if (item.place === 'gone') return;
    if (item.draining === undefined) this.#leave(item);
    item.place = 'gone';
    this.#capacity.give();
    if (!this.#closed) this.#replenish();
  }

  /** Answers `open()`. */
  opened(item: T): void {
    this.#opening--;
    this.#lapsed = false;
    item.serial = ++this.#serial;
    item.place = 'leased';
    this.#slotsExpected = item.slotsMax;
    if (this.#closed) return this.#expel(item, 'closing');
    this.#open.push(item);
    this.#queue.serve(this.take);
    this.#settle(item);
    this.#replenish();
  }

  /**
   * Answers `open()`. Where the system ran out of descriptors or ports while items are open, the pool makes do with
   * those.
   */
  openFailed(error: NetError, scarce: boolean): void {
    this.#opening--;
    this.#capacity.give();
    if (this.#closed) return;
    if (scarce && this.size > 0) this.#ceiling = this.size;
    this.#lapsed = true;
    if (this.#opening > 0) return;
    this.#queue.refuse(error, this.#open.length === 0);
  }

  /** Answers `open()`: what came cannot be shared. @returns those who wait, oldest first, who are now its owner's */
  openedOther(): SlotWaiter<T>[] {
    this.#opening--;
    this.#capacity.give();
    this.#slotsExpected = undefined;
    return this.#queue.takeAll();
  }

  relax(): void {
    this.#ceiling = this.options.sizeMax;
    this.#lapsed = false;
    this.#replenish();
  }

  /** Capacity came free for this pool. */
  readonly fed = (): void => this.#replenish();

  /** Opens until `count` items are opening or open, as limits and free places allow. @returns how many are opening */
  fill(count: number): number {
    this.#spares = true;
    while (this.size < count && this.#openOne(false));
    return this.#opening;
  }

  /** Takes an idle item out to be closed. */
  evict(item: T, reason: CloseReason): void {
    invariant(item.place === 'idle', 'an item was evicted that is not idle');
    this.drain(item, reason);
  }

  evictIdle(reason: CloseReason): number {
    this.#spares = false;
    const idle = [...this.#idle];
    for (const item of idle) this.drain(item, reason);
    return idle.length;
  }

  /** Refuses everyone who waits, gives up what is idle; leased items are closed as they come back. */
  close(error: NetError): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#queue.refuse(error, true);
    for (const item of [...this.#open]) this.drain(item, 'closing');
  }

  #pick(newerThan: number): T | undefined {
    // Where no newer one can come, an older one is better than none.
    const serialMin = this.#opening === 0 && this.size >= this.options.sizeMax ? 0 : newerThan;
    let best: T | undefined;
    for (const item of this.#open) {
      if (item.slotsUsed >= item.slotsMax || item.serial <= serialMin) continue;
      if (best === undefined || item.slotsUsed < best.slotsUsed) best = item;
    }
    return best;
  }

  #lend(item: T): void {
    item.slotsUsed++;
    this.#slotsLent++;
    if (item.place !== 'idle') return;
    this.#idle.remove(item);
    item.place = 'leased';
  }

  /** An item without callers is idle. */
  #settle(item: T): void {
    if (item.slotsUsed > 0 || item.place !== 'leased' || item.draining !== undefined) return;
    item.place = 'idle';
    this.#idle.push(item);
    this.#capacity.idled();
  }

  #replenish(): void {
    while (this.#isShort() && this.#openOne(true));
    if (!this.#spares || this.#lapsed || this.#closed) return;
    while (this.size < this.options.idleMin && this.#openOne(false));
  }

  /** Whether one more item would help those who wait. */
  #isShort(): boolean {
    if (this.lacking === 0) return false;
    // One that can lend nothing at the moment tells that more of them would not help.
    return this.size === 0 || (!this.#lapsed && this.#slotsExpected !== 0);
  }

  /** Slots that are being opened. */
  #coming(): number {
    return this.#opening === 0 ? 0 : this.#opening * (this.#slotsExpected || Number.POSITIVE_INFINITY);
  }

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

  /** Out of those that can be picked. */
  #leave(item: T): void {
    this.#open.splice(this.#open.indexOf(item), 1);
    if (item.place === 'idle') this.#idle.remove(item);
    item.place = 'leased';
  }

  #expel(item: T, reason: CloseReason): void {
    item.place = 'gone';
    this.#capacity.give();
    this.#owner.close(item, reason);
  }
}
