/** Servers that end the connection, at every moment they can. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  answer,
  byConnection,
  hangUp,
  inOrder,
  oneByOne,
  readBody,
  reset,
  type Step,
  send,
} from '../../src/testing/faulty-steps.ts';
import { aClient, aPair, aPairOf, aServer, errorOf, fails, leavesNothing, quiet, stillWorks, until } from './setup.ts';

leavesNothing();

const HALF_HEAD = 'HTTP/1.1 200 OK\r\nContent-Le';
const HALF_LENGTH = 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf';
const HALF_CHUNK = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhal';
const NO_LAST_CHUNK = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n';

const ENDS: Record<string, Step> = { 'a FIN': hangUp, 'an RST': reset };
const CUT: Record<string, readonly [sent: string, reach: 'unknown' | 'answered', phase: 'head' | 'body']> = {
  'before it answers': ['', 'unknown', 'head'],
  'in the middle of the head': [HALF_HEAD, 'answered', 'head'],
  'in the middle of a body with a length': [HALF_LENGTH, 'answered', 'body'],
  'in the middle of a chunk': [HALF_CHUNK, 'answered', 'body'],
  'before the last chunk': [NO_LAST_CHUNK, 'answered', 'body'],
  'after an interim response': ['HTTP/1.1 102 Processing\r\n\r\n', 'answered', 'head'],
};

/** The client has read what was sent before the connection ends: an RST would make its system forget it. */
const seen: Step = (_request, connection) => connection.wait(20);

describe('a server that closes on a fresh connection', () => {
  for (const [how, end] of Object.entries(ENDS)) {
    for (const [where, [sent, reach, phase]] of Object.entries(CUT)) {
      it(`${where} with ${how} fails that call with RESET, reach ${reach}, and no other`, async (t) => {
        const pair = await aPair(t, oneByOne(inOrder(readBody, send(sent), seen, end), answer('ok')));
        await fails(pair.client.post('/', { a: 1 }).text(), { code: 'RESET', reach, phase });
        assert.equal(pair.server.received, 1, 'it is not sent twice');
        await quiet(pair.client);
        assert.equal(pair.client.stats().sockets.open, 0);
        await stillWorks(pair);
      });
    }
  }

  it('at accept with a FIN fails with RESET or CONNECT, and nothing was answered', async (t) => {
    const { client } = await aPairOf(t, { connected: (connection) => connection.end() });
    const error = await errorOf(client.get('/'));
    assert.match(error.code, /^(RESET|CONNECT)$/);
    assert.notEqual(error.reach, 'answered');
  });

  it('at accept with an RST fails with RESET or CONNECT, and nothing was answered', async (t) => {
    const { client } = await aPairOf(t, { connected: (connection) => connection.reset() });
    for (let i = 0; i < 50; i++) {
      const error = await errorOf(client.post('/', 'a'));
      assert.match(error.code, /^(RESET|CONNECT)$/);
      assert.notEqual(error.reach, 'answered');
    }
  });

  it('with a body that ends with the connection is a clean end', async (t) => {
    const { client, server } = await aPair(t, inOrder(send('HTTP/1.1 200 OK\r\n\r\nall of it'), hangUp));
    assert.equal(await client.get('/').text(), 'all of it');
    assert.equal(client.stats().sockets.history.at(-1)?.closeReason, 'reply');
    assert.equal(await client.get('/').text(), 'all of it');
    assert.equal(server.accepted, 2);
  });

  it('with an RST in a body that ends with the connection fails: the end cannot be told', async (t) => {
    const { client } = await aPair(t, inOrder(send('HTTP/1.1 200 OK\r\n\r\nall of it?'), seen, reset));
    await fails(client.get('/').text(), { code: 'RESET', reach: 'answered', phase: 'body', systemCode: 'ECONNRESET' });
  });
});

describe('a server that closes right after a reply', () => {
  for (const [how, end] of Object.entries(ENDS)) {
    it(`with ${how} costs a new connection and no call`, async (t) => {
      const { client, server } = await aPair(t, inOrder(answer('ok'), end));
      for (let i = 0; i < 20; i++) {
        if (end === reset) await until(() => client.stats().sockets.open === 0, 'the reset is noticed');
        assert.equal(await client.get('/').text(), 'ok');
      }
      assert(server.accepted > 1);
    });
  }

  it('that said so in its head is taken at its word', async (t) => {
    const { client, server } = await aPair(t, answer('ok', { framing: 'close' }));
    await Promise.all([client.get('/').text(), client.get('/').text()]);
    assert.equal(server.accepted, 2);
    assert.equal(client.stats().sockets.history.at(-1)?.closeReason, 'reply');
  });
});

describe('a server that closes at the moment of reuse', () => {
  for (const [how, end] of Object.entries(ENDS)) {
    const script = () => byConnection(oneByOne(answer('ok'), end), answer('ok'));

    it(`with ${how}: an idempotent call is repeated once, on a new connection`, async (t) => {
      const hops: string[] = [];
      const observer = { hopped: ({ error }: { error: { code: string; reach: string } }) => hops.push(error.reach) };
      const { client, server } = await aPair(t, script(), { observer });
      await client.get('/first').text();
      assert.equal(await client.get('/second').text(), 'ok');
      assert.deepEqual(
        server.requests.map(({ path }) => path),
        ['/first', '/second', '/second'],
      );
      assert.equal(server.accepted, 2);
      assert.equal(client.stats().reuse.hops, 1);
      assert.deepEqual(hops, ['unknown']);
    });

    it(`with ${how}: a call that is not idempotent fails as unknown and is seen once`, async (t) => {
      const pair = await aPair(t, script());
      await pair.client.get('/first').text();
      const { phase } = await fails(pair.client.post('/order', { id: 1 }), {
        code: 'RESET',
        reach: 'unknown',
        phase: 'head',
      });
      assert.equal(phase, 'head');
      assert.deepEqual(
        pair.server.requests.map(({ path }) => path),
        ['/first', '/order'],
      );
      await stillWorks(pair);
    });

    it(`with ${how}: an Idempotency-Key makes a POST repeatable`, async (t) => {
      const { client, server } = await aPair(t, script());
      await client.get('/first').text();
      const options = { headers: { 'Idempotency-Key': 'k1' } };
      assert.equal(await client.post('/order', { id: 1 }, options).text(), 'ok');
      assert.equal(server.received, 3);
    });

    it(`with ${how}: a streamed body cannot be sent again, so the call fails`, async (t) => {
      const { client, server } = await aPair(
        t,
        byConnection(oneByOne(answer('ok'), inOrder(readBody, end)), answer('ok')),
      );
      await client.get('/first').text();
      const body = (async function* () {
        yield Buffer.from('once');
      })();
      await fails(client.put('/', body), { code: 'RESET', reach: 'unknown', phase: 'head' });
      assert.equal(server.received, 2);
    });

    it(`with ${how}: what was warmed up and never used counts as reused`, async (t) => {
      const { client, server } = await aPair(t, byConnection(end, answer('ok')));
      await client.warmUp();
      assert.equal(await client.get('/').text(), 'ok');
      assert.equal(server.received, 2);
      assert.equal(client.stats().reuse.hops, 1);
    });
  }

  it('again and again is given up after the one repeat', async (t) => {
    const { client, server } = await aPair(t, byConnection(oneByOne(answer('ok'), hangUp), hangUp));
    await client.get('/first').text();
    await fails(client.get('/second'), { code: 'RESET', reach: 'unknown', phase: 'head' });
    assert.equal(server.received, 3);
  });

  it('after part of an answer is not repeated: it was received', async (t) => {
    const cut = inOrder(send(HALF_HEAD), hangUp);
    const { client, server } = await aPair(t, byConnection(oneByOne(answer('ok'), cut), answer('ok')));
    await client.get('/first').text();
    await fails(client.get('/second'), { code: 'RESET', reach: 'answered', phase: 'head' });
    assert.equal(server.received, 2);
  });
});

describe('an idle connection', () => {
  it('that the server closes is noticed, counted and replaced', async (t) => {
    const { client, server } = await aPair(t, answer('ok'));
    await client.get('/').text();
    server.connections[0]?.end();
    await until(() => client.stats().sockets.open === 0, 'the FIN is noticed');
    assert.equal(client.stats().sockets.history[0]?.closeReason, 'peer');
    assert.equal(await client.post('/', 'a').text(), 'ok');
    assert.equal(client.stats().reuse.hops, 0);
  });

  it('that a server gives up with a 408 is closed without harm', async (t) => {
    const { client, server } = await aPair(t, answer('ok'));
    await client.get('/').text();
    void server.connections[0]?.send('HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n');
    await until(() => client.stats().sockets.open === 0, 'the 408 is noticed');
    assert.equal(client.stats().sockets.history[0]?.closeReason, 'peer');
    assert.equal(await client.post('/', 'a').text(), 'ok');
  });

  it('on which garbage arrives is closed as broken', async (t) => {
    const { client, server } = await aPair(t, answer('ok'));
    await client.get('/').text();
    void server.connections[0]?.send('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil');
    await until(() => client.stats().sockets.open === 0, 'the garbage is noticed');
    assert.equal(client.stats().sockets.history[0]?.closeReason, 'protocol');
    assert.equal(await client.get('/').text(), 'ok');
  });
});

describe('a server that restarts', () => {
  it('costs the calls in between, and none after', async (t) => {
    const first = await aServer(t, { script: answer('ok') });
    const client = aClient(t, { origin: first.origin });
    await Promise.all(Array.from({ length: 10 }, () => client.get('/').text()));
    const { port } = first;
    await first.close();
    await until(() => client.stats().sockets.open === 0, 'the ends are noticed');
    const down = { code: 'CONNECT', reach: 'unsent', phase: 'connect', systemCode: 'ECONNREFUSED' } as const;
    await fails(client.get('/'), down);
    await aServer(t, { script: answer('ok'), port });
    assert.equal(await client.get('/').text(), 'ok');
  });
});
