/** What is known of the exchange's time: from its replies, and whatever becomes of our own clock. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { foundOut } from '../../src/adapters/exchange/question.ts';
import { ServerTime } from '../../src/adapters/exchange/server-time.ts';
import { ORDER_DEFAULTS } from '../../src/adapters/exchange/settle.ts';
import { ReplyFields } from '../../src/core/reply-fields.ts';
import { FakeClock } from '../../src/testing/fake-clock.ts';

const dated = (ms: number, age?: string) =>
  ReplyFields.of([['Date', new Date(ms).toUTCString()], ...(age === undefined ? [] : [['Age', age] as const])], 'OK');

describe('the time at the exchange', () => {
  it('is never thought to be later than it is, however often our wall clock is set', () => {
    const step = fc.record({ waitMs: fc.nat(5_000), wayMs: fc.nat(400), stepMs: fc.integer({ min: -9e4, max: 9e4 }) });
    fc.assert(
      fc.property(fc.integer({ min: -3e5, max: 3e5 }), fc.array(step, { minLength: 1 }), (aheadMs, steps) => {
        const clock = new FakeClock();
        const time = new ServerTime(clock);
        const there = clock.wall() + aheadMs - clock.now();
        for (const { waitMs, wayMs, stepMs } of steps) {
          const sent = { wall: clock.wall(), now: clock.now() };
          clock.advance(wayMs);
          const date = clock.now() + there;
          clock.advance(wayMs);
          time.heard(dated(date), sent);
          clock.setWall(clock.wall() + stepMs);
          clock.advance(waitMs);
          const earliest = time.earliest();
          assert(earliest <= clock.now() + there, 'not later than it is');
          assert(earliest >= clock.now() + there - 1_000 - 2 * wayMs, 'and known as well as replies can tell');
        }
      }),
    );
  });

  it('is not that of an answer which a cache on the way has kept', () => {
    const clock = new FakeClock();
    const time = new ServerTime(clock);
    const sent = { wall: clock.wall(), now: clock.now() };
    time.heard(dated(clock.wall() - 300_000, '300'), sent);
    assert.equal(time.offsetMs, 0);
    time.heard(dated(clock.wall() + 10_000, '0'), sent);
    assert.equal(time.offsetMs, 10_000);
  });
});

it('an order is not missing because our wall clock was set on: its window at the exchange is open still', async () => {
  const clock = new FakeClock();
  const time = new ServerTime(clock);
  time.heard(dated(clock.wall()), { wall: clock.wall(), now: clock.now() });
  const signedAt = clock.wall();
  const asked: number[] = [];
  const find = async (): Promise<object | undefined> => {
    asked.push(clock.now());
    clock.setWall(signedAt + clock.now() + 3_600_000);
    return clock.now() >= 4_000 ? { id: 'it came late' } : undefined;
  };
  const parts = { clock, time, settings: { figures: ORDER_DEFAULTS } };
  const fate = foundOut(parts, { time: signedAt, find, givenUp: new AbortController().signal });
  await clock.run(10_000);
  assert.deepEqual(await fate, { id: 'it came late' });
  assert(asked.length > 2);
});
