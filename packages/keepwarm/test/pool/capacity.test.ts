import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Capacity } from '../../src/pool/capacity.ts';
import { closed, OpenPool } from './a-pool.ts';

function pools(max: number, count: number, options = {}): OpenPool[] {
  const capacity = new Capacity(max);
  return Array.from({ length: count }, () => new OpenPool({ sizeMax: 10, ...options }, capacity));
}

describe('pools that share their places', () => {
  it('never hold more than all of them together may', () => {
    const [a, b] = pools(3, 2) as [OpenPool, OpenPool];
    for (let i = 0; i < 5; i++) a.call();
    b.call();
    assert.equal(a.pool.opening + b.pool.opening, 3);
    assert.equal(a.capacity.used, 3);
  });

  it('take a place from whoever has an item idle for longest', () => {
    for (const inOrder of [true, false]) {
      const [a, b, c] = pools(2, 3) as [OpenPool, OpenPool, OpenPool];
      const [before, after] = inOrder ? [a, b] : [b, a];
      const [oldest, other] = [before.lease(), after.lease()];
      before.release(oldest);
      after.release(other);
      c.call();
      assert.equal(oldest.closedFor, 'surplus');
      assert.equal(other.closedFor, undefined);
      assert.equal(c.pool.opening, 1);
    }
  });

  it('feed the pool that has gone without for longest, as soon as a place is given back', () => {
    const [a, b, c] = pools(1, 3) as [OpenPool, OpenPool, OpenPool];
    const item = a.lease();
    const [second, third] = [b.call(), c.call()];
    a.pool.remove(item);
    assert.deepEqual([b.pool.opening, c.pool.opening], [1, 0]);
    b.opened();
    b.pool.remove(second.item!);
    assert.equal(c.pool.opening, 1);
    c.opened();
    assert.ok(third.item);
  });

  it('feed a hungry pool with what becomes idle elsewhere', () => {
    const [a, b] = pools(1, 2) as [OpenPool, OpenPool];
    const item = a.lease();
    const caller = b.call();
    a.release(item);
    assert.equal(item.closedFor, 'surplus');
    b.opened();
    assert.ok(caller.item);
  });

  it('take turns, however many wait in one of them', () => {
    const [a, b, c] = pools(1, 3) as [OpenPool, OpenPool, OpenPool];
    const item = a.lease();
    for (let i = 0; i < 5; i++) b.call();
    const other = c.call();
    a.pool.remove(item);
    b.pool.remove(b.opened());
    c.opened();
    assert.ok(other.item, 'it does not wait for all five');
  });

  it('let a pool with nothing have a share of what a busy one holds', () => {
    const [a, b] = pools(4, 2) as [OpenPool, OpenPool];
    const items = Array.from({ length: 4 }, () => a.lease());
    for (let i = 0; i < 10; i++) a.call();
    const callers = [b.call(), b.call(), b.call()];
    for (const item of items) a.release(item);
    assert.equal(b.pool.opening, 2, 'half of the places each');
    b.opened();
    assert.ok(callers[0]!.item);
    assert.equal(a.pool.size, 2);
  });

  it('close no busy connection for a pool whose callers have gone', () => {
    const [a, b] = pools(2, 2) as [OpenPool, OpenPool];
    const items = [a.lease(), a.lease()];
    a.call();
    b.pool.withdraw(b.call());
    a.release(items[0]!);
    assert.equal(items[0]!.closedFor, undefined);
  });

  it('forget a pool that has left', () => {
    const [a, b] = pools(1, 2) as [OpenPool, OpenPool];
    const item = a.lease();
    b.call();
    b.pool.close(closed);
    b.capacity.leave(b.pool);
    a.pool.remove(item);
    assert.equal(b.pool.opening, 0);
    assert.equal(a.capacity.used, 0);
  });
});

describe('what is opened ahead of demand', () => {
  it('takes nothing from a pool that has something: warm connections are not traded for others', () => {
    const [a, b] = pools(2, 2) as [OpenPool, OpenPool];
    const items = [a.lease(), a.lease()];
    for (const item of items) a.release(item);
    assert.equal(b.pool.fill(2), 0);
    assert.ok(items.every(({ place }) => place === 'idle'));
  });

  it('does not snatch the place that is being made for a caller', () => {
    const [a, b] = pools(2, 2, { idleMin: 1 }) as [OpenPool, OpenPool];
    a.lease();
    a.opened();
    const caller = b.call();
    assert.equal(b.pool.opening, 1, 'the spare makes way');
    b.opened();
    assert.ok(caller.item);
    assert.equal(a.pool.opening, 0);
  });

  it('does not make two pools take spares from each other in a loop', () => {
    const [a, b] = pools(3, 2, { idleMin: 2 }) as [OpenPool, OpenPool];
    for (const each of [a, b]) each.call();
    for (let round = 0; round < 50; round++) {
      for (const each of [a, b]) {
        while (each.opens > 0) each.opened();
        each.pool.relax();
      }
    }
    assert.ok(a.opensEver + b.opensEver <= 4, `${a.opensEver + b.opensEver} were opened`);
  });

  it('is opened later, when places are free and the pool looks again', () => {
    const [a, b] = pools(2, 2, { idleMin: 1 }) as [OpenPool, OpenPool];
    const items = [a.lease(), a.lease()];
    for (const item of items) a.release(item);
    b.call();
    b.opened();
    assert.ok(b.pool.holdsBack, 'it wants a spare and has none');
    a.pool.remove(a.pool.idle.first!);
    for (const each of [a, b]) each.pool.relax();
    assert.equal(a.pool.opening + b.pool.opening, 1);
  });
});
