/** What peers say about their own limits, and what is made of it. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Call } from '../../src/core/call.ts';
import { readFeedback } from '../../src/policies/rate-feedback.ts';
import { rateLimit } from '../../src/policies/rate-limit.ts';
import type { RateLimitOptions } from '../../src/policies/rate-options.ts';
import { FakeClock } from '../../src/testing/fake-clock.ts';
import { aCall, aReply, type Line, later, type ReplyPlan, scripted } from '../../src/testing/scripted-engine.ts';

const WALL = Date.UTC(2030, 0, 1);
const quotas = (headers: Record<string, string>) => readFeedback(aReply({ headers }), WALL)?.quotas;

describe('reading what a reply says about limits', () => {
  const readable: [string, Record<string, string>, object[]][] = [
    [
      'the draft standard',
      { ratelimit: '"q";r=5;t=30', 'ratelimit-policy': '"q";q=100;w=60' },
      [{ name: 'q', limit: 100, windowMs: 60_000, remaining: 5, resetMs: 30_000 }],
    ],
    [
      'several policies',
      { ratelimit: '"a";r=1;t=2, "b, c";r=0', 'ratelimit-policy': '"a";q=9;w=1, "d";q=5;w=7' },
      [
        { name: 'a', limit: 9, windowMs: 1_000, remaining: 1, resetMs: 2_000 },
        { name: 'b, c', remaining: 0, resetMs: undefined },
        { name: 'd', limit: 5, windowMs: 7_000 },
      ],
    ],
    [
      'an older draft',
      { ratelimit: 'limit=100, remaining=50, reset=5' },
      [{ limit: 100, remaining: 50, resetMs: 5_000 }],
    ],
    ['an older policy', { 'ratelimit-policy': '100;w=60' }, [{ name: '100', limit: 100, windowMs: 60_000 }]],
    [
      'three fields',
      { 'ratelimit-limit': '100, 100;w=60', 'ratelimit-remaining': '7', 'ratelimit-reset': '9' },
      [{ limit: 100, remaining: 7, resetMs: 9_000 }],
    ],
    [
      'seconds since 1970',
      { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': String(WALL / 1_000 + 60) },
      [{ limit: undefined, remaining: 0, resetMs: 60_000 }],
    ],
    [
      'milliseconds since 1970',
      { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': String(WALL + 60) },
      [{ limit: undefined, remaining: 0, resetMs: 60 }],
    ],
    [
      'an instant in the past',
      { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '1700000000' },
      [{ limit: undefined, remaining: 0, resetMs: 0 }],
    ],
    [
      'an instant by the clock of a peer that is an hour behind',
      {
        'x-ratelimit-remaining': '0',
        'x-ratelimit-reset': String(WALL / 1_000 - 3_540),
        date: 'Mon, 31 Dec 2029 23:00:00 GMT',
      },
      [{ limit: undefined, remaining: 0, resetMs: 60_000 }],
    ],
    [
      'a short number of seconds',
      { 'x-rate-limit-remaining': '3', 'x-rate-limit-reset': '12' },
      [{ limit: undefined, remaining: 3, resetMs: 12_000 }],
    ],
    [
      'fractions',
      { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset-after': '0.25', 'x-ratelimit-reset': '1700000000' },
      [{ limit: undefined, remaining: 0, resetMs: 250 }],
    ],
    [
      'the instant of the next call',
      { 'x-ratelimit-remaining': '0', 'x-ratelimit-next': new Date(WALL + 1_500).toISOString() },
      [{ limit: undefined, remaining: 0, resetMs: 1_500 }],
    ],
    [
      'no instant where there is none',
      { 'x-ratelimit-remaining': '0', 'x-ratelimit-next': 'soon' },
      [{ limit: undefined, remaining: 0, resetMs: undefined }],
    ],
  ];
  for (const [what, headers, expected] of readable) {
    it(`understands ${what}`, () => assert.deepEqual(quotas(headers), expected));
  }

  it('ignores what makes no sense', () => {
    const garbage = [
      '',
      'soon',
      '-1',
      '1e9',
      'NaN',
      '٣',
      '"',
      '""";;r=',
      '"a";r=-1;t=x',
      ';;;',
      ',,,',
      '1'.repeat(2_000),
      '=;=,=',
    ];
    for (const value of garbage) {
      const names = [
        'ratelimit',
        'ratelimit-policy',
        'x-ratelimit-remaining',
        'x-ratelimit-reset',
        'retry-after',
        'date',
      ];
      const feedback = readFeedback(
        aReply({ status: 429, headers: Object.fromEntries(names.map((name) => [name, value])) }),
        WALL,
      );
      assert.equal(feedback, undefined, value.slice(0, 20));
    }
  });

  it('heeds Retry-After in both forms, on 429 and 503 only', () => {
    const after = (status: number, value: string) =>
      readFeedback(aReply({ status, headers: { 'retry-after': value } }), WALL)?.retryAfterMs;
    assert.equal(after(429, '3'), 3_000);
    assert.equal(after(503, 'Tue, 01 Jan 2030 00:00:07 GMT'), 7_000);
    assert.equal(after(301, '3'), undefined);
  });
});

function limited(script: (call: Call, index: number) => Line, options: Partial<RateLimitOptions> = {}) {
  const clock = new FakeClock();
  const engine = scripted(script, clock);
  const policy = rateLimit({ limits: [{ limit: 100, windowMs: 1_000 }], ...options }, { clock, observer: {} });
  const send = policy(engine);
  const call = (path = '/') => void send(aCall({ path })).catch(() => undefined);
  return { clock, engine, policy, call };
}

const slowed = (headers: Record<string, string> = {}): ReplyPlan => ({ status: 429, headers });

describe('a limit that a peer makes stricter', () => {
  it('pauses all who wait, once, for as long as Retry-After says', async () => {
    const { call, engine, clock, policy } = limited((_, i) => (i < 3 ? later(i, slowed({ 'retry-after': '2' })) : 200));
    for (let i = 0; i < 3; i++) call();
    await clock.run(10);
    assert.equal(policy.snapshot()[0]?.pausedMs, 1_992, 'three replies that say the same are no three pauses');
    assert.equal(policy.snapshot()[0]?.remaining, 0);
    for (let i = 0; i < 5; i++) call();
    await clock.run(5_000);
    assert.deepEqual(engine.instants.slice(3), [2_002, 2_002, 2_002, 2_002, 2_002]);
  });

  it('does not end a long pause because of a shorter one', async () => {
    const { call, clock, policy } = limited((_, i) => later(i, slowed({ 'retry-after': i === 0 ? '5' : '1' })));
    call();
    call();
    await clock.run(10);
    assert.equal(policy.snapshot()[0]?.pausedMs, 4_990);
  });

  it('pauses for pauseMs after a 429 that does not say how long, and not at all after a 503', async () => {
    const statuses = [503, 429, 200];
    const { call, engine, clock } = limited((_, i) => statuses[i]!);
    for (let i = 0; i < 3; i++) {
      call();
      await clock.run(1);
    }
    await clock.run(5_000);
    assert.deepEqual(engine.instants, [0, 1, 1_001]);
  });

  it('does not let a peer ask for more than pauseMsMax', async () => {
    const { call, engine, clock } = limited(() => slowed({ 'retry-after': '86400' }), { pauseMsMax: 3_000 });
    call();
    await clock.settle();
    call();
    await clock.run(3_000);
    assert.deepEqual(engine.instants, [0, 3_000]);
  });

  it('starts no more than the peer has left, until its quota is full again', async () => {
    const { call, engine, clock } = limited((_, i) => (i === 0 ? { headers: { ratelimit: '"x";r=2;t=4' } } : 200));
    call();
    await clock.settle();
    for (let i = 0; i < 5; i++) call();
    await clock.run(5_000);
    assert.deepEqual(engine.instants, [0, 0, 0, 4_000, 4_000, 4_000]);
  });

  it('believes the later of two calls, in whatever order their replies come', async () => {
    const left = (remaining: number) => ({
      headers: { 'ratelimit-remaining': String(remaining), 'ratelimit-reset': '4' },
    });
    const { call, engine, clock } = limited((_, i) => [later(20, left(9)), later(10, left(2))][i] ?? 200);
    call();
    call();
    await clock.run(20);
    for (let i = 0; i < 5; i++) call();
    await clock.run(10);
    assert.equal(engine.calls.length, 4, 'two were left after the second');
    await clock.run(5_000);
    assert.equal(engine.calls.length, 7);
  });

  it('applies what it says to the limit it names, or of the same window, or else to the first', async () => {
    const limits = [
      { limit: 10, windowMs: 1_000 },
      { limit: 100, windowMs: 60_000 },
      { name: 'burst', limit: 5, windowMs: 100 },
    ];
    const remaining = async (headers: Record<string, string>) => {
      const { call, clock, policy } = limited(() => ({ headers }), { limits });
      call();
      await clock.settle();
      return policy.snapshot().map((limit) => limit.remaining);
    };
    assert.deepEqual(await remaining({ ratelimit: '"burst";r=1;t=9' }), [9, 99, 1]);
    assert.deepEqual(await remaining({ ratelimit: '"m";r=3;t=9', 'ratelimit-policy': '"m";q=200;w=60' }), [9, 3, 4]);
    assert.deepEqual(await remaining({ 'x-ratelimit-remaining': '4', 'x-ratelimit-reset': '9' }), [4, 99, 4]);
  });

  it('takes over a lower limit for its own window, never a higher one', async () => {
    const policyOf = ['"x";q=7;w=1', '"x";q=1000;w=1', '"x";q=0;w=1'];
    const { call, clock, policy } = limited((_, i) => ({ headers: { 'ratelimit-policy': policyOf[i]! } }));
    const limits: number[] = [];
    for (let i = 0; i < 3; i++) {
      call();
      await clock.settle();
      limits.push(policy.snapshot()[0]!.limit);
    }
    assert.deepEqual(limits, [7, 100, 100]);
  });

  it('pauses one key, not the others', async () => {
    const { call, engine, clock } = limited(({ path }) => (path === '/a' ? slowed({ 'retry-after': '2' }) : 200), {
      limits: [{ limit: 10, windowMs: 1_000, key: ({ path }) => path }],
    });
    call('/a');
    await clock.settle();
    call('/a');
    call('/b');
    await clock.settle();
    assert.deepEqual(
      engine.calls.map(({ path }) => path),
      ['/a', '/b'],
    );
  });

  it('does not listen when told not to', async () => {
    const { call, engine, clock } = limited(() => slowed({ 'retry-after': '2' }), { feedback: false });
    for (let i = 0; i < 3; i++) {
      call();
      await clock.settle();
    }
    assert.equal(engine.calls.length, 3);
  });

  it('notices a peer that begins to send its limits late', async () => {
    const { call, engine, clock } = limited((_, i) =>
      i < 40 ? 200 : { headers: { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '9' } },
    );
    for (let i = 0; i < 70; i++) {
      call();
      await clock.settle();
    }
    assert.ok(engine.calls.length <= 40 + 16, `after 16 replies at most, not ${engine.calls.length - 40}`);
  });
});
