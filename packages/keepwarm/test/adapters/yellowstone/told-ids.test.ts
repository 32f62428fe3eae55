import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { ToldIds } from '../../../src/adapters/yellowstone/told-ids.ts';

// Few of each, so that they meet; and such as a table of numbers could take for each other.
const id = fc.oneof(
  fc.nat(30),
  fc.constantFrom(-1, 2 ** 32, 2 ** 33, 2 ** 52 + 1, 2 ** 63, 2 ** 64),
  fc.constantFrom('a', 'b'),
);
const mark = fc.constantFrom(0, 1, 2 ** 32 - 1);
const step = fc.record({
  kind: fc.constantFrom('add', 'add', 'take', 'copy', 'merge'),
  id,
  mark,
  count: fc.integer({ min: 1, max: 3 }),
});

describe('what was told of a slot', () => {
  it('is counted by id and mark, through growth and takings, as a map would (1, 2)', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
        let ids = new ToldIds();
        const model = new Map<string, number>();
        for (const { kind, id, mark, count } of steps) {
          const key = `${typeof id} ${id} ${mark}`;
          const counted = model.get(key) ?? 0;
          if (kind === 'add') {
            ids.add(id, mark, count);
            model.set(key, counted + count);
          } else if (kind === 'take') {
            assert.equal(ids.take(id, mark), counted > 0);
            if (counted > 0) model.set(key, counted - 1);
          } else {
            const other = new ToldIds();
            if (kind === 'merge') {
              other.add(id, mark, count);
              model.set(key, counted + count);
            }
            other.addAll(ids);
            ids = other;
          }
          const counts = [...model.values()];
          assert.equal(
            ids.total,
            counts.reduce((sum, each) => sum + each, 0),
            '(1) total',
          );
          assert.equal(ids.size, counts.filter((each) => each > 0).length, '(1) size');
          if (mark === 0) assert.equal(ids.has(id), (model.get(key) ?? 0) > 0);
        }
      }),
      { numRuns: 1_000 },
    );
  });

  it('holds very many', () => {
    const ids = new ToldIds();
    for (let i = 0; i < 100_000; i++) ids.add(5_000_000_000 + i, i % 7, 1);
    assert.equal(ids.size, 100_000);
    for (let i = 0; i < 100_000; i++) assert.equal(ids.take(5_000_000_000 + i, i % 7), true);
    assert.deepEqual([ids.size, ids.total], [0, 0]);
  });
});
