/** The limits of a fleet on a real Redis: several limiters stand for as many processes. Numbers as in script.ts. */
import assert from 'node:assert/strict';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import type { FleetOptions } from '../../../src/adapters/redis/index.ts';
import { redisRateLimit } from '../../../src/adapters/redis/index.ts';
import { SCRIPT } from '../../../src/adapters/redis/script.ts';
import type { Call, Send } from '../../../src/core/call.ts';
import { systemClock } from '../../../src/core/clock.ts';
import { NetError } from '../../../src/core/error.ts';
import { aCall, aReply } from '../../../src/testing/scripted-engine.ts';
import { OwnRedis } from './a-redis.ts';

let redis: OwnRedis;
let client: Redis;
let names = 0;

before(async () => {
  redis = await OwnRedis.start();
  client = redis.client();
});
after(() => redis.stop());

interface Start {
  readonly path: string;
  readonly begunAt: number;
  endedAt: number;
}

/** Members of one fleet, and all they have started. */
function aFleet(size: number, options: Partial<FleetOptions>, engine: Send = async () => aReply()) {
  const starts: Start[] = [];
  const name = `fleet-${names++}`;
  // How long Redis may take is not what these are about: a busy machine makes it slow.
  const defaults = { limits: [{ limit: 5, windowMs: 200 }], redisMs: 30_000 };
  const settings = { ...defaults, ...options, client, name } as FleetOptions;
  const members = Array.from({ length: size }, () => {
    const policy = redisRateLimit(settings);
    const send = policy(async (call) => {
      const start = { path: call.path, begunAt: systemClock.now(), endedAt: Number.POSITIVE_INFINITY };
      starts.push(start);
      try {
        return await engine(call);
      } finally {
        start.endedAt = systemClock.now();
      }
    });
    return { policy, call: (about: Partial<Call> = {}) => send(aCall(about)) };
  });
  const close = () => {
    for (const { policy } of members) policy.close();
  };
  return { members, starts, name, close };
}

/** The most that a peer can have seen in a window, if it counts each at an instant of its choice. */
function worst(starts: readonly Start[], windowMs: number): number {
  let most = 0;
  for (const from of starts.flatMap(({ begunAt, endedAt }) => [begunAt, endedAt, endedAt - windowMs + 0.001])) {
    most = Math.max(most, starts.filter((s) => s.begunAt < from + windowMs && s.endedAt >= from).length);
  }
  return most;
}

describe('limits that several processes keep together', () => {
  it('(1) let the fleet start what one process might, no more', async () => {
    const { members, starts, close } = aFleet(3, {});
    await Promise.all(members.flatMap(({ call }) => Array.from({ length: 8 }, () => call())));
    assert.equal(starts.length, 24);
    assert.equal(worst(starts, 200), 5);
    close();
  });

  it('count a call until its answer and a window more', async () => {
    const slow: Send = async () => {
      await sleep(120);
      return aReply();
    };
    const { members, starts, close } = aFleet(2, {}, slow);
    await Promise.all(members.flatMap(({ call }) => Array.from({ length: 6 }, () => call())));
    assert.ok(worst(starts, 200) <= 5);
    assert.ok(starts.at(-1)!.begunAt - starts[0]!.begunAt >= 640);
    close();
  });

  it('admit to several limits at once, by key and by weight', async () => {
    const { members, starts, close } = aFleet(2, {
      limits: [
        { limit: 2, windowMs: 200, key: ({ path }) => path },
        { limit: 8, windowMs: 400, weight: ({ attempt }) => attempt },
      ],
    });
    const calls = members.flatMap(({ call }) =>
      ['/a', '/b', '/c'].flatMap((path) => [1, 2].map((attempt) => call({ path, attempt }))),
    );
    await Promise.all(calls);
    for (const path of ['/a', '/b', '/c'])
      assert.ok(
        worst(
          starts.filter((s) => s.path === path),
          200,
        ) <= 2,
      );
    close();
  });

  it('keep credentials out of Redis', async () => {
    const { members, name, close } = aFleet(1, { limits: [{ limit: 2, windowMs: 200, key: () => 'secret-token' }] });
    await members[0]!.call();
    const keys = await client.keys(`*${name}*`);
    assert.equal(keys.length, 2);
    assert.ok(!keys.join().includes('secret'));
    for (const key of keys) {
      assert.ok(key.startsWith(`{keepwarm:${name}}:`), 'all keys of a limiter live in one hash slot');
      assert.ok((await client.pttl(key)) > 0, 'nothing stays for ever');
    }
    close();
  });

  it('give the place of a call that was never sent to whoever waits, in any process', async () => {
    let sent = 0;
    const { members, starts, close } = aFleet(2, { limits: [{ limit: 1, windowMs: 60_000 }] }, async () => {
      if (sent++ === 0) throw new NetError('CONNECT', 'refused', { reach: 'unsent' });
      return aReply();
    });
    await assert.rejects(members[0]!.call(), { code: 'CONNECT' });
    await members[1]!.call();
    assert.equal(starts.length, 2);
    close();
  });

  it('(3) let go of what a process had under way that is heard of no more', async () => {
    const { members, starts, close } = aFleet(2, { limits: [{ limit: 1, windowMs: 100 }], holdMs: 300 }, (call) =>
      call.path === '/hangs' ? new Promise(() => undefined) : Promise.resolve(aReply()),
    );
    const askedAt = systemClock.now(); // Redis counts from its grant, which a busy machine reads later
    void members[0]!.call({ path: '/hangs' }).catch(() => undefined);
    while (starts.length === 0) await sleep(5);
    members[0]!.policy.close(); // as if it had been killed
    await members[1]!.call();
    const waitedMs = starts[1]!.begunAt - askedAt;
    assert.ok(waitedMs >= 400, `a window and holdMs must pass, not ${waitedMs} ms`);
    close();
  });

  it('(3) keep what a process has under way for as long as it is heard of', async () => {
    const [holdMs, windowMs] = [300, 100];
    const slow: Send = async () => {
      await sleep(3 * holdMs);
      return aReply();
    };
    const { members, starts, close } = aFleet(2, { limits: [{ limit: 1, windowMs }], holdMs }, slow);
    // A process that stood still for `holdMs` was not heard of, on a machine that does this to it: it gets another try.
    const pauses = monitorEventLoopDelay({ resolution: 5 });
    for (let stoodStill = true; stoodStill; ) {
      pauses.reset();
      pauses.enable();
      starts.length = 0;
      await Promise.all([members[0]!.call(), members[1]!.call()]);
      pauses.disable();
      const heldMs = starts[1]!.begunAt - starts[0]!.endedAt;
      stoodStill = heldMs < windowMs && pauses.max / 1e6 > holdMs / 3;
      assert.ok(stoodStill || heldMs >= windowMs, `${heldMs} ms`);
    }
    close();
  });

  it('ask by batches: many calls, few questions', async () => {
    const { members, close } = aFleet(1, { limits: [{ limit: 1_000, windowMs: 500 }] });
    await Promise.all(Array.from({ length: 500 }, () => members[0]!.call()));
    const { asks } = members[0]!.policy.snapshot().redis;
    assert.ok(asks <= 20, `${asks} questions for 500 calls`);
    close();
  });

  it('heed a pause that one process was asked for in all of them', async () => {
    const { members, starts, close } = aFleet(2, {}, async ({ path }) =>
      aReply(path === '/429' ? { status: 429, headers: { 'retry-after': '1' } } : 200),
    );
    await members[0]!.call({ path: '/429' });
    await sleep(20);
    await members[1]!.call();
    assert.ok(starts[1]!.begunAt - starts[0]!.begunAt >= 1_000);
    close();
  });

  it('(4) do not believe a report that comes after a newer one of the same process', async () => {
    const keys = ['{keepwarm:old}:log', '{keepwarm:old}:state'];
    const report = (sequence: number, held: number) =>
      client.eval(SCRIPT, 2, ...keys, 'p', sequence, 1, 5, 200_000, 1_000_000, '', held, 0, 0, 0, 0, 0);
    assert.deepEqual(((await report(2, 3)) as unknown[])[0], 'ok');
    assert.deepEqual(await report(1, 0), ['stale']);
    assert.deepEqual(await report(2, 0), ['stale']);
    assert.equal(await client.hget(keys[1]!, 'used'), '3');
  });

  it('forget the script with SCRIPT FLUSH, and do not mind', async () => {
    const { members, close } = aFleet(1, {});
    await members[0]!.call();
    await client.script('FLUSH');
    await members[0]!.call();
    assert.equal(members[0]!.policy.snapshot().redis.losses, 0);
    close();
  });

  it('(5) start nothing for a window after Redis has lost its memory', async () => {
    const { members, starts, close } = aFleet(2, { limits: [{ limit: 3, windowMs: 400 }] });
    for (let i = 0; i < 3; i++) await members[i % 2]!.call();
    await client.flushall();
    await members[0]!.call();
    assert.ok(worst(starts, 400) <= 3);
    assert.ok(starts[3]!.begunAt - starts[2]!.begunAt >= 400);
    close();
  });

  it('(6) start nothing for a window after the clock of Redis went back', async () => {
    const { members, starts, name, close } = aFleet(2, { limits: [{ limit: 3, windowMs: 400 }] });
    for (let i = 0; i < 3; i++) await members[i % 2]!.call();
    const [state = ''] = await client.keys(`*${name}*state*`);
    await client.hset(state, 'at', (Date.now() + 3_600_000) * 1_000);
    await members[1]!.call();
    assert.ok(worst(starts, 400) <= 3);
    close();
  });

  it('refuse with the same codes as the limits of one process', async () => {
    const { members, close } = aFleet(1, { limits: [{ limit: 1, windowMs: 60_000 }], waitersMax: 1, waitMs: 100 });
    const { call } = members[0]!;
    await call();
    const waits = call();
    await assert.rejects(call(), { code: 'SATURATED', limit: 'rateLimit.waitersMax', value: 1 });
    await assert.rejects(waits, { code: 'TIMEOUT', limit: 'rateLimit.waitMs', value: 100, reach: 'unsent' });
    await assert.rejects(call({ deadlineAt: systemClock.now() + 30 }), { code: 'DEADLINE' });
    const caller = new AbortController();
    const aborted = call({ signal: caller.signal });
    caller.abort();
    await assert.rejects(aborted, { code: 'ABORTED' });
    const closed = call();
    close();
    await assert.rejects(closed, { code: 'CLOSED' });
  });

  it('say which option is wrong', () => {
    const limits = [{ limit: 1, windowMs: 1 }];
    const wrong: [object, RegExp][] = [
      [{ client: {} }, /client is an object; allowed: what has evalsha and eval/],
      [{ name: 'a{b' }, /rateLimit\.name/],
      [{ prefix: '' }, /rateLimit\.prefix/],
      [{ redisMs: 0 }, /redisMs/],
      [{ holdMs: Number.NaN }, /holdMs/],
      [{ onLoss: 'open' }, /onLoss is "open"; allowed: "closed", "local"/],
      [{ share: 0 }, /share/],
      [{ share: 2, onLoss: 'local' }, /leaves nothing/],
      [{ limits: [...limits, ...limits] }, /names of their own/],
    ];
    for (const [options, message] of wrong) {
      const all = { client, name: 'a', limits, ...options } as FleetOptions;
      assert.throws(() => redisRateLimit(all), message);
    }
  });
});
