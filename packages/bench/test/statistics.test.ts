import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { median, pairedRatio, percentile, spread, withinNoise } from '../src/statistics.ts';

describe('statistics', () => {
  it('takes the middle value, or the mean of the two in the middle, whatever the order', () => {
    assert.equal(median([3, 1, 2]), 2);
    assert.equal(median([4, 1, 3, 2]), 2.5);
    assert.equal(median([10, 9, 100]), 10, 'by value, not by spelling');
    assert.ok(Number.isNaN(median([])));
  });

  it('takes percentiles by nearest rank and leaves the sample as it was', () => {
    const sample = [5, 1, 4, 2, 3];
    assert.equal(percentile(sample, 0.5), 3);
    assert.equal(percentile(sample, 0.99), 5);
    assert.equal(percentile(sample, 0), 1);
    assert.deepEqual(sample, [5, 1, 4, 2, 3]);
    assert.ok(Number.isNaN(percentile([], 0.5)));
  });

  it('pairs ratios round by round, so that a round slow for both does not count', () => {
    const ours = [300, 30, 330];
    const theirs = [100, 10, 100];
    assert.deepEqual(pairedRatio(ours, theirs), { median: 3, min: 3, max: 3.3 });
  });

  it('leaves out rounds where one side is missing or stood still', () => {
    assert.deepEqual(pairedRatio([200, 0, 400], [100, 100]), { median: 2, min: 2, max: 2 });
    assert.equal(pairedRatio([], [100]), undefined);
    assert.equal(pairedRatio([100], [0]), undefined);
  });

  it('calls a difference noise when the rounds disagree about who is faster', () => {
    assert.equal(withinNoise(spread([0.9, 1.2, 1.3])), true);
    assert.equal(withinNoise(spread([1.1, 1.2, 1.3])), false);
    assert.equal(withinNoise(spread([0.8, 0.9])), false);
  });
});
