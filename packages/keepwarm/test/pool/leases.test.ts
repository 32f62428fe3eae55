/** Leases on connections that the test opens, loses and counts itself: what a walk in any order cannot say. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Claim } from '../../src/pool/claim.ts';
import { Leases } from '../../src/pool/leases.ts';
import type { Member } from '../../src/pool/member.ts';
import { Members } from '../../src/pool/members.ts';
import { FakeClock } from '../../src/testing/fake-clock.ts';
import { isHeard } from '../core/heard.ts';

const NO_WAIT = { signal: undefined, waitMs: 1_000 };

function aSet({ sizeMax = 3, growAt = 0.5, streamsMax = 4, waitingMax = 9 } = {}) {
  const clock = new FakeClock();
  const opening: Member[] = [];
  const moved: string[] = [];
  const lost: string[] = [];
  const members: Members = new Members(
    { sizeMax, streamsMax, ageMs: 1_000, ageJitter: 0, backoffMs: 100, backoffMsMax: 400 },
    {
      open: (member) => void opening.push(member),
      close: () => undefined,
      left: (member) => leases.left(member),
      changed: () => leases.settle(),
    },
    clock,
    () => 0.5,
  );
  const leases: Leases = new Leases(
    { leasesWaitingMax: waitingMax, streamsWaitingMax: waitingMax, growAt, graceMs: 50 },
    members,
    {
      mayStart: () => true,
      lost: (claim, end) => void lost.push(`${claim.name} ${end}`),
      moved: (claim, { member, makeFirst }) => void moved.push(`${claim.name} ${member.id} ${makeFirst}`),
      ended: () => undefined,
    },
    clock,
  );
  /** The connection that has been asked for longest comes about. */
  const opened = (): Member => {
    const member = opening.shift()!;
    members.becameReady(member, streamsMax);
    return member;
  };
  const lease = async (name: string, { exclusive = false, group = 'g' } = {}): Promise<Claim> => {
    const claim = leases.claim({ name, exclusive, group }, NO_WAIT);
    if (claim instanceof Promise) opened();
    return await claim;
  };
  const stream = (claim: Claim): Member => {
    const member = leases.place(claim, NO_WAIT);
    assert(!(member instanceof Promise), 'there is room');
    return member;
  };
  return { clock, members, leases, opening, opened, lease, stream, moved, lost };
}

describe('a stream', () => {
  it('goes where the last one of its lease went, though others carry less, until that fills up', async () => {
    const { lease, stream, opened, leases } = aSet();
    const [mine, others] = [await lease('mine'), await lease('others')];
    const first = stream(others);
    stream(others);
    const second = opened();
    assert.equal(stream(mine), second, 'the first is filling up');
    leases.end(others, first);
    leases.end(others, first);
    assert.equal(stream(mine), second, 'it stays where it was, though the first is empty');
    assert.equal(stream(mine), first, 'the second is half full now');
  });

  it('goes to the oldest of connections that carry the same', async () => {
    const { lease, stream, opened } = aSet({ growAt: 0.25 });
    const mine = await lease('mine');
    const first = stream(mine);
    const second = opened();
    assert.notEqual(first, second);
    assert.equal(stream(mine), second);
    assert.equal(stream(await lease('another')), first);
  });

  it('makes another connection come as soon as all are half full, not before', async () => {
    const { lease, stream, opening } = aSet();
    const mine = await lease('mine');
    stream(mine);
    assert.equal(opening.length, 0);
    stream(mine);
    assert.equal(opening.length, 1);
    stream(mine);
    assert.equal(opening.length, 1, 'that is under way');
  });
});

describe('connections', () => {
  it('are opened for as many streams as wait, beyond those that are coming', async () => {
    const { lease, stream, leases, opening } = aSet({ streamsMax: 2, growAt: 1 });
    const mine = await lease('mine');
    for (let i = 0; i < 2; i++) stream(mine);
    const wait = () => void Promise.resolve(leases.place(mine, NO_WAIT)).catch(() => undefined);
    for (const wanted of [1, 1, 2]) {
      wait();
      assert.equal(opening.length, wanted);
    }
    leases.close();
  });

  it('that drain as surplus take streams again before another is opened', async () => {
    const { lease, stream, opened, opening, members } = aSet();
    const mine = await lease('mine');
    const first = stream(mine);
    stream(mine);
    const second = opened();
    assert.equal(stream(mine), second);
    members.drain(second, 'surplus');
    stream(mine);
    assert.deepEqual([second.state, opening.length, first.streams], ['ready', 0, 3]);
  });

  it('are taken from nobody while another is tried after a failure', async () => {
    const { lease, clock, leases, members, opening, lost } = aSet({ sizeMax: 2 });
    await lease('quiet', { exclusive: true });
    await clock.advance(60);
    const asked = [leases.claim({ name: 'a', exclusive: true, group: '' }, { ...NO_WAIT, waitMs: 10_000 })];
    members.gone(opening.shift()!, new Error('refused'));
    await clock.advance(members.backoffMs + 1);
    assert.equal(opening.length, 1, 'one is tried');
    asked.push(leases.claim({ name: 'b', exclusive: true, group: '' }, { ...NO_WAIT, waitMs: 10_000 }));
    assert.deepEqual(lost, []);
    const refused = asked.map((each) => assert.rejects(async () => each, { code: 'CLOSED' }));
    leases.close();
    await Promise.all(refused);
  });

  it('are not taken from who waits for a stream, though none is live', async () => {
    const { lease, clock, leases, members, lost } = aSet({ sizeMax: 1 });
    const mine = await lease('mine', { exclusive: true });
    const [member] = members.all;
    await clock.advance(60);
    members.allows(member!, 0); // the peer takes none at the moment
    const stream = leases.place(mine, NO_WAIT);
    const other = leases.claim({ name: 'other', exclusive: true, group: '' }, NO_WAIT);
    const refused = assert.rejects(async () => other, { code: 'TIMEOUT' });
    assert.deepEqual(lost, []);
    members.allows(member!, 1);
    assert.equal(await stream, member);
    await clock.advance(1_000);
    await refused;
  });
});

describe('a lease that is put with others', () => {
  it('goes where there is a connection, or can be one, and nowhere else', async () => {
    const { lease, leases, moved } = aSet({ sizeMax: 2 });
    const [mine, others] = [await lease('mine', { group: 'a' }), await lease('others', { group: 'b' })];
    const [before, after] = [leases.place(mine, NO_WAIT), leases.place(others, NO_WAIT)];
    assert.equal(leases.regroup(mine, 'c'), false, 'nothing more may be opened');
    assert.equal(leases.regroup(mine, 'a'), false, 'it is there');
    assert.equal(leases.regroup(mine, 'b'), true);
    assert.deepEqual(moved, ['mine 1 true']);
    assert.notEqual(before, after);
    assert.equal(leases.place(mine, NO_WAIT), after);
  });
});

describe('whoever gets no lease or stream', () => {
  it('is told that nothing was sent, whatever the reason', async () => {
    const { lease, stream, clock, leases } = aSet({ sizeMax: 1, streamsMax: 1, waitingMax: 1 });
    const mine = await lease('mine');
    stream(mine);
    const aborted = { signal: AbortSignal.abort(), waitMs: 1_000 };
    const other = { name: 'other', exclusive: true, group: '' };
    const unsent = (code: string) => ({ code, reach: 'unsent', phase: 'queue' });
    assert.throws(() => leases.claim({ ...other, name: 'mine' }, NO_WAIT), unsent('INVALID'));
    assert.throws(() => leases.claim(other, aborted), unsent('ABORTED'));
    assert.throws(() => leases.place(mine, aborted), unsent('ABORTED'));
    const caller = new AbortController();
    const gone = leases.claim(other, { signal: caller.signal, waitMs: 1_000 });
    const late = leases.place(mine, NO_WAIT);
    assert.throws(() => leases.claim({ ...other, name: 'third' }, NO_WAIT), unsent('SATURATED'));
    assert.throws(() => leases.place(mine, NO_WAIT), unsent('SATURATED'));
    caller.abort();
    await assert.rejects(async () => gone, unsent('ABORTED'));
    await clock.advance(1_000);
    await assert.rejects(async () => late, unsent('TIMEOUT'));
    assert.deepEqual([isHeard(caller.signal), clock.sleeping], [false, 0]);
  });

  it('leaves nothing on a signal that outlives what it waited for', async () => {
    const { opened, clock, leases } = aSet();
    const { signal } = new AbortController();
    const claim = leases.claim({ name: 'mine', exclusive: false, group: 'g' }, { signal, waitMs: 1_000 });
    assert.equal(isHeard(signal), true);
    opened();
    await claim;
    assert.deepEqual([isHeard(signal), clock.sleeping], [false, 0]);
  });
});

describe('the holder of a lease', () => {
  it('is told that a connection leaves for as long as any of its streams is on it, and not after', async () => {
    const { lease, stream, opened, leases, members, moved } = aSet();
    const [mine, others] = [await lease('mine'), await lease('others')];
    const [first] = [stream(mine), stream(mine)];
    const second = opened();
    assert.equal(stream(mine), second);
    stream(others);
    leases.end(mine, first);
    members.drain(first, 'peer');
    assert.deepEqual(moved, ['mine 1 true']);
    leases.end(mine, first);
    leases.end(mine, second);
    moved.length = 0;
    assert.deepEqual([mine.live, mine.on.size], [0, 0]);
  });

  it('hears how it ended first, whatever is said later', async () => {
    const { lease, stream, leases, lost } = aSet();
    const mine = await lease('mine');
    leases.release(mine, 'expired');
    leases.release(mine);
    assert.deepEqual(lost, ['mine expired']);
    assert.throws(() => stream(mine), { code: 'CLOSED', reach: 'unsent', message: /has expired/ });
  });

  it('gets nothing from a pool that is closed, and is told that nothing was sent', () => {
    const { leases, opening } = aSet();
    leases.close();
    const claim = () => leases.claim({ name: 'mine', exclusive: false, group: 'g' }, NO_WAIT);
    assert.throws(claim, { code: 'CLOSED', reach: 'unsent' });
    leases.settle();
    assert.equal(opening.length, 0);
  });
});

describe('a connection that has grown old', () => {
  it('is given a quarter of its life again where nothing else can be had', async () => {
    const { lease, stream, clock, leases, members } = aSet({ sizeMax: 1 });
    const mine = await lease('mine');
    const member = stream(mine);
    await clock.advance(1_000);
    members.drain(member, 'age');
    assert.equal(member.state, 'draining');
    assert.equal(await leases.place(mine, NO_WAIT), member);
    assert.deepEqual([member.state, member.retireAt - clock.now()], ['ready', 250]);
  });
});
