import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { PercentileWindow } from '../../src/algo/percentile-window.ts';

/** The percentile, or up to 4.4 % more. */
const close = (actual: number | undefined, expected: number) =>
  assert.ok(actual !== undefined && actual >= expected && actual < expected * 1.045, `${actual} is not ${expected}`);

describe('a percentile over a moving window', () => {
  it('has no answer before it has enough values', () => {
    const window = new PercentileWindow({ percentile: 50, countMin: 3 }, 0);
    window.record(10, 0);
    window.record(10, 1);
    assert.equal(window.at(2), undefined);
    window.record(10, 2);
    close(window.at(2), 10);
  });

  it('is the percentile', () => {
    const window = new PercentileWindow({ percentile: 95, countMin: 1 }, 0);
    for (let ms = 1; ms <= 100; ms++) window.record(ms, 0);
    close(window.at(0), 95);
  });

  it('is never less, as then half of what takes equally long would be beyond it', () => {
    for (let ms = 0.01; ms < 10_000; ms *= 1.01) {
      const window = new PercentileWindow({ percentile: 95, countMin: 1 }, 0);
      for (let i = 0; i < 20; i++) window.record(ms, 0);
      close(window.at(0), ms);
    }
  });

  it('keeps a value for 20 s at least, and for 30 s at most', () => {
    for (const recordedAt of [0, 3_000, 9_999]) {
      const window = new PercentileWindow({ percentile: 50, countMin: 1 }, 0);
      window.record(10, recordedAt);
      close(window.at(recordedAt + 20_000), 10);
      assert.equal(window.at(recordedAt + 30_000), undefined);
    }
  });

  it('has forgotten everything after an hour of silence, and starts anew', () => {
    const window = new PercentileWindow({ percentile: 50, countMin: 2 }, 0);
    for (let i = 0; i < 100; i++) window.record(10, 0);
    const hour = 3_600_000;
    assert.equal(window.at(hour), undefined);
    window.record(500, hour);
    assert.equal(window.at(hour), undefined);
    window.record(500, hour);
    close(window.at(hour), 500);
  });

  it('notices within a second that everything has become slower', () => {
    const window = new PercentileWindow({ percentile: 50, countMin: 1 }, 0);
    window.record(10, 0);
    close(window.at(0), 10);
    for (let i = 0; i < 100; i++) window.record(200, 500);
    close(window.at(500), 10);
    close(window.at(1_000), 200);
  });

  it('rests on all of the last 20 s and on nothing older than 30 s, whatever comes when', () => {
    const values = fc.array(fc.tuple(fc.nat(7_000), fc.integer({ min: 1, max: 5_000 })), { maxLength: 60 });
    fc.assert(
      fc.property(values, (records) => {
        const window = new PercentileWindow({ percentile: 50, countMin: 1 }, 0);
        const instants: number[] = [];
        let now = 0;
        for (const [waitMs, ms] of records) {
          now += waitMs;
          window.record(ms, now);
          instants.push(now);
          const within = (span: number) => instants.filter((instant) => instant > now - span).length;
          assert.ok(window.count >= within(20_000) && window.count <= within(30_000), `(1) at ${now}`);
        }
      }),
    );
  });
});
