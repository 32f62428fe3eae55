/** Many have something to do at one moment: what one of them throws keeps none of the others from it. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { type Due, DueList } from '../../src/core/due.ts';
import { Turn } from '../../src/engines/http1/turn.ts';
import { FakeClock } from '../../src/testing/fake-clock.ts';

/** What is thrown where it ends nothing but itself. */
function apart(t: TestContext): (() => void)[] {
  const thrown: (() => void)[] = [];
  t.mock.method(globalThis, 'queueMicrotask', (task: () => void) => void thrown.push(task));
  return thrown;
}

const broken = (): never => {
  throw new Error('of one');
};

describe('what one of many throws', () => {
  it('keeps no other from being written, in this turn or the next, and is not lost', (t) => {
    const thrown = apart(t);
    const clock = new FakeClock();
    const turn = new Turn(clock);
    const written: string[] = [];
    const writer = (name: string) => ({ writeNow: () => void written.push(name) });
    turn.defers(writer('first'), false, 10);
    turn.defers({ writeNow: broken }, false, 10);
    turn.defers(writer('last'), false, 10);
    clock.turn();
    assert.deepEqual(written, ['first', 'last']);
    assert.equal(thrown.length, 1);
    assert.throws(thrown[0]!, /of one/);
    turn.defers(writer('later'), false, 10);
    clock.turn();
    assert.deepEqual(written, ['first', 'last', 'later'], 'each once');
  });

  it('keeps no other from its deadline, nor those that come after', (t) => {
    const thrown = apart(t);
    const clock = new FakeClock();
    const list = new DueList(clock);
    const told: number[] = [];
    const member = (dueAt: number, due: () => void): Due => ({
      ...{ before: undefined, after: undefined, listed: false, dueAt, due },
    });
    for (const dueAt of [10, 10, 50]) list.join(member(dueAt, () => told.push(dueAt)));
    list.join(member(10, broken));
    clock.advance(30);
    assert.deepEqual(told, [10, 10]);
    assert.equal(thrown.length, 1);
    assert.throws(thrown[0]!, /of one/);
    clock.advance(60);
    assert.deepEqual(told, [10, 10, 50]);
    assert.equal(list.size, 0);
  });
});
