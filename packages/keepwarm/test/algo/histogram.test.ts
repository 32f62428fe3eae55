import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { BOUNDS_MS, Histogram, quantilesOf } from '../../src/algo/histogram.ts';

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

  it('counts what is at most each bound, right but for what is within 2.3 % of it', () => {
    fc.assert(
      fc.property(fc.array(lengths, { maxLength: 300 }), (values) => {
        const histogram = new Histogram();
        for (const value of values) histogram.record(value);
        const { buckets, count, sumMs } = histogram.snapshot();
        BOUNDS_MS.forEach((bound, i) => {
          const atMost = (ms: number): number => values.filter((value) => value <= ms).length;
          assert.ok(
            buckets[i]! >= atMost(bound / 1.023) && buckets[i]! <= atMost(bound * 1.023),
            `at most ${bound} ms`,
          );
        });
        assert.ok(buckets.every((seen, i) => seen >= (buckets[i - 1] ?? 0)));
        assert.ok(buckets.at(-1)! <= count);
        assert.equal(
          sumMs,
          values.reduce((sum, ms) => sum + ms, 0),
        );
      }),
    );
  });

  it('says nothing when it knows nothing', () => {
    const { buckets, ...numbers } = new Histogram().snapshot();
    assert.deepEqual(Object.values(numbers), Array(8).fill(0));
    assert.deepEqual(buckets, Array(BOUNDS_MS.length).fill(0));
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

  it('of several processes is put together from what they counted, not from their percentiles', () => {
    const [one, other, all] = [new Histogram(), new Histogram(), new Histogram()];
    for (let i = 1; i <= 900; i++) for (const each of [one, all]) each.record(i / 100);
    for (let i = 1; i <= 100; i++) for (const each of [other, all]) each.record(i * 10);
    const carried = JSON.parse(JSON.stringify([one, other].map((each) => each.counts())));
    const { sumMs, meanMs, ...numbers } = quantilesOf(carried);
    const { sumMs: wholeSum, meanMs: wholeMean, ...whole } = all.snapshot();
    assert.deepEqual(numbers, whole);
    assert.ok(Math.abs(sumMs - wholeSum) < 1e-6 && Math.abs(meanMs - wholeMean) < 1e-9);
  });
});
