/** core/turnstile.ts: its numbered invariants, by a random walk; and that no failure is lost. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { turnstileOf } from '../../src/core/turnstile.ts';
import { FakeClock } from '../../src/testing/fake-clock.ts';

/** As the module has it. */
const TOLD_MAX = 100;

describe('a turnstile', () => {
  it('tells so many in one turn, the others in their order in the next, and each of them once', () => {
    const steps = fc.array(
      fc.oneof(
        fc.record({ do: fc.constant('tell' as const), count: fc.integer({ min: 1, max: 150 }) }),
        fc.record({ do: fc.constant('insist' as const), count: fc.integer({ min: 1, max: 150 }) }),
        fc.record({ do: fc.constant('turn' as const), count: fc.constant(1) }),
      ),
      { maxLength: 30 },
    );
    fc.assert(
      fc.property(steps, (walk) => {
        const clock = new FakeClock();
        const turnstile = turnstileOf(clock);
        const told: number[] = [];
        let asked = 0;
        let atOnce = 0;
        const held: number[] = [];
        /** @param more how often it tries again when it is told */
        const tell = (more: number): void => {
          const own = asked++;
          const before = told.length;
          turnstile.pass(() => {
            told.push(own);
            if (more > 0) tell(more - 1);
          });
          if (told.length > before) atOnce++;
          else held.push(own);
        };
        for (const step of walk) {
          if (step.do === 'tell') for (let i = 0; i < step.count; i++) tell(0);
          else if (step.do === 'insist') tell(step.count);
          else {
            const waiting = held.splice(0);
            atOnce = 0;
            const before = told.length;
            clock.turn();
            const now = told.slice(before);
            assert.deepEqual(
              now.filter((each) => waiting.includes(each)),
              waiting,
              '(2) those held, in order',
            );
          }
          assert(atOnce <= TOLD_MAX, `(1) ${atOnce} at once`);
          assert.equal(new Set(told).size, told.length, '(2) once');
          assert.equal(told.length + held.length, asked, '(2) nobody is lost');
          assert(held.length === 0 || clock.turning > 0, 'a turn is waited for');
        }
      }),
      { numRuns: 300 },
    );
  });

  it('keeps nobody from being told when what another does about it throws', (t) => {
    const apart: (() => void)[] = [];
    t.mock.method(globalThis, 'queueMicrotask', (task: () => void) => void apart.push(task));
    const clock = new FakeClock();
    const turnstile = turnstileOf(clock);
    let told = 0;
    for (let i = 0; i < TOLD_MAX; i++) turnstile.pass(() => told++);
    turnstile.pass(() => {
      throw new Error('of one');
    });
    turnstile.pass(() => told++);
    assert.equal(told, TOLD_MAX);
    clock.turn();
    assert.equal(told, TOLD_MAX + 1);
    assert.equal(apart.length, 1);
    assert.throws(apart[0]!, /of one/);
  });

  it('gives an outlet the instant at which it is told', () => {
    const clock = new FakeClock();
    const turnstile = turnstileOf(clock);
    const instants: number[] = [];
    const outlet = { replied: assert.fail, failed: (_: unknown, now: number) => void instants.push(now) };
    for (let i = 0; i <= TOLD_MAX; i++) turnstile.fail(outlet, new Error('no'), 0);
    clock.advance(0);
    assert.deepEqual([instants.length, instants.at(-1)], [TOLD_MAX + 1, 0]);
  });

  it('is one for all that have the same clock', async () => {
    const clock = new FakeClock();
    for (let i = 0; i < TOLD_MAX; i++) await assert.rejects(turnstileOf(clock).refuse(new Error(String(i))));
    assert.equal(turnstileOf(clock), turnstileOf(clock));
    const late = assert.rejects(turnstileOf(clock).refuse(new Error('late')), /late/);
    let told = false;
    late.then(() => {
      told = true;
    });
    await Promise.resolve();
    assert.equal(told, false);
    clock.turn();
    await late;
    assert.notEqual(turnstileOf(clock), turnstileOf(new FakeClock()));
  });
});
