/**
 * Any endpoints, any heights, any manners of answering, any callers: the invariants of freshness.ts hold after every
 * step, and one endpoint that lies never makes all the honest ones lag.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { FreshnessNeed } from '../../src/clients/jsonrpc/adapter.ts';
import { aPool, type Manner } from './a-pool.ts';

const NAMES = ['a', 'b', 'c', 'd'] as const;
const HEAD: FreshnessNeed = { head: true, height: undefined };
const LAG_MAX = 5;
const TIMEOUT_MS = 400;

type Step =
  | { readonly do: 'wait'; readonly ms: number }
  | { readonly do: 'grow'; readonly which: number; readonly by: number }
  | { readonly do: 'manner'; readonly which: number; readonly manner: Manner }
  | { readonly do: 'seen'; readonly which: number; readonly height: number }
  | { readonly do: 'reach'; readonly height: number; readonly leaves: boolean }
  | { readonly do: 'call' };

const which = fc.nat(3);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.constantFrom(1, 300, 1_000, 5_000) }) },
  { weight: 4, arbitrary: fc.constant({ do: 'call' as const }) },
  {
    weight: 5,
    arbitrary: fc.record({ do: fc.constant('grow' as const), which, by: fc.constantFrom(1, 1, 3, 20, 1e6, -30) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('manner' as const),
      which,
      manner: fc.constantFrom<Manner[]>(0, 0, 100, 390, 600, 'silent', 'refuses', 'throws', { says: null }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('seen' as const), which, height: fc.integer({ min: 900, max: 1_200 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('reach' as const),
      height: fc.integer({ min: 900, max: 1_200 }),
      leaves: fc.boolean(),
    }),
  },
);

const world = fc.record({
  size: fc.integer({ min: 1, max: 4 }),
  idleMs: fc.constantFrom(0, 3_000, 30_000),
  steps: fc.array(step, { maxLength: 80 }),
});

async function walk({ size, idleMs, steps }: typeof world extends fc.Arbitrary<infer W> ? W : never): Promise<void> {
  const names = NAMES.slice(0, size);
  const start = Object.fromEntries(names.map((name) => [name, 1_000])) as Record<string, number>;
  const pool = aPool(start, { idleMs, timeoutMs: TIMEOUT_MS, lagMax: LAG_MAX });
  const { freshness, clock, heights, does, signals, asked, facts } = pool;
  const states = new Map<string, boolean>();
  let heard = 0;
  let waiting = 0;

  const verify = (after: string): void => {
    const open = signals.filter(({ aborted }) => !aborted).length;
    assert.ok(open <= size, `(1) ${open} probes under way after ${after}`);
    for (const [i, { at }] of asked.entries()) {
      assert.ok(signals[i]!.aborted || clock.now() - at <= TIMEOUT_MS, `(1) a probe grows old after ${after}`);
    }
    const { head, endpoints } = freshness.snapshot();
    if (head !== undefined) {
      assert.ok(
        endpoints.some(({ name }) => freshness.eligible(name, HEAD)),
        `(3) after ${after}`,
      );
    }
    for (; heard < facts.length; heard++) {
      const { fact, endpoint } = facts[heard]!;
      // From behind to implausible and back is a fact as well: what is wrong has changed.
      if (fact === 'caughtUp') assert.equal(states.get(endpoint), true, `(4) ${endpoint} caught up after ${after}`);
      states.set(endpoint, fact === 'lagging');
    }
    for (const { name, lag, state } of endpoints) {
      assert.equal(!freshness.eligible(name, HEAD), states.get(name) ?? false, `(4) ${name} after ${after}`);
      if (state === 'lagging') assert.ok(lag > LAG_MAX / 2, `${name} lags by ${lag} after ${after}`);
    }
  };

  for (const [i, each] of steps.entries()) {
    const name = names[('which' in each ? each.which : 0) % size]!;
    if (each.do === 'wait') await clock.run(each.ms);
    else if (each.do === 'call') freshness.called();
    else if (each.do === 'grow') heights[name] = Math.max(0, heights[name]! + each.by);
    else if (each.do === 'manner') does[name] = each.manner;
    else if (each.do === 'seen') freshness.seen(name, each.height);
    else {
      const caller = new AbortController();
      waiting++;
      freshness.reach(each.height, { signal: caller.signal }).then(
        () => waiting--,
        () => waiting--,
      );
      if (each.leaves) caller.abort();
    }
    await clock.settle();
    verify(`step ${i + 1}, ${JSON.stringify(each)}`);
  }
  freshness.close();
  await clock.settle();
  assert.equal(waiting, 0, '(5) everybody who waited was told');
  assert.ok(signals.every(({ aborted }) => aborted));
  const { length } = asked;
  await clock.run(20_000);
  assert.equal(clock.sleeping, 0, '(2) no timer is left');
  assert.equal(asked.length, length, '(1) nothing is sent after close');
}

describe('freshness, walked at random', () => {
  it('keeps its invariants', async () => {
    await fc.assert(fc.asyncProperty(world, walk), { numRuns: 300 });
  });

  it('goes to sleep when nobody calls, whatever it knows', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom<Manner[]>(0, 100, 'silent', 'refuses'), { maxLength: 4 }),
        async (does) => {
          const pool = aPool({ a: 1, b: 1, c: 1 }, { idleMs: 2_000 });
          for (const [i, manner] of does.entries()) pool.does[NAMES[i]!] = manner;
          pool.freshness.called();
          await pool.clock.run(10_000);
          assert.equal(pool.clock.sleeping, 0);
        },
      ),
    );
  });

  it('one liar among three, whatever it claims, never makes both of the others lag', async () => {
    const claims = fc.array(fc.oneof(fc.integer({ min: 50, max: 2_000_000_000 }), fc.integer({ min: -900, max: -1 })), {
      minLength: 1,
      maxLength: 40,
    });
    await fc.assert(
      fc.asyncProperty(claims, fc.boolean(), async (leaps, fromStart) => {
        const { freshness, clock, heights } = aPool({ a: 1_000, b: 1_000, liar: 1_000 });
        if (fromStart) heights.liar += leaps[0]!;
        await freshness.ready();
        for (const leap of leaps) {
          heights.a++;
          heights.b = heights.a - (leap % 2 === 0 ? 0 : 1);
          heights.liar = Math.max(0, heights.a + leap);
          freshness.called();
          await clock.run(1_000);
          const lag = ['a', 'b'].filter((name) => !freshness.eligible(name, HEAD));
          assert.deepEqual(lag, [], `with the liar at ${heights.liar} and the others at ${heights.a}`);
        }
      }),
      { numRuns: 200 },
    );
  });
});
