/** More calls than connections: who waits, for how long, and what happens when there is no more room. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { answer, inOrder, oneByOne, pause, type Step, send, silence } from '../../src/testing/faulty-steps.ts';
import { aClient, aPair, aServer, fails, leavesNothing, quiet, stillWorks, until } from './setup.ts';

leavesNothing();

const gauge = (client: { stats(): { pools: readonly { waiting: number; inFlight: number }[] } }) =>
  client.stats().pools[0]!;

/** What is looked at is who is answered, not how soon. */
const PATIENT = { deadlineMs: 120_000, limits: { queueMs: 120_000 } };

describe('2,000 concurrent calls on 50 sockets', () => {
  for (const [what, make] of Object.entries({
    GET: (client: Awaited<ReturnType<typeof aPair>>['client'], i: number) => client.get(`/${i}`).text(),
    POST: (client: Awaited<ReturnType<typeof aPair>>['client'], i: number) => client.post(`/${i}`, { i }).text(),
  })) {
    it(`(${what}) are all answered, each with its own answer, on no more than 50 connections`, async (t) => {
      const echo: Step = (request, connection) => answer(request.path)(request, connection);
      const { client, server } = await aPair(t, echo, { pool: { socketsMax: 50 }, ...PATIENT });
      const answers = await Promise.all(Array.from({ length: 2_000 }, (_, i) => make(client, i)));
      assert.deepEqual(
        answers,
        Array.from({ length: 2_000 }, (_, i) => `/${i}`),
      );
      assert.equal(server.accepted, 50);
      assert.equal(server.received, 2_000);
      assert.equal(client.stats().reuse.fresh, 50);
      assert.equal(client.stats().reuse.reused, 1_950);
    });
  }

  it('of which a third is aborted, a third is malformed: the others are all answered', async (t) => {
    const { client } = await aPair(t, answer('ok'), { pool: { socketsMax: 50 }, ...PATIENT });
    const caller = new AbortController();
    const calls = Array.from({ length: 2_000 }, (_, i) => {
      if (i % 3 === 0) return client.get('/', { signal: caller.signal }).text();
      if (i % 3 === 1) return client.get('/', { headers: { 'x-bad': '\n' } }).text();
      return client.get('/').text();
    });
    setImmediate(() => caller.abort());
    const outcomes = await Promise.allSettled(calls);
    outcomes.forEach((outcome, i) => {
      if (i % 3 === 1) assert(outcome.status === 'rejected' && outcome.reason.code === 'INVALID');
      if (i % 3 === 2) assert(outcome.status === 'fulfilled' && outcome.value === 'ok');
      if (i % 3 === 0 && outcome.status === 'rejected') assert.equal(outcome.reason.code, 'ABORTED');
    });
  });
});

describe('the queue', () => {
  it('takes waitersMax calls and refuses the next, unsent, with SATURATED', async (t) => {
    const { client, server } = await aPair(t, silence, { pool: { socketsMax: 2, waitersMax: 3 } });
    const caller = new AbortController();
    const calls = Array.from({ length: 5 }, () => client.get('/', { signal: caller.signal }));
    await until(() => server.received === 2, 'both connections are taken');
    assert.equal(gauge(client).waiting, 3);
    const expected = { code: 'SATURATED', reach: 'unsent', phase: 'queue', limit: 'waitersMax', value: 3 } as const;
    for (let i = 0; i < 10; i++) await fails(client.get('/'), expected);
    assert.equal(gauge(client).waiting, 3);
    caller.abort();
    await Promise.allSettled(calls);
    await quiet(client);
  });

  it('has room again as soon as a caller has left', async (t) => {
    const { client, server } = await aPair(t, oneByOne(silence, answer('ok')), {
      pool: { socketsMax: 1, waitersMax: 1 },
    });
    const [holder, leaver] = [new AbortController(), new AbortController()];
    const held = client.get('/', { signal: holder.signal });
    await until(() => server.received === 1, 'the connection is taken');
    const left = fails(client.get('/', { signal: leaver.signal }), {
      code: 'ABORTED',
      reach: 'unsent',
      phase: 'queue',
    });
    await fails(client.get('/'), { code: 'SATURATED', reach: 'unsent', phase: 'queue', limit: 'waitersMax', value: 1 });
    leaver.abort();
    await left;
    const next = client.get('/').text();
    holder.abort();
    await held.catch(() => undefined);
    assert.equal(await next, 'ok');
  });

  it('keeps a call for queueMs and no longer', async (t) => {
    const { client, server } = await aPair(t, silence, { pool: { socketsMax: 1 }, limits: { queueMs: 50 } });
    const caller = new AbortController();
    const held = client.get('/', { signal: caller.signal });
    await until(() => server.received === 1, 'the connection is taken');
    const expected = { code: 'TIMEOUT', reach: 'unsent', phase: 'queue', limit: 'queueMs', value: 50 } as const;
    await Promise.all(Array.from({ length: 5 }, () => fails(client.get('/'), expected)));
    caller.abort();
    await held.catch(() => undefined);
  });

  it('ends with the deadline of the call that waits', async (t) => {
    const { client, server } = await aPair(t, silence, { pool: { socketsMax: 1 } });
    const caller = new AbortController();
    const held = client.get('/', { signal: caller.signal });
    await until(() => server.received === 1, 'the connection is taken');
    await fails(client.get('/', { deadlineMs: 30 }), { code: 'DEADLINE', reach: 'unsent', phase: 'queue' });
    caller.abort();
    await held.catch(() => undefined);
  });

  it('is served first come, first served', async (t) => {
    const { client, server } = await aPair(t, answer('ok'), { pool: { socketsMax: 1 } });
    await Promise.all(Array.from({ length: 50 }, (_, i) => client.get(`/${i}`).text()));
    assert.deepEqual(
      server.requests.map(({ path }) => path),
      Array.from({ length: 50 }, (_, i) => `/${i}`),
    );
  });

  it('moves on when the server closes after every reply', async (t) => {
    const { client, server } = await aPair(t, answer('ok', { framing: 'close' }), { pool: { socketsMax: 4 } });
    const answers = await Promise.all(Array.from({ length: 100 }, () => client.get('/').text()));
    assert.deepEqual(answers, Array(100).fill('ok'));
    assert.equal(server.accepted, 100);
  });

  it('moves on when calls before it fail', async (t) => {
    const script: Step = (request, connection) =>
      (request.path === '/bad' ? inOrder(send('nonsense\r\n')) : answer('ok'))(request, connection);
    const pair = await aPair(t, script, { pool: { socketsMax: 2 } });
    const calls = Array.from({ length: 100 }, (_, i) => pair.client.get(i % 2 === 0 ? '/bad' : '/good').text());
    const outcomes = await Promise.allSettled(calls);
    assert.deepEqual(
      outcomes.map(({ status }) => status),
      outcomes.map((_, i) => (i % 2 === 0 ? 'rejected' : 'fulfilled')),
    );
    await stillWorks(pair);
  });
});

describe('a server that is away', () => {
  it('fails every waiting call with CONNECT, and none waits for a timer', async (t) => {
    const gone = await aServer(t, {});
    const { origin } = gone;
    await gone.close();
    const client = aClient(t, { origin, pool: { socketsMax: 5 } });
    const down = { code: 'CONNECT', reach: 'unsent', phase: 'connect', systemCode: 'ECONNREFUSED' } as const;
    await Promise.all(Array.from({ length: 100 }, () => fails(client.post('/', { a: 1 }), down)));
    await quiet(client);
  });
});

describe('sockets in total', () => {
  it('are shared by origins: an idle one of one gives way to a call for another', async (t) => {
    const servers = await Promise.all([1, 2, 3].map(() => aServer(t, { script: inOrder(pause(1), answer('ok')) })));
    const client = aClient(t, { pool: { socketsTotalMax: 4, socketsMax: 4 } });
    const calls = Array.from({ length: 60 }, (_, i) => client.get(`${servers[i % 3]!.origin}/`).text());
    let most = 0;
    const watch = setInterval(() => {
      most = Math.max(most, client.stats().sockets.open);
    }, 1);
    assert.deepEqual(await Promise.all(calls), Array(60).fill('ok'));
    clearInterval(watch);
    assert(most <= 4, `${most} sockets`);
  });

  it('are as many as one origin may have, where that is more and nothing else is said', (t) => {
    const totalMax = (pool: object) => aClient(t, { pool }).stats().sockets.totalMax;
    assert.equal(totalMax({ socketsMax: 2_000 }), 2_000);
    assert.equal(totalMax({ socketsMax: 2_000, socketsTotalMax: 300 }), 300);
    assert.equal(totalMax({ socketsMax: 10 }), 256);
  });
});
