import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Ring } from '../../src/algo/ring.ts';

describe('a ring', () => {
  it('keeps the last values, oldest first, and no more than it may', () => {
    fc.assert(
      fc.property(fc.nat(20), fc.array(fc.nat(), { maxLength: 80 }), (sizeMax, values) => {
        const ring = new Ring<number>(sizeMax);
        for (const [i, value] of values.entries()) {
          ring.push(value);
          assert.deepEqual(ring.toArray(), values.slice(Math.max(0, i + 1 - sizeMax), i + 1));
        }
      }),
    );
  });

  it('hands out a copy', () => {
    const ring = new Ring<number>(2);
    ring.push(1);
    ring.toArray().push(9);
    assert.deepEqual(ring.toArray(), [1]);
  });
});
