/** A pool with both ends in hand: what it opens and closes is written down, and a test answers when it likes. */
import { NetError } from '../../src/core/error.ts';
import type { CloseReason } from '../../src/core/observer.ts';
import { Capacity, type CapacityUser } from '../../src/pool/capacity.ts';
import { ExclusivePool, type Item, type PoolOptions, type PoolOwner, type Waiter } from '../../src/pool/exclusive.ts';

export class Thing implements Item<Thing> {
  place: 'leased' | 'idle' | 'gone' = 'leased';
  chainBefore: Thing | undefined;
  chainAfter: Thing | undefined;
  /** Counted, as there is no time here. */
  idleSince = 0;
  used = false;
  closedFor: CloseReason | undefined;
  readonly id: number;

  constructor(id: number) {
    this.id = id;
  }
}

export class Caller implements Waiter<Thing> {
  chainBefore: Waiter<Thing> | undefined;
  chainAfter: Waiter<Thing> | undefined;
  readonly wantsFresh: boolean;
  item: Thing | undefined;
  error: NetError | undefined;
  settled = 0;
  onSettled: () => void = () => {};

  constructor(wantsFresh = false) {
    this.wantsFresh = wantsFresh;
  }

  granted(item: Thing): void {
    this.settled++;
    this.item = item;
    this.onSettled();
  }

  refused(error: NetError): void {
    this.settled++;
    this.error = error;
    this.onSettled();
  }
}

export const noConnection = new NetError('CONNECT', 'connection refused', { reach: 'unsent', phase: 'connect' });
export const closed = new NetError('CLOSED', 'closed', { reach: 'unsent', phase: 'closing' });

let instant = 0;
let lastId = 0;

export class OpenPool implements PoolOwner<Thing>, CapacityUser {
  readonly pool: ExclusivePool<Thing>;
  readonly capacity: Capacity;
  readonly closed: Thing[] = [];
  /** Opens asked for and not yet answered. */
  opens = 0;
  opensEver = 0;
  onClose: (item: Thing) => void = () => {};

  constructor(options: Partial<PoolOptions> = {}, capacity = new Capacity(1_000)) {
    this.capacity = capacity;
    this.pool = new ExclusivePool(
      { name: 'http://a.test', sizeMax: 4, waitersMax: 100, idleMin: 0, scheduling: 'lifo', ...options },
      this,
      capacity,
    );
    capacity.join(this.pool, this);
  }

  open(): void {
    this.opens++;
    this.opensEver++;
  }

  close(item: Thing, reason: CloseReason): void {
    item.closedFor = reason;
    this.closed.push(item);
    this.onClose(item);
  }

  yieldIdle(reason: CloseReason): boolean {
    const oldest = this.pool.idle.first;
    if (oldest !== undefined) this.pool.evict(oldest, reason);
    return oldest !== undefined;
  }

  idleSince(): number {
    return this.pool.idle.first?.idleSince ?? Number.POSITIVE_INFINITY;
  }

  fed(): void {
    this.pool.fed();
  }

  /** Answers the oldest open with an item. */
  opened(): Thing {
    if (this.opens === 0) throw new Error('nothing is being opened');
    this.opens--;
    const item = new Thing(++lastId);
    item.idleSince = ++instant;
    this.pool.opened(item);
    return item;
  }

  openFailed(scarce = false, error = noConnection): void {
    if (this.opens === 0) throw new Error('nothing is being opened');
    this.opens--;
    this.pool.openFailed(error, scarce);
  }

  /** As the engine does: takes what is idle, or else waits. */
  call(): Caller {
    const caller = new Caller();
    const item = this.pool.take();
    if (item === undefined) this.pool.wait(caller);
    else caller.granted(item);
    return caller;
  }

  callFresh(): Caller {
    const caller = new Caller(true);
    this.pool.wait(caller);
    return caller;
  }

  release(item: Thing): void {
    item.used = true;
    item.idleSince = ++instant;
    this.pool.release(item);
  }

  /** A call that holds an item of its own. */
  lease(): Thing {
    const caller = this.call();
    if (caller.item === undefined) this.opened();
    if (caller.item === undefined) throw new Error('the item went to another');
    return caller.item;
  }

  get state(): { opening: number; leased: number; idle: number; waiting: number } {
    const { opening, leased, idle, waiting } = this.pool;
    return { opening, leased, idle: idle.size, waiting };
  }
}
