/** A shared pool with both ends in hand: what it opens and closes is written down, and a test answers when it likes. */
import type { NetError } from '../../src/core/error.ts';
import type { CloseReason } from '../../src/core/observer.ts';
import { Capacity, type CapacityUser } from '../../src/pool/capacity.ts';
import type { SharedItem, SharedOptions, SharedOwner } from '../../src/pool/slot-item.ts';
import type { SlotWaiter } from '../../src/pool/slot-queue.ts';
import { SharedPool } from '../../src/pool/slots.ts';
import { noConnection } from './a-pool.ts';

export class Line implements SharedItem<Line> {
  place: 'leased' | 'idle' | 'gone' = 'leased';
  draining: CloseReason | undefined;
  chainBefore: Line | undefined;
  chainAfter: Line | undefined;
  slotsMax: number;
  slotsUsed = 0;
  serial = 0;
  closedFor: CloseReason | undefined;

  constructor(slotsMax: number) {
    this.slotsMax = slotsMax;
  }
}

export class Rider implements SlotWaiter<Line> {
  chainBefore: SlotWaiter<Line> | undefined;
  chainAfter: SlotWaiter<Line> | undefined;
  queued = false;
  newerThan: number;
  line: Line | undefined;
  error: NetError | undefined;
  settled = 0;
  onSettled: () => void = () => {};

  constructor(newerThan = 0) {
    this.newerThan = newerThan;
  }
  granted(line: Line): void {
    this.settled++;
    this.line = line;
    this.onSettled();
  }
  refused(error: NetError): void {
    this.settled++;
    this.error = error;
    this.onSettled();
  }
}

export class OpenShared implements SharedOwner<Line>, CapacityUser {
  readonly pool: SharedPool<Line>;
  readonly capacity: Capacity;
  readonly lines: Line[] = [];
  readonly closed: Line[] = [];
  opens = 0;
  opensEver = 0;

  constructor(options: Partial<SharedOptions> = {}, capacity = new Capacity(1_000)) {
    this.capacity = capacity;
    const all = { name: 'https://a.test', sizeMax: 4, waitersMax: 100, idleMin: 0, ...options };
    this.pool = new SharedPool(all, this, capacity);
    capacity.join(this.pool, this);
  }
  open(): void {
    this.opens++;
    this.opensEver++;
  }
  close(line: Line, reason: CloseReason): void {
    line.closedFor = reason;
    this.closed.push(line);
  }
  yieldIdle(reason: CloseReason): boolean {
    const oldest = this.pool.idle.first;
    if (oldest !== undefined) this.pool.evict(oldest, reason);
    return oldest !== undefined;
  }
  idleSince(): number {
    return this.pool.idle.first?.serial ?? Number.POSITIVE_INFINITY;
  }
  fed(): void {
    this.pool.fed();
  }

  /** Answers the oldest open with an item of so many slots. */
  opened(slots: number): Line {
    if (this.opens-- === 0) throw new Error('nothing is being opened');
    const line = new Line(slots);
    this.lines.push(line);
    this.pool.opened(line);
    return line;
  }
  openFailed(scarce = false): void {
    if (this.opens-- === 0) throw new Error('nothing is being opened');
    this.pool.openFailed(noConnection, scarce);
  }
  call(newerThan = 0): Rider {
    const rider = new Rider(newerThan);
    const line = this.pool.take(newerThan);
    if (line === undefined) this.pool.wait(rider);
    else rider.granted(line);
    return rider;
  }
  calls(count: number): Rider[] {
    return Array.from({ length: count }, () => this.call());
  }
}
