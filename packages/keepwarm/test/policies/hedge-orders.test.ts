/**
 * Every order in which two copies, the caller and the deadline can come: what the caller gets is what the rules say.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { NetError } from '../../src/core/error.ts';
import { Reply } from '../../src/core/reply.ts';
import { aCall, failure, later, scripted } from '../../src/testing/scripted-engine.ts';
import { ScriptedBody } from '../core/a-body.ts';
import { aHedge } from './a-hedge.ts';

type What = 'good' | 'bad' | 'failure';

interface World {
  readonly first: What;
  readonly firstMs: number;
  readonly second: What;
  readonly secondMs: number;
  readonly abortMs: number;
  readonly deadlineMs: number;
}

const KINDS: readonly What[] = ['good', 'bad', 'failure'];
const NEVER = Number.POSITIVE_INFINITY;

/**
 * When the copy is sent, after all others took 9.5 ms. No two of the instants below are the same, so that the order is
 * always told by them.
 */
const COPY_AT = 10;
const FIRST_MS = [0, 4, 31, 52, NEVER];
const SECOND_MS = [0, 3.5, 24, 60.7, NEVER];
const ABORT_MS = [2.2, 17.1, 33.3, 60, NEVER];
const DEADLINE_MS = [8.9, 15.2, 40.6, 100];

function* worlds(): Generator<World> {
  for (const first of KINDS)
    for (const firstMs of FIRST_MS)
      for (const second of KINDS)
        for (const secondMs of SECOND_MS)
          for (const abortMs of ABORT_MS)
            for (const deadlineMs of DEADLINE_MS) yield { first, firstMs, second, secondMs, abortMs, deadlineMs };
}

interface Expected {
  readonly outcome: string;
  readonly at: number;
  readonly hedged: boolean;
}

function expected({ first, firstMs, second, secondMs, abortMs, deadlineMs }: World): Expected {
  const limitAt = Math.min(abortMs, deadlineMs);
  const limit = abortMs < deadlineMs ? 'ABORTED' : 'DEADLINE';
  const ended = (what: What, name: string, at: number) =>
    at < limitAt ? { what, name: `${what} ${name}`, at } : { what: 'limit' as const, name: limit, at: limitAt };
  const one = ended(first, 'first', firstMs);
  if (one.at < COPY_AT) return { outcome: one.name, at: one.at, hedged: false };
  const two = ended(second, 'second', COPY_AT + secondMs);
  const [a, b] = one.at <= two.at ? [one, two] : [two, one];
  const decided = a.what === 'good' || a.what === 'limit';
  // Of two that are no good: the later one, but an answer rather than a failure.
  const outcome = decided ? a : a.what === 'bad' && b.what === 'failure' ? { ...a, at: b.at } : b;
  return { outcome: outcome.name, at: outcome.at, hedged: true };
}

function nameOf(ended: unknown): string {
  if (ended instanceof Reply) return String(ended.headers.get('name'));
  assert.ok(ended instanceof NetError, String(ended));
  return ended.code === 'RESET' ? `failure ${ended.systemCode}` : ended.code;
}

async function play(world: World): Promise<void> {
  const { policy, clock, learn, budget } = aHedge({ countMin: 1 });
  await learn(1, 9.5);
  const zero = clock.now();
  const replies: Reply[] = [];
  const bodies: ScriptedBody[] = [];
  const make = (what: What, name: string) => {
    if (what === 'failure') return failure('RESET', 'unknown', { systemCode: name });
    const body = new ScriptedBody();
    bodies.push(body);
    return { status: what === 'good' ? 200 : 503, headers: { name: `${what} ${name}` }, body };
  };
  const script = [
    later(world.firstMs, make(world.first, 'first')),
    later(world.secondMs, make(world.second, 'second')),
  ];
  const engine = scripted(script, clock);
  const send = policy(async (call) => {
    const reply = await engine(call);
    replies.push(reply);
    return reply;
  });
  const caller = new AbortController();
  if (world.abortMs !== NEVER) clock.after(world.abortMs, () => caller.abort());
  const outcome = send(aCall({ signal: caller.signal, deadlineAt: zero + world.deadlineMs })).catch(
    (thrown: unknown) => thrown,
  );
  let at = -1;
  outcome.then(() => (at = clock.now() - zero));
  await clock.run(200);
  const ended = await outcome;
  const wanted = expected(world);
  const what = JSON.stringify(world);
  assert.equal(nameOf(ended), wanted.outcome, what);
  assert.ok(Math.abs(at - wanted.at) < 1e-9, `${what} ended at ${at}`);
  assert.equal(engine.calls.length, wanted.hedged ? 2 : 1, `(1) ${what}`);
  assert.equal(budget.snapshot().withdrawals, wanted.hedged ? 1 : 0, `(1) ${what}`);
  for (const reply of replies) assert.equal(reply.used, reply !== ended, `(4) ${what}`);
  for (const { cancelled } of bodies) assert.deepEqual(cancelled, [], `(4) ${what}`);
  assert.deepEqual([policy.snapshot().armed, engine.inFlight()], [0, 0], `nothing is left: ${what}`);
  const wins = wanted.hedged && wanted.outcome === 'good second' ? 1 : 0;
  assert.equal(policy.snapshot().won, wins, what);
}

describe('two copies, their caller and the deadline', () => {
  it('come in any order, and the caller gets what the rules say when they say it', async () => {
    let count = 0;
    for (const world of worlds()) {
      await play(world);
      count++;
    }
    assert.equal(count, 4_500);
  });

  it('tell how far either got when both fail', async () => {
    for (const [first, second, reach] of [
      ['unsent', 'unknown', 'unknown'],
      ['answered', 'unsent', 'answered'],
      ['unsent', 'unsent', 'unsent'],
    ] as const) {
      const { policy, clock, learn } = aHedge();
      await learn(100, 9.5);
      const script = [later(30, failure('RESET', first)), later(30, failure('CONNECT', second))];
      const outcome = policy(scripted(script, clock))(aCall()).catch((error: NetError) => [error.code, error.reach]);
      await clock.run(100);
      assert.deepEqual(await outcome, ['CONNECT', reach]);
    }
  });
});
