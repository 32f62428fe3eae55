import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SeenIds } from '../../src/policies/resume-memory.ts';

describe('messages that were seen', () => {
  it('are repeats where another source says them, not where the same one means them again', () => {
    const seen = new SeenIds(8);
    assert.equal(seen.repeats('a', 1), false);
    assert.equal(seen.repeats('a', 1), false, 'a head that is head again');
    assert.equal(seen.repeats('a', 2), true);
    assert.equal(seen.repeats('a', 2), false, 'it has said so last');
    seen.forget('a');
    assert.deepEqual([seen.has('a'), seen.repeats('a', 3)], [false, false]);
  });

  it('are so many, and the one seen longest ago is forgotten first', () => {
    const seen = new SeenIds(3);
    for (const id of ['a', 'b', 'c']) seen.repeats(id, 1);
    assert.equal(seen.size, 3);
    seen.repeats('a', 1);
    seen.repeats('d', 1);
    assert.deepEqual(
      ['a', 'b', 'c', 'd'].filter((id) => seen.has(id)),
      ['a', 'c', 'd'],
    );
  });
});
