/** Connections that come about and are lost at once: others are opened ever less often, until one lasts. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Member } from '../../src/pool/member.ts';
import { Members } from '../../src/pool/members.ts';
import { FakeClock } from '../../src/testing/fake-clock.ts';

/** Keeps one connection, as somebody who always wants one. @param livesMs how long the nth lasts */
function aSet(livesMs: (nth: number) => number, end: (members: Members, member: Member) => void) {
  const clock = new FakeClock();
  const want = (): void => void (members.size === 0 && members.open('t', 'reconnect'));
  let opened = 0;
  const members: Members = new Members(
    {
      ...{ sizeMax: 5, streamsMax: 10, ageMs: Number.POSITIVE_INFINITY, ageJitter: 0 },
      ...{ backoffMs: 1_000, backoffMsMax: 30_000 },
    },
    {
      open: (member) => {
        clock.nextTurn(() => {
          members.becameReady(member, 10);
          clock.after(livesMs(++opened), () => end(members, member));
        });
      },
      close: () => undefined,
      left: () => undefined,
      changed: want,
    },
    clock,
    () => 0.5,
  );
  want();
  const pass = async (ms: number): Promise<void> => {
    for (let left = ms; left > 0; left -= 50) await clock.advance(Math.min(left, 50));
  };
  return { clock, members, pass, opened: () => opened };
}

const lost = (members: Members, member: Member): void => members.gone(member, new Error('it broke'));
const left = (members: Members, member: Member): void => members.drain(member, 'peer');

describe('connections that are lost as soon as they are there', () => {
  for (const [how, end] of Object.entries({ 'by breaking': lost, 'by GOAWAY': left })) {
    it(`${how}: the budget of starts is not spent on them`, async () => {
      const { members, pass, opened } = aSet(() => 60, end);
      await pass(60_000);
      assert(opened() >= 4 && opened() <= 10, `${opened()} within a minute`);
      assert(members.backoffMs > 0 || members.size > 0);
      members.close();
      assert.equal(members.failed, 0, 'each came about');
    });
  }

  it('begin anew once one has lasted; those that last longer than the wait are replaced at once', async () => {
    const { members, pass, opened } = aSet((nth) => (nth <= 4 ? 60 : 20_000), lost);
    await pass(30_000);
    const before = opened();
    assert(before >= 5 && before <= 7, `${before} within half a minute`);
    await pass(200_000);
    assert(opened() - before >= 9, `${opened() - before} more, each as soon as the one before it was lost`);
    members.close();
  });

  it('are waited for as at first, once one between them has lasted', async () => {
    const { members, pass, opened } = aSet((nth) => (nth === 5 ? 20_000 : 60), lost);
    while (opened() < 6) await pass(50);
    await pass(1_000);
    assert(opened() >= 7, 'half a second later, and not after the fifth wait in a row');
    members.close();
  });

  it('of several that are lost together, one counts', async () => {
    const { clock, members } = aSet(() => 1e9, lost);
    await clock.settle();
    members.open('t', 'growth');
    members.open('t', 'growth');
    await clock.settle();
    for (const member of [...members.all]) members.gone(member, new Error('all at once'));
    assert(members.backoffMs <= 500, `${members.backoffMs} ms`);
    members.close();
  });
});
