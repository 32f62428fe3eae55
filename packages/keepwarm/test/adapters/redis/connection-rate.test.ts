/** The limit on opening connections over a real Redis: who waits, who is told of pauses, and what a loss does to it. */
import assert from 'node:assert/strict';
import { after, before, describe, it, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type RedisConnectionRateOptions, redisConnectionRate } from '../../../src/adapters/redis/index.ts';
import { NetError } from '../../../src/core/error.ts';
import { OwnRedis } from './a-redis.ts';

let redis: OwnRedis;
let names = 0;
before(async () => {
  redis = await OwnRedis.start();
});
after(() => redis.stop());

const FIGURES = { limit: 4, windowMs: 400, reserve: 1, attemptMs: 200, lateMs: 50, assumed: 'empty' } as const;

function aRate(t: TestContext, options: Partial<RedisConnectionRateOptions> = {}) {
  const rate = redisConnectionRate({ client: redis.client(), name: `rate-${names}`, ...FIGURES, ...options });
  t.after(() => rate.close());
  return rate;
}

describe('a limit on opening connections that processes share', () => {
  it('is one limit, with places kept for reconnects, who go first', async (t) => {
    names++;
    const windowMs = 60_000;
    const [one, other] = [aRate(t, { windowMs }), aRate(t, { windowMs })];
    for (const rate of [one, other, one]) (await rate.start('growth')).settled();
    const growth = assert.rejects(other.start('growth'), { code: 'CLOSED' });
    (await other.start('reconnect')).settled();
    const { used, granted, waiting, redis: of } = other.snapshot();
    assert.deepEqual([used, granted, waiting, of.state], [2, 2, 1, 'up'], 'growth waits for a window');
    const reconnect = assert.rejects(one.start('reconnect'), { code: 'CLOSED' });
    await sleep(50);
    assert.deepEqual([one.snapshot().granted, one.snapshot().waiting], [2, 1], 'there is no fifth place');
    for (const rate of [one, other]) rate.close();
    await Promise.all([growth, reconnect]);
  });

  it('is one limit over time as well: what was settled counts for a window', async (t) => {
    names++;
    const rates = [aRate(t), aRate(t)];
    const startedAt = performance.now();
    const order: number[] = [];
    await Promise.all(
      Array.from({ length: 6 }, async (_, i) => {
        const start = await rates[i % 2]!.start('reconnect');
        order.push(performance.now() - startedAt);
        start.settled();
      }),
    );
    assert(order[4]! >= 399, `the fifth came after ${order[4]} ms`);
  });

  it('counts what a killed process had begun until it must be over, and what was given back not at all', async (t) => {
    names++;
    const killed = aRate(t, { reserve: 0 });
    const cancelled = await killed.start('growth');
    for (let i = 0; i < 3; i++) await killed.start('growth');
    cancelled.cancelled();
    await sleep(50); // it is told
    const other = aRate(t, { reserve: 0 });
    const askedAt = performance.now();
    (await other.start('growth')).settled();
    killed.close(); // as if by kill -9: nothing was settled
    (await other.start('growth')).settled();
    const waitedMs = performance.now() - askedAt;
    assert(waitedMs >= 399, `${waitedMs} ms: its own settled one, or those of the dead`);
  });

  it('pauses in all processes when the provider has told one that it had too much', async (t) => {
    names++;
    const [one, other] = [aRate(t), aRate(t)];
    (await other.start('growth')).settled();
    const askedAt = performance.now();
    const pauseMs = 1_000;
    one.penalise(pauseMs);
    const client = redis.client();
    const told = async () => (await client.zscore(`keepwarm:starts:rate-${names}`, 'b')) !== null;
    // What a machine stands still for may be over before it is told.
    while (!(await told()) && performance.now() - askedAt < pauseMs) await sleep(5);
    (await other.start('reconnect')).settled();
    assert(performance.now() - askedAt >= pauseMs - 1);
    assert.deepEqual([one.snapshot().penalties, other.snapshot().penalties], [1, 0]);
  });

  it('waits within bounds, can be aborted, and ends when it is closed', async (t) => {
    names++;
    const rate = aRate(t, { limit: 1, reserve: 0, waitersMax: 2 });
    await rate.start('growth');
    const caller = new AbortController();
    const aborted = assert.rejects(rate.start('growth', caller.signal), { code: 'ABORTED', reach: 'unsent' });
    const closed = assert.rejects(rate.start('growth'), { code: 'CLOSED' });
    await assert.rejects(rate.start('growth'), { code: 'SATURATED', limit: 'waitersMax', value: 2 });
    caller.abort();
    await aborted;
    assert.equal(rate.admits('growth'), false);
    rate.close();
    rate.close();
    await closed;
    await assert.rejects(rate.start('growth'), { code: 'CLOSED' });
  });

  it('opens nothing for as long as a start may count when Redis knows of none, or has forgotten them', async (t) => {
    names++;
    const askedAt = performance.now();
    const rate = aRate(t, { assumed: 'full' });
    (await rate.start('growth')).settled();
    assert(performance.now() - askedAt >= 640, 'window, attempt and lateness');
    const client = redis.client();
    await client.del(`keepwarm:starts:rate-${names}`);
    const forgottenAt = performance.now();
    (await rate.start('reconnect')).settled();
    assert(performance.now() - forgottenAt >= 640);
  });

  it('opens nothing while Redis hangs, and goes on when it is back', async (t) => {
    names++;
    const rate = aRate(t, { redisMs: 50 });
    (await rate.start('growth')).settled();
    redis.pause();
    let granted = false;
    const start = rate.start('reconnect').then((each) => {
      granted = true;
      each.settled();
    });
    await sleep(300);
    assert.equal(granted, false);
    const { state, lostMs, lastError } = rate.snapshot().redis;
    assert(state === 'closed' && lostMs > 0 && /redisMs, 50/.test(lastError!), `${state}, ${lostMs}, ${lastError}`);
    redis.resume();
    await start;
    assert.equal(rate.snapshot().redis.state, 'up');
  });

  it('goes on with its share while Redis hangs, once that is set aside', async (t) => {
    names++;
    const rate = aRate(t, { redisMs: 50, onLoss: 'share', processes: 2, presentMs: 200 });
    await sleep(50);
    redis.pause();
    const askedAt = performance.now();
    for (let i = 0; i < 2; i++) (await rate.start('reconnect')).settled();
    const waitedMs = performance.now() - askedAt;
    assert(waitedMs > 650, `${waitedMs} ms: a reservation at least`);
    assert.equal(rate.snapshot().redis.state, 'share');
    assert.equal(rate.admits('reconnect'), false, 'its share is half of the limit');
    redis.resume();
  });

  it('is refused by name when it cannot be', () => {
    const client = { eval: async () => [], evalsha: async () => [] };
    for (const [options, message] of [
      [{ client: {} }, /option client must have evalsha/],
      [{ name: '' }, /option name is ""/],
      [{ limit: 0 }, /connectionRate.limit is 0/],
      [{ limit: 2_001 }, /connectionRate.limit is 2001; allowed: at most 2000 over Redis/],
      [{ reserve: 60 }, /connectionRate.reserve is 60/],
      [{ redisMs: 0 }, /connectionRate.redisMs is 0/],
      [{ onLoss: 'open' }, /connectionRate.onLoss is "open"; allowed: closed, share/],
      [{ onLoss: 'share' }, /connectionRate.processes is 1; allowed: a whole number from 2/],
      [{ onLoss: 'share', processes: 61 }, /at most limit, 60/],
      [{ onLoss: 'share', processes: 2, presentMs: 900 }, /connectionRate.presentMs is 900/],
      [{ windowMS: 5 }, /did you mean windowMs/],
    ] as const) {
      assert.throws(
        () => redisConnectionRate({ client, name: 'p', ...options } as never),
        (error) => error instanceof NetError && message.test(error.message),
        JSON.stringify(options),
      );
    }
  });
});
