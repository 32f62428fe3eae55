/** Calls in flight are bounded, waiting is bounded and in order, and no place is lost or given twice. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { Call, Send } from '../../src/core/call.ts';
import { NetError } from '../../src/core/error.ts';
import type { BodySource, Reply } from '../../src/core/reply.ts';
import { CONCURRENCY_DEFAULTS, type ConcurrencyOptions, concurrency } from '../../src/policies/concurrency.ts';
import { FakeClock } from '../../src/testing/fake-clock.ts';
import { aCall, aReply, failure } from '../../src/testing/scripted-engine.ts';

const NO_SOURCE: BodySource = { bytesExpected: -1, start() {}, resume() {}, cancel() {}, liftDeadline() {} };

interface Started {
  readonly call: Call;
  answer(reply: Reply): void;
  fail(error: unknown): void;
}

/** An engine whose answers are given by hand, oldest call first. */
function anEngine() {
  const started: Started[] = [];
  const paths: string[] = [];
  const send: Send = (call) => {
    paths.push(call.path);
    return new Promise((answer, fail) => started.push({ call, answer, fail }));
  };
  return { started, paths, send };
}

function aLimit(options: Partial<ConcurrencyOptions> = {}) {
  const clock = new FakeClock();
  const facts: string[] = [];
  const policy = concurrency(
    { ...CONCURRENCY_DEFAULTS, algorithm: 'fixed', limit: 2, ...options },
    {
      clock,
      observer: {
        concurrencyWaits: ({ limit, waiting }) => facts.push(`${waiting} wait for ${limit}`),
        concurrencyRefused: ({ error }) => facts.push(error.code),
      },
    },
  );
  const engine = anEngine();
  const send = policy(engine.send);
  /** The status, or the error's code. */
  const outcome = (path: string, about: Partial<Call> = {}) =>
    send(aCall({ path, ...about })).then(
      ({ status }) => status,
      (error: unknown) => NetError.from(error).code,
    );
  const state = () => {
    const [{ limit = 0, inFlight = 0, waiting = 0 } = {}] = policy.snapshot();
    return { limit, inFlight, waiting };
  };
  const answerNext = async (reply: number | Reply = 200) => {
    engine.started.shift()!.answer(typeof reply === 'number' ? aReply(reply) : reply);
    await clock.settle();
  };
  const { started, paths } = engine;
  return { clock, facts, policy, send, outcome, state, answerNext, started, paths };
}

describe('a concurrency limit', () => {
  it('starts what it can synchronously, and the rest as places become free', async () => {
    const { outcome, state, paths, answerNext, facts } = aLimit();
    const all = ['/a', '/b', '/c', '/d'].map((path) => outcome(path));
    assert.deepEqual(paths, ['/a', '/b']);
    assert.deepEqual(state(), { limit: 2, inFlight: 2, waiting: 2 });
    assert.deepEqual(facts, ['1 wait for https://api.example.com', '2 wait for https://api.example.com']);
    await answerNext();
    assert.deepEqual(paths, ['/a', '/b', '/c']);
    for (let i = 0; i < 3; i++) await answerNext();
    assert.deepEqual(await Promise.all(all), [200, 200, 200, 200]);
    assert.deepEqual(state(), { limit: 2, inFlight: 0, waiting: 0 });
  });

  it('holds the place until the reply has ended, not until its head arrived', async () => {
    const { outcome, paths, answerNext, send, state } = aLimit({ limit: 1 });
    const reply = aReply({ body: NO_SOURCE });
    const first = send(aCall({ path: '/a' }));
    void outcome('/b');
    await answerNext(reply);
    assert.equal(await first, reply);
    assert.deepEqual(paths, ['/a']);
    reply.finish();
    assert.deepEqual(paths, ['/a', '/b']);
    reply.finish();
    assert.deepEqual(state(), { limit: 1, inFlight: 1, waiting: 0 });
  });

  it('hands a free place straight to who waits: a newcomer never overtakes', async () => {
    const { outcome, paths, send, started, clock } = aLimit({ limit: 1 });
    const first = send(aCall({ path: '/a' }));
    void outcome('/b');
    void first.then(() => void outcome('/newcomer'));
    started.shift()!.answer(aReply());
    await clock.settle();
    assert.deepEqual(paths, ['/a', '/b']);
  });

  it('lets nobody overtake from within the engine while several are started', async () => {
    const { policy, clock } = aLimit({ algorithm: 'aimd', limit: 1 });
    const order: string[] = [];
    const send = policy((call) => {
      order.push(call.path);
      if (call.path === '/b') void send(aCall({ path: '/nested' }));
      return Promise.resolve(aReply());
    });
    for (const path of ['/a', '/b', '/c']) void send(aCall({ path }));
    await clock.settle();
    assert.deepEqual(order, ['/a', '/b', '/c', '/nested'], 'one answer made room for two');
  });

  it('lets nobody overtake from within the engine either', async () => {
    const { policy, clock } = aLimit({ limit: 1 });
    const order: string[] = [];
    const reply = aReply({ body: NO_SOURCE });
    const send = policy((call) => {
      order.push(call.path);
      if (call.path === '/b') void send(aCall({ path: '/nested' }));
      return Promise.resolve(call.path === '/a' ? reply : aReply());
    });
    for (const path of ['/a', '/b', '/c']) void send(aCall({ path }));
    await clock.settle();
    reply.finish();
    await clock.settle();
    assert.deepEqual(order, ['/a', '/b', '/c', '/nested']);
  });

  it('has those with earlier deadlines go first, and of equal ones the first to come', async () => {
    const { outcome, paths, answerNext } = aLimit({ limit: 1 });
    for (const [path, deadlineAt] of [
      ['/a', 9],
      ['/d', 500],
      ['/e', 500],
      ['/b', 100],
      ['/f', Infinity],
      ['/c', 200],
    ] as const) {
      void outcome(path, { deadlineAt });
    }
    for (let i = 0; i < 5; i++) await answerNext();
    assert.deepEqual(paths, ['/a', '/b', '/c', '/d', '/e', '/f']);
  });

  it('refuses who finds the queue full with SATURATED, unsent, and names the limit', async () => {
    const { outcome, send, facts } = aLimit({ limit: 1, waitersMax: 1 });
    void outcome('/a');
    void outcome('/b');
    await assert.rejects(send(aCall()), (error) => {
      assert(error instanceof NetError);
      const { code, reach, phase, limit, value } = error;
      assert.deepEqual([code, reach, phase], ['SATURATED', 'unsent', 'queue']);
      assert.deepEqual([limit, value], ['concurrency.waitersMax', 1]);
      assert.match(error.message, /1 calls are in flight of 1 that may be, and 1 wait/);
      return true;
    });
    assert.deepEqual(facts, ['1 wait for https://api.example.com', 'SATURATED']);
  });

  it('refuses who has waited as long as it may with TIMEOUT, whose deadline comes first with DEADLINE', async () => {
    const { outcome, clock, state, paths } = aLimit({ limit: 1, waitMs: 100 });
    void outcome('/a');
    const patient = outcome('/b');
    const hurried = outcome('/c', { deadlineAt: 50 });
    assert.equal(await outcome('/d', { deadlineAt: 0 }), 'DEADLINE');
    await clock.run(50);
    assert.equal(await hurried, 'DEADLINE');
    assert.equal(state().waiting, 1);
    await clock.run(52);
    assert.equal(await patient, 'TIMEOUT');
    assert.deepEqual([state().waiting, clock.sleeping, paths.length], [0, 0, 1]);
  });

  it('lets an aborted waiter go at once, and does not start one that was aborted before', async () => {
    const { outcome, state, clock, answerNext, paths } = aLimit({ limit: 1 });
    const caller = new AbortController();
    void outcome('/a');
    const waiting = outcome('/b', { signal: caller.signal });
    void outcome('/c');
    caller.abort();
    assert.equal(await waiting, 'ABORTED');
    assert.equal(state().waiting, 1);
    assert.equal(await outcome('/d', { signal: caller.signal }), 'ABORTED');
    await answerNext();
    await clock.settle();
    assert.deepEqual(paths, ['/a', '/c']);
  });

  it('gives a place back whatever ends a call', async () => {
    const { outcome, state, started, clock, policy } = aLimit();
    const all = [outcome('/a'), outcome('/b')];
    started[0]!.fail(failure('RESET', 'unknown'));
    started[1]!.fail(new Error('not ours'));
    await clock.settle();
    assert.deepEqual(await Promise.all(all), ['RESET', 'RESET']);
    const thrower = policy(() => {
      throw new Error('a bug');
    });
    await assert.rejects(thrower(aCall()), /a bug/);
    assert.equal(state().inFlight, 0);
  });

  it('ends every wait when it is closed, once, and starts nothing any more', async () => {
    const { outcome, policy, answerNext, paths, clock } = aLimit({ limit: 1 });
    const all = ['/a', '/b', '/c'].map((path) => outcome(path));
    policy.close();
    policy.close();
    assert.deepEqual(await Promise.all(all.slice(1)), ['CLOSED', 'CLOSED']);
    assert.equal(await outcome('/d'), 'CLOSED');
    await answerNext();
    assert.deepEqual([await all[0], paths, clock.sleeping], [200, ['/a'], 0]);
  });

  it('is one per section and origin, or per key; one in use is never forgotten', async () => {
    const { outcome, policy, answerNext } = aLimit({ limit: 1, keysMax: 2, key: ({ path }) => path });
    void outcome('/a');
    void outcome('/b');
    assert.equal(await outcome('/c'), 'SATURATED');
    await answerNext();
    void outcome('/c');
    assert.deepEqual(
      policy.snapshot().map(({ key }) => key),
      ['/b', '/c'],
    );
  });
});

it('a concurrency limit can be forgotten once nobody uses it, those who were refused included', async () => {
  const { outcome, policy, answerNext } = aLimit({ limit: 1, waitersMax: 0, keysMax: 1, key: ({ path }) => path });
  void outcome('/a');
  assert.equal(await outcome('/a'), 'SATURATED');
  await answerNext();
  void outcome('/b');
  assert.deepEqual(
    policy.snapshot().map(({ key }) => key),
    ['/b'],
  );
});

describe('an adaptive limit', () => {
  it('shrinks when the peer sheds load or does not answer, and takes nothing back from calls under way', async () => {
    const { outcome, state, answerNext, started, clock, policy } = aLimit({
      algorithm: 'aimd',
      limit: 4,
      backoff: 0.7,
    });
    for (let i = 0; i < 6; i++) void outcome(`/${i}`);
    await answerNext(429);
    assert.deepEqual(state(), { limit: 2, inFlight: 3, waiting: 2 });
    await answerNext(503);
    assert.deepEqual(state(), { limit: 1, inFlight: 2, waiting: 2 });
    started.shift()!.fail(failure('TIMEOUT', 'unknown'));
    await clock.settle();
    assert.deepEqual(state(), { limit: 1, inFlight: 1, waiting: 2 });
    started.shift()!.fail(failure('RESET', 'unknown'));
    await clock.settle();
    assert.deepEqual(state(), { limit: 1, inFlight: 1, waiting: 1 });
    const [{ granted, dropped, refused } = assert.fail()] = policy.snapshot();
    assert.deepEqual([granted, dropped, refused], [5, 3, 0], 'a connection that was lost says nothing of load');
  });

  it('does not shrink for deadlines that were too short to tell, nor for waits of our own', async () => {
    const { outcome, state, started, clock } = aLimit({ algorithm: 'aimd', limit: 20 });
    for (let i = 0; i < 3; i++) void outcome(`/${i}`);
    started[0]!.fail(new NetError('TIMEOUT', '', { reach: 'unsent', phase: 'queue' }));
    started[1]!.fail(failure('DEADLINE', 'unknown'));
    await clock.run(1_000);
    assert.equal(state().limit, 20);
    started[2]!.fail(failure('DEADLINE', 'unknown'));
    await clock.settle();
    assert.equal(state().limit, 18);
  });

  it('starts waiters as it grows, also while a reply is still arriving', async () => {
    const { outcome, state, answerNext, paths } = aLimit({ algorithm: 'aimd', limit: 1 });
    for (let i = 0; i < 3; i++) void outcome(`/${i}`);
    await answerNext(aReply({ body: NO_SOURCE }));
    assert.deepEqual(state(), { limit: 2, inFlight: 2, waiting: 1 });
    assert.equal(paths.length, 2);
  });

  it('follows latency with the gradient', async () => {
    const { outcome, clock, state, started } = aLimit({
      algorithm: 'gradient',
      limit: 10,
      windowMs: 0,
      windowCount: 1,
    });
    const round = async (afterMs: number) => {
      for (let i = state().limit || 10; i > 0; i--) void outcome('/');
      await clock.run(afterMs);
      for (const { answer } of started.splice(0)) answer(aReply());
      await clock.settle();
    };
    for (let i = 0; i < 10; i++) await round(50);
    const before = state().limit;
    assert(before > 10);
    await round(2_000);
    assert(state().limit < before);
  });
});

it('walks keep every invariant: bounded, in order, no barging, everything settles', async () => {
  const step = fc.record({
    kind: fc.constantFrom('call', 'call', 'call', 'answer', 'answer', 'stream', 'finish', 'fail', 'abort', 'wait'),
    pick: fc.nat(20),
    ms: fc.constantFrom(1, 10, 60),
  });
  const algorithms = fc.constantFrom<ConcurrencyOptions['algorithm']>('fixed', 'aimd');
  await fc.assert(
    fc.asyncProperty(algorithms, fc.array(step, { maxLength: 60, size: 'max' }), async (algorithm, path) => {
      const clock = new FakeClock();
      const options = { ...CONCURRENCY_DEFAULTS, algorithm, limit: 3, limitMax: 5, waitersMax: 4, waitMs: 50 };
      const policy = concurrency(options, { clock, observer: {} });
      const waiting: { id: number; deadlineAt: number }[] = [];
      const underWay: Started[] = [];
      const streams: Reply[] = [];
      const callers: AbortController[] = [];
      let calls = 0;
      let settled = 0;
      let arriving = -1;
      const broken: string[] = [];
      const state = () => policy.snapshot()[0] ?? { inFlight: 0, limit: 3, waiting: 0 };
      const send = policy((call) => {
        const id = Number(call.path.slice(1));
        const holds = (kept: boolean, what: string) => void (kept || broken.push(`${what}: ${id}`));
        holds(state().inFlight <= state().limit, '(1) started beyond the limit');
        if (id === arriving) holds(waiting.length === 0, '(2) a newcomer overtook');
        else {
          const due = [...waiting].sort((a, b) =>
            a.deadlineAt === b.deadlineAt ? a.id - b.id : a.deadlineAt - b.deadlineAt,
          );
          holds(due[0]?.id === id, '(3) out of order');
          waiting.splice(
            waiting.findIndex((waiter) => waiter.id === id),
            1,
          );
        }
        return new Promise((answer, fail) => underWay.push({ call, answer, fail }));
      });
      const begin = (pick: number) => {
        const caller = new AbortController();
        const deadlineAt = pick % 3 === 0 ? Number.POSITIVE_INFINITY : clock.now() + 10 * pick;
        const id = calls++;
        const before = underWay.length;
        callers.push(caller);
        arriving = id;
        const reply = send(aCall({ path: `/${id}`, signal: caller.signal, deadlineAt }));
        arriving = -1;
        if (underWay.length === before) waiting.push({ id, deadlineAt });
        const over = () => {
          settled++;
          const at = waiting.findIndex((waiter) => waiter.id === id);
          if (at >= 0) waiting.splice(at, 1);
        };
        reply.then(over, over);
      };
      const verify = (kind: string) => {
        assert.deepEqual(broken, [], `after ${kind}`); // what the engine throws would be taken for a failed call
        const { inFlight, limit, waiting: count } = state();
        assert.equal(inFlight, underWay.length + streams.length, `(5) places after ${kind}`);
        assert(count === 0 || inFlight >= limit, `(2) after ${kind}`);
        assert(count <= options.waitersMax, `(4) after ${kind}`);
        assert.equal(count, waiting.length, `(5) waiters after ${kind}`);
      };
      for (const { kind, pick, ms } of path) {
        const [chosen] = kind === 'finish' ? [] : underWay.slice(pick % (underWay.length || 1));
        const take = () => underWay.splice(underWay.indexOf(chosen!), 1)[0]!;
        if (kind === 'call') begin(pick);
        else if (kind === 'abort') callers[pick % (callers.length || 1)]?.abort();
        else if (kind === 'wait') await clock.run(ms);
        else if (kind === 'finish') streams.shift()?.finish();
        else if (chosen === undefined) continue;
        else if (kind === 'answer') take().answer(aReply(pick % 4 === 0 ? 429 : 200));
        else if (kind === 'fail') take().fail(failure(pick % 2 === 0 ? 'TIMEOUT' : 'RESET', 'unknown'));
        else {
          const reply = aReply({ body: NO_SOURCE });
          streams.push(reply);
          take().answer(reply);
        }
        await clock.settle();
        verify(kind);
      }
      while (underWay.length + streams.length > 0) {
        streams.shift()?.finish();
        underWay.shift()?.answer(aReply());
        await clock.settle();
        verify('the end');
      }
      await clock.run(100);
      assert.equal(settled, calls, '(5) every call settles');
      assert.equal(clock.sleeping, 0, 'no timer is left behind');
    }),
    { numRuns: 1_000 },
  );
});
