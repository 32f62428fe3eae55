/** Any script, any caller, any options: what retry does is what its rules say, told here once more as a plain loop. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { BodyProducer, Call } from '../../src/core/call.ts';
import { NetError, type Reach } from '../../src/core/error.ts';
import type { RetryDenial } from '../../src/core/observer.ts';
import { Reply } from '../../src/core/reply.ts';
import { aCall, aReply, failure, later, scripted } from '../../src/testing/scripted-engine.ts';
import { ScriptedBody } from '../core/a-body.ts';
import { aRetry } from './a-retry.ts';

interface Outcome {
  readonly kind: 'status' | 'CONNECT' | 'RESET' | 'TIMEOUT' | 'PROTOCOL';
  readonly reach: Reach;
  readonly status: number;
  readonly retryAfter: number | undefined;
  readonly takesMs: number;
  /** Whether another endpoint takes the next attempt. */
  readonly elsewhere: boolean;
}

interface World {
  readonly script: readonly Outcome[];
  readonly idempotent: boolean;
  readonly body: 'none' | 'text' | 'once';
  readonly deadlineMs: number;
  readonly abortMs: number;
  readonly attemptsMax: number;
  readonly attemptMs: number;
  readonly budget: number;
}

const worlds: fc.Arbitrary<World> = fc.record({
  script: fc.array(
    fc.record({
      kind: fc.constantFrom('status', 'status', 'CONNECT', 'RESET', 'TIMEOUT', 'PROTOCOL'),
      reach: fc.constantFrom<Reach>('unsent', 'unknown', 'answered'),
      status: fc.constantFrom(200, 404, 429, 503),
      retryAfter: fc.constantFrom(undefined, undefined, 0, 1, 300),
      takesMs: fc.constantFrom(0, 1, 30, 200),
      elsewhere: fc.constantFrom(true, false, false),
    }),
    { minLength: 6, maxLength: 6 },
  ),
  idempotent: fc.boolean(),
  body: fc.constantFrom('none', 'text', 'once'),
  deadlineMs: fc.constantFrom(10, 100, 5_000, Number.POSITIVE_INFINITY),
  // At no instant at which anything else happens: which of two comes first is not what this is about.
  abortMs: fc.constantFrom(0, 0.3, 5.3, 40.3, 900.3, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY),
  attemptsMax: fc.integer({ min: 1, max: 6 }),
  attemptMs: fc.constantFrom(20, 150, Number.POSITIVE_INFINITY),
  budget: fc.integer({ min: 0, max: 5 }),
});

/** What should come of it, and when each attempt begins. */
interface Expected {
  readonly instants: number[];
  readonly outcome: string;
  readonly endsAt: number;
  readonly denied: RetryDenial | undefined;
  readonly withdrawals: number;
}

/** The rules, as a loop. Every wait is half of the longest. */
function expected(world: World): Expected {
  const { script, idempotent, body, deadlineMs, abortMs, attemptsMax, attemptMs } = world;
  const instants: number[] = [];
  let now = 0;
  let withdrawals = 0;
  let waits = 0;
  const ends = (outcome: string, denied?: RetryDenial) => ({ instants, outcome, endsAt: now, denied, withdrawals });
  for (let tries = 1; ; tries++) {
    instants.push(now);
    const { kind, reach: said, status, retryAfter, takesMs, elsewhere } = script[tries - 1]!;
    // Cut short is only what may be made again.
    const limitAt = idempotent && body !== 'once' ? Math.min(deadlineMs, now + attemptMs) : deadlineMs;
    const endsAt = takesMs === 0 ? now : Math.min(now + takesMs, limitAt);
    if (abortMs < endsAt || (tries === 1 && abortMs === 0)) {
      now = Math.max(now, abortMs);
      return ends('ABORTED');
    }
    now = endsAt;
    const late = takesMs > 0 && endsAt === limitAt;
    if (late && now >= deadlineMs) return ends('DEADLINE');
    const name = late ? 'TIMEOUT' : kind === 'status' ? String(status) : kind;
    if (name === '200' || name === '404' || name === 'PROTOCOL') return ends(name);
    const reach = late ? 'unknown' : kind === 'status' ? 'answered' : said;
    const answered = name === '429' || name === '503';
    const asked = answered && retryAfter !== undefined ? Math.min(retryAfter * 1_000, 60_000) : undefined;
    const base = name === '429' && asked === undefined ? 1_000 : 25;
    const waitMs = elsewhere ? 0 : (asked ?? 0) + 0.5 * Math.min(20_000, base * 2 ** waits);
    if (reach !== 'unsent' && !(idempotent && body !== 'once')) return ends(name, 'unsafe');
    if (tries >= attemptsMax) return ends(name, 'attempts');
    if (now + waitMs >= deadlineMs) return ends(name, 'deadline');
    if (withdrawals >= world.budget) return ends(name, 'budget');
    withdrawals++;
    if (abortMs < now + waitMs) {
      now = Math.max(now, abortMs);
      return ends('ABORTED');
    }
    now += waitMs;
    if (!elsewhere) waits++;
  }
}

const ONCE: BodyProducer = { bytes: 1, repeatable: false, open: () => assert.fail('nobody reads it here') };

function callOf({ idempotent, body, deadlineMs }: World, signal: AbortSignal): Call {
  const bodies = { none: undefined, text: 'text', once: ONCE } as const;
  return aCall({ traits: { idempotent }, body: bodies[body], deadlineAt: deadlineMs, signal });
}

async function walk(world: World): Promise<void> {
  const { attemptsMax, attemptMs, budget: perSecond } = world;
  const { policy, clock, budget, denied, retried } = aRetry(
    { attemptsMax, attemptMs },
    { share: 0, perSecond: 0 },
    () => (world.script[engine.calls.length - 1]?.elsewhere === true ? 1 : 0),
  );
  // A budget of so many, which does not recover within the walk.
  let left = perSecond;
  budget.withdraw = () => left > 0 && left-- > 0;
  const bodies: ScriptedBody[] = [];
  const replies: Reply[] = [];
  const engine = scripted((_, index) => {
    const { kind, reach, status, retryAfter, takesMs } = world.script[index]!;
    if (kind !== 'status') return later(takesMs, failure(kind, reach));
    bodies.push(new ScriptedBody());
    const headers: Record<string, string> = retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) };
    const reply = aReply({ status, headers, body: bodies.at(-1) });
    replies.push(reply);
    return later(takesMs, reply);
  }, clock);
  const caller = new AbortController();
  if (world.abortMs === 0) caller.abort('gone');
  else if (world.abortMs !== Number.POSITIVE_INFINITY) clock.after(world.abortMs, () => caller.abort('gone'));
  let endsAt = -1;
  const outcome = policy(engine)(callOf(world, caller.signal)).then(
    (reply) => reply,
    (thrown: unknown) => thrown,
  );
  outcome.then(() => (endsAt = clock.now()));
  await clock.run(5_000_000);
  const ended = await outcome;
  assert.ok(ended instanceof Reply || ended instanceof NetError, String(ended));
  const wanted = expected(world);
  assert.equal(ended instanceof Reply ? String(ended.status) : ended.code, wanted.outcome);
  assert.deepEqual(engine.instants, wanted.instants);
  assert.equal(endsAt, wanted.endsAt, 'it ends in that instant');
  assert.equal(perSecond - left, wanted.withdrawals, '(2) the budget paid for every repeat and nothing else');
  assert.deepEqual(
    denied.map(({ reason }) => reason),
    wanted.denied === undefined ? [] : [wanted.denied],
  );
  assert.equal(retried.length, wanted.withdrawals);
  const { waiting, retried: repeats } = policy.snapshot();
  assert.deepEqual([waiting, repeats], [0, wanted.instants.length - 1]);
  assert.deepEqual(
    engine.calls.map(({ attempt }) => attempt),
    engine.calls.map((_, i) => i + 1),
  );
  // (4): what was answered and is not the outcome was read to its end, the outcome was not touched.
  const answered = replies.filter((reply, i) => reply === ended || bodies[i]!.starts > 0);
  for (const reply of answered) assert.equal(reply.used, reply !== ended);
  for (const { cancelled } of bodies) assert.deepEqual(cancelled, [], 'no connection is given up');
}

describe('a walk through scripts, callers and options', () => {
  it('does what the rules say, at the instants they say', async () => {
    await fc.assert(fc.asyncProperty(worlds, walk), { numRuns: 5_000 });
  });
});
