/** The caller's abort, wherever the call is: it settles at once, leaves nothing, and the pool is as good as before. */
import assert from 'node:assert/strict';
import { Socket } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { systemClock } from '../../src/core/clock.ts';
import { Upload } from '../../src/engines/http1/upload.ts';
import type { Client } from '../../src/index.ts';
import { answer, oneByOne, type Step, send, silence } from '../../src/testing/faulty-steps.ts';
import { aBlackHole } from './black-hole.ts';
import { aClient, aPair, aPairOf, aServer, fails, leavesNothing, quiet, stillWorks, until } from './setup.ts';

leavesNothing();

const REASON = new Error('the user left');
const HEAD = 'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n';

/** Aborts and demands that the call has settled before the event loop turns once more. */
async function abortsAtOnce(call: PromiseLike<unknown>, caller: AbortController, expected: object): Promise<void> {
  let settled = false;
  const failing = fails(call, { code: 'ABORTED', reach: 'unsent', ...expected }).then((error) => {
    settled = true;
    assert.equal(error.cause, REASON);
  });
  caller.abort(REASON);
  await Promise.race([failing, new Promise((resolve) => setImmediate(resolve))]);
  assert(settled, 'it settled without waiting for anything');
  await failing;
}

/** One connection, held by a call that is not answered; further calls wait. */
async function occupied(t: TestContext) {
  const pair = await aPair(t, oneByOne(silence, answer('ok')), { pool: { socketsMax: 1 } });
  const holder = new AbortController();
  const held = fails(pair.client.get('/held', { signal: holder.signal }), {
    code: 'ABORTED',
    reach: 'unknown',
    phase: 'head',
  });
  await until(() => pair.server.received === 1, 'the connection is taken');
  const release = (): Promise<unknown> => {
    holder.abort(REASON);
    return held;
  };
  return { ...pair, release };
}

const waiting = (client: Client) => client.stats().pools.reduce((sum, pool) => sum + pool.waiting, 0);

describe('a call aborted', () => {
  it('before it is made is refused, and nothing is opened', async (t) => {
    const { client, server } = await aPair(t, answer('ok'));
    const error = await fails(client.get('/', { signal: AbortSignal.abort(REASON) }), {
      code: 'ABORTED',
      reach: 'unsent',
      phase: 'queue',
    });
    assert.equal(error.cause, REASON);
    assert.equal(server.accepted, 0);
  });

  it('while it waits in the queue gives up its place', async (t) => {
    const { client, release } = await occupied(t);
    const caller = new AbortController();
    const call = client.get('/', { signal: caller.signal });
    const behind = client.get('/behind').text();
    await until(() => waiting(client) === 2, 'both wait');
    await abortsAtOnce(call, caller, { phase: 'queue' });
    assert.equal(waiting(client), 1);
    await release();
    assert.equal(await behind, 'ok');
  });

  it('while its name is resolved', async (t) => {
    const server = await aServer(t, { script: answer('ok') });
    const answers: (() => void)[] = [];
    const resolver = async () => {
      await new Promise<void>((resolve) => answers.push(resolve));
      return { addresses: [{ address: '127.0.0.1', family: 4 } as const], ttlMs: 1_000 };
    };
    const client = aClient(t, { origin: `http://name.test:${server.port}`, dns: { resolver } });
    const caller = new AbortController();
    const call = client.get('/', { signal: caller.signal });
    await until(() => answers.length === 1, 'the resolver is asked');
    await abortsAtOnce(call, caller, { phase: 'queue' });
    for (const resolve of answers) resolve();
    await quiet(client);
    assert.equal(client.stats().sockets.open, 1, 'what was being opened serves the next call');
    await stillWorks({ client });
    assert.equal(server.accepted, 1);
  });

  it('while it connects', async (t) => {
    const port = await aBlackHole(t);
    const client = aClient(t, { origin: `http://127.0.0.1:${port}`, connect: { connectMs: 200 } });
    const caller = new AbortController();
    const call = client.get('/', { signal: caller.signal });
    await until(() => client.stats().pools[0]?.opening === 1, 'it connects');
    await abortsAtOnce(call, caller, { phase: 'queue' });
    assert.equal(waiting(client), 0);
  });

  it('during the TLS handshake', async (t) => {
    const { server, client } = await aPairOf(
      t,
      { connected: () => new Promise(() => undefined) },
      { connect: { connectMs: 200 } },
    );
    const secure = aClient(t, { origin: server.origin.replace('http:', 'https:'), connect: { connectMs: 200 } });
    const caller = new AbortController();
    const call = secure.get('/', { signal: caller.signal });
    await until(() => server.accepted === 1, 'the handshake has begun');
    await abortsAtOnce(call, caller, { phase: 'queue' });
    await quiet(client);
  });

  it('while its body is written', async (t) => {
    const script = oneByOne((_, connection) => connection.stopReading(), answer('ok'));
    const pair = await aPair(t, script);
    let produced = 0;
    const body = (async function* () {
      for (;;) {
        produced++;
        yield Buffer.alloc(64 * 1024);
      }
    })();
    const caller = new AbortController();
    const call = pair.client.post('/', body, { signal: caller.signal });
    await until(() => pair.server.received === 1 && produced > 2, 'the body is being written');
    await abortsAtOnce(call, caller, { reach: 'unknown', phase: 'write' });
    const sofar = produced;
    await quiet(pair.client);
    assert(produced <= sofar + 1, 'nothing more is asked of the producer');
    await stillWorks(pair);
  });

  it('while it waits for the answer', async (t) => {
    const pair = await aPair(t, oneByOne(silence, answer('ok')));
    const caller = new AbortController();
    const call = pair.client.post('/', { a: 1 }, { signal: caller.signal });
    await until(() => pair.server.received === 1, 'the request has arrived');
    await abortsAtOnce(call, caller, { reach: 'unknown', phase: 'head' });
    assert.equal(pair.client.stats().sockets.history[0]?.closeReason, 'aborted');
    await stillWorks(pair);
    assert.equal(pair.server.received, 2);
  });

  for (const [how, read] of Object.entries({
    'as text': (call: ReturnType<Client['get']>) => call.text(),
    'as a stream': async (call: ReturnType<Client['get']>) => {
      for await (const _ of await call.stream());
    },
  })) {
    it(`while its body is read ${how}`, async (t) => {
      const pair = await aPair(t, oneByOne(send(`${HEAD}abc`), answer('ok')));
      const caller = new AbortController();
      const call = pair.client.get('/', { signal: caller.signal });
      await call;
      const reading = read(call);
      await new Promise((resolve) => setImmediate(resolve));
      await abortsAtOnce(reading, caller, { reach: 'answered', phase: 'body' });
      await stillWorks(pair);
    });
  }

  it('after it has settled: nothing happens', async (t) => {
    const { client, server } = await aPair(t, answer('ok'));
    const caller = new AbortController();
    for (let i = 0; i < 3; i++) assert.equal(await client.get('/', { signal: caller.signal }).text(), 'ok');
    caller.abort(REASON);
    assert.equal(await client.get('/').text(), 'ok');
    assert.equal(server.accepted, 1);
  });

  it('with hundreds of others by one signal: all settle, all connections are given up', async (t) => {
    const script: Step = (request, connection) =>
      (request.path === '/good' ? answer('ok') : silence)(request, connection);
    const pair = await aPair(t, script, { pool: { socketsMax: 20 } });
    const caller = new AbortController();
    const calls = Array.from({ length: 500 }, () => pair.client.get('/', { signal: caller.signal }));
    await until(() => pair.server.received === 20, 'the pool is full');
    caller.abort(REASON);
    for (const outcome of await Promise.allSettled(calls)) {
      assert(outcome.status === 'rejected');
      assert.equal(outcome.reason.code, 'ABORTED');
      assert.equal(outcome.reason.cause, REASON);
    }
    await quiet(pair.client);
    await stillWorks(pair);
  });

  it('by AbortSignal.timeout has a TimeoutError as cause', async (t) => {
    const { client } = await aPair(t, silence);
    const error = await fails(client.get('/', { signal: AbortSignal.timeout(400) }), {
      code: 'ABORTED',
      reach: 'unknown',
      phase: 'head',
    });
    assert.equal((error.cause as Error).name, 'TimeoutError');
  });
});

it('a reply cancelled half-read costs its connection, one cancelled at its end does not', async (t) => {
  const pair = await aPair(t, oneByOne(send(`${HEAD}abc`), answer('ok')));
  const stream = await pair.client.get('/').stream();
  await stream.cancel(REASON);
  await quiet(pair.client);
  assert.equal(pair.client.stats().sockets.history[0]?.closeReason, 'aborted');
  await (await pair.client.get('/').stream()).cancel();
  await quiet(pair.client);
  assert.equal(pair.client.stats().sockets.open, 1);
});

it('a producer that keeps an upload waiting is told to stop when the connection goes', async () => {
  let told = false;
  const producer: AsyncIterator<Uint8Array> = {
    next: () => new Promise(() => undefined),
    return: async () => {
      told = true;
      return { done: true, value: undefined };
    },
  };
  const socket = new Socket();
  const open = () => ({ [Symbol.asyncIterator]: () => producer });
  const nothing = (): void => assert.fail('neither done nor failed');
  new Upload(
    socket,
    { bytes: undefined, repeatable: false, open },
    { uploadMoved: nothing, uploadFailed: nothing },
    systemClock,
  );
  socket.destroy();
  await until(() => told, 'the producer is told');
});
