/** What a set of connections does by the clock: age, surplus, the minimum, idle leases, waits after failures. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Claim } from '../../src/pool/claim.ts';
import { Leases } from '../../src/pool/leases.ts';
import type { LeavingReason, Member } from '../../src/pool/member.ts';
import { Members, type MembersOptions } from '../../src/pool/members.ts';
import { Upkeep, type UpkeepOptions } from '../../src/pool/upkeep.ts';
import { FakeClock } from '../../src/testing/fake-clock.ts';

type Options = Partial<MembersOptions & UpkeepOptions & { random: number }>;

/** Connections that open and end when the test says so. */
function aSet(options: Options = {}) {
  const clock = new FakeClock();
  const opening: { member: Member; kind: string }[] = [];
  const closed: [id: number, reason: LeavingReason][] = [];
  const moved: [name: string, makeFirst: boolean][] = [];
  const lost: string[] = [];
  const budget = { mayStart: true };
  const { random = 0.5 } = options;
  const sizes = { sizeMax: 4, streamsMax: 2, ageMs: 1_000, ageJitter: 0, backoffMs: 100, backoffMsMax: 400 };
  const members: Members = new Members(
    { ...sizes, ...options },
    {
      open: (member, kind) => void opening.push({ member, kind }),
      close: (member, reason) => void closed.push([member.id, reason]),
      left: (member) => leases.left(member),
      changed: () => leases.settle(),
    },
    clock,
    () => random,
  );
  const leases: Leases = new Leases(
    { leasesWaitingMax: 10, streamsWaitingMax: 10, growAt: 1, graceMs: 0 },
    members,
    {
      mayStart: () => budget.mayStart,
      lost: ({ name }, end) => void lost.push(`${name} ${end}`),
      moved: ({ name }, { makeFirst }) => void moved.push([name, makeFirst]),
      ended: () => {},
    },
    clock,
  );
  const pace = { tickMs: 100, sizeMin: 0, rotationsMax: 2, lowReadings: 3, shrinkAt: 0.5, leaseIdleMs: 1e9 };
  const upkeep = new Upkeep({ ...pace, ...options }, leases, clock, () => {});
  const ready = (count = opening.length): Member[] =>
    opening.splice(0, count).map(({ member }) => {
      members.becameReady(member, 100);
      return member;
    });
  const claim = async (name: string, exclusive = false): Promise<Claim> => {
    const coming = leases.claim({ name, exclusive, group: 'g' }, { signal: undefined, waitMs: 1e6 });
    ready();
    return coming;
  };
  const stream = (on: Claim): Member => leases.place(on, { signal: undefined, waitMs: 1e6 }) as Member;
  return { clock, members, leases, upkeep, opening, closed, moved, lost, budget, ready, claim, stream };
}

describe('upkeep', () => {
  it('replaces what is old, at most two at a time, and each only when its successor is ready', async () => {
    const set = aSet({ sizeMax: 8 });
    for (const name of ['a', 'b', 'c', 'd']) await set.claim(name, true);
    set.clock.advance(1_000);
    assert.deepEqual(
      set.opening.map(({ kind }) => kind),
      ['growth', 'growth'],
    );
    set.clock.advance(500);
    assert.equal(set.opening.length, 2, 'two are on their way: no more');
    assert.deepEqual(set.closed, []);
    set.ready();
    assert.deepEqual(set.closed, [
      [1, 'age'],
      [2, 'age'],
    ]);
    set.clock.advance(100);
    set.ready();
    assert.equal(set.closed.length, 4);
    assert.equal(set.members.size, 4);
  });

  it('closes before it opens where there is no place, and waits where the budget of starts is used up', async () => {
    const set = aSet({ sizeMax: 1 });
    const claim = await set.claim('a');
    const member = set.stream(claim);
    set.budget.mayStart = false;
    set.clock.advance(2_000);
    assert.deepEqual([member.state, set.moved.length], ['ready', 0], 'an old connection is better than none');
    set.budget.mayStart = true;
    set.clock.advance(100);
    assert.deepEqual([member.state, set.moved], ['draining', [['a', false]]]);
    set.leases.end(claim, member);
    assert.deepEqual(set.closed, [[1, 'age']]);
    assert.deepEqual(
      set.opening.map(({ kind }) => kind),
      ['reconnect'],
    );
  });

  it('waits for a place that is about to come free, and no longer than another life', async () => {
    const set = aSet({ sizeMax: 2 });
    const [a, b] = [await set.claim('a', true), await set.claim('b', true)];
    const [one, other] = [set.stream(a), set.stream(b)];
    set.members.drain(one, 'peer');
    set.clock.advance(1_500);
    assert.equal(other.state, 'ready', 'the first will go');
    set.clock.advance(500);
    assert.deepEqual([other.state, set.moved.at(-1)], ['draining', ['b', false]]);
  });

  it('keeps the old one when its successor cannot be opened, and tries again when the wait is over', async () => {
    const set = aSet();
    const claim = await set.claim('a');
    const old = set.stream(claim);
    set.clock.advance(1_000);
    set.members.gone(set.opening.pop()!.member);
    assert.deepEqual([old.state, set.closed], ['ready', [[2, 'failed']]]);
    set.clock.advance(40);
    assert.equal(set.opening.length, 0);
    set.clock.advance(60);
    set.ready(1);
    assert.equal(old.state, 'draining');
  });

  it('lets one go that was too many for three looks in a row, never below the minimum', async () => {
    const set = aSet({ sizeMax: 3, sizeMin: 2, ageMs: Number.POSITIVE_INFINITY });
    const claim = await set.claim('a');
    const members = [1, 2, 3, 4, 5, 6].map(() => {
      const place = set.leases.place(claim, { signal: undefined, waitMs: 1e6 });
      set.ready();
      return place;
    });
    for (const member of members) set.leases.end(claim, await member);
    assert.equal(set.members.count('ready'), 3);
    set.clock.advance(200);
    assert.equal(set.members.count('ready'), 3);
    set.clock.advance(5_000);
    assert.equal(set.members.count('ready'), 2, 'two stay');
  });

  it('waits longer with each failure in a row, at random, and opens one at a time until one succeeds', () => {
    const set = aSet({ random: 0.999 });
    void set.leases.claim({ name: 'a', exclusive: true, group: '' }, { signal: undefined, waitMs: 1e6 });
    void set.leases.claim({ name: 'b', exclusive: true, group: '' }, { signal: undefined, waitMs: 1e6 });
    const waits: number[] = [];
    assert.equal(set.opening.length, 2);
    set.members.gone(set.opening.pop()!.member);
    for (let failures = 0; failures < 6; failures++) {
      const { member } = set.opening.pop()!;
      set.members.gone(member);
      const from = set.clock.now();
      for (let open = 0; open === 0; open = set.opening.length) set.clock.advance(1);
      waits.push(set.clock.now() - from);
      assert.equal(set.opening.length, 1);
    }
    assert.deepEqual(waits, [100, 200, 400, 400, 400, 400]);
    set.ready();
    assert.equal(set.opening.length, 1, 'and now the other');
  });

  it('ends leases nobody uses, and stops when it is closed', async () => {
    const set = aSet({ leaseIdleMs: 300 });
    await set.claim('idle');
    const busy = await set.claim('busy');
    set.stream(busy);
    set.clock.advance(400);
    assert.deepEqual(set.lost, ['idle expired']);
    set.upkeep.close();
    set.leases.close();
    set.members.close();
    assert.deepEqual(set.lost, ['idle expired', 'busy closed']);
    assert.equal(set.clock.sleeping, 0);
  });
});
