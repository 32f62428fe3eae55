import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { closed, noConnection, OpenPool } from './a-pool.ts';

describe('a pool that fails to open', () => {
  it('tells the caller that has waited longest, and goes on for the others', () => {
    const a = new OpenPool({ sizeMax: 1 });
    const [first, second] = [a.call(), a.call()];
    a.openFailed();
    assert.equal(first.error, noConnection);
    assert.deepEqual(a.state, { opening: 1, leased: 0, idle: 0, waiting: 1 });
    a.opened();
    assert.ok(second.item);
  });

  it('refuses nobody for whom another item is being opened still', () => {
    const a = new OpenPool({ idleMin: 2 });
    const caller = a.call();
    assert.equal(a.pool.opening, 3);
    a.openFailed();
    a.openFailed();
    assert.equal(caller.settled, 0, 'the last one may yet succeed');
    a.openFailed();
    assert.equal(caller.error, noConnection);
  });

  it('makes do with the items it has when the system has run out of descriptors', () => {
    const a = new OpenPool({ sizeMax: 3 });
    const item = a.lease();
    const caller = a.call();
    a.openFailed(true);
    assert.deepEqual(a.state, { opening: 0, leased: 1, idle: 0, waiting: 1 });
    assert.equal(caller.settled, 0);
    assert.ok(a.pool.holdsBack);
    a.release(item);
    assert.equal(caller.item, item);
  });

  it('tries again after scarcity when it is told to look', () => {
    const a = new OpenPool({ sizeMax: 3 });
    a.lease();
    const caller = a.call();
    a.openFailed(true);
    a.pool.relax();
    assert.ok(!a.pool.holdsBack);
    a.opened();
    assert.ok(caller.item);
  });

  it('tells the caller of scarcity when there is nothing to wait for', () => {
    const a = new OpenPool();
    const caller = a.call();
    a.openFailed(true);
    assert.equal(caller.error, noConnection);
    a.call();
    assert.equal(a.pool.opening, 1, 'and tries again for the next');
  });

  it('closes an idle item under scarcity for one who insists on an unused one', () => {
    const a = new OpenPool();
    const idle = a.lease();
    const picky = a.callFresh();
    a.release(idle);
    assert.equal(idle.place, 'idle');
    a.openFailed(true);
    assert.equal(idle.closedFor, 'surplus');
    assert.equal(a.opened(), picky.item);
  });

  it('opens no more spares until it is told to look, so that a dead peer is not dialled in a loop', () => {
    const a = new OpenPool({ idleMin: 2 });
    const caller = a.call();
    a.opened();
    assert.ok(caller.item);
    a.openFailed();
    a.openFailed();
    assert.equal(a.pool.opening, 0);
    assert.ok(a.pool.holdsBack);
    a.pool.relax();
    assert.equal(a.pool.opening, 2);
  });
});

describe('the idle minimum', () => {
  it('is opened ahead of demand once the pool is in use', () => {
    const a = new OpenPool({ idleMin: 2 });
    assert.equal(a.pool.opening, 0);
    a.call();
    assert.equal(a.pool.opening, 3);
    for (let i = 0; i < 3; i++) a.opened();
    assert.deepEqual(a.state, { opening: 0, leased: 1, idle: 2, waiting: 0 });
  });

  it('is refilled when one of it is lent, lost or evicted', () => {
    const a = new OpenPool({ idleMin: 1, sizeMax: 10 });
    a.lease();
    a.opened();
    a.pool.take();
    assert.equal(a.pool.opening, 1, 'lent');
    a.pool.remove(a.opened());
    assert.equal(a.pool.opening, 1, 'lost');
    a.pool.evict(a.opened(), 'idle');
    assert.equal(a.pool.opening, 1, 'evicted');
  });

  it('never overrides sizeMax', () => {
    const a = new OpenPool({ idleMin: 9, sizeMax: 3 });
    a.call();
    assert.equal(a.pool.opening, 3);
  });
});

describe('filling', () => {
  it('opens until that many are open or being opened, within sizeMax', () => {
    const a = new OpenPool({ sizeMax: 3 });
    assert.equal(a.pool.fill(2), 2);
    assert.equal(a.pool.fill(2), 2);
    assert.equal(a.pool.fill(9), 3);
    for (let i = 0; i < 3; i++) a.opened();
    assert.equal(a.pool.idle.size, 3);
    assert.equal(a.pool.fill(9), 0);
  });

  it('keeps to what the system was found to give', () => {
    const a = new OpenPool({ sizeMax: 8 });
    a.pool.fill(2);
    a.opened();
    a.openFailed(true);
    assert.equal(a.pool.fill(8), 0);
    a.pool.relax();
    assert.equal(a.pool.fill(8), 7);
  });
});

describe('closing a pool', () => {
  it('refuses everyone who waits, gives up what is idle, and lets calls end', () => {
    const a = new OpenPool({ sizeMax: 2 });
    const [leased, idle] = [a.lease(), a.lease()];
    a.release(idle);
    const picky = [a.callFresh(), a.callFresh(), a.callFresh()];
    a.pool.close(closed);
    a.pool.close(closed);
    assert.ok(picky.every(({ error, settled }) => error === closed && settled === 1));
    assert.equal(leased.closedFor, undefined);
    a.release(leased);
    assert.equal(leased.closedFor, 'closing');
    assert.throws(() => a.call(), { code: 'CLOSED', reach: 'unsent' });
    assert.ok(!a.pool.holdsBack);
  });

  it('closes what finishes opening afterwards, and gives every place back', () => {
    const a = new OpenPool();
    a.call();
    a.call();
    a.pool.close(closed);
    assert.equal(a.opened().closedFor, 'closing');
    a.openFailed();
    assert.deepEqual(a.state, { opening: 0, leased: 0, idle: 0, waiting: 0 });
    assert.equal(a.capacity.used, 0);
  });

  it('opens nothing any more, whoever asks', () => {
    const a = new OpenPool({ idleMin: 2 });
    const item = a.lease();
    a.pool.close(closed);
    const before = a.opensEver;
    a.pool.remove(item);
    a.pool.relax();
    a.pool.fed();
    a.pool.fill(3);
    assert.equal(a.opensEver, before);
  });

  it('survives a refused caller who comes back at once', () => {
    const a = new OpenPool({ sizeMax: 1 });
    const callers = [a.call(), a.call()];
    for (const caller of callers) caller.onSettled = () => assert.throws(() => a.call(), { code: 'CLOSED' });
    a.pool.close(closed);
    assert.ok(callers.every(({ settled }) => settled === 1));
  });
});

describe('closing idle items', () => {
  it('never touches one that is lent', () => {
    const a = new OpenPool();
    const [kept, ...rest] = [a.lease(), a.lease(), a.lease()];
    for (const item of rest) a.release(item);
    assert.equal(a.pool.evictIdle('closing'), 2);
    assert.deepEqual(a.state, { opening: 0, leased: 1, idle: 0, waiting: 0 });
    assert.equal(kept.closedFor, undefined);
  });
});
