import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Histogram } from '../../src/algo/histogram.ts';

/** From 1 µs to an hour, evenly over the orders of magnitude. */
const lengths = fc.double({ min: -3, max: 6.55, noNaN: true }).map((exponent) => 10 ** exponent);

describe('a histogram', () => {
  it('tells every quantile within 2.3 % of the truth', () => {
    const share = fc.double({ min: 0, max: 1, noNaN: true });
    fc.assert(
      fc.property(fc.array(lengths, { minLength: 1, maxLength: 300 }), share, (values, q) => {
        const histogram = new Histogram();
        for (const value of values) histogram.record(value);
        const sorted = values.toSorted((a, b) => a - b);
        const truth = sorted[Math.max(1, Math.ceil(q * sorted.length)) - 1]!;
        const told = histogram.quantile(q);
        assert.ok(Math.abs(told - truth) <= 0.023 * truth, `p${q * 100}: ${told} for ${truth}`);
      }),
      { numRuns: 1_000 },
    );
  });

  it('tells count, mean and maximum exactly', () => {
    const histogram = new Histogram();
    for (const ms of [1, 2, 3, 10]) histogram.record(ms);
    const { count, meanMs, maxMs } = histogram.snapshot();
    assert.deepEqual({ count, meanMs, maxMs }, { count: 4, meanMs: 4, maxMs: 10 });
  });

  it('says nothing when it knows nothing', () => {
    assert.deepEqual(Object.values(new Histogram().snapshot()), [0, 0, 0, 0, 0, 0, 0]);
  });

  it('never tells more than was really seen', () => {
    const histogram = new Histogram();
    histogram.record(5);
    assert.ok(histogram.quantile(1) <= 5);
    assert.ok(histogram.quantile(0.5) <= 5);
  });

  it('takes what is shorter than a microsecond or longer than it can tell apart', () => {
    const histogram = new Histogram();
    for (const ms of [0, 1e-9]) histogram.record(ms);
    assert.ok(histogram.quantile(1) <= 1e-9, 'it told more than was seen');
    for (const ms of [1e12, Number.POSITIVE_INFINITY]) histogram.record(ms);
    assert.equal(histogram.count, 4);
    assert.ok(histogram.quantile(0.75) > 1e7, 'both are in the last bucket');
  });
});
