import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { NetError } from '../../src/core/error.ts';
import { Capacity } from '../../src/pool/capacity.ts';
import { Caller, OpenPool } from './a-pool.ts';

describe('a pool', () => {
  it('opens one item for the first call and lends it when it is open', () => {
    const a = new OpenPool();
    const caller = a.call();
    assert.deepEqual(a.state, { opening: 1, leased: 0, idle: 0, waiting: 1 });
    const item = a.opened();
    assert.equal(caller.item, item);
    assert.deepEqual(a.state, { opening: 0, leased: 1, idle: 0, waiting: 0 });
  });

  it('lends what comes back again, the one used last first with lifo', () => {
    const a = new OpenPool();
    const items = [a.lease(), a.lease()];
    for (const item of items) a.release(item);
    assert.deepEqual([a.pool.take(), a.pool.take(), a.pool.take()], [items[1], items[0], undefined]);
    assert.equal(a.opensEver, 2);
  });

  it('lends the one unused for longest first with fifo', () => {
    const a = new OpenPool({ scheduling: 'fifo' });
    const items = [a.lease(), a.lease()];
    for (const item of items) a.release(item);
    assert.deepEqual([a.pool.take(), a.pool.take()], items);
  });

  it('never holds more than sizeMax, and queues whoever comes beyond', () => {
    const a = new OpenPool({ sizeMax: 2 });
    for (let i = 0; i < 5; i++) a.call();
    assert.deepEqual(a.state, { opening: 2, leased: 0, idle: 0, waiting: 5 });
    a.opened();
    a.opened();
    assert.deepEqual(a.state, { opening: 0, leased: 2, idle: 0, waiting: 3 });
  });

  it('hands a released item straight to the caller that has waited longest', () => {
    const a = new OpenPool({ sizeMax: 1 });
    const item = a.lease();
    const [first, second] = [a.call(), a.call()];
    a.release(item);
    assert.equal(first.item, item);
    assert.equal(a.pool.take(), undefined, 'a newcomer cannot overtake');
    a.release(item);
    assert.equal(second.item, item);
  });

  it('hands over what comes back before its own is open, and keeps the one opened for the next', () => {
    const a = new OpenPool();
    const item = a.lease();
    const caller = a.call();
    a.release(item);
    assert.equal(caller.item, item);
    a.opened();
    assert.deepEqual(a.state, { opening: 0, leased: 1, idle: 1, waiting: 0 });
  });

  it('keeps what was opened for callers who have gone', () => {
    const a = new OpenPool();
    const callers = [a.call(), a.call(), a.call()];
    for (const caller of callers) a.pool.withdraw(caller);
    assert.deepEqual(a.state, { opening: 3, leased: 0, idle: 0, waiting: 0 });
    for (let i = 0; i < 3; i++) a.opened();
    assert.deepEqual(a.state, { opening: 0, leased: 0, idle: 3, waiting: 0 });
    assert.ok(callers.every(({ settled }) => settled === 0));
  });

  it('refuses with SATURATED exactly the caller beyond waitersMax, who then does not wait', () => {
    const a = new OpenPool({ sizeMax: 2, waitersMax: 3 });
    for (let i = 0; i < 5; i++) a.call(); // two are being served, three wait
    assert.throws(
      () => a.call(),
      (error) => {
        assert.ok(error instanceof NetError);
        const { code, reach, limit, value, phase } = error;
        assert.deepEqual(
          { code, reach, limit, value, phase },
          {
            code: 'SATURATED',
            reach: 'unsent',
            limit: 'waitersMax',
            value: 3,
            phase: 'queue',
          },
        );
        return true;
      },
    );
    assert.equal(a.pool.waiting, 5);
    a.opened();
    a.opened();
    assert.throws(() => a.call(), { code: 'SATURATED' });
  });

  it('frees the place of a caller who withdraws for the next', () => {
    const a = new OpenPool({ sizeMax: 1, waitersMax: 1 });
    a.lease();
    const impatient = a.call();
    assert.throws(() => a.call(), { code: 'SATURATED' });
    a.pool.withdraw(impatient);
    a.call();
  });

  it('lets nobody wait with waitersMax 0, but serves whoever it can open an item for', () => {
    const a = new OpenPool({ sizeMax: 1, waitersMax: 0 });
    const caller = a.call();
    assert.throws(() => a.call(), { code: 'SATURATED' });
    a.opened();
    assert.ok(caller.item);
  });

  it('opens another at once when an item is lost while callers wait', () => {
    const a = new OpenPool({ sizeMax: 1 });
    const item = a.lease();
    const caller = a.call();
    a.pool.remove(item);
    assert.equal(a.pool.opening, 1);
    assert.equal(caller.settled, 0);
    a.opened();
    assert.ok(caller.item);
  });

  it('is not harmed by losing an item twice, nor by losing an idle one', () => {
    const a = new OpenPool();
    const item = a.lease();
    a.release(item);
    a.pool.remove(item);
    a.pool.remove(item);
    assert.deepEqual(a.state, { opening: 0, leased: 0, idle: 0, waiting: 0 });
    assert.equal(a.capacity.used, 0);
  });

  it('does not take the same item back twice: that would lend it to two', () => {
    const a = new OpenPool();
    const item = a.lease();
    a.release(item);
    assert.throws(() => a.release(item), /keepwarm bug/);
  });
});

describe('a caller who wants an unused item', () => {
  it('gets what was opened, while the one who came before gets what comes back', () => {
    const a = new OpenPool({ sizeMax: 2 });
    const used = a.lease();
    const first = a.call();
    const picky = new Caller(true);
    a.pool.wait(picky);
    const fresh = a.opened();
    assert.equal(picky.item, fresh);
    a.release(used);
    assert.equal(first.item, used);
  });

  it('is not given a used item that comes back', () => {
    const a = new OpenPool({ sizeMax: 2 });
    const used = a.lease();
    const picky = a.callFresh();
    a.release(used);
    assert.equal(picky.settled, 0);
    assert.equal(a.opened(), picky.item);
  });

  it('has room made for it when everything is lent: the next that comes back is replaced', () => {
    const a = new OpenPool({ sizeMax: 1 });
    const used = a.lease();
    const picky = a.callFresh();
    a.release(used);
    assert.equal(used.closedFor, 'surplus');
    assert.equal(a.opened(), picky.item);
  });

  it('has room made for it when everything is idle', () => {
    const a = new OpenPool({ sizeMax: 1 });
    a.release(a.lease());
    const picky = a.callFresh();
    assert.equal(a.pool.opening, 1, 'it would wait for ever');
    assert.equal(a.opened(), picky.item);
  });

  it('is not kept waiting for ever by others who take whatever comes back', () => {
    const capacity = new Capacity(2);
    const a = new OpenPool({}, capacity);
    const b = new OpenPool({}, capacity);
    const [lost, used] = [a.lease(), a.lease()];
    b.call();
    a.call();
    a.pool.remove(lost); // its place goes to the other pool, which waits for one
    const picky = a.callFresh();
    a.release(used);
    assert.equal(a.opened(), picky.item);
  });

  it('loses its place to no other pool when room is made for it', () => {
    const capacity = new Capacity(1);
    const a = new OpenPool({}, capacity);
    const b = new OpenPool({}, capacity);
    const used = a.lease();
    b.call();
    const picky = a.callFresh();
    a.release(used);
    assert.equal(a.opened(), picky.item);
    assert.equal(capacity.used, 1);
  });
});
