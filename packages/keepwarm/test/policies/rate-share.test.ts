/** A limit that several processes keep together: what each may start, and what no window ever holds. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { ExactWindow } from '../../src/algo/exact-window.ts';
import { rateLimit } from '../../src/policies/rate-limit.ts';
import type { RateShare } from '../../src/policies/rate-share.ts';
import { FakeClock } from '../../src/testing/fake-clock.ts';
import { aCall, later, scripted } from '../../src/testing/scripted-engine.ts';

const LIMIT = 6;
const WINDOW_MS = 100;

function sharing(clock: FakeClock, answerMs = 0) {
  const engine = scripted(() => later(answerMs, 200), clock);
  const policy = rateLimit({ limits: [{ limit: LIMIT, windowMs: WINDOW_MS }], waitMs: 5_000 }, { clock, observer: {} });
  const send = policy(engine);
  const [share] = policy.shares() as [RateShare];
  const call = (deadlineAt = Number.POSITIVE_INFINITY) => {
    const reply = send(aCall({ deadlineAt }));
    reply.catch(() => undefined);
    return reply;
  };
  return { engine, policy, share, call };
}

describe('a part of a rate limit', () => {
  it('is all of it until other processes have some', () => {
    const { share } = sharing(new FakeClock());
    assert.deepEqual([share.limit, share.places, share.used, share.waiting], [LIMIT, LIMIT, 0, 0]);
  });

  it('says how long starts of a process that is gone may still count: the window, and what comes late', () => {
    const limits = [{ limit: LIMIT, windowMs: WINDOW_MS }];
    const policy = rateLimit({ limits, lateMs: 30 }, { clock: new FakeClock(), observer: {} });
    assert.equal(policy.shares()[0]!.settledMs, WINDOW_MS + 30);
  });

  it('lets start what its places hold; who waits starts when more come', async () => {
    const clock = new FakeClock();
    const { share, call, engine } = sharing(clock);
    share.places = 2;
    for (let i = 0; i < 5; i++) call();
    assert.equal(engine.calls.length, 2);
    assert.deepEqual([share.waiting, share.nextWeight], [3, 1]);
    await clock.run(0);
    share.places = 4;
    assert.equal(engine.calls.length, 4);
    await clock.run(WINDOW_MS);
    assert.equal(engine.calls.length, 5);
  });

  it('with no place has calls wait instead of refusing them: places may come at any time', async () => {
    const clock = new FakeClock();
    const { share, call, engine } = sharing(clock);
    share.places = 0;
    const replied = call(clock.now() + 1_000);
    await clock.run(400);
    share.places = 1;
    await clock.run(1);
    assert.equal((await replied).status, 200);
    assert.deepEqual(engine.instants, [400]);
  });

  it('refuses who has waited as long as it may, though no place ever comes', async () => {
    const clock = new FakeClock();
    const { share, call } = sharing(clock);
    share.places = 0;
    const [hurried, patient] = [call(clock.now() + 300), call()];
    await clock.run(6_000);
    await assert.rejects(hurried, { code: 'DEADLINE' });
    await assert.rejects(patient, { code: 'TIMEOUT' });
    assert.equal(clock.sleeping, 0, 'no timer is left');
  });

  it('which has less than is used starts nothing until so many are free', async () => {
    const clock = new FakeClock();
    const { share, call, engine } = sharing(clock);
    for (let i = 0; i < LIMIT; i++) call();
    await clock.run(10);
    share.places = 1;
    call();
    await clock.run(WINDOW_MS - 11);
    assert.equal(engine.calls.length, LIMIT);
    await clock.run(1);
    assert.equal(engine.calls.length, LIMIT + 1);
  });

  it('stands still for as long as the peer asked another process to', async () => {
    const clock = new FakeClock();
    const { share, call, engine } = sharing(clock);
    share.pause(300);
    call();
    await clock.run(299);
    assert.equal(engine.calls.length, 0);
    share.pause(0); // what was said before lasts longer
    await clock.run(1);
    assert.deepEqual(engine.instants, [300]);
  });

  it('holds the whole over every window, however free places move between processes', () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(2), fc.nat(2), fc.integer({ min: 1, max: 4 }), fc.nat(40)), { maxLength: 60 }),
        async (steps) => {
          const clock = new FakeClock();
          const all = [0, 1, 2].map(() => sharing(clock, 7));
          for (const { share } of all) share.places = LIMIT / 3;
          for (const [from, to, count, ms] of steps) {
            for (let i = 0; i < count; i++) all[from]!.call();
            const [giver, taker] = [all[from]!.share, all[to]!.share];
            const free = Math.min(Math.max(giver.places - giver.used, 0), count);
            giver.places -= free;
            taker.places += free;
            await clock.run(ms);
          }
          await clock.run(6_000);
          const window = new ExactWindow({ limit: LIMIT, windowMs: WINDOW_MS });
          const starts = all.flatMap(({ engine }) => engine.instants).sort((a, b) => a - b);
          for (const at of starts) assert.ok(window.take(1, at), `too many in the window that ends at ${at}`);
        },
      ),
      { numRuns: 60 },
    ));
});
