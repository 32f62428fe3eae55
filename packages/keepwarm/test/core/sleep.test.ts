import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { describe, it } from 'node:test';
import { sleep } from '../../src/core/sleep.ts';
import { FakeClock } from '../../src/testing/fake-clock.ts';

/** Says when a promise has settled, and how. */
function watched(promise: Promise<void>): { state: string } {
  const seen = { state: 'waiting' };
  promise.then(
    () => (seen.state = 'over'),
    (reason: unknown) => (seen.state = `rejected: ${String(reason)}`),
  );
  return seen;
}

describe('sleep', () => {
  it('takes its time, not less and not more', async () => {
    const clock = new FakeClock();
    const plain = watched(sleep(clock, 100));
    const heedful = watched(sleep(clock, 100, new AbortController().signal));
    await clock.run(99);
    assert.deepEqual([plain.state, heedful.state], ['waiting', 'waiting']);
    await clock.run(1);
    assert.deepEqual([plain.state, heedful.state], ['over', 'over']);
  });

  it('ends at once with the reason of its caller, and leaves no timer behind', async () => {
    const clock = new FakeClock();
    const caller = new AbortController();
    const sleeping = watched(sleep(clock, 100, caller.signal));
    caller.abort('gone');
    assert.equal(clock.sleeping, 0);
    await clock.settle();
    assert.equal(sleeping.state, 'rejected: gone');
  });

  it('does not begin for a caller who has gone already', async () => {
    const clock = new FakeClock();
    const sleeping = watched(sleep(clock, 100, AbortSignal.abort('gone')));
    assert.equal(clock.sleeping, 0);
    await clock.settle();
    assert.equal(sleeping.state, 'rejected: gone');
  });

  it('leaves one listener at most, however many slept with one signal', async () => {
    const clock = new FakeClock();
    const { signal } = new AbortController();
    const all = Array.from({ length: 100 }, () => sleep(clock, 10, signal));
    await clock.run(10);
    await Promise.all(all);
    assert.ok(getEventListeners(signal, 'abort').length <= 1);
  });
});
