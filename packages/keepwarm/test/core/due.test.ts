import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type Due, DueList } from '../../src/core/due.ts';
import { FakeClock } from '../../src/testing/fake-clock.ts';

class Member implements Due {
  before: Due | undefined;
  after: Due | undefined;
  listed = false;
  dueAt: number;
  readonly told: number[] = [];
  readonly #onDue: () => void;

  constructor(dueAt: number, onDue: () => void = () => {}) {
    this.dueAt = dueAt;
    this.#onDue = onDue;
  }

  due(now: number): void {
    assert.equal(this.listed, false, 'it has left when it is told');
    this.told.push(now);
    this.#onDue();
  }
}

/** Counts what is asked of it: a timer costs far more than a place in a list. */
class CountingClock extends FakeClock {
  timers = 0;

  override after(ms: number, task: () => void) {
    this.timers++;
    return super.after(ms, task);
  }
}

function aList() {
  const clock = new CountingClock();
  const list = new DueList(clock);
  const join = (dueAt: number, onDue?: () => void): Member => {
    const member = new Member(dueAt, onDue);
    list.join(member);
    return member;
  };
  return { clock, list, join };
}

describe('a list of deadlines', () => {
  it('tells a member once, at its instant, when it has left the list', () => {
    const { clock, list, join } = aList();
    const member = join(30_000);
    clock.advance(29_999);
    assert.deepEqual(member.told, []);
    clock.advance(1);
    assert.deepEqual(member.told, [30_000]);
    assert.equal(list.size, 0);
    clock.advance(60_000);
    assert.deepEqual(member.told, [30_000]);
    assert.equal(clock.sleeping, 0);
  });

  it('never tells one that has left, and leaving twice is harmless', () => {
    const { clock, list, join } = aList();
    const [first, middle, last] = [join(10), join(10), join(10)];
    list.leave(middle!);
    list.leave(middle!);
    clock.advance(10);
    assert.deepEqual([first!.told, middle!.told, last!.told], [[10], [], [10]]);
  });

  it('sets one timer for ten thousand calls with the same deadline', () => {
    const { clock, list, join } = aList();
    const members = Array.from({ length: 10_000 }, () => join(30_000));
    for (const member of members) list.leave(member);
    for (let call = 0; call < 10_000; call++) list.leave(join(clock.now() + 30_000));
    assert.equal(clock.timers, 1);
  });

  it('sets no timer for those that are never due', () => {
    const { clock, join } = aList();
    const member = join(Number.POSITIVE_INFINITY);
    assert.equal(clock.timers, 0);
    clock.advance(1e9);
    assert.deepEqual(member.told, []);
  });

  it('sets at most one timer for a thousand calls that are overdue when they join', () => {
    const { clock, join } = aList();
    join(1);
    clock.advance(1);
    const before = clock.timers;
    const members = Array.from({ length: 1_000 }, (_, i) => join(i % 2));
    assert.ok(clock.timers - before <= 2, `${clock.timers - before} timers`);
    clock.advance(2);
    assert.ok(members.every(({ told }) => told.length === 1));
    assert.ok(clock.timers - before <= 3, `${clock.timers - before} timers`);
  });

  it('is told earlier when its instant was moved ahead', () => {
    const { clock, list, join } = aList();
    const member = join(10_000);
    member.dueAt = 100;
    list.hasten(member);
    clock.advance(100);
    assert.deepEqual(member.told, [100]);
  });

  it('waits for the new instant when that was moved back', () => {
    const { clock, join } = aList();
    const member = join(100);
    member.dueAt = 5_000;
    clock.advance(4_999);
    assert.deepEqual(member.told, []);
    clock.advance(1);
    assert.deepEqual(member.told, [5_000]);
  });

  it('reads what has arrived before it gives up waiting for it', () => {
    const { clock, list, join } = aList();
    const member = join(50);
    // The event loop was stalled; the reply lies in the socket and is read within this turn.
    clock.after(50, () => clock.nextTurn(() => list.leave(member)));
    const other = join(50);
    clock.advance(50);
    assert.deepEqual(other.told, [50]);
    const late = join(200);
    clock.after(150, () => list.leave(late));
    clock.advance(1_000);
    assert.deepEqual(late.told, []);
  });

  it('tells everyone who is due even when one of them makes others leave', () => {
    const { clock, list } = aList();
    const members: Member[] = [];
    for (let i = 0; i < 5; i++) {
      members.push(new Member(10, () => list.leave(members[3]!)));
    }
    for (const member of members) list.join(member);
    clock.advance(10);
    assert.deepEqual(
      members.map(({ told }) => told.length),
      [1, 1, 1, 0, 1],
    );
  });

  it('keeps its timer for those that are not due yet when one that is due makes its neighbour leave', () => {
    const { clock, list } = aList();
    const patient = new Member(500);
    const neighbour = new Member(60_000);
    const due = new Member(10, () => list.leave(neighbour));
    for (const member of [patient, neighbour, due]) list.join(member);
    clock.advance(1_000);
    assert.deepEqual(patient.told, [500]);
  });

  it('takes new members while it tells others, and tells those at their own instant', () => {
    const { clock, list } = aList();
    const next = new Member(25);
    const late = new Member(3);
    list.join(
      new Member(10, () => {
        list.join(next);
        list.join(late);
      }),
    );
    clock.advance(10);
    assert.deepEqual([late.told, next.told], [[], []]);
    clock.advance(2);
    assert.deepEqual(late.told, [12], 'what was overdue when it joined is told with the next sweep');
    clock.advance(100);
    assert.deepEqual(next.told, [25]);
  });

  it('visits every member of that moment, whoever leaves on the way', () => {
    const { list, join } = aList();
    const members = Array.from({ length: 6 }, () => join(100));
    const seen: Due[] = [];
    for (const member of list) {
      seen.push(member);
      list.leave(member);
      list.leave(members[4]!);
    }
    assert.deepEqual(new Set(seen), new Set(members.filter((_, i) => i !== 4)));
  });

  it('tells nobody any more once it is closed, and leaves no timer behind', () => {
    const { clock, list, join } = aList();
    const member = join(10);
    list.close();
    assert.equal(clock.sleeping, 0);
    join(5);
    assert.equal(clock.sleeping, 0);
    clock.advance(100);
    assert.deepEqual(member.told, []);
  });

  it('drops a sweep that was about to begin when it is closed', () => {
    const { clock, list, join } = aList();
    const member = join(10);
    clock.after(10, () => list.close());
    clock.advance(100);
    assert.deepEqual(member.told, []);
  });
});

type Step =
  | { readonly do: 'join'; readonly inMs: number; readonly onDue: 'nothing' | 'leave' | 'join' | 'hasten' }
  | { readonly do: 'leave' | 'hasten' | 'delay'; readonly pick: number; readonly byMs: number }
  | { readonly do: 'wait'; readonly ms: number };

const picks = { pick: fc.nat(50), byMs: fc.nat(40) };
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: joins() },
    {
      weight: 2,
      arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.double({ min: 0, max: 30, noNaN: true }) }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ do: fc.constantFrom('leave' as const, 'hasten' as const, 'delay' as const), ...picks }),
    },
  ),
  { maxLength: 60 },
);

function joins(): fc.Arbitrary<Step> {
  return fc.record({
    do: fc.constant('join' as const),
    inMs: fc.oneof(fc.nat(40), fc.constant(Number.POSITIVE_INFINITY), fc.constant(-3)),
    onDue: fc.constantFrom('nothing' as const, 'leave' as const, 'join' as const, 'hasten' as const),
  });
}

/** Two sweeps stand 2 ms apart, and a timer counts whole milliseconds. */
const LATE_MS_MAX = 2 + 1 + 1e-6;

describe('a walk through a list of deadlines', () => {
  it('tells each member once, never early, at most 3 ms late, and forgets none', () => {
    fc.assert(fc.property(steps, walk), { numRuns: 1_500 });
  });
});

function walk(path: readonly Step[]): void {
  const clock = new FakeClock();
  const list = new DueList(clock);
  const present = new Map<Member, { joinedAt: number; changedAt: number }>();
  const pick = (n: number): Member | undefined => [...present.keys()][n % Math.max(present.size, 1)];
  const leave = (member: Member | undefined): void => {
    if (member === undefined) return;
    list.leave(member);
    present.delete(member);
  };
  const retime = (member: Member | undefined, dueAt: number): void => {
    if (member === undefined) return;
    const earlier = dueAt < member.dueAt;
    member.dueAt = dueAt;
    if (earlier) list.hasten(member);
    present.set(member, { joinedAt: clock.now(), changedAt: clock.now() });
  };
  const join = (inMs: number, then: 'nothing' | 'leave' | 'join' | 'hasten'): void => {
    const member = new Member(clock.now() + inMs, () => {
      const now = clock.now();
      const { changedAt } = present.get(member)!;
      assert.ok(now >= member.dueAt, `(2) told at ${now}, due at ${member.dueAt}`);
      const late = now - Math.max(member.dueAt, changedAt);
      assert.ok(late <= LATE_MS_MAX, `(1) told ${late} ms late`);
      present.delete(member);
      if (then === 'leave') leave(pick(0));
      if (then === 'join') join(1, 'nothing');
      if (then === 'hasten') retime(pick(0), now);
    });
    list.join(member);
    present.set(member, { joinedAt: clock.now(), changedAt: clock.now() });
  };
  const verify = (step: string): void => {
    assert.equal(list.size, present.size, `nothing is lost after ${step}`);
    assert.deepEqual(new Set(list), new Set(present.keys()), `nothing is lost after ${step}`);
    const overdue = [...present].find(([{ dueAt }, { changedAt }]) => {
      return clock.now() - Math.max(dueAt, changedAt) > LATE_MS_MAX;
    });
    assert.equal(overdue, undefined, `(1) after ${step}`);
    if ([...present.keys()].some(({ dueAt }) => dueAt < Number.POSITIVE_INFINITY)) {
      assert.ok(clock.sleeping > 0, `(1) a timer is set after ${step}`);
    }
    assert.ok(clock.sleeping <= 1, `one timer after ${step}`);
  };
  for (const step of path) {
    if (step.do === 'join') join(step.inMs, step.onDue);
    else if (step.do === 'wait') clock.advance(step.ms);
    else if (step.do === 'leave') leave(pick(step.pick));
    else if (step.do === 'hasten') retime(pick(step.pick), clock.now() + step.byMs);
    else retime(pick(step.pick), (pick(step.pick)?.dueAt ?? 0) + step.byMs);
    verify(JSON.stringify(step));
  }
  clock.advance(200);
  verify('the end');
  for (const { dueAt } of present.keys()) assert.equal(dueAt, Number.POSITIVE_INFINITY);
}
