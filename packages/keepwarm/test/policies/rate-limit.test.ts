/** What a rate limit promises its callers, one promise each. The numbers are those at the head of rate-limiter.ts. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Call } from '../../src/core/call.ts';
import type { NetError } from '../../src/core/error.ts';
import type { Observer } from '../../src/core/observer.ts';
import type { Reply } from '../../src/core/reply.ts';
import { rateLimit } from '../../src/policies/rate-limit.ts';
import type { RateLimitOptions } from '../../src/policies/rate-options.ts';
import { FakeClock } from '../../src/testing/fake-clock.ts';
import { aCall, failure, type Line, later, never, scripted } from '../../src/testing/scripted-engine.ts';

function limited(
  options: RateLimitOptions,
  script: (call: Call, index: number) => Line = () => 200,
  observer: Observer = {},
) {
  const clock = new FakeClock();
  const engine = scripted(script, clock);
  const policy = rateLimit(options, { clock, observer });
  const send = policy(engine);
  return { clock, engine, policy, send, call: (about: Partial<Call> = {}) => send(aCall(about)) };
}

/** How a promise has ended by now; nothing while it has not. */
function watched(reply: Promise<Reply>) {
  const outcome: { error?: NetError; reply?: Reply } = {};
  reply.then(
    (value) => (outcome.reply = value),
    (error) => (outcome.error = error),
  );
  return outcome;
}

const twoPer100 = { limits: [{ limit: 2, windowMs: 100 }] };

describe('a rate limit', () => {
  it('starts what need not wait at once, in the same turn', () => {
    const { call, engine } = limited(twoPer100);
    call();
    call();
    assert.equal(engine.calls.length, 2);
    call();
    assert.equal(engine.calls.length, 2);
  });

  it('has the next call wait, and starts it exactly when a place is free', async () => {
    const { call, engine, clock } = limited(twoPer100);
    const replies = [call(), call(), call(), call(), call()];
    await clock.run(199);
    assert.deepEqual(engine.instants, [0, 0, 100, 100]);
    await clock.run(1);
    assert.deepEqual(engine.instants, [0, 0, 100, 100, 200]);
    await Promise.all(replies);
    assert.equal(clock.sleeping, 0, '(4) no timer is left');
  });

  it('counts a call until its answer and a window more: the peer may count it at any instant between', async () => {
    const { call, engine, clock } = limited(twoPer100, () => later(30, 200));
    for (let i = 0; i < 4; i++) call();
    await clock.run(1_000);
    assert.deepEqual(engine.instants, [0, 0, 130, 130]);
  });

  it('counts from the start alone when told to', async () => {
    const { call, engine, clock } = limited({ ...twoPer100, counts: 'start' }, () => later(30, 200));
    for (let i = 0; i < 4; i++) call();
    await clock.run(1_000);
    assert.deepEqual(engine.instants, [0, 0, 100, 100]);
  });

  it('adds a margin to each window when told to', async () => {
    const { call, engine, clock } = limited({ ...twoPer100, skewMs: 7 });
    for (let i = 0; i < 3; i++) call();
    await clock.run(1_000);
    assert.deepEqual(engine.instants, [0, 0, 107]);
  });

  it('gives the place of a call that was never sent to the next one at once', async () => {
    const { call, engine, clock } = limited(twoPer100, (_, i) => (i === 0 ? failure('CONNECT', 'unsent') : never));
    const replies = [call(), call(), call()].map(watched);
    await clock.settle();
    assert.deepEqual(engine.instants, [0, 0, 0]);
    assert.equal(replies[0]!.error?.code, 'CONNECT');
  });

  it('counts a call without an answer for as long as it may be under way', async () => {
    const { call, engine, clock } = limited({ ...twoPer100, lateMs: 40 }, () => later(5, failure('RESET', 'unknown')));
    for (let i = 0; i < 3; i++) watched(call());
    await clock.run(1_000);
    assert.deepEqual(engine.instants, [0, 0, 145]);
  });

  it('counts a call with a bad answer as one that was answered', async () => {
    const { call, engine, clock } = limited(twoPer100, () => later(5, failure('PROTOCOL', 'answered')));
    for (let i = 0; i < 3; i++) watched(call());
    await clock.run(1_000);
    assert.deepEqual(engine.instants, [0, 0, 105]);
  });

  it('takes an engine that throws for one that fails', async () => {
    const clock = new FakeClock();
    const send = rateLimit(twoPer100, { clock, observer: {} })(() => {
      throw failure('INVALID', 'unsent');
    });
    for (let i = 0; i < 5; i++) await assert.rejects(send(aCall()), { code: 'INVALID' });
  });

  it('lets waiters start in the order of their deadlines, those of one deadline as they came', async () => {
    const { call, engine, clock } = limited({ limits: [{ limit: 1, windowMs: 10 }] });
    const order = () => engine.calls.map(({ path }) => path).join('');
    for (const [path, deadlineAt] of [
      ['a', 900],
      ['b', 500],
      ['c', 900],
      ['d', 200],
      ['e', 500],
      ['f', Infinity],
    ] as const)
      call({ path, deadlineAt });
    await clock.run(1_000);
    assert.equal(order(), 'adbecf');
  });

  it('(2) does not let light calls overtake a heavy one', async () => {
    const weight = ({ path }: Call) => path.length;
    const { call, engine, clock } = limited({ limits: [{ limit: 4, windowMs: 100, weight }] });
    call({ path: 'aa' });
    await clock.run(50);
    call({ path: 'bbbb' });
    call({ path: 'c' });
    await clock.run(1_000);
    assert.deepEqual(engine.instants, [0, 100, 200]);
    assert.deepEqual(
      engine.calls.map(({ path }) => path),
      ['aa', 'bbbb', 'c'],
    );
  });

  it('lets a light call start at once that precedes the heavy one by its deadline', async () => {
    const weight = ({ path }: Call) => path.length;
    const { call, engine } = limited({ limits: [{ limit: 4, windowMs: 100, weight }] });
    call({ path: 'aa' });
    call({ path: 'bbb', deadlineAt: 5_000 });
    call({ path: 'c', deadlineAt: 4_000 });
    assert.deepEqual(
      engine.calls.map(({ path }) => path),
      ['aa', 'c'],
    );
  });

  it('(1) takes places in all limits or in none', async () => {
    const { call, engine, clock, policy } = limited({
      limits: [
        { limit: 5, windowMs: 100 },
        { limit: 6, windowMs: 1_000 },
      ],
    });
    for (let i = 0; i < 8; i++) call();
    await clock.run(100);
    assert.deepEqual(engine.instants, [0, 0, 0, 0, 0, 100]);
    assert.deepEqual(
      policy.snapshot().map(({ used }) => used),
      [1, 6],
      'who waits for one counts in neither',
    );
    await clock.run(1_000);
    assert.deepEqual(engine.instants.slice(6), [1_000, 1_000]);
  });

  it('keeps the limit of each key by itself: one that is used up holds nobody else up', async () => {
    const { call, engine, clock } = limited({
      limits: [
        { limit: 1, windowMs: 100, key: ({ path }) => path },
        { limit: 4, windowMs: 100 },
      ],
    });
    for (const path of ['a', 'a', 'a', 'b', 'c', 'd', 'e']) call({ path });
    assert.equal(engine.calls.map(({ path }) => path).join(''), 'abcd');
    await clock.run(100);
    assert.equal(engine.calls.map(({ path }) => path).join(''), 'abcdae');
    await clock.run(1_000);
    assert.equal(engine.calls.map(({ path }) => path).join(''), 'abcdaea');
  });

  it('(2) keeps the order among those who wait for different limits and are let go at one instant', async () => {
    const byKey = { limit: 1, windowMs: 100, key: ({ path }: Call) => path };
    const forAll = { limit: 1, windowMs: 100 };
    for (const limits of [
      [byKey, forAll],
      [forAll, byKey],
    ]) {
      for (const [first, second] of [
        ['/a', '/b'],
        ['/b', '/a'],
      ] as const) {
        const { call, engine, clock } = limited({ limits });
        call({ path: '/a' });
        call({ path: first, deadlineAt: 900 });
        call({ path: second, deadlineAt: 500 });
        await clock.run(1_000);
        assert.deepEqual(
          engine.calls.slice(1).map(({ path }) => path),
          [second, first],
        );
        assert.deepEqual(engine.instants, [0, 100, 200]);
      }
    }
  });

  it('(2) does not let a light call that waited elsewhere overtake a heavy one', async () => {
    const limits = [
      { limit: 1, windowMs: 100, key: ({ path }: Call) => path },
      { limit: 4, windowMs: 200, weight: ({ attempt }: Call) => attempt },
    ];
    const { call, engine, clock } = limited({ limits });
    call({ path: '/a', attempt: 2 });
    call({ path: '/b', attempt: 3, deadlineAt: 500 });
    call({ path: '/a', attempt: 1, deadlineAt: 900 });
    await clock.run(199);
    assert.equal(engine.calls.length, 1, 'there is room for the light one from 100 on');
    await clock.run(1);
    assert.deepEqual(
      engine.calls.map(({ path }) => path),
      ['/a', '/b', '/a'],
    );
  });

  it('never forgets a key that still holds starts, and refuses a new one instead', async () => {
    const { call, clock, policy } = limited({
      limits: [{ limit: 1, windowMs: 100, key: ({ path }) => path }],
      keysMax: 2,
    });
    call({ path: 'a' });
    await clock.run(60);
    call({ path: 'b' });
    const refused = watched(call({ path: 'c' }));
    await clock.settle();
    assert.equal(refused.error?.code, 'SATURATED');
    assert.equal(refused.error?.limit, 'rateLimit.keysMax');
    assert.equal(refused.error?.value, 2);
    await clock.run(40);
    const accepted = watched(call({ path: 'c' }));
    await clock.settle();
    assert.equal(accepted.reply?.status, 200, 'a is idle by now');
    assert.equal(policy.snapshot()[0]?.keys, 2);
  });

  it('weighs nothing where the weight is 0, and refuses what can never start', async () => {
    const weights = [2, 0, 3, 1.5, -1, Number.NaN];
    const { call, engine } = limited({
      limits: [{ limit: 2, windowMs: 100, weight: ({ attempt }) => weights[attempt]! }],
    });
    call({ attempt: 0 });
    call({ attempt: 1 });
    assert.equal(engine.calls.length, 2);
    for (const attempt of [2, 3, 4, 5]) {
      await assert.rejects(call({ attempt }), { code: 'INVALID', reach: 'unsent' });
    }
    await assert.rejects(call({ attempt: 2 }), /weighs 3 in the rate limit "2 per 100 ms" of 2: it can never start/);
  });
});

describe('a call that waits for its rate limit', () => {
  it('(3) is refused when too many wait, by name and number', async () => {
    const { call, clock } = limited({ ...twoPer100, waitersMax: 1 });
    clock.advance(1_000); // a wait is not an instant
    for (let i = 0; i < 3; i++) call();
    await assert.rejects(call(), (error: NetError) => {
      assert.equal(error.code, 'SATURATED');
      assert.equal(error.reach, 'unsent');
      assert.equal(error.phase, 'queue');
      assert.equal(error.limit, 'rateLimit.waitersMax');
      assert.equal(error.value, 1);
      assert.equal(error.retryAfterMs, 100, 'two are under way, one waits: the fourth fits beside it');
      return true;
    });
  });

  it('is refused at once when its deadline comes first, and told when it could have started', async () => {
    const { call, clock } = limited(twoPer100);
    for (let i = 0; i < 4; i++) call({ deadlineAt: 150 });
    await assert.rejects(call({ deadlineAt: 200 }), (error: NetError) => {
      assert.equal(error.code, 'DEADLINE');
      assert.match(error.message, /started in 200 ms at the earliest, and its deadline is in 200 ms/);
      assert.equal(error.retryAfterMs, 200);
      return true;
    });
    const inTime = watched(call({ deadlineAt: 201 }));
    await clock.run(200);
    assert.equal(inTime.reply?.status, 200);
  });

  it('is refused at once where it may not wait at all', async () => {
    const { call } = limited({ ...twoPer100, waitMs: 0 });
    const replies = [call(), call()];
    await assert.rejects(call(), { code: 'SATURATED', limit: 'rateLimit.waitMs' });
    assert.deepEqual(await Promise.all(replies.map(async (reply) => (await reply).status)), [200, 200]);
  });

  it('is refused at once when it would have to wait for too long', async () => {
    const { call, clock } = limited({ ...twoPer100, waitMs: 150 });
    clock.advance(1_000);
    for (let i = 0; i < 4; i++) call();
    await assert.rejects(call(), (error: NetError) => {
      assert.equal(error.code, 'SATURATED');
      assert.equal(error.limit, 'rateLimit.waitMs');
      assert.match(error.message, /in 200 ms at the earliest, and rateLimit.waitMs is 150/);
      assert.equal(error.retryAfterMs, 200);
      return true;
    });
    await clock.run(50);
    const inTime = watched(call());
    await clock.run(150);
    assert.equal(inTime.reply?.status, 200);
  });

  it('(3) waits no longer than it may when those before it take longer than they might have', async () => {
    const { call, clock } = limited({ ...twoPer100, waitMs: 150 }, () => later(70, 200));
    const replies = [call(), call(), call({ deadlineAt: 130 }), call()].map(watched);
    await clock.run(129);
    assert.equal(replies[2]!.error === undefined, true);
    await clock.run(1);
    assert.equal(replies[2]!.error?.code, 'DEADLINE');
    await clock.run(20);
    assert.equal(replies[3]!.error?.code, 'TIMEOUT');
    assert.equal(replies[3]!.error?.limit, 'rateLimit.waitMs');
    assert.equal(replies[3]!.error?.value, 150);
    assert.ok(replies[3]!.error!.retryAfterMs! > 0, 'when there will be room');
    assert.equal(clock.sleeping, 0);
  });

  it('(5) ends at once when its caller aborts, and leaves no timer and no place behind', async () => {
    const { call, clock, engine, policy } = limited(twoPer100);
    call();
    call();
    const caller = new AbortController();
    const reply = watched(call({ signal: caller.signal }));
    assert.equal(policy.snapshot()[0]?.waiting, 1);
    caller.abort(new Error('gone'));
    await clock.settle();
    assert.equal(reply.error?.code, 'ABORTED');
    assert.match(String(reply.error?.cause), /gone/);
    assert.equal(policy.snapshot()[0]?.waiting, 0);
    await clock.run(100);
    assert.equal(clock.sleeping, 0);
    assert.equal(engine.calls.length, 2);
    await assert.rejects(Promise.all([call(), call(), call({ signal: caller.signal })]), { code: 'ABORTED' });
  });

  it('lets a lighter one behind it start when it gives up', async () => {
    const weight = ({ path }: Call) => path.length;
    const { call, engine, clock } = limited({ limits: [{ limit: 4, windowMs: 100, weight }] });
    const caller = new AbortController();
    call({ path: 'aa' });
    watched(call({ path: 'bbb', signal: caller.signal }));
    call({ path: 'c' });
    caller.abort();
    await clock.settle();
    assert.deepEqual(
      engine.calls.map(({ path }) => path),
      ['aa', 'c'],
    );
  });

  it('(5) is told when the limit is closed', async () => {
    const { call, policy, clock } = limited(twoPer100);
    const replies = [call(), call(), call()].map(watched);
    policy.close();
    policy.close();
    await clock.settle();
    assert.equal(replies[2]!.error?.code, 'CLOSED');
    await assert.rejects(call(), { code: 'CLOSED' });
    assert.equal(clock.sleeping, 0);
  });
});

describe('what a rate limit tells', () => {
  it('its state, in plain numbers', async () => {
    const { call, clock, policy } = limited({ limits: [{ name: 'quick', limit: 2, windowMs: 100 }], waitersMax: 1 });
    const quiet = { name: 'quick', limit: 2, windowMs: 100, keys: 1, pausedMs: 0 };
    const nothing = { used: 0, remaining: 2, resetMs: 0, nextMs: 0, waiting: 0, granted: 0, refused: 0 };
    assert.deepEqual(policy.snapshot(), [{ ...quiet, ...nothing }]);
    for (let i = 0; i < 4; i++) watched(call());
    await clock.run(30);
    const busy = { used: 2, remaining: 0, resetMs: 70, nextMs: 70, waiting: 1, granted: 2, refused: 1 };
    assert.deepEqual(policy.snapshot(), [{ ...quiet, ...busy }]);
  });

  it('facts, to an observer', async () => {
    const facts: string[] = [];
    const observer: Observer = {
      rateWaits: ({ limit, waiting }) => facts.push(`${limit} waits ${waiting}`),
      rateRefused: ({ limit, error }) => facts.push(`${limit} refused ${error.code}`),
      ratePaused: ({ limit, status, pauseMs }) => facts.push(`${limit} paused ${status} ${pauseMs}`),
    };
    const { call, clock } = limited(
      { limits: [{ name: 'one', limit: 1, windowMs: 100 }], waitersMax: 1 },
      () => ({ status: 429, headers: { 'retry-after': '2' } }),
      observer,
    );
    for (let i = 0; i < 3; i++) watched(call());
    await clock.settle();
    assert.deepEqual(facts, ['one waits 1', 'one refused SATURATED', 'one paused 429 2000']);
  });

  it('which option is wrong, before anything is sent', () => {
    const parts = { clock: new FakeClock(), observer: {} };
    const wrong: [object, RegExp][] = [
      [{ limits: [] }, /rateLimit\.limits/],
      [{ limits: [{ limit: 0, windowMs: 1 }] }, /limits\[0\]\.limit is 0; allowed: a whole number from 1/],
      [{ limits: [{ limit: 1.5, windowMs: 1 }] }, /limits\[0\]\.limit/],
      [{ limits: [{ limit: 1, windowMs: 0 }] }, /limits\[0\]\.windowMs/],
      [{ limits: [{ limit: 1, windowMs: Number.POSITIVE_INFINITY }] }, /limits\[0\]\.windowMs/],
      [{ ...twoPer100, waitersMax: -1 }, /waitersMax/],
      [{ ...twoPer100, waitMS: 1 }, /no option rateLimit\.waitMS; did you mean waitMs/],
      [{ limits: [{ limit: 1, windowMS: 1 }] }, /no option rateLimit\.limits\[0\]\.windowMS; did you mean windowMs/],
      [{ ...twoPer100, keysMax: 0 }, /keysMax/],
      [{ ...twoPer100, waitMs: Number.NaN }, /waitMs/],
      [{ ...twoPer100, counts: 'grant' }, /counts is "grant"; allowed: "answer", "start"/],
    ];
    for (const [options, message] of wrong) {
      assert.throws(
        () => rateLimit(options as RateLimitOptions, parts),
        (error: NetError) => {
          assert.equal(error.code, 'INVALID');
          assert.match(error.message, message);
          return true;
        },
      );
    }
  });
});
