/** Who shares an attempt and who does not, and that sharing harms none of them. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { Call, Send } from '../../src/core/call.ts';
import { NetError } from '../../src/core/error.ts';
import { Fields } from '../../src/core/fields.ts';
import { originOf } from '../../src/core/origin.ts';
import type { Reply } from '../../src/core/reply.ts';
import { COALESCE_DEFAULTS, type CoalesceOptions, coalesce } from '../../src/policies/coalesce.ts';
import { FakeClock } from '../../src/testing/fake-clock.ts';
import {
  aCall,
  aReply,
  failure,
  type Line,
  later,
  never,
  type ReplyPlan,
  scripted,
} from '../../src/testing/scripted-engine.ts';
import { HandSource } from './a-source.ts';

function aDesk(line: (call: Call, index: number) => Line, options: Partial<CoalesceOptions> = {}) {
  const clock = new FakeClock();
  const engine = scripted(line, clock);
  const policy = coalesce({ ...COALESCE_DEFAULTS, ...options }, { clock, observer: {} });
  const send = policy(engine);
  const get = (about: Partial<Call> = {}) => send(aCall(about));
  return { clock, engine, policy, send, get };
}

const codeOf = (reply: Promise<Reply>) =>
  reply.then(
    ({ status }) => status,
    ({ code }: NetError) => code,
  );
const headers = (fields: Record<string, string>) => ({ headers: Fields.of(fields) });

describe('callers who ask for the same', () => {
  it('share one attempt, and each gets an answer of its own', async () => {
    const { get, clock, engine, policy } = aDesk(() => later(10, { headers: { etag: '"1"' }, body: 'body' }));
    const all = Array.from({ length: 5 }, () => get());
    assert.deepEqual(policy.snapshot(), { attempts: 1, led: 1, joined: 4, separated: 0 });
    await clock.run(10);
    const replies = await Promise.all(all);
    const bodies = await Promise.all(replies.map((reply) => reply.bytes()));
    assert.equal(engine.calls.length, 1);
    bodies[0]!.fill(0);
    bodies[3]!.fill(1);
    assert.equal(Buffer.from(bodies[1]!).toString(), 'body', 'what one does to its bytes is its own business');
    assert.equal(Buffer.from(bodies[4]!).toString(), 'body');
    for (const reply of replies)
      assert.deepEqual([reply.status, reply.headers.get('etag'), reply.ended], [200, '"1"', true]);
    assert.deepEqual([policy.snapshot().attempts, clock.sleeping], [0, 0]);
  });

  it('fail at once when none could start in time; who has more time than the first asks again', async () => {
    const { get, clock, engine } = aDesk(({ deadlineAt }) => {
      assert(engine.calls.length < 10, 'it is not asked again and again');
      return deadlineAt < 1_000 ? failure('DEADLINE', 'unsent') : 200;
    });
    const deadlines = [500, 400, 2_000, 500];
    const outcomes = deadlines.map((deadlineAt) => codeOf(get({ deadlineAt })));
    await clock.settle();
    assert.deepEqual(await Promise.all(outcomes), ['DEADLINE', 'DEADLINE', 200, 'DEADLINE']);
    assert.equal(engine.calls.length, 2);
  });

  it('who gets a body as it comes ends it by its own signal and deadline', async () => {
    for (const streams of [1, 2]) {
      const source = new HandSource();
      const ends: unknown[] = [];
      const send = coalesce(
        { ...COALESCE_DEFAULTS, bodyMs: 10 },
        { clock: new FakeClock(), observer: {} },
      )((call) => {
        call.signal?.addEventListener('abort', () => ends.push(call.signal?.reason));
        return Promise.resolve(aReply({ body: source, headers: { 'content-type': 'text/event-stream' } }));
      });
      const callers = Array.from({ length: streams }, () => new AbortController());
      const replies = await Promise.all(callers.map(({ signal }) => send(aCall({ signal }))));
      assert.equal(replies[0]?.ended, false);
      const gone = new Error('gone');
      callers[0]!.abort(gone);
      assert(ends.includes(gone), 'its abort reaches what sends the body');
      for (const reply of replies) reply.finish();
    }
  });

  it('are not left behind by a policy below that throws: the next one asks anew', async () => {
    const clock = new FakeClock();
    const policy = coalesce(COALESCE_DEFAULTS, { clock, observer: {} });
    let broken = true;
    const send = policy((): Promise<Reply> => {
      if (broken) throw new Error('a key of its own');
      return Promise.resolve(aReply());
    });
    await assert.rejects(async () => send(aCall()), /a key of its own/);
    assert.equal(policy.snapshot().attempts, 0);
    broken = false;
    assert.equal((await send(aCall())).status, 200);
  });

  it('share it only if they are sent through the same policies: one may be repeated, another not', async () => {
    const { get, clock, engine, policy } = aDesk(() => later(10, 200));
    const elsewhere = policy((call) => engine(call));
    const replies = [get(), elsewhere(aCall()), get(), elsewhere(aCall())];
    await clock.run(10);
    await Promise.all(replies);
    assert.deepEqual([engine.calls.length, policy.snapshot().joined], [3, 1]);
  });

  it('get cookies of their own: where told so, an answer that sets some is for the first caller alone', async () => {
    const { get, clock, engine, policy } = aDesk(
      (_, i) => later(10, { headers: { 'set-cookie': `id=${i}` }, body: 'b' }),
      { cookies: false },
    );
    const all = Array.from({ length: 3 }, () => get());
    await clock.run(20);
    const cookies = (await Promise.all(all)).map((reply) => reply.headers.get('set-cookie'));
    assert.deepEqual(cookies, ['id=0', 'id=1', 'id=2']);
    assert.deepEqual([engine.calls.length, policy.snapshot().separated], [3, 2]);
  });

  it('share its failure as well', async () => {
    const { get, clock, engine } = aDesk(() => later(10, failure('RESET', 'unknown')));
    const all = [codeOf(get()), codeOf(get())];
    await clock.run(10);
    assert.deepEqual(await Promise.all(all), ['RESET', 'RESET']);
    assert.equal(engine.calls.length, 1);
  });

  it('do not share when they differ in anything an answer may depend on', async () => {
    const { get, engine } = aDesk(() => never);
    const other = originOf(new URL('https://other.example.com'));
    const calls: Partial<Call>[] = [
      {},
      { path: '/b' },
      { method: 'HEAD' },
      { section: 'a' },
      { origin: other },
      headers({ authorization: 'a' }),
      headers({ authorization: 'b' }),
      headers({ accept: 'text/plain' }),
      { limits: { ...aCall().limits, bodyBytesMax: 5 } },
    ];
    for (const call of calls) void get(call);
    assert.equal(engine.calls.length, calls.length);
    for (const call of calls.slice(0, -1)) void get({ ...call, limits: { ...aCall().limits } });
    assert.equal(engine.calls.length, calls.length, 'each is like itself');
  });

  it('share although their trace context differs', async () => {
    const { get, engine } = aDesk(() => never);
    void get(headers({ accept: 'a', traceparent: '1' }));
    void get(headers({ traceparent: '2', tracestate: 'x', accept: 'a' }));
    void get(headers({ accept: 'a' }));
    assert.equal(engine.calls.length, 1);
  });

  it('do not share what has a body, is no GET or HEAD, or is not idempotent', async () => {
    const { get, engine } = aDesk(() => never);
    const calls = [{ method: 'POST' }, { body: 'x' }, { traits: { idempotent: false } }, { method: 'OPTIONS' }];
    for (const call of [...calls, ...calls]) void get(call);
    assert.equal(engine.calls.length, 8);
  });

  it('may be told by a key of your own, for calls that may be made twice', async () => {
    const key = ({ body }: Call) => (String(body).includes('getSlot') ? String(body) : undefined);
    const { get, engine } = aDesk(() => never, { key });
    for (let i = 0; i < 2; i++) {
      void get({ method: 'POST', body: 'getSlot' });
      void get({ method: 'POST', body: 'getSlot', traits: { idempotent: false } });
    }
    assert.equal(engine.calls.length, 4, 'a call that may change something ends what could be joined');
    void get({ method: 'POST', body: 'getSlot' });
    void get({ method: 'POST', body: 'getSlot' });
    assert.equal(engine.calls.length, 5);
  });
});

describe('what is shared is not older than the question', () => {
  it('nobody joins once the answer has begun', async () => {
    const source = new HandSource();
    const { get, clock, engine } = aDesk(() => ({ body: source }));
    void get();
    void get();
    await clock.settle();
    assert(source.started);
    void get();
    assert.equal(engine.calls.length, 2);
  });

  it('who has written reads what it wrote', async () => {
    const { get, clock, engine } = aDesk(({ method }) => later(method === 'PUT' ? 10 : 100, 200));
    void get();
    const put = get({ method: 'PUT' });
    void get();
    assert.equal(engine.calls.length, 3, 'not with one from before the change');
    await clock.run(10);
    await put;
    void get();
    assert.equal(engine.calls.length, 4, 'nor with one from during it');
    void get();
    assert.equal(engine.calls.length, 4);
  });
});

describe('one caller', () => {
  it('who aborts leaves at once, and the others get their answer', async () => {
    const { get, clock, engine } = aDesk(() => later(100, 200));
    for (const at of [0, 1, 2]) {
      const callers = [0, 1, 2].map(() => new AbortController());
      const all = callers.map(({ signal }) => codeOf(get({ signal, path: `/${at}` })));
      callers[at]!.abort(new Error('gone'));
      assert.equal(await all[at], 'ABORTED');
      await clock.run(100);
      assert.deepEqual(await Promise.all(all), [200, 200, 200].with(at, 'ABORTED' as never));
    }
    assert.equal(engine.calls.length, 3);
  });

  it('who is the last to leave ends the attempt, and the next makes another', async () => {
    const { get, engine, clock, policy } = aDesk(() => never);
    const callers = [new AbortController(), new AbortController()];
    const all = callers.map(({ signal }) => codeOf(get({ signal })));
    callers[0]!.abort();
    await clock.settle();
    assert.equal(engine.inFlight(), 1);
    callers[1]!.abort();
    await clock.settle();
    assert.deepEqual([engine.inFlight(), policy.snapshot().attempts], [0, 0]);
    assert.deepEqual(await Promise.all(all), ['ABORTED', 'ABORTED']);
    void get();
    assert.equal(engine.calls.length, 2);
  });

  it('whose deadline comes first leaves by it', async () => {
    const { get, clock } = aDesk(() => later(100, 200));
    const all = [codeOf(get()), codeOf(get({ deadlineAt: 50 }))];
    await clock.run(60);
    assert.equal(await all[1], 'DEADLINE');
    await clock.run(40);
    assert.equal(await all[0], 200);
  });

  it('who has more time than the first does not fail by the deadline of that one', async () => {
    const { get, clock, engine } = aDesk((_, index) => (index === 0 ? never : later(10, 200)));
    const all = [codeOf(get({ deadlineAt: 50 })), codeOf(get({ deadlineAt: 500 })), codeOf(get({ deadlineAt: 600 }))];
    await clock.run(70);
    assert.deepEqual(await Promise.all(all), ['DEADLINE', 200, 200]);
    assert.equal(engine.calls.length, 2, 'those who are left share again');
  });

  it('beyond partiesMax or attemptsMax makes a call of its own', async () => {
    const { get, engine } = aDesk(() => never, { partiesMax: 2, attemptsMax: 1 });
    for (let i = 0; i < 4; i++) void get();
    assert.equal(engine.calls.length, 3);
    for (let i = 0; i < 2; i++) void get({ path: '/b' });
    assert.equal(engine.calls.length, 5);
  });
});

describe('a body that arrives', () => {
  const arriving = (plan: ReplyPlan = {}, options: Partial<CoalesceOptions> = {}) => {
    const sources: HandSource[] = [];
    const made = aDesk(
      () => {
        const source = new HandSource(Number(plan.headers?.['content-length'] ?? -1));
        sources.push(source);
        return { ...plan, body: source };
      },
      { bodyBytesMax: 10, ...options },
    );
    return { ...made, sources };
  };

  it('is read whole for several callers, up to the bound', async () => {
    const { get, clock, sources, engine } = arriving();
    const all = [get(), get()].map((reply) => reply.then((each) => each.text()));
    await clock.settle();
    sources[0]!.push('12345');
    sources[0]!.push('67890');
    sources[0]!.end();
    assert.deepEqual(await Promise.all(all), ['1234567890', '1234567890']);
    assert.deepEqual([engine.calls.length, clock.sleeping], [1, 0]);
  });

  it('is not touched for a single caller', async () => {
    const { get, clock, sources } = arriving();
    const reply = get();
    await clock.settle();
    assert(!sources[0]!.started);
    assert(!(await reply).used);
  });

  it('larger than the bound goes to the first caller as it arrives, and each other asks for itself', async () => {
    const { get, clock, sources, engine, policy } = arriving();
    const all = [get(), get(), get()];
    await clock.settle();
    sources[0]!.push('1234567');
    assert.equal(engine.calls.length, 1);
    sources[0]!.push('890ab');
    sources[0]!.push('cdef');
    await clock.settle();
    assert(sources[0]!.paused, 'no more is read ahead');
    assert.deepEqual([engine.calls.length, policy.snapshot().separated], [3, 2]);
    const text = (await all[0]!).text();
    sources[0]!.end();
    assert.equal(await text, '1234567890abcdef');
    assert.deepEqual(
      (await Promise.all(all)).map(({ used }) => used),
      [true, false, false],
    );
    assert.equal(clock.sleeping, 0);
  });

  it('that says it is larger, or never ends, is not read ahead at all', async () => {
    for (const fields of [{ 'content-length': '11' }, { 'content-type': 'text/event-stream' }]) {
      const { get, clock, sources, engine } = arriving({ headers: fields });
      void get();
      void get();
      await clock.settle();
      assert(!sources[0]!.started);
      assert.equal(engine.calls.length, 2);
    }
  });

  it('slower than bodyMs goes to the first caller as it arrives', async () => {
    const { get, clock, sources, engine } = arriving();
    const all = [get(), get()];
    await clock.settle();
    sources[0]!.push('123');
    await clock.run(999);
    assert.equal(engine.calls.length, 1);
    await clock.run(1);
    assert.equal(engine.calls.length, 2);
    const text = (await all[0]!).text();
    sources[0]!.push('45');
    sources[0]!.end();
    assert.equal(await text, '12345');
  });

  it('is given up when the last caller leaves while it is read', async () => {
    const { get, clock, sources } = arriving();
    const callers = [new AbortController(), new AbortController()];
    const all = callers.map(({ signal }) => codeOf(get({ signal })));
    await clock.settle();
    sources[0]!.push('1');
    callers[0]!.abort();
    assert.equal(sources[0]!.cancelled, undefined);
    callers[1]!.abort();
    assert.notEqual(sources[0]!.cancelled, undefined);
    assert.deepEqual(await Promise.all(all), ['ABORTED', 'ABORTED']);
    assert.equal(clock.sleeping, 0);
  });

  it('that fails fails for all of them; by its deadline, only for those whose time is up', async () => {
    const { get, clock, sources, engine } = arriving();
    const both = [codeOf(get()), codeOf(get())];
    await clock.settle();
    sources[0]!.fail(failure('RESET', 'answered'));
    assert.deepEqual(await Promise.all(both), ['RESET', 'RESET']);
    const all = [codeOf(get({ deadlineAt: 5 })), codeOf(get())];
    await clock.run(5);
    sources[1]!.fail(failure('DEADLINE', 'answered'));
    await clock.settle();
    assert.equal(engine.calls.length, 3);
    assert.deepEqual(await Promise.all(all), ['DEADLINE', 200]);
  });
});

it('walks: each caller gets one outcome, of an attempt no older than its question, and nothing is left', async () => {
  const step = fc.record({
    kind: fc.constantFrom('get', 'get', 'get', 'get', 'put', 'answer', 'answer', 'fail', 'abort', 'wait'),
    pick: fc.nat(30),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60, size: 'max' }), async (path) => {
      const clock = new FakeClock();
      const underWay: { call: Call; version: number; resolve(reply: Reply): void; reject(error: unknown): void }[] = [];
      let version = 0;
      const engine: Send = (call) =>
        new Promise((resolve, reject) => {
          const own = { call, version, resolve, reject };
          underWay.push(own);
          call.signal?.addEventListener('abort', () => {
            const at = underWay.indexOf(own);
            if (at >= 0) underWay.splice(at, 1);
            reject(new NetError('ABORTED', '', { reach: 'unknown' }));
          });
        });
      const policy = coalesce({ ...COALESCE_DEFAULTS, partiesMax: 3, attemptsMax: 2 }, { clock, observer: {} });
      const send = policy(engine);
      const callers: AbortController[] = [];
      const broken: string[] = [];
      let asked = 0;
      let settled = 0;
      const take = (pick: number) => underWay.splice(pick % underWay.length, 1)[0]!;
      const answer = ({ call, version: seen, resolve }: (typeof underWay)[0]) => {
        if (call.method === 'PUT') version++;
        resolve(aReply({ body: `${call.path} ${seen}` }));
      };
      for (const { kind, pick } of path) {
        if (kind === 'get' || kind === 'put') {
          const caller = new AbortController();
          callers.push(caller);
          const known = version;
          const wanted = `/${pick % 3}`;
          const about =
            kind === 'put' ? { method: 'PUT' } : { signal: caller.signal, deadlineAt: clock.now() + 5 * pick };
          asked++;
          send(aCall({ path: wanted, ...about })).then(
            async (reply) => {
              const [name, seen] = (await reply.text()).split(' ');
              if (name !== wanted) broken.push(`${wanted} got ${name}`);
              if (kind === 'get' && Number(seen) < known) broken.push(`${seen} is older than ${known}`);
              settled++;
            },
            () => settled++,
          );
        } else if (kind === 'abort') callers[pick % (callers.length || 1)]?.abort();
        else if (kind === 'wait') await clock.run(pick * 3);
        else if (underWay.length === 0) continue;
        else if (kind === 'answer') answer(take(pick));
        else take(pick).reject(failure(pick % 2 === 0 ? 'RESET' : 'DEADLINE', 'unknown'));
        await clock.settle();
        assert.deepEqual(broken, []);
        assert(policy.snapshot().attempts <= 2);
      }
      while (underWay.length > 0) {
        answer(take(0));
        await clock.settle();
      }
      await clock.run(1_000);
      assert.deepEqual([broken, settled, policy.snapshot().attempts], [[], asked, 0]);
      assert.equal(clock.sleeping, 0, 'no timer is left behind');
    }),
    { numRuns: 500 },
  );
});
