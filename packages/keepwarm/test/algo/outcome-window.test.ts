import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { OutcomeWindow } from '../../src/algo/outcome-window.ts';

describe('an outcome window', () => {
  it('counts what fell into its last ten slots, as a list of everything would', () => {
    const steps = fc.array(
      fc.record({ failed: fc.boolean(), waitMs: fc.oneof(fc.nat(30), fc.nat(2_000), fc.constant(3_600_000)) }),
      { maxLength: 200 },
    );
    fc.assert(
      fc.property(steps, fc.constantFrom(10, 1_000, 777), (path, windowMs) => {
        const window = new OutcomeWindow(windowMs);
        const all: { failed: boolean; slot: number }[] = [];
        let now = 5;
        for (const { failed, waitMs } of path) {
          now += waitMs;
          const slot = Math.floor(now / (windowMs / 10));
          const counted = () => all.filter((outcome) => outcome.slot > slot - 10);
          assert.equal(window.samples(now), counted().length, 'before the outcome');
          window.record(failed, now);
          all.push({ failed, slot });
          assert.equal(window.samples(now), counted().length);
          assert.equal(window.failures(now), counted().filter((outcome) => outcome.failed).length);
        }
      }),
    );
  });

  it('counts the same in each window of a steady stream, however many there were before', () => {
    const window = new OutcomeWindow(1_000);
    for (let now = 0; now < 10_000; now += 50) {
      window.record(now % 100 === 0, now);
      if (now % 100 === 50 && now >= 1_000) assert.deepEqual([window.samples(now), window.failures(now)], [20, 10]);
    }
  });

  it('has forgotten everything after a silence of its length', () => {
    const window = new OutcomeWindow(1_000);
    for (let i = 0; i < 100; i++) window.record(true, i * 7);
    assert.equal(window.failures(693 + 900), 14, 'those of the last slot still count');
    assert.equal(window.failures(693 + 1_007), 0);
    assert.equal(window.samples(3_600_000), 0);
  });
});
