/** Whether a silent session is found out, in time and not before. Real time is not waited for. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DueList } from '../../../src/core/due.ts';
import { Liveness } from '../../../src/engines/http2/liveness.ts';
import { FakeClock } from '../../../src/testing/index.ts';

function aSession() {
  const clock = new FakeClock();
  const due = new DueList(clock);
  const session = {
    activeAt: clock.now(),
    pings: 0,
    dead: undefined as string | undefined,
    ping: () => void session.pings++,
    died: (what: string) => {
      session.dead = what;
    },
  };
  const sending = { taken: 0, heldUp: false };
  const liveness = new Liveness(session, sending, { pingMs: 30_000, pongMs: 10_000 }, clock.now(), (member) =>
    due.join(member),
  );
  due.join(liveness);
  const pass = async (ms: number): Promise<void> => {
    for (let left = ms; left > 0; left -= 500) await clock.advance(Math.min(left, 500));
  };
  return { clock, session, sending, liveness, pass, heard: () => (session.activeAt = clock.now()) };
}

describe('a session', () => {
  it('whose settings are never acknowledged is dead after 10 s, however much it talks', async () => {
    const { session, pass, heard } = aSession();
    for (let second = 0; second < 9; second++) {
      await pass(1_000);
      heard();
    }
    assert.equal(session.dead, undefined);
    await pass(2_000);
    assert.match(session.dead!, /settings/);
  });

  it('that talks is not pinged; one that is silent for 30 s is, and its answer is the round trip', async () => {
    const { clock, session, liveness, pass, heard } = aSession();
    liveness.acknowledged(clock.now());
    for (let second = 0; second < 100; second++) {
      await pass(1_000);
      heard();
    }
    assert.equal(session.pings, 0);
    await pass(31_000);
    assert.equal(session.pings, 1);
    const askedAt = clock.now();
    await pass(1_500);
    heard();
    liveness.ponged(clock.now());
    assert(liveness.rttMs! >= clock.now() - askedAt && liveness.rttMs! < 3_000);
    await pass(25_000);
    assert.deepEqual([session.pings, session.dead], [1, undefined]);
    await pass(10_000);
    assert.equal(session.pings, 2);
  });

  it('that answers no ping is dead 10 s later; bytes of any kind are an answer', async () => {
    const { clock, session, liveness, pass, heard } = aSession();
    liveness.acknowledged(clock.now());
    await pass(31_000);
    await pass(5_000);
    heard();
    await pass(20_000);
    assert.deepEqual([session.pings, session.dead], [1, undefined]);
    await pass(12_000);
    assert.equal(session.pings, 2);
    await pass(10_500);
    assert.match(session.dead!, /ping/);
  });
  it('that takes of an upload is alive, though the ping is behind it; once it takes no more, it is dead', async () => {
    const { clock, session, sending, liveness, pass } = aSession();
    liveness.acknowledged(clock.now());
    sending.heldUp = true;
    for (let seconds = 0; seconds < 120; seconds += 5) {
      await pass(5_000);
      sending.taken++;
    }
    assert.deepEqual([session.pings, session.dead], [1, undefined]);
    await pass(21_000);
    assert.match(session.dead!, /ping/);
  });

  it('that is gone is found out in time while calls are written to it: those the system takes by itself', async () => {
    const { clock, session, sending, liveness, pass } = aSession();
    liveness.acknowledged(clock.now());
    for (let seconds = 0; seconds < 42; seconds++) {
      await pass(1_000);
      sending.taken++;
    }
    assert.match(session.dead!, /ping/);
  });
});
