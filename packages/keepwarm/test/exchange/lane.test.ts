/** A lane, walked at random; the invariants are those at its head. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Lane, type Leave } from '../../src/adapters/exchange/lane.ts';
import { NetError } from '../../src/core/error.ts';
import { FakeClock } from '../../src/testing/fake-clock.ts';

type Step =
  | { readonly do: 'enter'; readonly patienceMs: number; readonly aborted: boolean }
  | { readonly do: 'leave' | 'leave twice' | 'close' }
  | { readonly do: 'abort'; readonly who: number }
  | { readonly do: 'wait'; readonly ms: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('enter' as const),
      patienceMs: fc.constantFrom(-1, 5, 20, 100, Number.POSITIVE_INFINITY),
      aborted: fc.nat({ max: 9 }).map((n) => n === 0),
    }),
  },
  { weight: 5, arbitrary: fc.constantFrom({ do: 'leave' } as const, { do: 'leave twice' } as const) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('abort' as const), who: fc.nat({ max: 20 }) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.constantFrom(1, 7, 50) }) },
  { weight: 1, arbitrary: fc.nat({ max: 3 }).map((n): Step => (n === 0 ? { do: 'close' } : { do: 'leave' })) },
);

interface Visitor {
  readonly number: number;
  readonly caller: AbortController;
  readonly deadlineAt: number;
  outcome: 'inside' | string | undefined;
  leave: Leave | undefined;
}

const WAITERS_MAX = 4;

async function walk(steps: readonly Step[]): Promise<void> {
  const clock = new FakeClock();
  const lane = new Lane('account x', WAITERS_MAX, clock);
  const visitors: Visitor[] = [];
  const order: number[] = [];
  let closed = false;
  const inside = (): Visitor | undefined => visitors.find(({ leave }) => leave !== undefined);
  const waiting = (): Visitor[] => visitors.filter(({ outcome }) => outcome === undefined);

  const enter = ({ patienceMs, aborted }: Extract<Step, { do: 'enter' }>): void => {
    const caller = new AbortController();
    if (aborted) caller.abort('gone');
    const deadlineAt = clock.now() + patienceMs;
    const visitor: Visitor = { number: visitors.length, caller, deadlineAt, outcome: undefined, leave: undefined };
    visitors.push(visitor);
    lane.enter({ signal: caller.signal, deadlineAt }).then(
      (leave) => {
        visitor.outcome = 'inside';
        visitor.leave = leave;
        order.push(visitor.number);
      },
      (error: NetError) => {
        assert(error instanceof NetError && error.reach === 'unsent', 'nothing was sent');
        visitor.outcome = error.code;
      },
    );
  };
  const leave = (twice: boolean): void => {
    const visitor = inside();
    const go = visitor?.leave;
    if (visitor === undefined || go === undefined) return;
    visitor.leave = undefined;
    go();
    if (twice) go();
  };

  for (const one of steps) {
    const before = waiting().map(({ number }) => number);
    if (one.do === 'enter') enter(one);
    else if (one.do === 'abort') visitors[one.who]?.caller.abort('changed');
    else if (one.do === 'wait') clock.advance(one.ms);
    else if (one.do === 'close') {
      lane.close();
      lane.close();
      closed = true;
    } else leave(one.do === 'leave twice');
    await clock.settle();
    const what = JSON.stringify(one);
    assert(visitors.filter(({ leave: held }) => held !== undefined).length <= 1, `(1) after ${what}`);
    assert(waiting().length === 0 || inside() !== undefined, `(2) after ${what}`);
    assert(waiting().length <= WAITERS_MAX && lane.waiting === waiting().length, `(3) after ${what}`);
    for (const { deadlineAt, caller } of waiting()) {
      assert(clock.now() < deadlineAt && !caller.signal.aborted && !closed, `nobody waits in vain after ${what}`);
    }
    const newcomer = order.at(-1);
    if (newcomer !== undefined && before.includes(newcomer)) {
      assert(before.filter((number) => number < newcomer).every((number) => visitors[number]!.outcome !== undefined));
    }
  }
  lane.close();
  await clock.settle();
  assert(
    visitors.every(({ outcome }) => outcome !== undefined),
    'everybody is told',
  );
  assert.equal(clock.sleeping, 0, 'no timer is left behind');
  assert.deepEqual(
    order,
    order.toSorted((a, b) => a - b),
    'in the order of asking',
  );
}

describe('a lane', () => {
  it('keeps its invariants through entries, ends, deadlines and a close (walk)', async () => {
    await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 60 }), walk), { numRuns: 400 });
  });

  it('says who is in the way of whom', async () => {
    const clock = new FakeClock();
    const lane = new Lane('account x', 1, clock);
    const never = { deadlineAt: Number.POSITIVE_INFINITY };
    await lane.enter(never);
    const waits = lane.enter({ deadlineAt: 10 });
    await assert.rejects(lane.enter(never), /account x: 1 already wait their turn \(limit waitersMax 1\)/);
    clock.advance(10);
    await assert.rejects(waits, /account x: its deadline passed while others of the account were under way/);
    lane.close();
    await assert.rejects(lane.enter(never), { code: 'CLOSED', reach: 'unsent' });
  });
});
