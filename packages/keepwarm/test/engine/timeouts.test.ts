/** Servers that are slow or silent: every step ends at its limit, and the whole call at its deadline. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { answer, dribble, inOrder, oneByOne, pause, readBody, send, silence } from '../../src/testing/faulty-steps.ts';
import { aPair, fails, leavesNothing, quiet, stillWorks } from './setup.ts';

leavesNothing();

const HEAD = 'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n';
const NEVER = Number.POSITIVE_INFINITY;

describe('a server that never answers', () => {
  it('is given up after firstByteMs, and the connection with it', async (t) => {
    const pair = await aPair(t, oneByOne(silence, answer('ok')), { limits: { firstByteMs: 40 } });
    const error = await fails(pair.client.get('/'), {
      code: 'TIMEOUT',
      reach: 'unknown',
      phase: 'head',
      limit: 'firstByteMs',
      value: 40,
    });
    assert.match(error.message, /no answer began within 40 ms/);
    assert.equal(pair.client.stats().sockets.history[0]?.closeReason, 'aborted');
    await stillWorks(pair);
  });

  it('is given up after the call’s own firstByteMs on a connection used before', async (t) => {
    const pair = await aPair(t, oneByOne(answer('ok'), silence, answer('ok')));
    await pair.client.get('/').text();
    const expected = { code: 'TIMEOUT', reach: 'unknown', phase: 'head', limit: 'firstByteMs', value: 30 } as const;
    await fails(pair.client.get('/', { firstByteMs: 30 }), expected);
    assert.equal(pair.server.received, 2, 'what timed out is not repeated');
    await stillWorks(pair);
  });

  it('is given up at the deadline of the call', async (t) => {
    const pair = await aPair(t, oneByOne(silence, answer('ok')));
    await fails(pair.client.get('/', { deadlineMs: 400 }), { code: 'DEADLINE', reach: 'unknown', phase: 'head' });
    await stillWorks(pair);
  });

  it('is given up at the deadline of the client', async (t) => {
    const { client } = await aPair(t, silence, { deadlineMs: 400 });
    await fails(client.post('/', { a: 1 }), { code: 'DEADLINE', reach: 'unknown', phase: 'head' });
  });

  it('holds up only those who wait for it: fifty deadlines pass together', async (t) => {
    const { client } = await aPair(t, silence, { deadlineMs: 1_000, pool: { socketsMax: 50 } });
    const calls = Array.from({ length: 50 }, () => client.get('/'));
    for (const call of calls) await fails(call, { code: 'DEADLINE', reach: 'unknown', phase: 'head' });
    await quiet(client);
    assert.equal(client.stats().sockets.open, 0);
  });

  it('after an interim response is still held to firstByteMs', async (t) => {
    const script = inOrder(send('HTTP/1.1 102 Processing\r\n\r\n'), pause(25), send('HTTP/1.1 102 Processing\r\n\r\n'));
    const { client } = await aPair(t, script, { limits: { firstByteMs: 600 } });
    const expected = { code: 'TIMEOUT', reach: 'answered', phase: 'head', limit: 'firstByteMs', value: 600 } as const;
    await fails(client.get('/'), expected);
  });
});

describe('a server that dribbles', () => {
  it('its head is held to firstByteMs, however regular the bytes', async (t) => {
    const pair = await aPair(t, oneByOne(dribble(HEAD, 50), answer('ok')), { limits: { firstByteMs: 600 } });
    const expected = { code: 'TIMEOUT', reach: 'answered', phase: 'head', limit: 'firstByteMs', value: 600 } as const;
    await fails(pair.client.get('/'), expected);
    await stillWorks(pair);
  });

  it('its body passes betweenBytesMs and ends at the deadline', async (t) => {
    const script = oneByOne(inOrder(send(HEAD), dribble('a'.repeat(1_000), 50)), answer('ok'));
    const pair = await aPair(t, script, { limits: { betweenBytesMs: 30_000 }, deadlineMs: 600 });
    await fails(pair.client.get('/').text(), { code: 'DEADLINE', reach: 'answered', phase: 'body' });
    await stillWorks(pair);
  });

  it('its streamed body brings what came, and then the deadline', async (t) => {
    const { client } = await aPair(t, inOrder(send(`${HEAD}abc`), silence), { deadlineMs: 600 });
    const reader = (await client.get('/').stream()).getReader();
    assert.equal(Buffer.from((await reader.read()).value!).toString(), 'abc');
    await fails(reader.read(), { code: 'DEADLINE', reach: 'answered', phase: 'body' });
  });

  it('a head byte by byte within its time is as good as any', async (t) => {
    const { client, server } = await aPair(t, dribble('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok', 1));
    assert.equal(await client.get('/').text(), 'ok');
    assert.equal(await client.get('/').text(), 'ok');
    assert.equal(server.accepted, 1);
  });
});

describe('a server that stops', () => {
  it('in the middle of the body is given up after betweenBytesMs', async (t) => {
    const pair = await aPair(t, oneByOne(send(`${HEAD}abc`), answer('ok')), { limits: { betweenBytesMs: 40 } });
    const expected = { code: 'TIMEOUT', reach: 'answered', phase: 'body', limit: 'betweenBytesMs', value: 40 } as const;
    await fails(pair.client.get('/').bytes(), expected);
    await stillWorks(pair);
  });

  it('reading the request is given up at the deadline', async (t) => {
    const pair = await aPair(
      t,
      oneByOne((_, connection) => connection.stopReading(), answer('ok')),
    );
    const body = (async function* () {
      for (;;) yield Buffer.alloc(256 * 1024);
    })();
    await fails(pair.client.post('/', body, { deadlineMs: 500 }), {
      code: 'DEADLINE',
      reach: 'unknown',
      phase: 'write',
    });
    await stillWorks(pair);
  });
});

describe('a streamed request body', () => {
  const slowly = async function* (parts: number, ms: number) {
    for (let i = 0; i < parts; i++) {
      yield Buffer.from('part');
      await new Promise((resolve) => setTimeout(resolve, ms));
    }
  };

  it('that takes longer than firstByteMs does not count against the answer', async (t) => {
    const { client } = await aPair(t, answer('ok'), { limits: { firstByteMs: 500 } });
    assert.equal(await client.post('/', slowly(12, 50)).text(), 'ok');
  });

  it('is followed by firstByteMs for the answer', async (t) => {
    const { client } = await aPair(t, inOrder(readBody, silence), { limits: { firstByteMs: 40 } });
    const expected = { code: 'TIMEOUT', reach: 'unknown', phase: 'head', limit: 'firstByteMs', value: 40 } as const;
    await fails(client.post('/', slowly(2, 1)), expected);
  });

  it('may be answered before its end by a server that closes', async (t) => {
    const early = inOrder(
      send('HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 3\r\n\r\nbig'),
      pause(30),
    );
    const pair = await aPair(t, oneByOne(early, answer('ok')));
    const reply = await pair.client.post('/', slowly(1_000, 1));
    assert.equal(reply.status, 413);
    assert.equal(await reply.text(), 'big');
    await quiet(pair.client);
    assert.equal(pair.client.stats().sockets.open, 0);
    await stillWorks(pair);
  });

  it('may be answered before its end by a server that keeps open; the connection is not used again', async (t) => {
    const early = send('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nearly');
    const pair = await aPair(t, oneByOne(early, answer('ok')));
    assert.equal(await pair.client.post('/', slowly(1_000, 1)).text(), 'early');
    await quiet(pair.client);
    assert.equal(pair.client.stats().sockets.open, 0);
    await stillWorks(pair);
  });
});

it('no limit at all lets a slow server take its time', async (t) => {
  const limits = { firstByteMs: NEVER, betweenBytesMs: NEVER, queueMs: NEVER };
  const { client } = await aPair(t, inOrder(pause(50), answer('ok')), { limits, deadlineMs: NEVER });
  assert.equal(await client.get('/').text(), 'ok');
});
