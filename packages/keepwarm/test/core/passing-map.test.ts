import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { PassingMap } from '../../src/core/passing-map.ts';

describe('a passing map', () => {
  it('is what a Map is, however many have come and gone', () => {
    const step = fc.record({
      do: fc.constantFrom('set', 'delete', 'pass'),
      key: fc.nat(9),
      times: fc.nat(400),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const map = new PassingMap<number, number>();
        const model = new Map<number, number>();
        for (const [i, { do: what, key, times }] of steps.entries()) {
          if (what === 'set') {
            map.set(key, i);
            model.set(key, i);
          } else if (what === 'delete') {
            assert.equal(map.delete(key), model.delete(key));
          } else {
            for (let j = 0; j < times; j++) {
              map.set(1_000 + j, j);
              assert.equal(map.delete(1_000 + j), true);
              assert.equal(map.delete(1_000 + j), false);
            }
          }
          assert.equal(map.size, model.size);
          assert.equal(map.get(key), model.get(key));
          assert.deepEqual([...map.values()], [...model.values()]);
        }
      }),
      { numRuns: 200 },
    );
  });
});
