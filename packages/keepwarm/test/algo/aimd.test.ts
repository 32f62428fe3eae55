import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { AimdLimit, type AimdOptions } from '../../src/algo/aimd.ts';

const OPTIONS: AimdOptions = { limit: 20, limitMin: 1, limitMax: 200, backoff: 0.9, slowMs: 5_000 };
const aLimit = (options: Partial<AimdOptions> = {}) => new AimdLimit({ ...OPTIONS, ...options });

describe('an additive-increase, multiplicative-decrease limit', () => {
  it('grows by one for a limitful of answers while half of it is in use, and not otherwise', () => {
    const limit = aLimit();
    for (let i = 0; i < 100; i++) limit.answered(10, 9);
    assert.equal(limit.limit, 20);
    for (let i = 0; i < 20; i++) limit.answered(10, 10);
    assert.equal(limit.limit, 20, 'nearly');
    for (let i = 0; i < 21; i++) limit.answered(10, 20);
    assert.equal(limit.limit, 21);
  });

  it('grows while exactly half of it is in use', () => {
    const limit = aLimit({ limit: 2 });
    limit.answered(10, 1);
    for (let i = 0; i < 2; i++) limit.answered(10, 2);
    assert.equal(limit.limit, 3, 'each of the three counted');
  });

  it('loses a tenth for a drop, and for an answer that took too long', () => {
    const limit = aLimit();
    limit.dropped();
    assert.equal(limit.limit, 18);
    limit.answered(5_000, 8);
    assert.equal(limit.limit, 18);
    limit.answered(5_000.1, 18);
    assert.equal(limit.limit, 16);
  });

  it('stays a whole number within its bounds, whatever happens', () => {
    const step = fc.record({ dropped: fc.boolean(), tookMs: fc.nat(10_000), inFlight: fc.nat(300) });
    fc.assert(
      fc.property(fc.array(step, { size: 'max', maxLength: 300 }), (path) => {
        const limit = aLimit({ limit: 8, limitMin: 2, limitMax: 12 });
        for (const { dropped, tookMs, inFlight } of path) {
          const before = limit.limit;
          if (dropped) limit.dropped();
          else limit.answered(tookMs, inFlight);
          assert(Number.isInteger(limit.limit) && limit.limit >= 2 && limit.limit <= 12);
          assert(limit.limit <= before || (!dropped && inFlight * 2 >= before), 'it grew unused');
        }
      }),
    );
  });

  it('comes to what a peer takes, and follows it down and up again', () => {
    const limit = aLimit();
    const rounds = (capacity: number) => {
      let offered = 0;
      let dropped = 0;
      for (let round = 0; round < 400; round++) {
        if (round === 200) offered = dropped = 0;
        const inFlight = limit.limit;
        for (let i = 0; i < inFlight; i++) {
          offered++;
          if (i < capacity) limit.answered(10, inFlight);
          else limit.dropped();
          if (i >= capacity) dropped++;
        }
      }
      return { shed: dropped / offered, used: (offered - dropped) / (200 * capacity) };
    };
    for (const capacity of [60, 10, 150]) {
      const { shed, used } = rounds(capacity);
      assert(used > 0.8, `${used} of ${capacity} were used`);
      assert(shed < 0.1, `${shed} of what was sent to ${capacity} was shed`);
    }
  });
});
