/** Node's own HTTP client over our pools: what it does as ever, and what our pools add. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Agent, type IncomingMessage, request as requestHttp } from 'node:http';
import { Agent as SecureAgent } from 'node:https';
import type { Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { engineOf } from '../../src/clients/client.ts';
import { makeAuthority, selfSigned } from '../../src/testing/certificates.ts';
import {
  answer,
  chunk,
  inOrder,
  oneByOne,
  pause,
  replyBytes,
  type Step,
  send,
} from '../../src/testing/faulty-steps.ts';
import { aClient, aServer, leavesNothing, quiet, until } from '../engine/setup.ts';
import { anAgent, ask, failureOf, start, theAgents } from './node-setup.ts';

leavesNothing();

const silence: Step = async (request) => void (await request.body);

/** Answers once it is told to. */
function gated(body = 'ok') {
  const gate = Promise.withResolvers<void>();
  const script: Step = async (request, connection) => {
    await gate.promise;
    await answer(body)(request, connection);
  };
  return { script, open: () => gate.resolve() };
}

describe('a request over our agent', () => {
  it('is carried by few connections, and says when it got a used one', async (t) => {
    const { server, httpAgent: agent, client } = await anAgent(t, answer('ok'), { pool: { socketsMax: 2 } });
    const first = await ask(server.origin, { agent });
    const second = await ask(server.origin, { agent, method: 'POST' }, 'body');
    assert.deepEqual([first.request.reusedSocket, second.request.reusedSocket], [false, true]);
    await Promise.all(Array.from({ length: 50 }, () => ask(server.origin, { agent })));
    assert.equal(server.accepted, 2);
    const { reuse, sockets } = client.stats();
    assert.deepEqual([reuse.fresh, reuse.reused, sockets.open], [2, 50, 2]);
  });

  it('shares connections with the calls of the client the agent was made from', async (t) => {
    const server = await aServer(t, { script: answer('ok') });
    const facts: string[] = [];
    const observer = {
      socketOpened: () => void facts.push('opened'),
      leased: ({ fresh }: { fresh: boolean }) => void facts.push(fresh ? 'fresh' : 'reused'),
      released: () => void facts.push('released'),
    };
    const client = aClient(t, { origin: server.origin, pool: { socketsMax: 1 }, observer });
    const { httpAgent: agent, close } = theAgents(t, client);
    for (let i = 0; i < 3; i++) {
      assert.equal(await client.post('/', 'x'.repeat(100_000)).text(), 'ok');
      assert.equal((await ask(server.origin, { agent, method: 'POST' }, 'x'.repeat(100_000))).body, 'ok');
    }
    assert.equal(server.accepted, 1);
    assert.deepEqual(facts.slice(0, 6), ['opened', 'fresh', 'released', 'reused', 'released', 'reused']);
    await close();
    assert.equal(await client.get('/').text(), 'ok', 'the client is its owner’s');
    assert.match((await failureOf(start('http://127.0.0.1:1', { agent }))).message, /not this client's origin/);
  });

  it('streams both ways at the pace of the slower side, and leaves a usable connection', async (t) => {
    const bytes = Buffer.alloc(4_000_000, 'abcdefgh');
    const { server, httpAgent: agent } = await anAgent(t, answer(bytes));
    for (let i = 0; i < 3; i++) {
      const request = start(server.origin, { agent });
      const [response] = (await once(request, 'response')) as [IncomingMessage];
      response.pause();
      await sleep(30);
      assert(request.socket!.bytesRead < (i + 1) * bytes.length, 'the peer is held back');
      assert.equal((await text(response)).length, bytes.length);
    }
    assert.equal(server.accepted, 1);
  });

  it('has its interim answers, trailers and replies without a body', async (t) => {
    const head = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n';
    const hints = 'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n';
    const script = oneByOne(
      send(hints, head, chunk('body'), '0\r\nX-Sum: 4\r\n\r\n'),
      send('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n'),
      send('HTTP/1.1 304 Not Modified\r\nContent-Length: 10\r\n\r\n'),
      send('HTTP/1.1 204 No Content\r\n\r\n'),
    );
    const { server, httpAgent: agent } = await anAgent(t, script);
    const request = start(server.origin, { agent });
    const informed = once(request, 'information');
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    assert.equal(await text(response), 'body');
    assert.equal((await informed)[0].statusCode, 103);
    assert.deepEqual(response.trailers, { 'x-sum': '4' });
    assert.equal((await ask(server.origin, { agent, method: 'HEAD' })).body, '');
    assert.equal((await ask(server.origin, { agent })).response.statusCode, 304);
    assert.equal((await ask(server.origin, { agent })).response.statusCode, 204);
    assert.equal(server.accepted, 1);
  });

  it('is upgraded, and its socket is then its own: out of the pool, with whatever comes', async (t) => {
    const script: Step = async (_, connection) => {
      connection.socket.once('data', (bytes) => connection.socket.write(`echo ${bytes}`));
      await connection.send('HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: chat\r\n\r\nhello');
    };
    const { server, httpAgent: agent, client } = await anAgent(t, script, { pool: { socketsMax: 1 } });
    for (let i = 0; i < 3; i++) {
      const request = start(server.origin, { agent, headers: { connection: 'upgrade', upgrade: 'chat' } });
      const [, socket, first] = (await once(request, 'upgrade')) as [IncomingMessage, Socket, Buffer];
      assert.equal(first.toString(), 'hello');
      assert.equal(client.stats().sockets.open, 0, 'it has left the pool');
      socket.write('me');
      const [echoed] = await once(socket, 'data');
      assert.equal(String(echoed), 'echo me');
      socket.destroy();
    }
    assert.equal(server.accepted, 3);
  });

  it('opens a tunnel with CONNECT', async (t) => {
    const script: Step = async (_, connection) => {
      connection.socket.once('data', (bytes) => connection.socket.end(`through ${bytes}`));
      await connection.send('HTTP/1.1 200 Connected\r\n\r\n');
    };
    const { server, httpAgent: agent, client } = await anAgent(t, script);
    const request = start(server.origin, { agent, method: 'CONNECT', path: 'example.com:443' });
    const [, socket] = (await once(request, 'connect')) as [IncomingMessage, Socket];
    socket.write('me');
    assert.equal(await text(socket), 'through me');
    assert.equal(client.stats().sockets.open, 0);
  });
});

describe('a connection', () => {
  it('is not used again when the reply says close, when it ends with the reply, or says a word too much', async (t) => {
    const script = oneByOne(
      answer('a', { headers: { connection: 'close' } }),
      answer('b', { framing: 'close' }),
      inOrder(answer('c'), pause(20), send('HTTP/1.1 200 OK\r\n')),
      answer('d'),
    );
    const { server, httpAgent: agent, client } = await anAgent(t, script);
    for (const body of ['a', 'b', 'c', 'd']) {
      assert.equal((await ask(server.origin, { agent })).body, body);
      if (body !== 'd') await until(() => client.stats().sockets.open === 0, `it is closed after ${body}`);
    }
    assert.equal(server.accepted, 4);
    const reasons = client.stats().sockets.history.map(({ closeReason }) => closeReason);
    assert.deepEqual(reasons, ['reply', 'reply', 'protocol']);
  });

  it('is closed when the peer goes on after an answer that came before the request was sent', async (t) => {
    const script: Step = async (_, connection) => {
      await connection.send(replyBytes('early'));
      await connection.wait(20);
      await connection.send('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil');
    };
    const { server, httpAgent: agent, client } = await anAgent(t, script);
    const request = requestHttp(server.origin, { agent, method: 'POST' }).on('error', () => {});
    request.write('begin');
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    assert.equal(await text(response), 'early');
    await until(() => client.stats().sockets.open === 0, 'it was closed');
    assert.deepEqual([client.stats().sockets.history[0]?.closeReason, engineOf(client).due.size], ['protocol', 0]);
  });

  it('is given up before the peer, by its own word, closes it', async (t) => {
    const script = answer('ok', { headers: { 'keep-alive': 'timeout=1' } });
    const { server, httpAgent: agent, client } = await anAgent(t, script);
    await ask(server.origin, { agent });
    await until(() => client.stats().sockets.open === 0, 'it was closed ahead of time');
    assert.equal(server.accepted, 1);
  });

  it('that died while it was idle is not handed out', async (t) => {
    const { server, httpAgent: agent, client } = await anAgent(t, answer('ok'));
    for (let i = 1; i <= 3; i++) {
      assert.equal((await ask(server.origin, { agent })).request.reusedSocket, false);
      server.connections.at(-1)!.end();
      await until(() => client.stats().sockets.open === 0, 'its end was noticed');
      assert.equal(server.accepted, i);
    }
  });

  for (const scheduling of ['lifo', 'fifo'] as const) {
    it(`that lay quiet and dies the moment it is wanted is not used: ${scheduling}`, async (t) => {
      const pool = { socketsMax: 2, scheduling };
      const { server, httpAgent: agent, client } = await anAgent(t, answer('ok'), { pool });
      await client.warmUp({ origin: server.origin, count: 2 });
      await sleep(1_050);
      // Of the two, one has been used a moment ago: only the other is given a turn to say that it is dead.
      await ask(server.origin, { agent });
      for (const connection of server.connections.filter(({ socket }) => socket.bytesRead === 0)) connection.end();
      let granted = 0;
      const request = start(server.origin, { agent }).on('socket', () => granted++);
      const [response] = (await once(request, 'response')) as [IncomingMessage];
      assert.equal(await text(response), 'ok');
      assert.equal(granted, 1, 'it got one socket');
      await quiet(client);
      assert(client.stats().sockets.open <= 2);
    });
  }

  it('carries no listeners from one request to the next', async (t) => {
    const { server, httpAgent: agent } = await anAgent(t, answer('ok'), { pool: { socketsMax: 1 } });
    const counts = new Set<string>();
    for (let i = 0; i < 20; i++) {
      const request = start(server.origin, { agent });
      request.on('socket', (given) => given.setTimeout(900)); // as some clients do, without taking it back
      const [response] = (await once(request, 'response')) as [IncomingMessage];
      const { socket } = request;
      assert(socket !== null);
      await text(response);
      await new Promise(setImmediate);
      assert.equal(socket.timeout, 0, 'nor the timeout of the last one');
      counts.add(
        socket
          .eventNames()
          .map((name) => `${String(name)}:${socket.listenerCount(name)}`)
          .sort()
          .join(),
      );
    }
    assert.equal(counts.size, 1, [...counts].join('\n'));
  });
});

describe('limits', () => {
  it('hold: who finds the queue full is refused, who waits too long is told so, and neither was sent', async (t) => {
    const { script, open } = gated();
    const options = { pool: { socketsMax: 1, waitersMax: 1 }, limits: { queueMs: 100 } };
    const { server, httpAgent: agent } = await anAgent(t, script, options);
    const held = ask(server.origin, { agent });
    await until(() => server.received === 1, 'the connection is taken');
    const waiting = start(server.origin, { agent });
    const refused = await failureOf(start(server.origin, { agent }));
    assert.equal(refused.code, 'SATURATED');
    const late = await failureOf(waiting);
    assert.equal(late.code, 'ETIMEDOUT');
    assert.equal((late.cause as { limit?: string }).limit, 'queueMs');
    open();
    assert.equal((await held).body, 'ok');
    assert.equal(server.received, 1);
  });

  it('are shown as Node shows them', async (t) => {
    const { script, open } = gated();
    const { server, httpAgent, httpsAgent } = await anAgent(t, script, { pool: { socketsMax: 1, idleMax: 3 } });
    assert(httpAgent instanceof Agent && httpsAgent instanceof SecureAgent);
    assert.deepEqual([httpAgent.maxSockets, httpAgent.maxFreeSockets, httpsAgent.maxSockets], [1, 3, 1]);
    const name = new Agent().getName({ host: '127.0.0.1', port: server.port });
    const all = [ask(server.origin, { agent: httpAgent }), ask(server.origin, { agent: httpAgent })];
    await until(() => server.received === 1, 'the first was sent');
    assert.equal(httpAgent.sockets[name]?.length, 1);
    assert.equal(httpAgent.requests[name]?.length, 1);
    assert.deepEqual(Object.keys(httpAgent.freeSockets), []);
    const freed = once(httpAgent, 'free');
    open();
    await Promise.all(all);
    await freed;
    await until(() => httpAgent.freeSockets[name]?.length === 1, 'it is free');
    assert.deepEqual([Object.keys(httpAgent.sockets), Object.keys(httpAgent.requests)], [[], []]);
    assert.equal((httpAgent as unknown as { totalSocketCount: number }).totalSocketCount, 1);
  });
});

describe('a request given up', () => {
  it('while it waits leaves the queue at once', async (t) => {
    const { script, open } = gated();
    const { server, httpAgent: agent } = await anAgent(t, script, { pool: { socketsMax: 1 } });
    const held = ask(server.origin, { agent });
    await until(() => server.received === 1, 'the connection is taken');
    const waiting = start(server.origin, { agent });
    const reason = new Error('changed my mind');
    const failed = failureOf(waiting);
    const closed = new Promise<void>((resolve) => waiting.once('close', resolve));
    waiting.destroy(reason);
    assert.equal(await failed, reason);
    await closed;
    for (const signal of [AbortSignal.timeout(10), AbortSignal.abort()])
      assert.equal((await failureOf(start(server.origin, { agent, signal }))).name, 'AbortError');
    assert.deepEqual(Object.keys(agent.requests), []);
    await Promise.all([open(), held]);
    assert.equal(server.received, 1);
  });

  it('before or after its answer began closes the connection, and its record says why', async (t) => {
    const half = send('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf');
    const { server, httpAgent: agent, client } = await anAgent(t, oneByOne(silence, half, silence));
    const silent = start(server.origin, { agent });
    await until(() => server.received === 1, 'it was sent');
    const failed = failureOf(silent);
    silent.destroy();
    assert.equal((await failed).code, 'ECONNRESET');
    const request = start(server.origin, { agent });
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    const ended = new Promise<void>((resolve) => response.on('error', () => {}).once('close', resolve));
    request.on('error', () => {}).destroy(new Error('enough'));
    await ended;
    const caller = new AbortController();
    const third = failureOf(start(server.origin, { agent, signal: caller.signal }));
    await until(() => server.received === 3, 'the third was sent');
    caller.abort();
    assert.equal((await third).name, 'AbortError');
    await quiet(client);
    const reasons = client.stats().sockets.history.map(({ closeReason }) => closeReason);
    assert.deepEqual(reasons, ['aborted', 'aborted', 'aborted']);
  });

  it('by its timeout is told of it, whether it waits for a socket or for an answer', async (t) => {
    const { server, httpAgent: agent } = await anAgent(t, silence, { pool: { socketsMax: 1 } });
    const first = start(server.origin, { agent, timeout: 40 });
    const second = start(server.origin, { agent, timeout: 20 });
    const failures = [failureOf(first), failureOf(second)];
    await once(second, 'timeout');
    second.destroy();
    await once(first, 'timeout');
    first.destroy();
    for (const failed of failures) assert.equal((await failed).code, 'ECONNRESET');
    assert.equal(server.received, 1);
  });
});

describe('a peer that fails', () => {
  it('is told in the codes of the system', async (t) => {
    const faults = oneByOne(
      (_, c) => c.reset(),
      (_, c) => c.end(),
    );
    const { server, httpAgent: agent, client } = await anAgent(t, faults);
    assert.equal((await failureOf(start(server.origin, { agent }))).code, 'ECONNRESET');
    assert.equal((await failureOf(start(server.origin, { agent }))).code, 'ECONNRESET');
    const refused = await failureOf(start('http://127.0.0.1:1', { agent }));
    assert.deepEqual([refused.code, (refused.cause as { reach?: string }).reach], ['ECONNREFUSED', 'unsent']);
    await quiet(client);
    const reasons = client.stats().sockets.history.map(({ closeReason }) => closeReason);
    assert.deepEqual(reasons, ['reset', 'peer']);
  });
});

describe('over TLS', () => {
  const authority = makeAuthority();
  const trusted = { tls: { ca: authority.cert } };

  it('a request is verified, reuses connections and resumes sessions', async (t) => {
    const faults = { tls: authority.issue() };
    const { server, httpsAgent: agent, client } = await anAgent(t, answer('ok'), trusted, faults);
    for (let i = 0; i < 3; i++) assert.equal((await ask(server.origin, { agent })).body, 'ok');
    assert.equal(server.accepted, 1);
    client.closeIdle();
    assert.equal((await ask(server.origin, { agent })).body, 'ok');
    const [latest] = client.stats().sockets.live;
    assert.equal(latest?.tlsResumed, true);
  });

  it('options of a request make pools of their own, and never weaken those of others', async (t) => {
    const server = await aServer(t, { script: answer('ok'), tls: selfSigned({ names: ['localhost'] }) });
    const { httpsAgent: agent, stats } = theAgents(t, {});
    const refused = await failureOf(start(server.origin, { agent }));
    assert.equal(refused.code, 'DEPTH_ZERO_SELF_SIGNED_CERT');
    const lax = { agent, rejectUnauthorized: false };
    assert.equal((await ask(server.origin, lax)).body, 'ok');
    assert.equal((await ask(server.origin, lax)).request.reusedSocket, true);
    assert.equal((await failureOf(start(server.origin, { agent }))).code, 'DEPTH_ZERO_SELF_SIGNED_CERT');
    assert.equal(stats().length, 2);
  });

  it('what cannot be shared is refused by name, as are TLS options against the pools of a client', async (t) => {
    const server = await aServer(t, { script: answer('ok'), tls: authority.issue() });
    const { httpAgent, httpsAgent: agent } = theAgents(t, trusted);
    assert.match((await failureOf(start(server.origin, { agent, ciphers: 'x' }))).message, /option ciphers/);
    const local = { agent: httpAgent, localAddress: '127.0.0.2' };
    assert.match((await failureOf(start('http://127.0.0.1', local))).message, /option localAddress/);
    const client = aClient(t, trusted);
    const bound = theAgents(t, client);
    const own = { agent: bound.httpsAgent, ca: authority.cert };
    assert.match((await failureOf(start(server.origin, own))).message, /make the agent from options/);
    assert.equal((await ask(server.origin, { agent: bound.httpsAgent })).body, 'ok');
  });
});

describe('ending', () => {
  it('an agent ends its requests and leaves it usable; closing waits for what is under way', async (t) => {
    const { script, open } = gated();
    const { server, httpAgent: agent, client, close } = await anAgent(t, script, { pool: { socketsMax: 1 } });
    const failures = [failureOf(start(server.origin, { agent })), failureOf(start(server.origin, { agent }))];
    await until(() => server.received === 1, 'one was sent');
    agent.destroy();
    for (const failed of failures) assert.equal((await failed).code, 'ECONNRESET');
    const last = ask(server.origin, { agent });
    await until(() => server.received === 2, 'it goes on');
    const closing = close();
    open();
    assert.equal((await last).body, 'ok');
    await closing;
    await close();
    assert.equal(client.stats().sockets.open, 0);
    assert.equal((await failureOf(start(server.origin, { agent }))).code, 'CLOSED');
  });

  it('a client closed under them ends requests that wait and those under way', async (t) => {
    const { server, httpAgent: agent, client } = await anAgent(t, silence, { pool: { socketsMax: 1 } });
    const sent = failureOf(start(server.origin, { agent }));
    const waiting = failureOf(start(server.origin, { agent }));
    await until(() => server.received === 1, 'one was sent');
    client.destroy();
    assert.equal((await sent).code, 'ECONNRESET');
    assert.equal((await waiting).code, 'CLOSED');
  });
});

describe('ten thousand requests of every kind', () => {
  it('leave nothing behind but idle connections', async (t) => {
    const script: Step = (request, connection) => {
      if (request.path === '/none') return connection.reset();
      if (request.path === '/half') return connection.send('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf');
      return connection.send(replyBytes('whole', { framing: request.path === '/chunked' ? 'chunked' : 'length' }));
    };
    const options = { pool: { socketsMax: 20 } };
    const { server, httpAgent: agent, client } = await anAgent(t, script, options, { requestsKept: 10 });
    const kinds = ['/whole', '/chunked', '/whole', '/none', '/chunked', '/half', '/whole', '/abort'];
    const one = (path: string): Promise<void> =>
      new Promise((resolve) => {
        const request = start(`${server.origin}${path}`, { agent });
        request.on('error', () => {}).on('close', () => resolve());
        request.on('response', (response) => {
          response.on('error', () => {}).resume();
          if (path === '/half') request.destroy();
        });
        if (path === '/abort') request.destroy();
      });
    for (let i = 0; i < 100; i++) {
      await Promise.all(Array.from({ length: 100 }, (_, n) => one(kinds[(i + n) % kinds.length]!)));
    }
    await quiet(client);
    const { sockets } = client.stats();
    assert(sockets.open <= 20, `${sockets.open} sockets`);
    assert.deepEqual([agent.sockets, agent.requests], [{}, {}]);
  });
});
