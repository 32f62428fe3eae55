import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { createConnectionCap, NetError } from '../../src/grpc.ts';
import { cappedStarts } from '../../src/pool/capped-starts.ts';
import { ConnectionCap, type Place } from '../../src/pool/connection-cap.ts';
import type { ConnectionLimiter, Start } from '../../src/pool/start-gate.ts';
import { isHeard } from '../core/heard.ts';

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const aCap = (connectionsMax: number, waitersMax = 100) => new ConnectionCap({ name: 'p', connectionsMax, waitersMax });

describe('a limit on connections at once', () => {
  it('counts a connection until it is closed: one that drains keeps its place (1)', async () => {
    const cap = aCap(2);
    const [first, second] = [await cap.take('growth'), cap.tryTake()!];
    assert.equal(cap.tryTake(), undefined, 'there is none to make before one is broken');
    const successor = cap.take('growth');
    first.release();
    first.release();
    await successor;
    assert.deepEqual(cap.snapshot(), { name: 'p', connectionsMax: 2, taken: 2, waiting: 0 });
    second.release();
  });

  it('hands a place to reconnects first, each in order, and lets no newcomer have it (2) (3)', async () => {
    const cap = aCap(1);
    const held = await cap.take('growth');
    const order: string[] = [];
    const ask = (kind: 'growth' | 'reconnect', name: string): void =>
      void cap.take(kind).then((place) => {
        order.push(name);
        assert.equal(cap.tryTake(), undefined);
        place.release();
      });
    for (const name of ['g1', 'g2']) ask('growth', name);
    for (const name of ['r1', 'r2']) ask('reconnect', name);
    held.release();
    assert.equal(cap.tryTake(), undefined, 'it is given already');
    await settle();
    assert.deepEqual(order, ['r1', 'r2', 'g1', 'g2']);
    assert.equal(cap.snapshot().taken, 0);
  });

  it('lets go of who wants no place any more, refuses more than may wait, and all once closed (4)', async () => {
    const cap = aCap(1, 1);
    const held = await cap.take('growth');
    const caller = new AbortController();
    const waiting = assert.rejects(cap.take('growth', caller.signal), { code: 'ABORTED', reach: 'unsent' });
    const full = { code: 'SATURATED', reach: 'unsent', limit: 'waitersMax', value: 1 };
    await assert.rejects(cap.take('growth'), full);
    caller.abort();
    await waiting;
    const last = assert.rejects(cap.take('reconnect'), { code: 'CLOSED' });
    cap.close();
    cap.close();
    await last;
    await assert.rejects(cap.take('growth'), { code: 'CLOSED' });
    held.release();
    assert.deepEqual([cap.tryTake(), cap.snapshot().taken], [undefined, 0]);
  });

  it('keeps nothing on the signal of whoever has got a place, or is refused one', async () => {
    const cap = aCap(1);
    const held = await cap.take('growth');
    const [served, refused] = [new AbortController().signal, new AbortController().signal];
    const place = cap.take('growth', served);
    const closed = assert.rejects(cap.take('growth', refused), { code: 'CLOSED', reach: 'unsent' });
    assert.equal(isHeard(served), true);
    held.release();
    const got = await place;
    cap.close();
    await closed;
    got.release();
    assert.deepEqual([isHeard(served), isHeard(refused)], [false, false]);
  });

  it('walks: never more than there may be, and nobody waits beside a free place (1) (2) (4)', async () => {
    const step = fc.record({ what: fc.constantFrom('take', 'try', 'release', 'abort'), which: fc.nat(20) });
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 4 }), fc.array(step, { maxLength: 60 }), async (max, steps) => {
        const cap = aCap(max, 5);
        const held: Place[] = [];
        const callers: AbortController[] = [];
        for (const { what, which } of steps) {
          if (what === 'try') {
            const place = cap.tryTake();
            if (place !== undefined) held.push(place);
          } else if (what === 'take') {
            const caller = new AbortController();
            callers.push(caller);
            const kind = which % 2 === 0 ? 'growth' : 'reconnect';
            cap.take(kind, caller.signal).then(
              (place) => held.push(place),
              (error) => assert(['ABORTED', 'SATURATED'].includes(error.code)),
            );
          } else if (what === 'abort') callers[which % Math.max(callers.length, 1)]?.abort();
          else held[which % Math.max(held.length, 1)]?.release();
          const { taken, waiting } = cap.snapshot();
          assert(taken <= max && waiting <= 5, `(1) (4) after ${what}`);
          assert(waiting === 0 || taken === max, `(2) after ${what}`);
          if (which % 3 === 0) await settle();
        }
        await settle();
        for (let i = 0; i < held.length; i++) {
          held[i]!.release();
          await settle();
        }
        assert.deepEqual(cap.snapshot(), { name: 'p', connectionsMax: max, taken: 0, waiting: 0 });
      }),
      { numRuns: 200 },
    );
  });

  it('is refused by name when it cannot be', () => {
    for (const [options, message] of [
      [{ name: '' }, /option name is ""/],
      [{ name: 'p', connectionsMax: 0 }, /connectionCap.connectionsMax is 0; allowed: a whole number from 1/],
      [{ name: 'p', connectionMax: 3 }, /did you mean connectionsMax/],
    ] as const) {
      assert.throws(
        () => createConnectionCap(options as never),
        (error) => error instanceof NetError && message.test(error.message),
      );
    }
  });
});

describe('a limit on connections at once, before one on starts', () => {
  /** A limiter that notes what it is told. It refuses while `refuses` says so. */
  const scripted = () => {
    const told: string[] = [];
    const tells = (what: string) => () => void told.push(what);
    const snapshot = { limit: 1, windowMs: 1, reserve: 0, used: 0, underWay: 0, waiting: 0, granted: 0 };
    const start: Start = {
      settled: tells('settled'),
      thrownOut: tells('thrownOut'),
      lost: tells('lost'),
      cancelled: tells('cancelled'),
      closed: tells('closed'),
    };
    const limiter: ConnectionLimiter = {
      start: () => (may.refuses ? Promise.reject(new NetError('SATURATED', 'full', { reach: 'unsent' })) : granted),
      admits: () => !may.refuses,
      penalise: (askedMs) => void told.push(`penalised ${askedMs}`),
      snapshot: () => ({ name: 'p', ...snapshot, penalties: 0, pausedMs: 0 }),
      close: tells('close'),
    };
    const granted = Promise.resolve(start);
    const may = { refuses: false };
    return { limiter, told, may };
  };

  it('gives the place back when the start is refused, and says so before it is asked', async () => {
    const { limiter, may } = scripted();
    const cap = aCap(1);
    const both = cappedStarts(limiter, cap);
    may.refuses = true;
    assert.equal(both.admits('growth'), false, 'a place alone is not enough');
    await assert.rejects(both.start('growth'), { code: 'SATURATED' });
    assert.equal(cap.snapshot().taken, 0);
    may.refuses = false;
    assert.equal(both.admits('growth'), true);
    await both.start('growth');
    assert.equal(both.admits('growth'), false, 'nor is a start without a place');
    assert.deepEqual(both.snapshot().connections, cap.snapshot());
  });

  it('hands on how a start ended, and keeps the place of a settled one until its connection is closed', async () => {
    for (const end of ['thrownOut', 'lost', 'cancelled'] as const) {
      const { limiter, told } = scripted();
      const cap = aCap(1);
      (await cappedStarts(limiter, cap).start('growth'))[end]();
      assert.deepEqual([told, cap.snapshot().taken], [[end], 0]);
    }
    const { limiter, told } = scripted();
    const cap = aCap(1);
    const start = await cappedStarts(limiter, cap).start('growth');
    start.settled();
    assert.equal(cap.snapshot().taken, 1, 'it is open');
    start.closed?.();
    assert.deepEqual([told, cap.snapshot().taken], [['settled', 'closed'], 0]);
  });

  it('closes both, and passes on that the provider had too much', async () => {
    const { limiter, told } = scripted();
    const cap = aCap(1);
    const both = cappedStarts(limiter, cap);
    both.penalise(7);
    const held = await both.start('growth');
    const waiting = assert.rejects(both.start('growth'), { code: 'CLOSED' });
    both.close();
    await waiting;
    assert.deepEqual(told, ['penalised 7', 'close']);
    held.cancelled();
  });
});
