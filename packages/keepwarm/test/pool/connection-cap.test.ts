import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { createConnectionCap, NetError } from '../../src/grpc.ts';
import { ConnectionCap, type Place } from '../../src/pool/connection-cap.ts';

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
    await assert.rejects(cap.take('growth'), { code: 'SATURATED', limit: 'waitersMax', value: 1 });
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
