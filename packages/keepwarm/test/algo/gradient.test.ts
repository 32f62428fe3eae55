import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { GradientLimit, type GradientOptions } from '../../src/algo/gradient.ts';

const OPTIONS: GradientOptions = {
  limit: 20,
  limitMin: 2,
  limitMax: 200,
  backoff: 0.9,
  tolerance: 1.5,
  queue: 4,
  smoothing: 0.2,
  longWindow: 600,
  windowMs: 1_000,
  windowCount: 10,
};

function aLimit(options: Partial<GradientOptions> = {}) {
  const limit = new GradientLimit({ ...OPTIONS, ...options });
  let now = 0;
  /** So many windows of answers that all took as long. */
  const windows = (count: number, tookMs: number, inFlight = () => limit.limit) => {
    for (let window = 0; window < count; window++) {
      for (let i = 0; i <= 20; i++) limit.answered(tookMs, inFlight(), (now += i === 0 ? 1 : 50));
    }
  };
  return { limit, windows };
}

describe('a gradient limit', () => {
  it('grows while latency is as usual, and not beyond its bound', () => {
    const { limit, windows } = aLimit();
    windows(10, 50);
    assert.equal(limit.limit, 28, 'a fifth of the queue of 4 in each window');
    windows(1_000, 50);
    assert.equal(limit.limit, 200);
  });

  it('shrinks when answers take longer than they used to, before anything is dropped', () => {
    const { limit, windows } = aLimit({ limit: 100 });
    windows(20, 50);
    const before = limit.limit;
    windows(20, 300);
    assert(limit.limit < before / 3, `${limit.limit} of ${before}`);
  });

  it('takes half as long again for usual', () => {
    const { limit, windows } = aLimit({ limit: 100 });
    windows(20, 50);
    const before = limit.limit;
    windows(20, 74);
    assert(limit.limit > before);
  });

  it('takes no advice from one slow answer, nor from a few', () => {
    const { limit, windows } = aLimit();
    windows(20, 50);
    const before = limit.limit;
    for (let i = 0; i < 9; i++) limit.answered(60_000, 20, 100_000);
    assert.equal(limit.limit, before);
  });

  it('does not move while less than half of it is in use', () => {
    const { limit, windows } = aLimit();
    windows(50, 50, () => 9);
    assert.equal(limit.limit, 20);
    windows(50, 5_000, () => 9);
    assert.equal(limit.limit, 20);
  });

  it('gets used to a peer that has become fast, sooner than to one that has become slow', () => {
    const { limit, windows } = aLimit();
    windows(50, 1_000);
    windows(60, 50);
    const before = limit.limit;
    windows(10, 400);
    assert(limit.limit < before, 'slow by the new measure, although less than half of what it used to be');
  });

  it('loses a tenth for a drop at once', () => {
    const { limit } = aLimit();
    limit.dropped();
    assert.equal(limit.limit, 18);
    for (let i = 0; i < 100; i++) limit.dropped();
    assert.equal(limit.limit, 2);
  });

  it('stays a whole number within its bounds, whatever happens', () => {
    const step = fc.record({ dropped: fc.boolean(), tookMs: fc.nat(10_000), inFlight: fc.nat(300), ms: fc.nat(2_000) });
    fc.assert(
      fc.property(fc.array(step, { size: 'max', maxLength: 300 }), (path) => {
        const { limit } = aLimit({ limit: 8, limitMax: 12, windowCount: 1, windowMs: 0 });
        let now = 0;
        for (const { dropped, tookMs, inFlight, ms } of path) {
          now += ms;
          if (dropped) limit.dropped();
          else limit.answered(tookMs, inFlight, now);
          assert(Number.isInteger(limit.limit) && limit.limit >= 2 && limit.limit <= 12, `${limit.limit}`);
        }
      }),
    );
  });
});
