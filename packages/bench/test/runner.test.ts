/** Rounds of slices: who is measured when, until when, and what becomes of one who fails. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Contestant } from '../src/contestant.ts';
import type { SliceOrder, SliceResult } from '../src/load.ts';
import { compare, type Plan } from '../src/runner.ts';

const PLAN: Plan = {
  ...{ warmMs: 9, warmAgainMs: 5, leadMs: 1, sliceMs: 7 },
  ...{ roundsMin: 2, roundsMax: 6, budgetMs: Number.POSITIVE_INFINITY },
};

/** Contestants whose slices take no time, and what was asked of them. @param rate of the n-th slice, 0 the warm-up */
function contestants(names: string, rate: (name: string, n: number) => number, seasoned = false) {
  const asked: [name: string, order: SliceOrder][] = [];
  const all = [...names].map((name): Contestant => {
    let slices = 0;
    const slice = async (order: SliceOrder): Promise<SliceResult> => {
      asked.push([name, order]);
      const callsPerSecond = rate(name, slices++);
      return { callsPerSecond, cpuMicros: 1, p50Ms: 1, p99Ms: 1, errors: 0, resumedShare: 0 };
    };
    return { name, seasoned, slice, close: async () => undefined };
  });
  const order = () => asked.map(([name]) => name).join('');
  return { all, asked, order };
}

const noisy = (_: string, n: number): number => 100 + 50 * (n % 2) + n;

describe('a comparison', () => {
  it('warms everybody up, and then goes round from another one each time, every second time backwards', async () => {
    const { all, asked, order } = contestants('abcd', (name, n) => noisy(name, n) + name.charCodeAt(0) * (n % 3));
    await compare(all, 50, { ...PLAN, roundsMax: 4 });
    assert.equal(order(), ['abcd', 'abcd', 'badc', 'cdab', 'dcba'].join(''));
    assert.deepEqual(asked[0]![1], { inFlight: 50, sliceMs: 9, leadMs: 0 });
    assert.deepEqual(asked[4]![1], { inFlight: 50, sliceMs: 7, leadMs: 1 });
    const seasoned = contestants('a', noisy, true);
    await compare(seasoned.all, 1, PLAN);
    assert.equal(seasoned.asked[0]![1].sliceMs, 5);
  });

  it('ends once five rounds agree on every ratio, however the rates go up and down together', async () => {
    const { all } = contestants('ab', (name, n) => noisy(name, n) * (name === 'a' ? 1 : 3));
    const [first] = await compare(all, 1, PLAN);
    assert.equal(first!.slices.length, 5);
    const { all: differing } = contestants('ab', (name, n) => 100 + (name === 'a' ? 10 * (n % 2) : 0));
    const outcomes = await compare(differing, 1, PLAN);
    assert.deepEqual(
      outcomes.map(({ slices }) => slices.length),
      [6, 6],
    );
  });

  it('begins no round that would end after its time, but for the first few', async () => {
    const { all } = contestants('ab', (name, n) => noisy(name, n) + name.charCodeAt(0) * (n % 3));
    const [first] = await compare(all, 1, { ...PLAN, budgetMs: -1 });
    assert.equal(first!.slices.length, PLAN.roundsMin);
  });

  it('goes on without one who fails, tells why, and keeps what was measured before', async () => {
    const { all, order } = contestants('ab', (name, n) => {
      if (name === 'b' && n === 2) throw new Error('b has had enough');
      return noisy(name, n) + (name === 'a' ? 0 : 7 * (n % 3));
    });
    const [a, b] = await compare(all, 1, { ...PLAN, roundsMax: 3 });
    assert.deepEqual([a!.slices.length, a!.failure], [3, undefined]);
    assert.deepEqual([b!.slices.length, b!.failure], [1, 'b has had enough']);
    assert.equal(order(), 'ababbaa');
  });
});
