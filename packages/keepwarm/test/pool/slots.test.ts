/** The promises of the shared pool, one by one. Numbers are those at the head of pool/slots.ts. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { NetError } from '../../src/core/error.ts';
import { Capacity } from '../../src/pool/capacity.ts';
import { closed, noConnection } from './a-pool.ts';
import { OpenShared } from './a-slot-pool.ts';

describe('a cold burst', () => {
  it('opens one item, however many wait, and more only when it turns out to be too small (4)', () => {
    const open = new OpenShared({ sizeMax: 10 });
    const riders = open.calls(40);
    assert.equal(open.opensEver, 1);
    open.opened(10);
    assert.equal(riders.filter(({ line }) => line).length, 10);
    assert.equal(open.opensEver, 4, '30 still wait, and each item takes 10');
    for (let i = 0; i < 3; i++) open.opened(10);
    assert.deepEqual(
      open.lines.map(({ slotsUsed }) => slotsUsed),
      [10, 10, 10, 10],
    );
  });

  it('is refused together when nothing can be opened (6)', () => {
    const open = new OpenShared();
    const riders = open.calls(5);
    open.openFailed();
    assert.deepEqual(
      riders.map(({ error }) => error),
      Array(5).fill(noConnection),
    );
    assert.equal(open.pool.waiting, 0);
    open.call();
    assert.equal(open.opensEver, 2, 'the next caller tries anew');
  });

  it("is its owner's when what came cannot be shared", () => {
    const open = new OpenShared();
    const riders = open.calls(3);
    assert.deepEqual(open.pool.openedOther(), riders);
    assert.equal(open.capacity.used, 0);
    assert(riders.every(({ queued, settled }) => !queued && settled === 0));
  });
});

describe('slots', () => {
  it('are lent on the least loaded item, the oldest of equals (7)', () => {
    const open = new OpenShared();
    const riders = open.calls(5);
    const a = open.opened(3);
    const b = open.opened(3);
    assert.deepEqual([a.slotsUsed, b.slotsUsed], [3, 2]);
    open.pool.release(a);
    open.pool.release(a);
    assert.equal(open.call().line, a);
    assert.equal(open.call().line, a, 'equals');
    assert.equal(riders.length, 5);
  });

  it('that come back go to the oldest waiter at once (3)', () => {
    const open = new OpenShared({ sizeMax: 1 });
    const [first, second] = open.calls(3);
    const line = open.opened(1);
    assert.equal(first!.line, line);
    open.pool.release(line);
    assert.equal(second!.line, line);
  });

  it('that are given back as soon as they are lent leave one idle item, and their callers may leave twice (3)', () => {
    const open = new OpenShared({ sizeMax: 1 });
    const rider = open.call();
    rider.onSettled = () => open.pool.release(rider.line!);
    const line = open.opened(1);
    for (let i = 0; i < 2; i++) open.pool.withdraw(rider);
    assert.deepEqual([open.pool.idle.size, open.pool.waiting, open.pool.slotsLent], [1, 0, 0]);
    open.pool.evict(line, 'idle');
    assert.deepEqual([open.pool.idle.size, open.closed.length], [0, 1]);
  });

  it('that the peer takes away are not taken from anyone, and those it adds are used (2)', () => {
    const open = new OpenShared({ sizeMax: 1 });
    open.calls(6);
    const line = open.opened(4);
    line.slotsMax = 2;
    open.pool.slotsChanged(line);
    for (let i = 0; i < 2; i++) open.pool.release(line);
    assert.equal(line.slotsUsed, 2, 'nobody comes in above the limit');
    line.slotsMax = 5;
    open.pool.slotsChanged(line);
    assert.equal(line.slotsUsed, 4);
    assert.equal(open.pool.waiting, 0);
  });

  it('that turn out to be fewer make more items come, as many as those who wait need', () => {
    const open = new OpenShared({ sizeMax: 4 });
    open.call();
    const line = open.opened(10);
    open.calls(14);
    assert.equal(open.opens, 1, 'five wait, and ten are coming');
    line.slotsMax = 2;
    open.pool.slotsChanged(line);
    assert.equal(open.opens, 3);
  });

  it('of which there are none make no storm of openings', () => {
    const open = new OpenShared({ sizeMax: 10 });
    open.calls(3);
    open.opened(0);
    assert.equal(open.opensEver, 1);
  });
});

describe('an item that drains', () => {
  it('takes nobody on, is closed with its last caller, and does not keep its successor away (1)', () => {
    const open = new OpenShared({ sizeMax: 1 });
    open.calls(2);
    const old = open.opened(5);
    open.pool.drain(old, 'age');
    const rider = open.call();
    const next = open.opened(5);
    assert.equal(rider.line, next);
    open.pool.release(old);
    assert.equal(old.closedFor, undefined);
    open.pool.release(old);
    assert.equal(old.closedFor, 'age');
    assert.equal(open.capacity.used, 1);
  });
  it('is closed at once when nobody is on it', () => {
    const open = new OpenShared();
    open.pool.fill(1);
    const line = open.opened(5);
    assert.equal(line.place, 'idle');
    open.pool.drain(line, 'peer');
    assert.equal(line.closedFor, 'peer');
    open.pool.drain(line, 'age');
    assert.equal(open.closed.length, 1);
  });
});

describe('a caller whose item died', () => {
  it('gets a newer one, not another that may be as dead', () => {
    const open = new OpenShared();
    open.calls(4);
    const [a, b] = [open.opened(2), open.opened(2)];
    open.pool.release(b!);
    open.pool.remove(a!);
    const rider = open.call(open.pool.serial);
    assert.equal(rider.line, undefined);
    const c = open.opened(2);
    assert.equal(rider.line, c);
  });
  it('makes do with what there is where no newer one can come', () => {
    const open = new OpenShared({ sizeMax: 1 });
    open.call();
    const line = open.opened(2);
    assert.equal(open.call(open.pool.serial).line, line);
  });
});

describe('limits', () => {
  it('the queue is bounded; those for whom an item is being opened are no queue (5)', () => {
    const open = new OpenShared({ sizeMax: 1, waitersMax: 2 });
    open.calls(10);
    open.opened(3);
    assert.equal(open.pool.waiting, 7);
    assert.throws(
      () => open.call(),
      (error) => error instanceof NetError && error.code === 'SATURATED',
    );
    assert.equal(open.pool.waiting, 7);
  });

  it('a failure while an item is open holds back until relax, and callers wait on (6)', () => {
    const open = new OpenShared({ sizeMax: 4 });
    const riders = open.calls(4);
    open.opened(2);
    open.openFailed();
    assert.equal(open.opens, 0);
    assert(open.pool.holdsBack);
    assert.equal(riders.filter(({ settled }) => settled === 0).length, 2);
    open.call();
    assert.equal(open.opens, 0, 'no storm');
    open.pool.relax();
    assert.equal(open.opens, 2);
  });

  it('the shared capacity is made room in by other pools, and given back', () => {
    const capacity = new Capacity(1);
    const a = new OpenShared({}, capacity);
    const b = new OpenShared({}, capacity);
    a.pool.fill(1);
    const line = a.opened(1);
    const rider = b.call();
    assert.equal(line.closedFor, 'surplus');
    b.opened(1);
    assert(rider.line);
    b.pool.close(closed);
    b.pool.release(rider.line);
    assert.equal(capacity.used, 0);
  });

  it('a minimum is kept once the pool is in use, in free places only, until what is idle is closed', () => {
    const capacity = new Capacity(1);
    const other = new OpenShared({}, capacity);
    const open = new OpenShared({ idleMin: 1 }, capacity);
    open.pool.relax();
    assert.equal(open.opens, 0, 'nobody has used it');
    other.pool.fill(1);
    const warm = other.opened(1);
    assert.equal(open.pool.fill(1), 0);
    open.pool.relax();
    assert.equal(warm.closedFor, undefined, 'a spare is not worth a warm one of others');
    assert(open.pool.holdsBack);
    other.pool.evict(warm, 'idle');
    open.pool.relax();
    assert.equal(open.opens, 1);
    open.openFailed();
    assert(open.pool.holdsBack);
    assert.equal(open.opens, 0, 'a spare that failed is not tried at once');
    open.pool.relax();
    const line = open.opened(1);
    open.pool.remove(line);
    assert.equal(open.opens, 1, 'another in its place');
    open.opened(1);
    assert.equal(open.pool.evictIdle('closing'), 1);
    assert.deepEqual([open.opens, capacity.used], [0, 0]);
    const rider = open.call();
    open.opened(1);
    open.pool.remove(rider.line!);
    assert.equal(open.opens, 1, 'it is in use again');
  });

  it('close refuses who waits, closes what is idle, and the rest as it comes back', () => {
    const open = new OpenShared({ sizeMax: 1 });
    const [on, waiting] = open.calls(2);
    open.opened(1);
    open.pool.close(closed);
    open.pool.close(closed);
    assert.equal(waiting!.error, closed);
    assert.equal(on!.line!.closedFor, undefined);
    open.pool.release(on!.line!);
    assert.equal(on!.line!.closedFor, 'closing');
    assert.throws(() => open.call(), /is closed/);
  });
});
