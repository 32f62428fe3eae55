/**
 * Any endpoints, any outcomes in any order, any operator: the invariants of endpoint-set.ts hold after every step. The
 * walk keeps its own record of what is in and out, from the facts alone.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { endpointSet } from '../../src/balance/endpoint-set.ts';
import { BALANCE_DEFAULTS } from '../../src/balance/options.ts';
import { httpJudge } from '../../src/clients/endpoint-judge.ts';
import type { NetError } from '../../src/core/error.ts';
import { originOf } from '../../src/core/origin.ts';
import type { Reply } from '../../src/core/reply.ts';
import { FakeClock } from '../../src/testing/fake-clock.ts';
import { aCall, aReply, failure } from '../../src/testing/scripted-engine.ts';
import { ScriptedBody } from '../core/a-body.ts';
import { seeded } from './seeded.ts';

type Outcome = 200 | 404 | 429 | 503 | 'paused' | 'CONNECT' | 'ABORTED' | 'body';

type Step =
  | {
      readonly do: 'call';
      readonly count: number;
      readonly once: boolean;
      readonly again: boolean;
      readonly key: number;
    }
  | { readonly do: 'end'; readonly which: number; readonly outcome: Outcome }
  | { readonly do: 'finish' }
  | { readonly do: 'wait'; readonly ms: number }
  | { readonly do: 'cordon'; readonly which: number; readonly on: boolean };

const outcome = fc.constantFrom<Outcome[]>(
  200,
  200,
  404,
  429,
  503,
  503,
  'paused',
  'CONNECT',
  'CONNECT',
  'ABORTED',
  'body',
);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('call' as const),
      count: fc.integer({ min: 1, max: 8 }),
      once: fc.boolean(),
      again: fc.boolean(),
      key: fc.integer({ min: 0, max: 20 }),
    }),
  },
  { weight: 8, arbitrary: fc.record({ do: fc.constant('end' as const), which: fc.nat(50), outcome }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('finish' as const) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('wait' as const),
      ms: fc.constantFrom(1, 500, 3_000, 6_000, 40_000, 400_000),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('cordon' as const), which: fc.nat(5), on: fc.boolean() }),
  },
);

const world = fc.record({
  priorities: fc.array(fc.integer({ min: 0, max: 1 }), { minLength: 1, maxLength: 5 }),
  picker: fc.constantFrom('p2c' as const, 'round-robin' as const, 'random' as const),
  sticky: fc.boolean(),
  /** One endpoint that is likelier to fail: the walk ejects more. */
  consecutiveMax: fc.integer({ min: 1, max: 5 }),
  seed: fc.integer(),
  steps: fc.array(step, { maxLength: 120 }),
});

interface Flight {
  readonly name: string;
  resolve(reply: Reply): void;
  reject(error: NetError): void;
}

interface Mirror {
  readonly name: string;
  readonly priority: number;
  out: boolean;
  cordoned: boolean;
  inFlight: number;
  probes: number;
}

async function walk({
  priorities,
  picker,
  sticky,
  consecutiveMax,
  seed,
  steps,
}: typeof world extends fc.Arbitrary<infer W> ? W : never) {
  const clock = new FakeClock();
  const mirrors = new Map<string, Mirror>();
  for (const [i, priority] of priorities.entries()) {
    const name = 'abcde'[i]!;
    mirrors.set(name, { name, priority, out: false, cordoned: false, inFlight: 0, probes: 0 });
  }
  const all = [...mirrors.values()];
  const available = () => all.filter(({ out, cordoned }) => !out && !cordoned);
  let takenLast = false;
  const set = endpointSet(
    all.map(({ name, priority }) => ({ name, priority, origin: originOf(new URL(`https://${name}.test`)) })),
    { ...BALANCE_DEFAULTS, picker, consecutiveMax },
    {
      clock,
      random: seeded(seed),
      judge: httpJudge(clock),
      observer: {
        endpointEjected: ({ endpoint, reason }) => {
          const mirror = mirrors.get(endpoint)!;
          assert.equal(mirror.out, reason === 'probe', 'only a probe ejects one that is out');
          const one = available().length === 1 && !mirror.cordoned && !mirror.out;
          takenLast ||= one;
          mirror.out = true;
        },
        endpointReadmitted: ({ endpoint }) => (mirrors.get(endpoint)!.out = false),
        endpointCordoned: ({ endpoint, cordoned }) => (mirrors.get(endpoint)!.cordoned = cordoned),
      },
      ...(sticky ? { stickyKey: ({ section }) => section } : {}),
    },
  );
  const flights: Flight[] = [];
  const bodies: { readonly name: string; readonly reply: Reply }[] = [];
  const send = set((call) => {
    const { promise, resolve, reject } = Promise.withResolvers<Reply>();
    flights.push({ name: call.origin.hostname[0]!, resolve, reject });
    return promise;
  });
  const states = () => new Map(set.snapshot().endpoints.map((each) => [each.name, each]));

  const call = (once: boolean, again: boolean, key: number) => {
    const before = states();
    const tried = again ? ['a'] : [];
    const { panic } = set.snapshot();
    const open = available().filter(({ name }) => before.get(name)!.pausedUntilMs === undefined);
    send(aCall({ traits: { idempotent: !once }, tried, section: `key-${key}` })).catch(() => undefined);
    const name = flights.at(-1)!.name;
    const mirror = mirrors.get(name)!;
    mirror.inFlight++;
    assert.equal(tried.at(-1), name, '(4) where it went is noted');
    // A probe that never ends is not waited for: when its time is over as well, the next call is one.
    const { ejectedUntilMs = Number.POSITIVE_INFINITY } = before.get(name)!;
    const probing = states().get(name)!.state === 'probing' && ejectedUntilMs <= clock.wall();
    if (available().length > 0 && !panic) {
      assert.ok(!mirror.out || probing, '(2) one that is out gets probes only');
      assert.ok(!mirror.cordoned, 'one that is cordoned gets nothing');
      if (probing) {
        assert.ok(!again, '(3) no second attempt is a probe');
        if (once) assert.ok(ejectedUntilMs + 10_000 <= clock.wall(), '(3)');
      } else if (!again && open.length > 0) {
        const best = Math.min(...open.map(({ priority }) => priority));
        assert.equal(mirror.priority, best, 'the first priority of which one takes calls');
        assert.ok(open.includes(mirror), 'nobody who asked to be left alone');
      }
    }
    if (all.some(({ cordoned }) => !cordoned)) assert.ok(!mirror.cordoned);
  };

  const end = async ({ name, resolve, reject }: Flight, how: Outcome) => {
    const mirror = mirrors.get(name)!;
    if (how === 'CONNECT' || how === 'ABORTED') reject(failure(how, 'unsent'));
    else if (how === 'body') {
      const reply = aReply({ body: new ScriptedBody() });
      bodies.push({ name, reply });
      resolve(reply);
    } else if (how === 'paused') resolve(aReply({ status: 429, headers: { 'retry-after': '3' } }));
    else resolve(aReply(how));
    if (how !== 'body') mirror.inFlight--;
    await Promise.resolve();
    await Promise.resolve();
    await Promise.resolve();
  };

  const verify = () => {
    assert.equal(takenLast, false, '(1) the last one stays');
    for (const [name, { state, inFlight, load, weight, ejectedUntilMs }] of states()) {
      const { out, cordoned, inFlight: expected } = mirrors.get(name)!;
      assert.equal(inFlight, expected, '(4)');
      assert.equal(state === 'cordoned', cordoned);
      assert.equal(ejectedUntilMs !== undefined, out, 'facts and state agree');
      assert.ok(load >= 0 && Number.isFinite(load) && weight > 0);
    }
  };

  for (const each of steps) {
    if (each.do === 'call') for (let i = 0; i < each.count; i++) call(each.once, each.again, each.key + i);
    else if (each.do === 'wait') clock.advance(each.ms);
    else if (each.do === 'cordon') {
      const name = all[each.which % all.length]!.name;
      if (each.on) set.cordon(name);
      else set.uncordon(name);
    } else if (each.do === 'finish') {
      for (const { name, reply } of bodies.splice(0)) {
        reply.finish();
        mirrors.get(name)!.inFlight--;
      }
    } else if (flights.length > 0) await end(flights.splice(each.which % flights.length, 1)[0]!, each.outcome);
    verify();
  }
  for (const flight of flights.splice(0)) await end(flight, 200);
  for (const { reply } of bodies) reply.finish();
  for (const { inFlight } of states().values()) assert.equal(inFlight, 0);
}

describe('a walk through calls, outcomes and operators', () => {
  it('keeps the invariants of endpoint-set.ts', async () => {
    await fc.assert(fc.asyncProperty(world, walk), { numRuns: 3_000 });
  });
});
