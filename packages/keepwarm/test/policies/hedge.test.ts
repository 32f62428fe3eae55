import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { NetError } from '../../src/core/error.ts';
import type { Reply } from '../../src/core/reply.ts';
import { aCall, failure, later, never, scripted } from '../../src/testing/scripted-engine.ts';
import { ScriptedBody } from '../core/a-body.ts';
import { SeededRandom } from '../wire/differential/random.ts';
import { aHedge } from './a-hedge.ts';

describe('hedge: when a copy is sent', () => {
  it('sends one when a call is slower than the others were, and takes the first good answer', async () => {
    const { policy, clock, learn, hedged, won } = aHedge();
    await learn(100, 9.5);
    const engine = scripted([later(500, 200), later(10, 201)], clock);
    const reply = policy(engine)(aCall({ startedAt: clock.now() }));
    await clock.run(20);
    assert.equal((await reply).status, 201);
    assert.deepEqual(
      engine.calls.map(({ attempt }) => attempt),
      [1, 2],
    );
    assert.deepEqual(engine.instants, [9.5, 19.5]);
    assert.deepEqual(
      hedged.map(({ attempt, delayMs }) => [attempt, delayMs]),
      [[2, 10]],
    );
    assert.deepEqual(
      won.map(({ attempt, totalMs }) => [attempt, totalMs]),
      [[2, 20]],
    );
    const { hedged: copies, won: wins, denied, armed } = policy.snapshot();
    assert.deepEqual([copies, wins, denied, armed], [1, 1, 0, 0]);
  });

  it('sends none for a call that is no slower than the others', async () => {
    const { policy, clock, learn } = aHedge();
    await learn(100, 9.5);
    const engine = scripted([later(9, 200)], clock);
    const reply = policy(engine)(aCall());
    await clock.run(1_000);
    assert.equal((await reply).status, 200);
    assert.equal(policy.snapshot().hedged, 0);
  });

  it('sends none for a call that is not asked to have one', async () => {
    const { policy, clock, learn } = aHedge({ only: ({ method }) => method === 'GET' });
    await learn(100, 9.5);
    const reply = policy(scripted([later(1_000, 200)], clock))(aCall({ method: 'PUT' }));
    await clock.run(1_000);
    assert.deepEqual([(await reply).status, policy.snapshot().hedged], [200, 0]);
  });

  it('gives the copy what is left of the attempt it belongs to', async () => {
    const { policy, clock, learn, hedged } = aHedge();
    await learn(100, 9.5);
    const engine = scripted([never, later(5, 200)], clock);
    const reply = policy(engine)(aCall({ attemptMs: 50 }));
    await clock.run(1_000);
    assert.equal((await reply).status, 200);
    assert.deepEqual(
      engine.calls.map(({ attemptMs }) => attemptMs),
      [50, 50 - hedged[0]!.delayMs],
    );
  });

  it('sends none before it knows enough', async () => {
    const { policy, clock, learn } = aHedge();
    await learn(99, 9.5);
    const reply = policy(scripted([later(5_000, 200)], clock))(aCall());
    assert.deepEqual([policy.snapshot().delayMs, policy.snapshot().armed], [undefined, 0]);
    await clock.run(5_000);
    assert.equal((await reply).status, 200);
  });

  it('sends none when it has known nothing new for half a minute', async () => {
    const { policy, clock, learn } = aHedge();
    await learn(100, 9.5);
    await clock.run(30_000);
    assert.equal(policy.snapshot().delayMs, undefined);
  });

  it('sends none for what must not be done twice, or cannot be sent twice', async () => {
    const { policy, clock, learn } = aHedge();
    await learn(100, 9.5);
    const { count } = policy.snapshot();
    const once = { bytes: 1, repeatable: false, open: () => assert.fail('nobody reads it here') };
    for (const about of [
      { method: 'POST', traits: { idempotent: false } },
      { method: 'PUT', body: once },
    ]) {
      const engine = scripted([later(1_000, 200)], clock);
      const reply = policy(engine)(aCall(about));
      await clock.run(1_000);
      assert.equal((await reply).status, 200);
    }
    assert.deepEqual([policy.snapshot().hedged, policy.snapshot().count], [0, count], 'nor is it measured by them');
  });

  it('sends none while nearly everything is slow', async () => {
    const { policy, learn } = aHedge();
    await learn(100, 2_100);
    assert.equal(policy.snapshot().delayMs, undefined);
  });

  it('waits delayMsMin at least', async () => {
    const { policy, clock, learn } = aHedge({ delayMsMin: 40 });
    await learn(100, 1);
    const engine = scripted([never, 200], clock);
    const reply = policy(engine)(aCall());
    await clock.run(50);
    assert.equal((await reply).status, 200);
    assert.deepEqual(engine.instants, [1, 41]);
  });

  it('sends none for a caller who has gone, nor after the deadline', async () => {
    const { policy, clock, learn } = aHedge();
    await learn(100, 9.5);
    const caller = new AbortController();
    const engine = scripted([never, never], clock);
    const outcomes = [
      policy(engine)(aCall({ signal: caller.signal })),
      policy(engine)(aCall({ deadlineAt: clock.now() + 5 })),
    ].map((promise) => promise.catch(({ code }: NetError) => code));
    caller.abort();
    clock.advance(100); // a stall: the copies are due before anybody has heard how the calls ended
    assert.deepEqual(await Promise.all(outcomes), ['ABORTED', 'DEADLINE']);
    assert.equal(engine.calls.length, 2);
    clock.advance(1_000);
    assert.equal(clock.sleeping, 0, 'and no timer is left behind');
  });

  it('sends none after it was closed, and calls under way get their answers', async () => {
    const { policy, clock, learn } = aHedge();
    await learn(100, 9.5);
    const engine = scripted([later(100, 200), later(100, 201)], clock);
    const [one, other] = [policy(engine)(aCall()), () => policy(engine)(aCall())];
    policy.close();
    policy.close();
    const replies = [one, other()];
    await clock.run(200);
    assert.deepEqual(
      (await Promise.all(replies)).map(({ status }) => status),
      [200, 201],
    );
    assert.equal(clock.sleeping, 0);
  });

  it('needs one timer, however many calls wait', async () => {
    const { policy, clock, learn } = aHedge();
    await learn(100, 50);
    const send = policy(scripted(() => 200));
    const slow = policy(scripted(() => never, clock));
    for (let i = 0; i < 1_000; i++) slow(aCall()).catch(() => undefined);
    await send(aCall());
    assert.deepEqual([clock.sleeping, policy.snapshot().armed], [1, 1_000]);
  });
});

describe('hedge: what it costs', () => {
  it('keeps to its share when everything becomes slow at once', async () => {
    const { policy, clock, learn } = aHedge({ perSecond: 0 }, { perSecond: 1_000 });
    await learn(1_000, 9.5);
    const engine = scripted(() => later(300, 200), clock);
    const send = policy(engine);
    const replies: Promise<Reply>[] = [];
    for (let i = 0; i < 1_000; i++) {
      replies.push(send(aCall()));
      await clock.run(1);
    }
    await clock.run(1_000);
    await Promise.all(replies);
    const { hedged, denied } = policy.snapshot();
    assert.ok(hedged <= 0.05 * 2_000 && denied > 0, `${hedged} copies`);
  });

  it('lets neither budget pay for what the other refuses', async () => {
    const poorShare = aHedge({ share: 0, perSecond: 0 });
    await poorShare.learn(100, 9.5);
    const poorBudget = aHedge({ share: 0.01, perSecond: 0 }, { share: 0, perSecond: 0 });
    await poorBudget.learn(100, 9.5);
    for (const { policy, clock, budget } of [poorShare, poorBudget]) {
      const reply = policy(scripted([later(100, 200)], clock))(aCall());
      await clock.run(100);
      assert.equal((await reply).status, 200);
      assert.deepEqual([policy.snapshot().denied, budget.snapshot().withdrawals], [1, 0]);
    }
    // What the shared budget refused is still there when it has recovered.
    for (let i = 0; i < 5; i++) poorBudget.budget.withdraw = () => true;
    const reply = poorBudget.policy(scripted([never, 200], poorBudget.clock))(aCall());
    await poorBudget.clock.run(100);
    assert.equal((await reply).status, 200);
  });

  it('cuts the tail of a peer that is slow now and then, for five per cent of extra calls', async () => {
    const { policy, clock, learn, budget } = aHedge();
    await learn(1_000, 9.5);
    const random = new SeededRandom(11);
    const engine = scripted(() => later(random.below(100) < 3 ? 800 : 5 + random.below(5_000) / 1_000, 200), clock);
    const send = policy(engine);
    const times: number[] = [];
    const replies: Promise<unknown>[] = [];
    for (let i = 0; i < 5_000; i++) {
      const at = clock.now();
      budget.deposit(); // as retry does
      replies.push(send(aCall()).then(() => times.push(clock.now() - at)));
      await clock.run(2);
    }
    await clock.run(2_000);
    await Promise.all(replies);
    times.sort((a, b) => a - b);
    assert.ok(times[4_950]! < 25, `the 99th percentile is ${times[4_950]} ms, and would be 800`);
    assert.ok(engine.calls.length <= 5_000 * 1.05, `${engine.calls.length} calls sent`);
  });
});

describe('hedge: what it measures', () => {
  const countAfter = async (line: Parameters<typeof scripted>[0], about = {}) => {
    const { policy, clock, learn } = aHedge({ countMin: 1_000 });
    await learn(1, 9.5);
    policy(scripted(line, clock))(aCall({ deadlineAt: clock.now() + 50, ...about })).catch(() => undefined);
    await clock.run(100);
    return policy.snapshot().count - 1;
  };

  it('counts good answers, and what took too long', async () => {
    assert.equal(await countAfter([later(5, 200)]), 1);
    assert.equal(await countAfter([later(5, 404)]), 1, 'no is an answer');
    assert.equal(await countAfter([later(5, failure('TIMEOUT', 'unknown'))]), 1);
    assert.equal(await countAfter([never]), 1, 'the deadline');
  });

  it('does not count what failed fast, as everything else would look slow', async () => {
    assert.equal(await countAfter([503]), 0);
    assert.equal(await countAfter([failure('CONNECT', 'unsent')]), 0);
    assert.equal(await countAfter([never], { signal: AbortSignal.abort() }), 0);
  });

  it('counts what lost as well, when it comes', async () => {
    const { policy, clock, learn } = aHedge();
    await learn(100, 9.5);
    const reply = policy(scripted([later(500, 200), later(5, 200)], clock))(aCall());
    await clock.run(100);
    await reply;
    assert.equal(policy.snapshot().count, 101);
    await clock.run(500);
    assert.equal(policy.snapshot().count, 102);
  });

  it('reads what lost to its end, so that its connection can be used again', async () => {
    const { policy, clock, learn } = aHedge();
    await learn(100, 9.5);
    const [slow, fast] = [new ScriptedBody(), new ScriptedBody()];
    const reply = policy(scripted([later(500, { body: slow }), later(5, { body: fast })], clock))(aCall());
    await clock.run(1_000);
    assert.equal((await reply).used, false);
    assert.deepEqual([slow.starts, slow.cancelled.length, fast.starts], [1, 0, 0]);
  });
});
