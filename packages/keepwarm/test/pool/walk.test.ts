/** Several pools that share their places, walked at random; every invariant is looked at after every step. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { NetError } from '../../src/core/error.ts';
import { Capacity } from '../../src/pool/capacity.ts';
import { type Caller, closed, OpenPool, type Thing } from './a-pool.ts';

const KINDS = {
  call: 8,
  callFresh: 2,
  withdraw: 2,
  release: 8,
  remove: 2,
  opened: 8,
  openFailed: 2,
  scarce: 1,
  relax: 1,
  fill: 1,
  evict: 1,
  evictIdle: 1,
  close: 0.1,
} as const;

interface Step {
  readonly kind: keyof typeof KINDS;
  readonly pool: number;
  readonly pick: number;
}

interface World {
  readonly capacityMax: number;
  readonly pools: readonly {
    readonly sizeMax: number;
    readonly waitersMax: number;
    readonly idleMin: number;
    readonly scheduling: 'lifo' | 'fifo';
  }[];
}

const worlds: fc.Arbitrary<World> = fc.record({
  capacityMax: fc.integer({ min: 1, max: 7 }),
  pools: fc.array(
    fc.record({
      sizeMax: fc.integer({ min: 1, max: 5 }),
      waitersMax: fc.integer({ min: 0, max: 6 }),
      idleMin: fc.integer({ min: 0, max: 2 }),
      scheduling: fc.constantFrom('lifo' as const, 'fifo' as const),
    }),
    { minLength: 1, maxLength: 3 },
  ),
});

const kinds = Object.entries(KINDS).map(([kind, weight]) => ({
  weight: weight * 10,
  arbitrary: fc.constant(kind as Step['kind']),
}));

const paths: fc.Arbitrary<Step[]> = fc.array(
  fc.record({ kind: fc.oneof(...kinds), pool: fc.nat(2), pick: fc.nat(20) }),
  { maxLength: 80, size: 'max' },
);

/** One pool with what a test knows about it: who waits, in order, and what is lent. */
class Watched {
  readonly it: OpenPool;
  readonly waiting: Caller[] = [];
  readonly fresh: Caller[] = [];
  readonly held = new Set<Thing>();
  readonly all: Caller[] = [];
  isClosed = false;

  constructor(options: World['pools'][number], capacity: Capacity) {
    this.it = new OpenPool(options, capacity);
    this.it.onClose = (item) => {
      assert.ok(!this.held.has(item), 'nothing is closed while it is lent');
      assert.equal(item.place, 'gone');
    };
  }

  call(fresh: boolean): void {
    const { it } = this;
    const overtakes = this.waiting.length > 0;
    let caller: Caller;
    try {
      caller = fresh ? it.callFresh() : it.call();
    } catch (error) {
      return this.refusedAtTheDoor(error as NetError);
    }
    this.all.push(caller);
    caller.onSettled = () => this.settled(caller);
    if (caller.item === undefined) {
      (fresh ? this.fresh : this.waiting).push(caller);
      return;
    }
    assert.ok(!overtakes, '(2) nobody overtakes those who wait');
    this.held.add(caller.item);
  }

  refusedAtTheDoor(error: NetError): void {
    assert.ok(error instanceof NetError);
    if (this.isClosed) return assert.equal(error.code, 'CLOSED');
    assert.equal(error.code, 'SATURATED');
    const { lacking, options } = this.it.pool;
    assert.ok(lacking >= options.waitersMax, `(4) refused with ${lacking} of ${options.waitersMax} in the queue`);
  }

  settled(caller: Caller): void {
    assert.equal(caller.settled, 1, '(5) a waiter settles once');
    const queue = caller.wantsFresh ? this.fresh : this.waiting;
    assert.equal(queue.shift(), caller, 'the oldest comes first');
    if (caller.item === undefined) return;
    assert.ok(!this.held.has(caller.item), 'nothing is lent twice');
    if (caller.wantsFresh) assert.ok(!caller.item.used, 'an unused item was promised');
    this.held.add(caller.item);
  }

  withdraw(pick: number): void {
    const everyone = [...this.waiting, ...this.fresh];
    const caller = everyone[pick % everyone.length];
    if (caller === undefined) return;
    this.it.pool.withdraw(caller);
    const queue = caller.wantsFresh ? this.fresh : this.waiting;
    queue.splice(queue.indexOf(caller), 1);
    caller.onSettled = () => assert.fail('(5) it had withdrawn');
  }

  leased(pick: number): Thing | undefined {
    const item = [...this.held][pick % this.held.size];
    if (item !== undefined) this.held.delete(item);
    return item;
  }

  step(kind: Step['kind'], pick: number): void {
    const { it } = this;
    const { pool } = it;
    if (kind === 'call' || kind === 'callFresh') return this.call(kind === 'callFresh');
    if (kind === 'withdraw') return this.withdraw(pick);
    if (kind === 'release' || kind === 'remove') {
      const idle = [...pool.idle];
      const item = kind === 'remove' && pick % 3 === 0 ? idle[pick % idle.length] : this.leased(pick);
      if (item !== undefined) kind === 'release' ? it.release(item) : pool.remove(item);
    } else if (kind === 'opened') {
      if (it.opens > 0) it.opened();
    } else if (kind === 'openFailed' || kind === 'scarce') {
      if (it.opens > 0) it.openFailed(kind === 'scarce');
    } else if (kind === 'relax') pool.relax();
    else if (kind === 'fill') pool.fill(pick % 6);
    else if (kind === 'evictIdle') pool.evictIdle('closing');
    else if (kind === 'evict') {
      if (pool.idle.first !== undefined) pool.evict(pool.idle.first, 'idle');
    } else {
      pool.close(closed);
      it.capacity.leave(pool);
      this.isClosed = true;
    }
  }

  verify(step: string): void {
    const { it, waiting, fresh, held } = this;
    const { opening, leased, idle } = it.state;
    const { sizeMax, waitersMax } = it.pool.options;
    assert.ok(opening + leased + idle <= sizeMax, `(1) after ${step}`);
    assert.equal(it.opens, opening, `every opening is under way after ${step}`);
    assert.equal(held.size, leased, `nothing lent is lost after ${step}`);
    assert.equal(it.pool.waiting, waiting.length + fresh.length, `nobody is forgotten after ${step}`);
    assert.ok(waiting.length === 0 || idle === 0, `(2) after ${step}`);
    assert.ok(it.pool.waiting <= waitersMax + sizeMax, `(4) after ${step}`);
    assert.ok(fresh.length <= opening || idle === 0, `(3) room is made for unused items after ${step}`);
    for (const item of it.pool.idle) assert.equal(item.place, 'idle', `after ${step}`);
    for (const item of held) assert.equal(item.place, 'leased', `after ${step}`);
    assert.ok(
      !this.isClosed || (idle === 0 && waiting.length + fresh.length === 0),
      `closed means closed after ${step}`,
    );
  }
}

function verifyShares(pools: readonly Watched[], capacity: Capacity, scarcity: Set<Watched>, step: string): void {
  const sizes = pools.map(({ it }) => it.pool.size);
  assert.equal(
    capacity.used,
    sizes.reduce((sum, size) => sum + size, 0),
    `(1) used is the sum after ${step}`,
  );
  assert.ok(capacity.used <= capacity.max, `(1) after ${step}`);
  for (const watched of pools) {
    const { pool } = watched.it;
    if (pool.lacking === 0 || pool.size >= pool.options.sizeMax || scarcity.has(watched)) continue;
    // It lacks items and could hold more: then there is no place for it anywhere.
    assert.equal(capacity.used, capacity.max, `(3) a free place is opened after ${step}`);
    for (const other of pools) {
      if (other !== watched) assert.equal(other.it.pool.idle.size, 0, `(3) nobody keeps idle items after ${step}`);
    }
  }
}

function walk(world: World, path: readonly Step[]): void {
  const capacity = new Capacity(world.capacityMax);
  const pools = world.pools.map((options) => new Watched(options, capacity));
  const scarcity = new Set<Watched>();
  for (const { kind, pool: index, pick } of path) {
    const watched = pools[index % pools.length]!;
    if (kind === 'scarce') scarcity.add(watched);
    if (kind === 'relax') scarcity.delete(watched);
    watched.step(kind, pick);
    const step = `${kind} of pool ${index % pools.length}`;
    for (const each of pools) each.verify(step);
    verifyShares(pools, capacity, scarcity, step);
  }
  comeToRest(pools);
}

/** When the peers answer and calls end, everyone who waits is served: nobody starves. */
function comeToRest(pools: readonly Watched[]): void {
  for (let round = 0; round < 1_000; round++) {
    for (const watched of pools) {
      if (round % 50 === 49) watched.it.pool.relax(); // as the patrol does
      while (watched.it.opens > 0) watched.it.opened();
      for (const item of [...watched.held]) {
        watched.held.delete(item);
        watched.it.release(item);
      }
      watched.verify('coming to rest');
    }
    if (pools.every(({ it }) => it.pool.waiting === 0 && it.pool.leased === 0 && it.opens === 0)) break;
  }
  for (const { it, waiting, fresh, held } of pools) {
    assert.deepEqual([waiting.length, fresh.length, held.size, it.opens], [0, 0, 0, 0], 'everyone is served');
  }
  for (const { it, all } of pools) {
    it.pool.close(closed);
    assert.ok(all.every(({ settled }) => settled <= 1));
    for (const { closedFor, place } of it.closed) assert.deepEqual([closedFor !== undefined, place], [true, 'gone']);
  }
  assert.equal(pools[0]!.it.capacity.used, 0, 'every place is given back');
}

/** A pool with callers who never stop must not keep everything to itself. */
function feedsTheHungry(capacityMax: number, greedy: number): void {
  const capacity = new Capacity(capacityMax);
  const busy = Array.from({ length: greedy }, () => new OpenPool({ sizeMax: capacityMax }, capacity));
  const meek = new OpenPool({}, capacity);
  const held: { pool: OpenPool; item: Thing }[] = [];
  const press = (pool: OpenPool): void => {
    const caller = pool.call();
    if (caller.item !== undefined) held.push({ pool, item: caller.item });
    else caller.onSettled = () => held.push({ pool, item: caller.item! });
  };
  for (let i = 0; i < 3 * capacityMax; i++) for (const pool of busy) press(pool);
  for (const pool of busy) while (pool.opens > 0) pool.opened();
  const caller = meek.call();
  for (let round = 0; round < 20 * capacityMax && caller.item === undefined; round++) {
    const { pool, item } = held.shift()!;
    press(pool);
    pool.release(item);
    for (const each of [...busy, meek]) while (each.opens > 0) each.opened();
  }
  // With as many pools as places, nobody has one to spare.
  if (greedy < capacityMax) assert.ok(caller.item, 'the pool that went without was fed');
}

describe('a walk through pools that share their places', () => {
  it('keeps every invariant after every step, and serves everyone in the end', () => {
    fc.assert(fc.property(worlds, paths, walk), { numRuns: 3_000 });
  });

  it('feeds a pool that goes without while others never run out of callers', () => {
    fc.assert(fc.property(fc.integer({ min: 2, max: 8 }), fc.integer({ min: 1, max: 4 }), feedsTheHungry));
  });
});
