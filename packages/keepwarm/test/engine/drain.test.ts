/** `close()` while calls wait for what is not there yet: they are under way, whichever protocol will carry them. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { createServer as createHttp2Server } from 'node:http2';
import { createServer as createHttpsServer } from 'node:https';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { type Client, type ClientOptions, createClient } from '../../src/index.ts';
import { makeAuthority } from '../../src/testing/certificates.ts';
import { errorOf, leavesNothing, until } from './setup.ts';

leavesNothing();

const authority = makeAuthority();

/** What a client is to talk to, and in what. */
const WAYS: Record<string, () => { server: Server; secure: boolean; options: ClientOptions }> = {
  'HTTP/1.1': () => ({ server: createHttpServer(slowly), secure: false, options: {} }),
  'HTTP/2': () => ({
    server: createHttp2Server(slowly as never),
    secure: false,
    options: { http2: 'prior-knowledge', session: { streamsMax: 1 } },
  }),
  'HTTP/1.1, found by asking': () => ({
    server: createHttpsServer(authority.issue(), slowly),
    secure: true,
    options: { http2: 'allow', tls: { ca: authority.cert } },
  }),
};

function slowly(_request: unknown, response: { end(text: string): void }): void {
  setTimeout(() => response.end('ok'), 20);
}

async function aServerOf(t: TestContext, server: Server, secure: boolean): Promise<string> {
  await once(server.listen(0, '127.0.0.1'), 'listening');
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  return secure ? `https://localhost:${port}` : `http://127.0.0.1:${port}`;
}

describe('a client that is closed', () => {
  for (const [name, way] of Object.entries(WAYS)) {
    it(`lets calls finish that wait for a connection, and those that queue for a place (${name})`, async (t) => {
      const { server, secure, options } = way();
      const origin = await aServerOf(t, server, secure);
      const client = createClient({ origin, retry: false, pool: { socketsMax: 1 }, ...options });
      const calls = Array.from({ length: 4 }, () => client.get('/').text());
      const closed = client.close({ deadlineMs: 60_000 });
      assert.equal((await errorOf(client.get('/'))).code, 'CLOSED');
      assert.deepEqual(await Promise.all(calls), ['ok', 'ok', 'ok', 'ok']);
      await closed;
      const { sockets, pools } = client.stats();
      assert.deepEqual([sockets.open, pools.reduce((sum, { opening }) => sum + opening, 0)], [0, 0]);
    });

    it(`ends them when their time is up, and opens nothing more (${name})`, async (t) => {
      const { server, secure, options } = way();
      const origin = await aServerOf(t, server, secure);
      let connections = 0;
      server.on('connection', () => connections++);
      const pool = { socketsMax: 1, idleMin: 1 };
      const client = createClient({ origin, retry: false, pool, ...options });
      const calls = Array.from({ length: 200 }, () => client.get('/').text());
      const ends = Promise.allSettled(calls);
      await until(() => client.stats().calls.inFlight < 199, 'some have ended');
      await client.close({ deadlineMs: 50 });
      const failed = (await ends).filter(({ status }) => status === 'rejected');
      assert(failed.length > 0);
      for (const each of calls) await each.catch(({ code }) => assert.equal(code, 'CLOSED'));
      assert.equal(client.stats().sockets.open, 0);
      assert(connections <= 2, `${connections} connections`);
    });
  }
});

describe('a client that is closed at the moment a connection comes about', () => {
  for (const http2 of ['never', 'prior-knowledge'] as const) {
    it(`closes that too, at whichever step (http2 ${http2})`, async (t) => {
      const server = createServer((socket) => socket.on('error', () => {}).resume());
      const origin = await aServerOf(t, server, false);
      for (let steps = 0; steps < 30; steps++) {
        const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
        await once(socket, 'connect');
        let client: Client | undefined;
        const connector = (): Socket => {
          void (async () => {
            for (let step = 0; step < steps; step++) await undefined;
            client?.destroy();
          })();
          return socket;
        };
        client = createClient({ origin, http2, retry: false, connector });
        const { code } = await errorOf(client.get('/'));
        assert.equal(code, 'CLOSED');
        await until(() => socket.destroyed, `the connection is closed after ${steps} steps`, 5_000);
        assert.equal(client.stats().sockets.open, 0);
      }
    });
  }
});
