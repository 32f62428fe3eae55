import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { FadingShare, PeakEwma } from '../../src/algo/ewma.ts';

const near = (actual: number, wanted: number) =>
  assert.ok(Math.abs(actual - wanted) < 1e-6, `${actual}, not ${wanted}`);

describe('a peak EWMA', () => {
  it('is 0 before anything was measured', () => {
    assert.equal(new PeakEwma(10_000).at(5), 0);
  });

  it('believes a higher value at once', () => {
    const mean = new PeakEwma(10_000);
    mean.record(10, 0);
    mean.record(300, 1);
    assert.equal(mean.at(1), 300);
  });

  it('comes down with the time constant it was given', () => {
    const mean = new PeakEwma(10_000);
    mean.record(100, 0);
    mean.record(20, 10_000);
    near(mean.at(10_000), 100 / Math.E + 20 * (1 - 1 / Math.E));
  });

  it('is no higher for better news', () => {
    const after = (ms: number) => {
      const mean = new PeakEwma(10_000);
      mean.record(100, 0);
      mean.record(ms, 5_000);
      return mean.at(5_000);
    };
    for (let ms = 0; ms < 200; ms++) assert.ok(after(ms) <= after(ms + 1), `${ms} ms`);
  });

  it('does not believe a lower value that comes in the same instant', () => {
    const mean = new PeakEwma(10_000);
    mean.record(100, 0);
    mean.record(1, 0);
    assert.equal(mean.at(0), 100);
  });

  it('fades while nothing is measured, and ends in nothing known', () => {
    const mean = new PeakEwma(10_000);
    mean.record(100, 0);
    near(mean.at(10_000), 100 / Math.E);
    near(mean.at(50_000), 100 * Math.exp(-5));
    assert.equal(mean.at(50_001), 0, 'rather than the best of all offers');
  });

  it('is not changed by being looked at', () => {
    const [looked, left] = [new PeakEwma(10_000), new PeakEwma(10_000)];
    for (const mean of [looked, left]) mean.record(100, 0);
    for (let now = 0; now < 9_000; now += 10) looked.at(now);
    for (const mean of [looked, left]) mean.record(20, 9_000);
    assert.equal(looked.at(9_000), left.at(9_000));
  });

  it('takes a lower bound for what it is', () => {
    const mean = new PeakEwma(10_000);
    mean.record(100, 0);
    mean.recordAtLeast(1, 5_000);
    near(mean.at(5_000), 100 * Math.exp(-0.5));
    mean.recordAtLeast(500, 5_000);
    assert.equal(mean.at(5_000), 500);
  });

  it('stays between 0 and the highest value, whatever comes when', () => {
    const steps = fc.array(
      fc.record({ ms: fc.integer({ min: 0, max: 60_000 }), waitMs: fc.integer({ min: 0, max: 90_000 }) }),
    );
    fc.assert(
      fc.property(steps, (all) => {
        const mean = new PeakEwma(10_000);
        let now = 0;
        let highest = 0;
        for (const { ms, waitMs } of all) {
          mean.record(ms, (now += waitMs));
          highest = Math.max(highest, ms);
          const at = mean.at(now);
          assert.ok(at >= ms * (1 - 1e-12), 'it is never better than the news');
          assert.ok(at <= highest);
        }
      }),
    );
  });
});

describe('a fading share', () => {
  it('is 0 while nothing bad is known', () => {
    const share = new FadingShare(10_000);
    assert.equal(share.at(0), 0);
    share.record(false, 0);
    assert.equal(share.at(0), 0);
  });

  it('takes a first failure for a half', () => {
    const share = new FadingShare(10_000);
    share.record(true, 0);
    assert.equal(share.at(0), 0.5);
  });

  it('comes near the true share where much is known', () => {
    const share = new FadingShare(10_000);
    for (let now = 0; now < 10_000; now += 10) share.record(now % 100 === 0, now);
    assert.ok(Math.abs(share.at(10_000) - 0.1) < 0.005, String(share.at(10_000)));
  });

  it('fades to nothing once nobody knows better', () => {
    const share = new FadingShare(10_000);
    for (let i = 0; i < 10; i++) share.record(true, 0);
    assert.ok(share.at(0) > 0.9);
    assert.ok(share.at(60_000) < 0.03);
  });

  it('forgets everything when it is told to', () => {
    const share = new FadingShare(10_000);
    share.record(true, 0);
    share.clear();
    assert.equal(share.at(0), 0);
    for (let i = 0; i < 9; i++) share.record(false, 0);
    share.clear();
    share.record(true, 0);
    assert.equal(share.at(0), 0.5, 'the good as well: a first failure is a half again');
  });
});
