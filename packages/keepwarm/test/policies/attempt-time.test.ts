/** The time of an attempt begins when our own limits let it start, and ends with a word for what it waited for. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { BUDGET_DEFAULTS, RetryBudget } from '../../src/algo/budget.ts';
import { stack } from '../../src/clients/order.ts';
import type { Call } from '../../src/core/call.ts';
import { NetError } from '../../src/core/error.ts';
import { attemptTime } from '../../src/policies/attempt-time.ts';
import { CONCURRENCY_DEFAULTS, concurrency } from '../../src/policies/concurrency.ts';
import { rateLimit } from '../../src/policies/rate-limit.ts';
import { retry } from '../../src/policies/retry.ts';
import { RETRY_DEFAULTS, type RetryOptions } from '../../src/policies/retry-options.ts';
import { FakeClock } from '../../src/testing/fake-clock.ts';
import { aCall, never, scripted } from '../../src/testing/scripted-engine.ts';

const failed = (promise: Promise<unknown>): Promise<NetError> =>
  promise.then(
    () => assert.fail('it succeeded'),
    (thrown: unknown) => (thrown instanceof NetError ? thrown : assert.fail(String(thrown))),
  );

/** Retry over one limit of `limit` calls a second, and one place at a time below it. */
function aStack(options: Partial<RetryOptions>, { limit = 1, places = 100, untried = 0 } = {}) {
  const clock = new FakeClock();
  const observer = {};
  const budget = new RetryBudget(BUDGET_DEFAULTS, clock);
  const parts = { clock, random: () => 0.5, observer, budget };
  const fixed = { ...CONCURRENCY_DEFAULTS, algorithm: 'fixed', limit: places } as const;
  const policies = {
    retry: retry({ ...RETRY_DEFAULTS, ...options }, { ...parts, ...(untried > 0 && { untried: () => untried }) }),
    rateLimit: rateLimit({ limits: [{ name: 'second', limit, windowMs: 1_000 }], counts: 'start' }, parts),
    attemptTime: attemptTime(clock),
    concurrency: concurrency(fixed, { ...parts, patienceMs: 1_000 }),
  };
  return { clock, policies };
}

describe('the time of an attempt', () => {
  it('does not run while a rate limit of ours holds the call back', async () => {
    const { clock, policies } = aStack({ attemptMs: 200 });
    const engine = scripted([200, 200, 200], clock);
    const send = stack(policies, engine);
    const replies = [1, 2, 3].map(() => send(aCall({ deadlineAt: 5_000 })));
    await clock.run(3_000);
    assert.deepEqual(
      (await Promise.all(replies)).map(({ status }) => status),
      [200, 200, 200],
    );
    assert.deepEqual(engine.instants, [0, 1_000, 2_000]);
    assert.deepEqual(
      engine.calls.map(({ deadlineAt, attempt }) => [deadlineAt, attempt]),
      [
        [200, 1],
        [1_200, 1],
        [2_200, 1],
      ],
    );
  });

  it('is not to blame where the call could not have started: the limit is, at once, and nothing was sent', async () => {
    const { clock, policies } = aStack({ attemptMs: 200 });
    const engine = scripted([200, 200], clock);
    const send = stack(policies, engine);
    await send(aCall({ deadlineAt: 900 }));
    const { code, reach, phase, message } = await failed(send(aCall({ deadlineAt: 900 })));
    assert.deepEqual([code, reach, phase, clock.now()], ['DEADLINE', 'unsent', 'queue', 0]);
    assert.match(message, /"second".*1000 ms at the earliest.*deadline is in 900 ms/);
    assert.deepEqual([engine.calls.length, policies.retry.snapshot().retried], [1, 0]);
  });

  it('leaves time for another endpoint where this one lets nothing start in time', async () => {
    const { clock, policies } = aStack({ attemptMs: 200, attemptsMax: 3 }, { untried: 1 });
    const send = stack(policies, scripted([200], clock));
    await send(aCall({ deadlineAt: 900 }));
    assert.equal((await failed(send(aCall({ deadlineAt: 900 })))).code, 'DEADLINE');
    assert.equal(policies.retry.snapshot().retried, 2, 'each attempt may go to another');
  });

  it('says what it was spent on, and whether anything was sent', async () => {
    const { clock, policies } = aStack({ attemptMs: 200, attemptsMax: 1 }, { limit: 10, places: 1 });
    const send = stack(policies, scripted([never, never], clock));
    const silent = failed(send(aCall({ deadlineAt: 5_000 })));
    await clock.run(1_000);
    const { code, reach, limit, value, message: told } = await silent;
    assert.deepEqual([code, reach, limit, value], ['TIMEOUT', 'unknown', 'attemptMs', 200]);
    assert.match(told, /\(limit attemptMs\): the deadline passed before the script went on$/);

    const order = failed(send(aCall({ method: 'POST', traits: { idempotent: false }, deadlineAt: 5_000 })));
    const waited = failed(send(aCall({ deadlineAt: 5_000 })));
    await clock.run(5_000);
    const { code: name, reach: got, phase, message } = await waited;
    assert.deepEqual([name, got, phase], ['TIMEOUT', 'unsent', 'queue']);
    assert.match(message, /longer than 200 ms \(limit attemptMs\): .*1 calls are in flight of 1 that may be/);
    assert.equal((await order).code, 'DEADLINE', 'what may not be repeated has all of its time');
  });

  it('is the call itself, untouched, where nothing cuts it short', async () => {
    const clock = new FakeClock();
    const engine = scripted([200, 200], clock);
    const send = stack({ attemptTime: attemptTime(clock) }, engine);
    const calls: Call[] = [aCall(), aCall({ attemptMs: 500, deadlineAt: 400 })];
    for (const call of calls) await send(call);
    assert.deepEqual(
      engine.calls.map((call, i) => call === calls[i]),
      [true, true],
    );
  });
});
