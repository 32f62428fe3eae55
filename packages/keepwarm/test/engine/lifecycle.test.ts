/** How clients and connections end, and what is told about those that ought to have. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { type Client, createClient } from '../../src/index.ts';
import { answer, inOrder, oneByOne, pause, type Step, send, silence } from '../../src/testing/faulty-steps.ts';
import { PausedClock } from './paused-clock.ts';
import { aPair, fails, leavesNothing, quiet, stillWorks, until } from './setup.ts';

leavesNothing();

const CLOSED = { code: 'CLOSED', reach: 'unsent', phase: 'closing' } as const;
const HALF = 'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf';
const GZIPPED = 'HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 1000\r\n\r\nhalf';

describe('close', () => {
  it('lets calls under way finish, those that wait included, and takes no new ones', async (t) => {
    const { client, server } = await aPair(t, inOrder(pause(20), answer('ok')), { pool: { socketsMax: 2 } });
    const calls = Array.from({ length: 6 }, () => client.post('/', { a: 1 }).text());
    await until(() => server.received === 2, 'the connections are taken');
    const closed = client.close();
    await fails(client.get('/'), CLOSED);
    assert.deepEqual(await Promise.all(calls), Array(6).fill('ok'));
    await closed;
    assert.equal(client.stats().sockets.open, 0);
    await fails(client.get('/'), CLOSED);
    await assert.rejects(client.warmUp(), { code: 'CLOSED' });
    assert.equal(client.isHealthy(), false);
  });

  it('lets a body that is being read come to its end', async (t) => {
    const script = inOrder(send('HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc'), pause(20), send('def'));
    const { client } = await aPair(t, script);
    const reading = client.get('/').text();
    await client.get('/').then((reply) => reply.discard());
    const closed = client.close();
    assert.equal(await reading, 'abcdef');
    await closed;
  });

  it('ends what has not finished by its deadline', async (t) => {
    const { client, server } = await aPair(t, silence, { pool: { socketsMax: 1 } });
    const sent = fails(client.post('/', { a: 1 }), { code: 'CLOSED', reach: 'unknown', phase: 'head' });
    const waiting = fails(client.post('/', { a: 1 }), CLOSED);
    await until(() => server.received === 1, 'the connection is taken');
    await client.close({ deadlineMs: 30 });
    await Promise.all([sent, waiting]);
    assert.equal(client.stats().sockets.open, 0);
  });

  it('is harmless when said twice, or at once with destroy, or on a client that was never used', async (t) => {
    const { client } = await aPair(t, answer('ok'));
    await client.get('/').text();
    await Promise.all([client.close(), client.close()]);
    client.destroy();
    await client.close();
    await createClient().close();
    createClient().destroy();
  });

  it('is what `await using` does', async (t) => {
    const { server } = await aPair(t, answer('ok'));
    let kept: ReturnType<typeof createClient>;
    {
      await using client = createClient({ origin: server.origin });
      assert.equal(await client.get('/').text(), 'ok');
      kept = client;
    }
    await fails(kept.get('/'), CLOSED);
  });
});

describe('destroy', () => {
  it('ends every call at once with CLOSED, each saying how far it got', async (t) => {
    const script: Step = (request, connection) =>
      (request.path === '/half' ? send(HALF) : silence)(request, connection);
    const { client, server } = await aPair(t, script, { pool: { socketsMax: 2 } });
    const reading = fails(client.get('/half').text(), { code: 'CLOSED', reach: 'answered', phase: 'body' });
    const sent = fails(client.post('/', { a: 1 }), { code: 'CLOSED', reach: 'unknown', phase: 'head' });
    await until(() => server.received === 2, 'both connections are taken');
    const waiting = fails(client.get('/'), CLOSED);
    client.destroy();
    await Promise.all([reading, sent, waiting]);
    assert.equal(client.stats().sockets.open, 0);
    assert.deepEqual(
      new Set(client.stats().sockets.history.map(({ closeReason }) => closeReason)),
      new Set(['closing']),
    );
  });

  it('ends a warm-up under way', async (t) => {
    const { client } = await aPair(t, answer('ok'));
    const warming = client.warmUp({ count: 5 });
    client.destroy();
    const { open, failed } = await warming;
    assert.equal(open, 0);
    assert.equal(failed, 5);
  });
});

describe('a connection', () => {
  it('serves requestsMax calls and is replaced', async (t) => {
    const { client, server } = await aPair(t, answer('ok'), { pool: { requestsMax: 3 } });
    for (let i = 0; i < 9; i++) await client.get('/').text();
    assert.equal(server.accepted, 3);
    assert(
      client.stats().sockets.history.every(({ closeReason, leases }) => closeReason === 'requests' && leases === 3),
    );
  });

  it('is closed before the server said it would close it', async (t) => {
    const { client } = await aPair(t, answer('ok', { headers: { 'Keep-Alive': 'timeout=1, max=100' } }));
    await client.get('/').text();
    // Timers run in the order of their instants, however late.
    const over = new Promise<number>((resolve) => setTimeout(() => resolve(client.stats().sockets.open), 1_000));
    assert.equal(await over, 0, 'before the promised second was over');
    assert.equal(client.stats().sockets.history[0]?.closeReason, 'idle');
  });

  it('idle for idleMs is closed', async (t) => {
    const { client } = await aPair(t, answer('ok'), { pool: { idleMs: 60 } });
    await Promise.all(Array.from({ length: 5 }, () => client.get('/').text()));
    assert(client.stats().sockets.open > 0);
    await until(() => client.stats().sockets.open === 0, 'idle connections are closed');
    assert(client.stats().sockets.history.every(({ closeReason }) => closeReason === 'idle'));
  });

  it('whose caller said close is not used again', async (t) => {
    const { client, server } = await aPair(t, answer('ok'));
    await client.get('/', { headers: { connection: 'close' } }).text();
    await client.get('/').text();
    assert.equal(server.accepted, 2);
  });
});

describe('a reply nobody reads', () => {
  const script = () => oneByOne(send(HALF), answer('ok'));

  it('is reported as a suspected leak, and reported again when it came back', async (t) => {
    const facts: string[] = [];
    const observer = {
      leakSuspected: (fact: { path: string; phase: string; stack: string | undefined }) => {
        facts.push(`suspected ${fact.path} ${fact.phase}`);
        assert.match(fact.stack ?? '', /lifecycle\.test\.ts/);
      },
      leakRecovered: (fact: { path: string }) => facts.push(`recovered ${fact.path}`),
    };
    const clock = new PausedClock();
    const pair = await aPair(t, script(), { leak: { afterMs: 60_000, stacks: true }, observer, clock });
    const reply = await pair.client.get('/lost?token=hunter2');
    clock.pause(61_000); // the deadline of the call ended with its head
    await until(() => pair.client.stats().leaks.suspected === 1, 'the leak is suspected');
    assert.deepEqual(facts, ['suspected /lost body'], 'the query is nobody’s business');
    reply.discard();
    assert.deepEqual(facts, ['suspected /lost body', 'recovered /lost']);
    assert.deepEqual(pair.client.stats().leaks, { suspected: 1, recovered: 1 });
    await stillWorks(pair);
  });

  it('ends at the deadline of its call and gives its connection up', async (t) => {
    const pair = await aPair(t, script(), { deadlineMs: 60 });
    const reply = await pair.client.get('/');
    await quiet(pair.client).catch(() => undefined);
    await until(() => pair.client.stats().sockets.open === 0, 'the deadline ends it');
    await fails(reply.text(), { code: 'DEADLINE', reach: 'answered', phase: 'body' });
    await stillWorks(pair);
  });

  it('holds up nobody else', async (t) => {
    const pair = await aPair(t, oneByOne(send(HALF), send(HALF), answer('ok')), { pool: { socketsMax: 3 } });
    const unread = [await pair.client.get('/'), await pair.client.get('/')];
    const answers = await Promise.all(Array.from({ length: 100 }, () => pair.client.get('/').text()));
    assert.deepEqual(answers, Array(100).fill('ok'));
    for (const reply of unread) reply.discard();
  });
});

describe('a reply nobody holds any more', () => {
  setFlagsFromString('--expose-gc');
  const collectGarbage = runInNewContext('gc') as () => void;

  const ways: Record<string, (client: Client) => Promise<void>> = {
    'as it came': async (client) => void (await client.get('/')),
    'by request': async (client) => void (await client.request('/', { method: 'GET' })),
    'in a Response': async (client) => void (await client.fetch(`${client.stats().pools[0]?.origin}/`)),
  };
  for (const [how, call] of Object.entries(ways)) {
    it(`(${how}) gives its connection up when it is collected, deadline or not`, async (t) => {
      const script = oneByOne(answer('ok'), send(HALF), send(GZIPPED), answer('ok'));
      const pair = await aPair(t, script, { deadlineMs: Number.POSITIVE_INFINITY, pool: { socketsMax: 2 } });
      await stillWorks(pair);
      await call(pair.client);
      await call(pair.client);
      assert.equal(pair.client.stats().calls.inFlight, 2);
      await until(() => {
        collectGarbage();
        return pair.client.stats().sockets.open === 0;
      }, 'the collector finds it');
      await quiet(pair.client);
      assert(pair.client.stats().sockets.history.every(({ closeReason }) => closeReason === 'aborted'));
      await stillWorks(pair);
    });
  }

  it('but whose body somebody reads is none of these', async (t) => {
    const script = inOrder(send('HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc'), pause(50), send('def'));
    const { client } = await aPair(t, script);
    const reading = client.get('/').text();
    const collecting = setInterval(collectGarbage, 5);
    assert.equal(await reading, 'abcdef');
    clearInterval(collecting);
  });
});
