/** Random traffic through several limits: every window counted by hand, every invariant of rate-limiter.ts verified. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { Call, Send } from '../../src/core/call.ts';
import { NetError } from '../../src/core/error.ts';
import type { Reply } from '../../src/core/reply.ts';
import { rateLimit } from '../../src/policies/rate-limit.ts';
import type { RateLimit } from '../../src/policies/rate-options.ts';
import { FakeClock } from '../../src/testing/fake-clock.ts';
import { aCall, aReply } from '../../src/testing/scripted-engine.ts';

const LATE_MS = 20;
const WAIT_MS = 150;
const WAITERS_MAX = 6;

const worlds = fc.record({
  limits: fc.array(
    fc.record({
      limit: fc.integer({ min: 2, max: 5 }),
      windowMs: fc.integer({ min: 1, max: 60 }),
      keyed: fc.boolean(),
      weighted: fc.boolean(),
    }),
    { minLength: 1, maxLength: 3 },
  ),
  path: fc.array(
    fc.record({
      kind: fc.constantFrom(
        'call',
        'call',
        'call',
        'call',
        'answer',
        'answer',
        'wait',
        'wait',
        'unsent',
        'lost',
        'slow',
        'abort',
      ),
      key: fc.constantFrom('/a', '/b', '/c'),
      weight: fc.nat(2),
      deadlineMs: fc.oneof(fc.constant(Number.POSITIVE_INFINITY), fc.nat(120)),
      ms: fc.oneof(fc.nat(3), fc.nat(50)),
      pick: fc.nat(50),
    }),
    { maxLength: 60, size: 'max' },
  ),
});

type World = typeof worlds extends fc.Arbitrary<infer T> ? T : never;

/** A call as the test sees it. The weight travels as the attempt, the key as the path. */
interface Caller {
  readonly call: Call;
  readonly cancel: AbortController;
  readonly arrivedAt: number;
  startedAt: number | undefined;
  countedBy: number;
  sent: boolean;
  settled: 'reply' | NetError | undefined;
  resolve: (reply: Reply) => void;
  reject: (error: NetError) => void;
}

class Walk {
  readonly clock = new FakeClock();
  readonly callers: Caller[] = [];
  readonly limits: readonly RateLimit[];
  readonly policy;
  readonly send: Send;

  constructor({ limits }: World) {
    this.limits = limits.map(({ limit, windowMs, keyed, weighted }) => ({
      limit,
      windowMs,
      ...(keyed ? { key: ({ path }: Call) => path } : {}),
      ...(weighted ? { weight: ({ attempt }: Call) => attempt } : {}),
    }));
    const options = { limits: this.limits, lateMs: LATE_MS, waitMs: WAIT_MS, waitersMax: WAITERS_MAX };
    this.policy = rateLimit(options, { clock: this.clock, observer: {} });
    this.send = this.policy((call) => this.engine(call));
  }

  engine(call: Call): Promise<Reply> {
    const caller = this.callers.find((one) => one.call === call)!;
    assert.equal(caller.startedAt, undefined, 'a call is started once');
    assert.equal(caller.settled, undefined, '(5) who was told off is not started');
    assert.ok(this.clock.now() < call.deadlineAt, '(3) nobody starts after the deadline');
    for (const other of this.waiting()) {
      const shares = this.limits.some((limit) => limit.key === undefined || call.path === other.call.path);
      const precedes = other.call.deadlineAt < call.deadlineAt;
      // With one limit there is one queue per key. With several, one that precedes may be held up by another limit.
      if (this.limits.length === 1 && other !== caller && shares && precedes && this.weighs(other, 0) > 0) {
        assert.equal(this.weighs(caller, 0), 0, '(2) nobody overtakes one with an earlier deadline');
      }
    }
    caller.startedAt = this.clock.now();
    caller.sent = true;
    return new Promise((resolve, reject) => Object.assign(caller, { resolve, reject }));
  }

  weighs({ call }: Caller, limit: number): number {
    return this.limits[limit]!.weight?.(call) ?? 1;
  }

  waiting(): Caller[] {
    return this.callers.filter(({ startedAt, settled }) => startedAt === undefined && settled === undefined);
  }

  running(): Caller[] {
    return this.callers.filter(({ startedAt, settled }) => startedAt !== undefined && settled === undefined);
  }

  arrive(key: string, weight: number, deadlineMs: number): void {
    const cancel = new AbortController();
    const now = this.clock.now();
    const call = aCall({ path: key, attempt: weight, signal: cancel.signal, deadlineAt: now + deadlineMs });
    const nothing = () => assert.fail('it is not under way');
    const caller: Caller = {
      call,
      cancel,
      arrivedAt: now,
      startedAt: undefined,
      countedBy: Number.POSITIVE_INFINITY,
      sent: false,
      settled: undefined,
      resolve: nothing,
      reject: nothing,
    };
    this.callers.push(caller);
    this.send(call).then(
      () => (caller.settled = 'reply'),
      (error: NetError) => (caller.settled = error),
    );
  }

  async end(caller: Caller, kind: 'answer' | 'unsent' | 'lost'): Promise<void> {
    const now = this.clock.now();
    caller.countedBy = kind === 'lost' ? now + LATE_MS : now;
    if (kind === 'answer') caller.resolve(aReply());
    else if (kind === 'lost') caller.reject(new NetError('RESET', 'lost', { reach: 'unknown' }));
    else {
      caller.sent = false;
      caller.reject(new NetError('CONNECT', 'refused', { reach: 'unsent' }));
    }
    await this.clock.settle();
  }

  /** (1) of exact-window.ts, at the peer, which counts each start at an instant of its choice. */
  verifyWindows(): void {
    const started = this.callers.filter(({ sent }) => sent);
    for (const [index, { limit, windowMs, key }] of this.limits.entries()) {
      for (const name of key === undefined ? ['all'] : ['/a', '/b', '/c']) {
        const these = started.filter(({ call }) => key === undefined || call.path === name);
        const from = these.flatMap(({ startedAt, countedBy }) => [startedAt!, countedBy, countedBy - windowMs + 1]);
        for (const t of from) {
          const within = these.filter(({ startedAt, countedBy }) => startedAt! < t + windowMs && countedBy >= t);
          const weight = within.reduce((sum, caller) => sum + this.weighs(caller, index), 0);
          assert.ok(weight <= limit, `${weight} of ${limit} in the window of ${windowMs} ms from ${t} (${name})`);
        }
      }
    }
  }

  verifyQueue(): void {
    const now = this.clock.now();
    const waiting = this.waiting();
    assert.ok(waiting.length <= WAITERS_MAX, '(3) waitersMax');
    assert.equal(
      this.policy.snapshot().reduce((sum, limit) => sum + limit.waiting, 0),
      waiting.length,
    );
    for (const { call, arrivedAt } of waiting) {
      assert.ok(call.deadlineAt > now && arrivedAt + WAIT_MS > now, '(3) nobody waits for too long');
    }
    assert.ok(this.clock.sleeping <= 1, '(4) one timer');
    assert.ok(waiting.length === 0 || this.clock.sleeping === 1, '(4) a timer while somebody waits');
  }
}

describe('rate limits under random traffic', () => {
  it('keep every window, the order, the bounds of the queue, and settle everyone', async () => {
    await fc.assert(
      fc.asyncProperty(worlds, async (world) => {
        const walk = new Walk(world);
        for (const { kind, key, weight, deadlineMs, ms, pick } of world.path) {
          const running = walk.running();
          const caller = running[pick % running.length];
          if (kind === 'call') walk.arrive(key, weight, deadlineMs);
          else if (kind === 'wait') await walk.clock.run(ms);
          else if (kind === 'slow') await walk.clock.run(ms * 3);
          else if (kind === 'abort') walk.waiting()[pick % (walk.waiting().length || 1)]?.cancel.abort();
          else if (caller !== undefined) await walk.end(caller, kind);
          await walk.clock.settle();
          walk.verifyQueue();
        }
        for (const caller of walk.running()) await walk.end(caller, 'answer');
        await walk.clock.run(2 * WAIT_MS + 10);
        for (const caller of walk.running()) await walk.end(caller, 'answer');
        assert.equal(walk.waiting().length, 0, '(5) everyone settles');
        assert.equal(walk.clock.sleeping, 0, '(4) no timer is left');
        walk.verifyWindows();
        await walk.clock.run(1_000);
        for (const limit of walk.policy.snapshot()) assert.equal(limit.used, 0, 'every place is given back');
      }),
      { numRuns: 1_500 },
    );
  });

  it('are used to the full: 300,000 starts, no window exceeded, none left idle', async () => {
    const clock = new FakeClock();
    const limits = [
      { limit: 200, windowMs: 10 },
      { limit: 1_000, windowMs: 100 },
    ];
    const starts: number[] = [];
    const answered = Promise.resolve(aReply());
    const options = { limits, counts: 'start' as const, feedback: false, waitMs: Number.POSITIVE_INFINITY };
    const send = rateLimit(options, { clock, observer: {} })(() => {
      starts.push(clock.now());
      again++;
      return answered;
    });
    let again = 1_500;
    while (starts.length < 300_000) {
      for (; again > 0; again--) void send(aCall());
      clock.advance(clock.nextMs ?? assert.fail('somebody waits, and no timer is set'));
    }
    for (const { limit, windowMs } of limits) {
      for (let i = limit; i < starts.length; i++) {
        if (starts[i]! - starts[i - limit]! < windowMs) assert.fail(`start ${i} makes ${limit + 1} in ${windowMs} ms`);
      }
    }
    assert.equal(starts.at(-1), 29_940, '1,000 per 100 ms, the last 1,000 of them in five times 200');
  });
});
