import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { fullJitter } from '../../src/algo/backoff.ts';

describe('full jitter', () => {
  it('doubles the longest wait after each attempt, up to the cap', () => {
    const longest = (attempt: number) => fullJitter(25, 150, attempt, () => 1);
    assert.deepEqual([1, 2, 3, 4, 5].map(longest), [25, 50, 100, 150, 150]);
  });

  it('draws from the whole of it, the cap included', () => {
    const draws = (random: number) => [1, 2, 10].map((attempt) => fullJitter(25, 150, attempt, () => random));
    assert.deepEqual(draws(0), [0, 0, 0]);
    assert.deepEqual(draws(0.5), [12.5, 25, 75]);
  });

  it('is a number within its bounds for every base, cap and attempt', () => {
    const ms = fc.double({ min: 0, max: 1e9, noNaN: true });
    const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    fc.assert(
      fc.property(ms, ms, fc.integer({ min: 1, max: 100_000 }), random, (baseMs, capMs, attempt, drawn) => {
        const waitMs = fullJitter(baseMs, capMs, attempt, () => drawn);
        assert.ok(waitMs >= 0 && waitMs <= capMs, `${waitMs}`);
      }),
    );
    assert.equal(
      fullJitter(0, 150, 100_000, () => 0.5),
      0,
    );
  });
});
