import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Penalty, type PenaltyFigures } from '../../src/algo/penalty.ts';

const FIGURES: PenaltyFigures = { ms: 100, msMax: 500, calmMs: 1_000 };

describe('a penalty', () => {
  it('doubles with each strike in a row, up to its cap', () => {
    const penalty = new Penalty(FIGURES);
    let now = 0;
    const lengths: number[] = [];
    for (let i = 0; i < 5; i++) {
      const until = penalty.strike(now);
      lengths.push(until - now);
      now = until;
    }
    assert.deepEqual(lengths, [100, 200, 400, 500, 500]);
  });

  it('is forgotten once it was calm for long enough', () => {
    const penalty = new Penalty(FIGURES);
    penalty.strike(0);
    assert.equal(penalty.strike(1_099), 1_299, 'not yet');
    assert.equal(penalty.strike(2_299), 2_399);
    assert.equal(penalty.row, 1);
  });

  it('counts a wave of strikes as one (1)', () => {
    const penalty = new Penalty(FIGURES);
    for (let i = 0; i < 50; i++) assert.equal(penalty.strike(i), 100);
    assert.equal(penalty.row, 1);
  });

  it('is what the peer asks for, within the cap, and never shorter than it was (2) (3)', () => {
    const penalty = new Penalty(FIGURES);
    assert.equal(penalty.strike(0, 30), 30);
    assert.equal(penalty.strike(10, 300), 310);
    assert.equal(penalty.strike(20, 5), 310);
    assert.equal(penalty.strike(30, 9_000), 530);
    assert.equal(penalty.strike(530, -1), 530, 'what was to be over already');
  });

  it('walks: never ends sooner because of a later strike, nor beyond the cap (2) (3)', () => {
    const steps = fc.array(fc.record({ afterMs: fc.nat(3_000), askedMs: fc.option(fc.nat(900), { nil: undefined }) }));
    fc.assert(
      fc.property(steps, (strikes) => {
        const penalty = new Penalty(FIGURES);
        let [now, last] = [0, 0];
        for (const { afterMs, askedMs } of strikes) {
          now += afterMs;
          const until = penalty.strike(now, askedMs);
          assert(until >= last && until >= now);
          assert(until <= Math.max(now + FIGURES.msMax, last));
          last = until;
        }
      }),
    );
  });
});
