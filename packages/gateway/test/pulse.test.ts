/** When a worker counts as hung: numbers are those of the invariants in pulse.ts. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { BEAT_MS, type Found, Pulse, SILENT_MS } from '../src/workers/pulse.ts';

const looks = (pulse: Pulse, count: number, limitMs: number): Found[] =>
  Array.from({ length: count }, () => pulse.look(limitMs));

describe('the pulse of a worker', () => {
  it('is silent after five seconds and hung after the limit, each told once', () => {
    const pulse = new Pulse();
    pulse.heard();
    const found = looks(pulse, 60, 30_000);
    assert.deepEqual([found.indexOf('silent'), found.indexOf('hung')], [SILENT_MS / BEAT_MS - 1, 29]);
    assert.equal(found.filter((each) => each !== 'nothing new').length, 2);
    assert.equal(pulse.silentMs, 60_000);
  });

  it('is silent after half of a short limit', () => {
    const pulse = new Pulse();
    pulse.heard();
    assert.deepEqual(looks(pulse, 4, 4_000), ['nothing new', 'silent', 'nothing new', 'hung']);
  });

  it('is never hung where there is no limit', () => {
    const pulse = new Pulse();
    pulse.heard();
    assert.ok(!looks(pulse, 10_000, Number.POSITIVE_INFINITY).includes('hung'));
  });

  it('holds its invariants whatever is heard when', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2_000, max: 60_000 }),
        fc.array(fc.constantFrom('heard', 'look', 'look', 'look'), { maxLength: 200 }),
        (limitMs, steps) => {
          const pulse = new Pulse();
          let [inARow, hung, silent] = [0, 0, 0];
          for (const step of steps) {
            const before = pulse.silentMs;
            if (step === 'heard') {
              pulse.heard();
              [inARow, silent] = [0, 0];
              assert.equal(pulse.silentMs, 0, '(1) what is heard ends it');
              continue;
            }
            inARow++;
            const found = pulse.look(limitMs);
            assert.ok(pulse.silentMs - before <= BEAT_MS, '(1)');
            if (found === 'hung') hung++;
            if (found === 'silent') silent++;
            if (found === 'hung') assert.equal(inARow, Math.ceil(limitMs / BEAT_MS), '(2) not before, not later');
            assert.ok(hung <= 1 && silent <= 1, '(2) told once');
            if (hung === 0) assert.ok(inARow * BEAT_MS < limitMs, '(2) never overlooked');
          }
        },
      ),
    );
  });
});
