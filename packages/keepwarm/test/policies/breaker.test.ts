/** What counts for a breaker, whom it serves, and what its callers and observers are told. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Code, NetError, type Reach } from '../../src/core/error.ts';
import type { Observer } from '../../src/core/observer.ts';
import { originOf } from '../../src/core/origin.ts';
import { BREAKER_DEFAULTS, BREAKER_SEED, type BreakerOptions, breaker } from '../../src/policies/breaker.ts';
import { FakeClock } from '../../src/testing/fake-clock.ts';
import { aCall, failure, type Line, later, never, scripted } from '../../src/testing/scripted-engine.ts';

function aBreaker(script: (index: number) => Line, options: Partial<BreakerOptions> = {}) {
  const clock = new FakeClock();
  const facts: unknown[] = [];
  const observer: Observer = {
    breakerOpened: (fact) => facts.push(['opened', fact]),
    breakerHalfOpened: (fact) => facts.push(['half-opened', fact]),
    breakerClosed: (fact) => facts.push(['closed', fact]),
  };
  const policy = breaker(
    { ...BREAKER_DEFAULTS, jitter: 0, failingMs: 0, ...options },
    { clock, random: () => 0, observer },
  );
  const engine = scripted((_, index) => script(index), clock);
  const send = policy(engine);
  /** The status, or the error's code. */
  const outcome = (about = {}) =>
    send(aCall(about)).then(
      ({ status }) => status,
      ({ code }: NetError) => code,
    );
  const outcomes = async (count: number) => {
    for (let i = 0; i < count; i++) await outcome();
  };
  return { clock, facts, policy, engine, send, outcome, outcomes };
}

const state = ({ snapshot }: ReturnType<typeof breaker>) => snapshot().breakers[0]?.state;
const refuses = (error: unknown): error is NetError => error instanceof NetError && error.code === 'OPEN';

describe('a breaker', () => {
  it('lets calls through at once, and hands replies and errors on as they are', async () => {
    const error = failure('RESET', 'unknown');
    const { send, engine } = aBreaker((index) => (index === 0 ? 204 : error));
    const reply = send(aCall());
    assert.equal(engine.calls.length, 1, 'sent synchronously');
    assert.equal((await reply).status, 204);
    await assert.rejects(send(aCall()), (thrown) => thrown === error);
  });

  it('takes what is tried again of one call for one failure in a row', async () => {
    const { outcome, policy } = aBreaker(() => 503, { consecutiveMax: 2, samplesMin: 100 });
    for (const attempt of [1, 2, 3]) await outcome({ attempt });
    assert.equal(state(policy), 'closed');
    await outcome({ attempt: 1 });
    assert.equal(state(policy), 'open');
  });

  it('refuses what it stops with OPEN, unsent, and says when it will probe', async () => {
    const { send, outcomes, clock, engine, policy } = aBreaker(() => 503);
    await outcomes(5);
    clock.advance(800);
    await assert.rejects(send(aCall()), (error) => {
      assert(refuses(error));
      assert.deepEqual([error.reach, error.phase, error.origin], ['unsent', 'queue', 'https://api.example.com']);
      assert.equal(error.retryAfterMs, 4_200);
      assert.match(
        error.message,
        /GET https:\/\/api\.example\.com was refused: its breaker .* open for 800 ms \(status 503\); .* in 4200 ms/,
      );
      return true;
    });
    assert.equal(engine.calls.length, 5, 'nothing was sent');
    assert.deepEqual(policy.snapshot(), {
      breakers: [
        {
          key: 'https://api.example.com',
          state: 'open',
          consecutive: 5,
          failures: 5,
          samples: 5,
          probeMs: 4_200,
          troubledMs: 800,
          failure: 'status 503',
          opened: 1,
          refused: 1,
        },
      ],
      unguarded: 0,
    });
  });

  it('lets one of a crowd through as a probe, and all of the next once that is well', async () => {
    const { send, outcome, outcomes, clock, engine } = aBreaker((index) => (index < 5 ? 503 : later(10, 200)));
    await outcomes(5);
    clock.advance(5_000);
    const crowd = Array.from({ length: 50 }, () => outcome());
    await assert.rejects(send(aCall()), /its breaker is half-open \(status 503\); a probe is under way/);
    await clock.run(10);
    const outcomesOfCrowd = await Promise.all(crowd);
    assert.deepEqual([outcomesOfCrowd[0], new Set(outcomesOfCrowd.slice(1))], [200, new Set(['OPEN'])]);
    const next = Array.from({ length: 50 }, () => outcome());
    await clock.run(10);
    assert.deepEqual(new Set(await Promise.all(next)), new Set([200]));
    assert.equal(engine.calls.length, 56);
  });

  it('tells its observer of each change once, with the reason', async () => {
    const reset = failure('RESET', 'unknown');
    const lines: Line[] = [503, 503, 503, 503, 503, reset, 200];
    const { facts, outcome, outcomes, clock, policy } = aBreaker((index) => lines[index] ?? 200);
    await outcomes(7);
    clock.advance(5_000);
    await outcomes(2);
    clock.advance(10_000);
    await outcome();
    policy.reset();
    const key = 'https://api.example.com';
    assert.deepEqual(facts, [
      ['opened', { breaker: key, reason: 'consecutive', openMs: 5_000, status: 503, error: undefined }],
      ['half-opened', { breaker: key }],
      ['opened', { breaker: key, reason: 'probe', openMs: 10_000, status: undefined, error: reset }],
      ['half-opened', { breaker: key }],
      ['closed', { breaker: key, by: 'probe' }],
    ]);
  });

  it('is closed by an operator, one or all of them', async () => {
    const { facts, policy, outcome } = aBreaker(() => 503, { key: ({ path }) => path });
    for (const path of ['/a', '/b', '/c']) for (let i = 0; i < 5; i++) await outcome({ path });
    policy.reset('/b');
    policy.reset('/nobody');
    assert.deepEqual(facts.slice(3), [['closed', { breaker: '/b', by: 'operator' }]]);
    assert.equal(await outcome({ path: '/b' }), 503);
    assert.equal(await outcome({ path: '/a' }), 'OPEN');
    policy.reset();
    assert.equal(await outcome({ path: '/a' }), 503);
    assert.equal(facts.length, 6, 'what was closed is not told');
  });

  it('takes no notice of replies to calls that began before it opened', async () => {
    const { outcome, clock, policy } = aBreaker((index) => (index < 5 ? later(1, 503) : later(6_000, 200)));
    const all = Array.from({ length: 9 }, () => outcome());
    await clock.run(1);
    assert.equal(state(policy), 'open');
    await clock.run(6_000);
    assert.equal((await Promise.all(all)).filter((one) => one === 200).length, 4);
    assert.equal(state(policy), 'open', 'still waiting for a call to come');
    await Promise.all([outcome(), clock.run(6_000)]);
    assert.equal(state(policy), 'closed');
  });

  it('opens again on a probe that fails late, and is not held up by one that never ends', async () => {
    const { outcome, clock, policy, outcomes } = aBreaker((index) => (index < 5 ? 503 : never));
    await outcomes(5);
    clock.advance(5_000);
    void outcome({ deadlineAt: 1e9 });
    await clock.settle();
    clock.advance(5_000);
    assert.equal(await outcome(), 'OPEN');
    assert.deepEqual([state(policy), policy.snapshot().breakers[0]!.probeMs], ['open', 10_000]);
  });

  it('frees the place of a probe whose caller gave up', async () => {
    const { outcome, clock, outcomes } = aBreaker((index) => (index < 5 ? 503 : index === 5 ? never : later(1, 200)));
    await outcomes(5);
    clock.advance(5_000);
    const caller = new AbortController();
    const first = outcome({ signal: caller.signal });
    await clock.settle();
    assert.equal(await outcome(), 'OPEN');
    caller.abort();
    assert.equal(await first, 'ABORTED');
    const second = outcome();
    await clock.run(1);
    assert.equal(await second, 200);
  });

  it('survives a policy below that throws instead of rejecting', async () => {
    const { policy } = aBreaker(() => 200, { consecutiveMax: 2 });
    const send = policy(() => {
      throw new Error('a bug');
    });
    for (let i = 0; i < 2; i++) await assert.rejects(send(aCall()), /a bug/);
    await assert.rejects(send(aCall()), refuses);
  });
});

describe('what counts for a breaker', () => {
  const says = async (line: Line, about = {}) => {
    const { outcome, clock, policy } = aBreaker(() => line, { consecutiveMax: 2 });
    const calls = [outcome(about), outcome(about)];
    await clock.run(20_000);
    await Promise.all(calls);
    const { state: now, samples } = policy.snapshot().breakers[0]!;
    return now === 'open' ? 'ill' : samples > 0 ? 'well' : 'nothing';
  };

  it('statuses: 1xx to 3xx say well; 408, 425, 429, 500, 502, 503, 504 ill; every other says nothing', async () => {
    const ill = [408, 425, 429, 500, 502, 503, 504];
    for (const status of [200, 204, 206, 301, 304, 400, 401, 403, 404, 409, 413, 422, 451, 501, 505, ...ill]) {
      const expected = ill.includes(status) ? 'ill' : status < 400 ? 'well' : 'nothing';
      assert.equal(await says(status), expected, `${status}`);
    }
  });

  it('errors: those of the peer and the way to it are failures, those of the caller say nothing', async () => {
    const expected: Readonly<Record<Code, string>> = {
      INVALID: 'nothing',
      CLOSED: 'nothing',
      SATURATED: 'nothing',
      OPEN: 'nothing',
      DNS: 'ill',
      CONNECT: 'ill',
      TLS: 'ill',
      TIMEOUT: 'ill',
      DEADLINE: 'nothing',
      ABORTED: 'nothing',
      RESET: 'ill',
      PROTOCOL: 'ill',
      LIMIT: 'nothing',
      DECODE: 'nothing',
      STATUS: 'nothing',
      REDIRECT: 'nothing',
      RPC: 'nothing',
      DISAGREED: 'nothing',
    };
    for (const [code, verdict] of Object.entries(expected)) {
      assert.equal(await says(failure(code as Code, 'unknown')), verdict, code);
    }
  });

  it('a timeout or deadline in our own queue says nothing', async () => {
    const queued = (code: Code, reach: Reach = 'unsent') => new NetError(code, '', { reach, phase: 'queue' });
    assert.equal(await says(queued('TIMEOUT')), 'nothing');
    assert.equal(await says(later(9_000, queued('DEADLINE'))), 'nothing');
  });

  it('a deadline that passed while a body was sent says nothing: whoever sends it may be slow', async () => {
    const sending = new NetError('DEADLINE', '', { reach: 'unknown', phase: 'write' });
    assert.equal(await says(later(9_000, sending)), 'nothing');
  });

  it('a deadline says something once the peer had a second', async () => {
    assert.equal(await says(never, { deadlineAt: 999 }), 'nothing');
    assert.equal(await says(never, { deadlineAt: 1_000 }), 'ill');
  });

  it('that this machine has run out of sockets is no fault of the peer', async () => {
    for (const systemCode of ['EMFILE', 'ENFILE', 'ENOBUFS', 'EADDRNOTAVAIL']) {
      assert.equal(await says(failure('CONNECT', 'unsent', { systemCode })), 'nothing', systemCode);
    }
    assert.equal(await says(failure('CONNECT', 'unsent', { systemCode: 'ECONNREFUSED' })), 'ill');
  });

  it('a thousand callers who ask for what does not exist neither open it nor close it', async () => {
    const { outcomes, clock, policy } = aBreaker((index) => (index < 1_000 || index > 1_004 ? 404 : 503));
    await outcomes(1_000);
    assert.equal(state(policy), 'closed');
    await outcomes(5);
    clock.advance(5_000);
    await outcomes(10);
    assert.equal(state(policy), 'half-open');
  });
});

describe('breakers', () => {
  it('are apart for each section and origin', async () => {
    const origin = originOf(new URL('https://other.example.com'));
    const { outcome, policy } = aBreaker(() => 503);
    for (let i = 0; i < 5; i++) await outcome();
    assert.deepEqual([await outcome(), await outcome({ section: 'a' }), await outcome({ origin })], ['OPEN', 503, 503]);
    assert.deepEqual(
      policy.snapshot().breakers.map(({ key }) => key),
      ['https://api.example.com', 'a https://api.example.com', 'https://other.example.com'],
    );
  });

  it('are bounded: closed idle ones make room, open ones stay, and who finds no room is let through', async () => {
    const { outcome, clock, policy } = aBreaker(() => 503, { key: ({ path }) => path, keysMax: 2 });
    const keys = () => policy.snapshot().breakers.map(({ key }) => key);
    for (let i = 0; i < 100; i++) await outcome({ path: `/${i}` });
    assert.deepEqual(keys(), ['/98', '/99']);
    for (let i = 0; i < 5; i++) for (const path of ['/98', '/99']) await outcome({ path });
    assert.equal(await outcome({ path: '/new' }), 503);
    assert.deepEqual([keys(), policy.snapshot().unguarded], [['/98', '/99'], 1]);
    clock.advance(35_001);
    await outcome({ path: '/new' });
    assert.deepEqual(keys(), ['/99', '/new'], 'nobody has come for a window after its wait');
  });

  it('with the figures of the design it grew from open for a minute after five failures within two', async () => {
    const { outcomes, clock, policy } = aBreaker((index) => (index < 9 ? 500 : 200), BREAKER_SEED);
    await outcomes(4);
    clock.advance(120_001);
    await outcomes(4);
    assert.equal(state(policy), 'closed');
    await outcomes(1);
    clock.advance(59_999);
    await outcomes(1);
    assert.equal(state(policy), 'open');
    clock.advance(1);
    await outcomes(1);
    assert.equal(state(policy), 'closed');
  });
});
