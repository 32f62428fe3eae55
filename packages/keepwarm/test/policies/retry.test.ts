import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CODES, type Code, NetError, type Reach } from '../../src/core/error.ts';
import type { Reply } from '../../src/core/reply.ts';
import { RETRY_SEED } from '../../src/policies/retry-options.ts';
import { aCall, aReply, failure, later, never, scripted } from '../../src/testing/scripted-engine.ts';
import { ScriptedBody } from '../core/a-body.ts';
import { SeededRandom } from '../wire/differential/random.ts';
import { aRetry } from './a-retry.ts';

const reset = failure('RESET', 'unknown');
/** Can be read once. */
const STREAMED = { bytes: 1, repeatable: false, open: () => assert.fail('nobody reads it here') } as const;
const order = { method: 'POST', traits: { idempotent: false } } as const;

const rejected = async (promise: Promise<unknown>): Promise<NetError> => {
  const error = await promise.then(
    () => assert.fail('it succeeded'),
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof NetError, String(error));
  return error;
};

describe('retry: what is repeated', () => {
  it('hands on what succeeds at once, the very reply and the very call', async () => {
    const { policy, budget, clock } = aRetry();
    const reply = aReply(200);
    const engine = scripted([reply]);
    const call = aCall();
    assert.equal(await policy(engine)(call), reply);
    assert.equal(engine.calls[0], call);
    assert.deepEqual([budget.snapshot().deposits, budget.snapshot().withdrawals, clock.sleeping], [1, 0, 0]);
  });

  it('repeats what failed in a way that may pass, with numbered attempts and growing waits', async () => {
    const { policy, clock, retried } = aRetry();
    const engine = scripted([reset, failure('CONNECT', 'unsent'), 503, failure('TIMEOUT', 'unknown'), 200], clock);
    const reply = policy(engine)(aCall());
    await clock.run(1_000);
    assert.equal((await reply).status, 200);
    assert.deepEqual(
      engine.calls.map(({ attempt }) => attempt),
      [1, 2, 3, 4, 5],
    );
    assert.deepEqual(engine.instants, [0, 12.5, 37.5, 87.5, 187.5]);
    assert.deepEqual(
      retried.map(({ attempt, error, status, delayMs }) => [attempt, error?.code, status, delayMs]),
      [
        [1, 'RESET', undefined, 12.5],
        [2, 'CONNECT', undefined, 25],
        [3, undefined, 503, 50],
        [4, 'TIMEOUT', undefined, 100],
      ],
    );
    assert.deepEqual(policy.snapshot(), {
      retried: 4,
      denied: { unsafe: 0, attempts: 0, deadline: 0, budget: 0 },
      waiting: 0,
    });
  });

  it('repeats these failures and no others, each for its reason', async () => {
    const repeated = new Set<Code>(['CONNECT', 'DNS', 'RESET', 'RPC', 'TIMEOUT']);
    for (const code of Object.keys(CODES) as Code[]) {
      const { policy, clock } = aRetry();
      const engine = scripted([failure(code, 'unsent'), 200], clock);
      const outcome = policy(engine)(aCall()).then(
        ({ status }) => status,
        ({ code }: NetError) => code,
      );
      await clock.run(1_000);
      assert.equal(await outcome, repeated.has(code) ? 200 : code);
    }
  });

  it('does not ask again for a name that does not exist', async () => {
    for (const [systemCode, attempts] of [
      ['ENOTFOUND', 1],
      ['ENODATA', 1],
      ['ESERVFAIL', 2],
      ['EAI_AGAIN', 2],
    ] as const) {
      const { policy, clock } = aRetry();
      const engine = scripted([failure('DNS', 'unsent', { systemCode }), 200], clock);
      policy(engine)(aCall()).catch(() => undefined);
      await clock.run(1_000);
      assert.equal(engine.calls.length, attempts, systemCode);
    }
  });

  it('repeats these statuses and no others', async () => {
    const repeated: number[] = [];
    for (let status = 200; status < 600; status++) {
      const { policy, clock } = aRetry();
      const engine = scripted([status, 200], clock);
      const reply = policy(engine)(aCall());
      await clock.run(20_000);
      assert.equal((await reply).status, engine.calls.length === 2 ? 200 : status);
      if (engine.calls.length === 2) repeated.push(status);
    }
    assert.deepEqual(repeated, [408, 425, 429, 500, 502, 503, 504]);
  });
});

describe('retry: what is never sent twice', () => {
  const twice = async (about: Parameters<typeof aCall>[0], first: NetError | number) => {
    const { policy, clock, denied } = aRetry();
    const engine = scripted([first, 200], clock);
    policy(engine)(aCall(about)).catch(() => undefined);
    await clock.run(10_000);
    return { sent: engine.calls.length, reasons: denied.map(({ reason }) => reason) };
  };

  it('what may have been received and is not idempotent', async () => {
    for (const reach of ['unknown', 'answered'] as Reach[]) {
      assert.deepEqual(await twice(order, failure('RESET', reach)), { sent: 1, reasons: ['unsafe'] });
    }
    for (const status of [408, 425, 429, 500, 502, 503, 504]) {
      assert.deepEqual(await twice(order, status), { sent: 1, reasons: ['unsafe'] });
    }
  });

  it('a body that cannot be sent again', async () => {
    const once = { bytes: 1, repeatable: false, open: () => assert.fail('nobody reads it here') };
    assert.deepEqual(await twice({ method: 'PUT', body: once }, reset), { sent: 1, reasons: ['unsafe'] });
    assert.equal((await twice({ method: 'PUT', body: { ...once, repeatable: true } }, reset)).sent, 2);
    assert.equal((await twice({ method: 'PUT', body: 'text' }, reset)).sent, 2);
  });

  it('but whatever was not sent at all may be', async () => {
    assert.deepEqual(await twice(order, failure('CONNECT', 'unsent')), { sent: 2, reasons: [] });
  });
});

describe('retry: where it ends', () => {
  it('hands over the last reply as it is, and drains the others', async () => {
    const { policy, clock, denied } = aRetry({ attemptsMax: 3 });
    const bodies = [new ScriptedBody(), new ScriptedBody(), new ScriptedBody()];
    const engine = scripted(
      bodies.map((body) => ({ status: 503, body })),
      clock,
    );
    const pending = policy(engine)(aCall());
    await clock.run(1_000);
    const reply = await pending;
    assert.deepEqual([reply.status, reply.used], [503, false]);
    assert.deepEqual(
      bodies.map(({ starts }) => starts),
      [1, 1, 0],
      'read to the end, but for the last',
    );
    assert.deepEqual(
      denied.map(({ reason, status, attempt }) => [reason, status, attempt]),
      [['attempts', 503, 3]],
    );
  });

  it('throws the last error as it is, when that got as far as any before', async () => {
    const { policy, clock } = aRetry({ attemptsMax: 2 });
    const last = failure('TIMEOUT', 'unknown');
    const pending = rejected(policy(scripted([reset, last], clock))(aCall()));
    await clock.run(1_000);
    assert.equal(await pending, last);
  });

  it('repeats nothing when one attempt is all', async () => {
    const { policy, clock } = aRetry({ attemptsMax: 1 });
    const pending = rejected(policy(scripted([reset], clock))(aCall()));
    await clock.run(1_000);
    assert.equal(await pending, reset);
  });

  it('stops when the budget is spent, and begins again when it has recovered', async () => {
    const { policy, clock, denied, budget } = aRetry({}, { share: 0.2, perSecond: 0 });
    const engine = scripted(() => 503, clock);
    const calls = 1_000;
    const all = Array.from({ length: calls }, () => policy(engine)(aCall()));
    await clock.run(10_000);
    await Promise.all(all);
    assert.equal(engine.calls.length, calls * 1.2, 'a peer that fails gets a fifth more, not five times as much');
    assert.deepEqual(new Set(denied.map(({ reason }) => reason)), new Set(['budget']));
    await clock.run(20_000);
    for (let i = 0; i < 5; i++) budget.deposit();
    assert.equal(budget.balance, 1);
  });

  it('does not wait for what would come after the deadline', async () => {
    const { policy, clock, denied } = aRetry({ baseMs: 1_000 });
    const engine = scripted([later(100, reset), 200], clock);
    const pending = rejected(policy(engine)(aCall({ deadlineAt: 600 })));
    await clock.run(100);
    assert.deepEqual([denied[0]?.reason, clock.sleeping, engine.calls.length], ['deadline', 0, 1], 'at once');
    await clock.run(600);
    assert.equal(await pending, reset);
  });

  it('spends nothing of the budget on a repeat that is refused for another reason', async () => {
    for (const [options, about] of [
      [{ attemptsMax: 1 }, {}],
      [{}, { deadlineAt: 1 }],
      [{}, order],
    ] as const) {
      const { policy, clock, budget } = aRetry(options);
      const pending = rejected(policy(scripted([reset, reset], clock))(aCall(about)));
      await clock.run(1_000);
      await pending;
      assert.equal(budget.snapshot().withdrawals, 0);
    }
  });

  it('gives up at once when the caller aborts during the wait', async () => {
    const { clock, policy } = aRetry({ baseMs: 10_000 });
    const caller = new AbortController();
    const engine = scripted([reset, 200], clock);
    const pending = rejected(policy(engine)(aCall({ signal: caller.signal })));
    await clock.settle();
    assert.equal(policy.snapshot().waiting, 1);
    caller.abort('gone');
    assert.equal(clock.sleeping, 0, 'no timer is left behind');
    const { code, reach, cause } = await pending;
    assert.deepEqual([code, reach, cause], ['ABORTED', 'unknown', 'gone']);
    assert.deepEqual([engine.calls.length, policy.snapshot().waiting, policy.snapshot().retried], [1, 0, 0]);
  });
});

describe('retry: the length of one attempt', () => {
  it('makes room for another when one takes too long', async () => {
    const { policy, clock } = aRetry({ attemptMs: 200 });
    const engine = scripted([never, later(150, 200)], clock);
    const reply = policy(engine)(aCall({ deadlineAt: 1_000 }));
    await clock.run(1_000);
    assert.equal((await reply).status, 200);
    assert.deepEqual(engine.instants, [0, 212.5]);
    assert.deepEqual(
      engine.calls.map(({ deadlineAt }) => deadlineAt),
      [200, 412.5],
    );
  });

  it('is a TIMEOUT that names its limit, while the deadline of the call is a DEADLINE', async () => {
    const { policy, clock } = aRetry({ attemptMs: 200, attemptsMax: 2 });
    const tooLong = rejected(policy(scripted([never, never], clock))(aCall({ deadlineAt: 1_000 })));
    await clock.run(1_000);
    const { code, limit, value, reach, cause } = await tooLong;
    assert.deepEqual([code, limit, value, reach], ['TIMEOUT', 'attemptMs', 200, 'unknown']);
    assert.equal((cause as NetError).code, 'DEADLINE');
    const tooLate = rejected(policy(scripted([never], clock))(aCall({ deadlineAt: clock.now() + 100 })));
    await clock.run(100);
    assert.equal((await tooLate).code, 'DEADLINE');
  });

  it('never reaches beyond the deadline of the call', async () => {
    const { policy, clock } = aRetry({ attemptMs: 200 });
    const engine = scripted([never, never], clock);
    const pending = rejected(policy(engine)(aCall({ deadlineAt: 300 })));
    await clock.run(1_000);
    assert.equal((await pending).code, 'DEADLINE');
    assert.deepEqual(
      engine.calls.map(({ deadlineAt }) => deadlineAt),
      [200, 300],
    );
  });

  it('does not make a late attempt out of a call that is over already', async () => {
    const { policy, clock } = aRetry({ attemptMs: 200 });
    const engine = scripted([never, 200], clock);
    const pending = rejected(policy(engine)(aCall({ deadlineAt: 210 })));
    await clock.settle();
    clock.advance(500); // a stall: both instants have passed when anybody looks
    await clock.run(1_000);
    assert.equal((await pending).code, 'DEADLINE');
    assert.equal(engine.calls.length, 1);
  });
});

describe('retry: the length of an attempt nobody has set', () => {
  const lengths = async (deadlineAt: number, untried: (tries: number) => number, options = {}) => {
    const { policy, clock } = aRetry({ attemptsMax: 4, ...options }, {}, () =>
      Math.max(untried(engine.calls.length), 0),
    );
    const engine = scripted([never, never, never, never], clock);
    const failed = rejected(policy(engine)(aCall({ deadlineAt })));
    await clock.run(200_000);
    const { code } = await failed;
    return [code, ...engine.calls.map((call, i) => call.deadlineAt - engine.instants[i]!)];
  };

  it('is an equal share of the time left among the endpoints; the last one gets all there is', async () => {
    assert.deepEqual(await lengths(15_000, (made) => 3 - made), ['DEADLINE', 5_000, 5_000, 5_000]);
    assert.deepEqual(await lengths(30_000, (made) => 2 - made), ['DEADLINE', 10_000, 20_000]);
  });

  it('is 2 s at least and 10 s at most', async () => {
    assert.deepEqual(await lengths(5_000, (made) => 3 - made), ['DEADLINE', 2_000, 2_000, 1_000]);
    assert.deepEqual(await lengths(100, (made) => 3 - made), ['DEADLINE', 100]);
    assert.deepEqual(await lengths(120_000, (made) => 3 - made), ['DEADLINE', 10_000, 10_000, 100_000]);
  });

  it('shares among no more attempts than there may be', async () => {
    assert.deepEqual((await lengths(12_000, () => 50, { attemptsMax: 2 })).slice(0, 3), ['DEADLINE', 6_000, 6_000]);
    assert.deepEqual(await lengths(12_000, () => 50, { attemptsMax: 1 }), ['DEADLINE', 12_000]);
  });

  it('is that of the call with one endpoint, or where it is set to none', async () => {
    assert.deepEqual(await lengths(30_000, () => 1), ['DEADLINE', 30_000]);
    assert.deepEqual(await lengths(30_000, () => 0), ['DEADLINE', 30_000]);
    const none = { attemptMs: Number.POSITIVE_INFINITY };
    assert.deepEqual(await lengths(30_000, () => 3, none), ['DEADLINE', 30_000]);
  });

  it('is a TIMEOUT that names the limit and the share', async () => {
    const { policy, clock } = aRetry({}, { share: 0, perSecond: 0 }, () => 2);
    const failed = rejected(policy(scripted([never], clock))(aCall({ deadlineAt: 9_000 })));
    await clock.run(9_000);
    const { code, limit, value } = await failed;
    assert.deepEqual([code, limit, value], ['TIMEOUT', 'attemptMs', 4_500]);
  });
});

describe('retry: a call that may not be repeated', () => {
  it('has all of its time, whatever the length of an attempt', async () => {
    for (const attemptMs of [200, 'auto'] as const) {
      for (const once of [order, { ...order, traits: { idempotent: true }, body: STREAMED }]) {
        const { policy, clock } = aRetry({ attemptMs }, {}, () => 3);
        const engine = scripted([later(8_000, 200)], clock);
        const reply = policy(engine)(aCall({ ...once, deadlineAt: 9_000 }));
        await clock.run(9_000);
        assert.equal((await reply).status, 200);
        assert.equal(engine.calls[0]!.deadlineAt, 9_000);
      }
    }
  });
});

describe('retry: when the peer says how long to wait', () => {
  const secondAt = async (status: number, headers: Record<string, string>, options = {}, about = {}) => {
    const { policy, clock } = aRetry(options);
    const engine = scripted([{ status, headers }, 200], clock);
    const reply = policy(engine)(aCall(about));
    await clock.run(100_000_000);
    return { at: engine.instants[1], status: (await reply).status };
  };

  it('waits that long, and jitter on top, as everybody is told the same', async () => {
    assert.deepEqual(await secondAt(503, { 'retry-after': '2' }), { at: 2_012.5, status: 200 });
    assert.deepEqual(await secondAt(429, { 'retry-after': '2' }), { at: 2_012.5, status: 200 });
  });

  it('waits until a date, whatever our wall clock says', async () => {
    const headers = { date: 'Tue, 01 Jan 2030 00:00:00 GMT', 'retry-after': 'Tue, 01 Jan 2030 00:00:03 GMT' };
    assert.deepEqual(await secondAt(503, headers), { at: 3_012.5, status: 200 });
  });

  it('waits longer after a 429 that does not say, or says what makes no sense', async () => {
    assert.deepEqual(await secondAt(429, {}), { at: 500, status: 200 });
    assert.deepEqual(await secondAt(429, { 'retry-after': 'soon' }), { at: 500, status: 200 });
    assert.deepEqual(await secondAt(503, { 'retry-after': 'soon' }), { at: 12.5, status: 200 });
  });

  it('does not listen where the field means something else', async () => {
    assert.deepEqual(await secondAt(502, { 'retry-after': '5' }), { at: 12.5, status: 200 });
  });

  it('waits no longer than retryAfterMsMax', async () => {
    assert.deepEqual(await secondAt(503, { 'retry-after': '86400' }), { at: 60_012.5, status: 200 });
    assert.deepEqual(await secondAt(503, { 'retry-after': '9' }, { retryAfterMsMax: 4_000 }), {
      at: 4_012.5,
      status: 200,
    });
  });

  it('hands the answer over at once when the caller cannot wait that long', async () => {
    const { policy, clock } = aRetry();
    const engine = scripted([{ status: 429, headers: { 'retry-after': '30' } }], clock);
    const pending = policy(engine)(aCall({ deadlineAt: 30_000 }));
    let at = -1;
    pending.then(() => (at = clock.now()));
    await clock.run(60_000);
    const reply = await pending;
    assert.deepEqual([reply.status, reply.used, at], [429, false, 0]);
    assert.equal(policy.snapshot().denied.deadline, 1);
  });
});

describe('retry: defaults', () => {
  it('lose no call of 20,000 where one attempt in ten fails, for a ninth of extra traffic', async () => {
    const { policy, clock, denied } = aRetry();
    const random = new SeededRandom(7);
    const engine = scripted(() => later(5, random.below(10) === 0 ? 503 : 200), clock);
    const send = policy(engine);
    const replies: Promise<Reply>[] = [];
    for (let i = 0; i < 200; i++) {
      for (let j = 0; j < 100; j++) replies.push(send(aCall({ deadlineAt: clock.now() + 30_000 })));
      await clock.run(100);
    }
    await clock.run(30_000);
    const lost = (await Promise.all(replies)).filter(({ ok }) => !ok);
    assert.deepEqual([lost.length, denied.length], [0, 0]);
    assert.ok(engine.calls.length < replies.length * 1.13, `${engine.calls.length} attempts`);
  });

  it('have the figures of the design they replace at hand', () => {
    assert.deepEqual([RETRY_SEED.baseMs, RETRY_SEED.capMs, RETRY_SEED.attemptsMax], [1_000, 30_000, 4]);
  });
});

describe('retry: with another endpoint at hand', () => {
  it('goes there at once, whatever this one asked for; waits begin where the endpoints end', async () => {
    const { policy, clock, retried } = aRetry({}, {}, () => Math.max(3 - engine.calls.length, 0));
    const later30 = { status: 429, headers: { 'retry-after': '30' } };
    const engine = scripted([later30, reset, reset, reset, 200], clock);
    const reply = policy(engine)(aCall());
    await clock.run(1_000);
    assert.equal((await reply).status, 200);
    assert.deepEqual(engine.instants, [0, 0, 0, 12.5, 37.5], 'the first wait is the shortest');
    assert.deepEqual(
      retried.map(({ delayMs }) => delayMs),
      [0, 0, 12.5, 25],
    );
    assert.equal(policy.snapshot().waiting, 0);
  });

  it('is still held to the attempts, the budget, and what may be repeated', async () => {
    const anywhere = () => 1;
    const attempts = aRetry({ attemptsMax: 2 }, {}, anywhere);
    assert.equal((await attempts.policy(scripted([503, 503], attempts.clock))(aCall())).status, 503);
    const poor = aRetry({}, { share: 0, perSecond: 0 }, anywhere);
    assert.equal((await poor.policy(scripted([503], poor.clock))(aCall())).status, 503);
    assert.equal(poor.denied[0]?.reason, 'budget');
    const once = aRetry({}, {}, anywhere);
    assert.equal((await once.policy(scripted([503], once.clock))(aCall(order))).status, 503);
    assert.equal(once.denied[0]?.reason, 'unsafe');
  });

  it('makes no attempt for a caller who has left, and says how far the last one got', async () => {
    const { policy, clock } = aRetry({}, {}, () => 1);
    const caller = new AbortController();
    const engine = scripted([reset, 200], clock);
    const sent = policy((call) =>
      engine(call).catch((error: unknown) => {
        caller.abort('gone');
        throw error;
      }),
    );
    const error = await rejected(sent(aCall({ signal: caller.signal })));
    assert.deepEqual([error.code, error.reach, engine.calls.length], ['ABORTED', 'unknown', 1]);
  });
});
