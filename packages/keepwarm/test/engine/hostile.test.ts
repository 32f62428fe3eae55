/** The hostile reuse loop in its short form; `npm run hostile` runs the whole. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { hostileLoop } from './hostile-loop.ts';
import { leavesNothing } from './setup.ts';

leavesNothing();

for (const seed of [1, 2]) {
  it(`1,000 calls to a server that closes at the worst moments (seed ${seed}): none lost, none doubled`, async () => {
    const figures = await hostileLoop({ calls: 1_000, callers: 20, seed });
    assert.deepEqual(figures.idempotentFailed, [], 'no idempotent call failed');
    assert.deepEqual(figures.duplicated, [], 'no other call was received twice');
    assert.deepEqual(figures.unsentButReceived, [], 'what is said to be unsent was not received');
    assert.deepEqual(
      Object.keys(figures.otherFailed).filter((reach) => reach === 'answered'),
      [],
    );
    assert.equal(figures.mixedUp, 0);
    assert.equal(figures.leftOpen, 0);
    assert(figures.hops > 0 && figures.closed.unanswered > 0, 'the server was hostile');
  });
}
