/** Ways of the user's own: Unix domain sockets, connectors, lookups; and code that borrows such connections. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { createServer as createPlainServer, createSecureServer } from 'node:http2';
import { createServer as createHttpsServer } from 'node:https';
import { connect, type ListenOptions } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Duplex, duplexPair, type Readable } from 'node:stream';
import { describe, it, type TestContext } from 'node:test';
import type { TLSSocket } from 'node:tls';
import { keepwarmAgents } from 'keepwarm/node-http';
import type { ClientOptions, Connector, NetError } from '../../src/index.ts';
import { makeAuthority } from '../../src/testing/certificates.ts';
import { answer } from '../../src/testing/faulty-steps.ts';
import { aClient, aServer, fails, leavesNothing, quiet, stillWorks, until } from '../engine/setup.ts';
import { ask } from '../interop/node-setup.ts';
import { aProxy, ESTABLISHED } from './a-proxy.ts';
import { aSocksProxy } from './a-socks-proxy.ts';

leavesNothing();

const authority = makeAuthority();
const certificate = authority.issue({ names: ['api.test', 'localhost'] });
const LARGE = 'x'.repeat(3_000_000);

const handle = (request: Readable & { url?: string | undefined }, response: { end(text: string): unknown }): void => {
  request.resume().on('end', () => void response.end(request.url === '/large' ? LARGE : 'ok'));
};

/** A server of Node's that answers `ok`, or `/large` with 3 MB. */
async function listening(t: TestContext, server: Server, where: ListenOptions): Promise<number> {
  await new Promise<void>((resolve) => server.listen(where, resolve));
  t.after(() => {
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeAllConnections?.(); // of HTTP/1.1 only: the client closes the others
    return closed;
  });
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

function aPath(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'keepwarm-'));
  t.after(() => rmSync(folder, { recursive: true }));
  return join(folder, 'api.sock');
}

async function works(t: TestContext, options: ClientOptions): Promise<void> {
  const client = aClient(t, options);
  for (let i = 0; i < 10; i++) await stillWorks({ client }, `/${i}`);
  assert.equal(await client.get('/large').text(), LARGE);
  assert.equal(await client.post('/', LARGE).text(), 'ok');
  await Promise.all(Array.from({ length: 50 }, () => stillWorks({ client })));
  await quiet(client);
  const [life] = client.stats().sockets.live;
  assert(life !== undefined && life.bytesIn > 0 && life.bytesOut > 0);
  await client.close();
}

describe('a Unix domain socket', () => {
  it('carries calls to an http: origin of any name', async (t) => {
    const path = aPath(t);
    const hosts: (string | undefined)[] = [];
    await listening(
      t,
      createServer((request, response) => {
        hosts.push(request.headers.host);
        handle(request, response);
      }),
      { path },
    );
    await works(t, { origin: 'http://docker', socketPath: path });
    assert(hosts.every((host) => host === 'docker'));
  });

  it('carries TLS, under the name of the origin', async (t) => {
    const path = aPath(t);
    await listening(t, createHttpsServer(certificate, handle), { path });
    await works(t, { origin: 'https://api.test', socketPath: path, tls: { ca: authority.cert } });
  });

  it('that is not there is CONNECT with its path, and is found once it is', async (t) => {
    const path = aPath(t);
    const client = aClient(t, { origin: 'http://docker', socketPath: path });
    const message = new RegExp(path.replaceAll('/', '\\/'));
    await fails(client.get('/'), { code: 'CONNECT', reach: 'unsent', phase: 'connect', systemCode: 'ENOENT', message });
    await listening(t, createServer(handle), { path });
    await stillWorks({ client });
    assert.equal(client.stats().sockets.live[0]?.address, path);
  });
});

/** A connection to a port of loopback as a stream that is no socket. */
function asStream(port: number): Duplex {
  const [ours, theirs] = duplexPair();
  const socket = connect(port, '127.0.0.1');
  theirs.pipe(socket);
  socket.pipe(theirs);
  socket.on('error', (error) => ours.destroy(error)).on('close', () => theirs.end());
  ours.on('close', () => socket.destroy()).on('error', () => {});
  return ours;
}

describe('a connector', () => {
  for (const secure of [false, true]) {
    const origin = secure ? 'https://api.test' : 'http://api.test';
    const tls = secure ? { tls: { ca: authority.cert } } : {};
    const server = (): Server => (secure ? createHttpsServer(certificate, handle) : createServer(handle));
    it(`gives a socket that still connects, or a promise of one, for ${origin}`, async (t) => {
      const port = await listening(t, server(), { port: 0, host: '127.0.0.1' });
      await works(t, { origin, ...tls, connector: () => connect(port, '127.0.0.1') });
      await works(t, {
        origin,
        ...tls,
        connector: async () => {
          const socket = connect(port, '127.0.0.1');
          await new Promise((resolve) => socket.once('connect', resolve));
          return socket;
        },
      });
    });

    it(`gives any stream for ${origin}`, async (t) => {
      const port = await listening(t, server(), { port: 0, host: '127.0.0.1' });
      await works(t, { origin, ...tls, connector: () => asStream(port) });
    });
  }

  it('is told the origin, and nothing is asked of any name server', async (t) => {
    const server = await aServer(t, { script: answer('ok') });
    const seen: string[] = [];
    const connector: Connector = (origin) => {
      seen.push(origin.key);
      return connect(server.port, '127.0.0.1');
    };
    const client = aClient(t, { connector, dns: { resolver: () => assert.fail('asked') } });
    assert.equal(await client.get('http://a.test/').text(), 'ok');
    assert.equal(await client.get('http://b.test:99/').text(), 'ok');
    assert.deepEqual(seen, ['http://a.test', 'http://b.test:99']);
  });

  for (const [what, connector, code, message] of [
    ['throws', () => assert.fail('ours'), 'CONNECT', /connector.*ours/],
    ['rejects', () => Promise.reject(new Error('theirs')), 'CONNECT', /theirs/],
    ['gives nothing', (() => undefined) as unknown as Connector, 'INVALID', /no stream/],
    ['gives what is no stream', (() => ({ write: 1 })) as unknown as Connector, 'INVALID', /no stream/],
    ['gives what is destroyed', () => new Duplex().destroy(), 'CONNECT', /closed already/],
    ['gives what never connects', () => connect(1, '127.0.0.1'), 'CONNECT', /ECONNREFUSED/],
  ] satisfies [string, Connector, 'CONNECT' | 'INVALID', RegExp][]) {
    it(`that ${what} is ${code}`, async (t) => {
      const client = aClient(t, { origin: 'http://api.test', connector: connector as Connector });
      const wanted = {
        code: code as 'CONNECT',
        reach: 'unsent',
        phase: 'connect',
        message: message as RegExp,
      } as const;
      await fails(client.get('/'), wanted);
    });
  }

  for (const scheme of ['http', 'https']) {
    it(`to an ${scheme} origin may give a stream that throws when it is written to: it alone is lost`, async (t) => {
      const port = await listening(t, createServer(handle), { port: 0, host: '127.0.0.1' });
      let given = 0;
      const connector: Connector = ({ secure }) => {
        if (given++ > 0 && !secure) return connect(port, '127.0.0.1');
        return new Duplex({
          read() {},
          write() {
            throw new Error('nobody writes here');
          },
        });
      };
      const client = aClient(t, { origin: `${scheme}://api.test`, connector, pool: { socketsMax: 5 } });
      const calls = Array.from({ length: 5 }, () => client.post('/', { order: 1 }).text());
      const [first, ...others] = await Promise.allSettled(calls);
      assert(first?.status === 'rejected');
      const { code, reach } = first.reason as NetError;
      assert.deepEqual([code, reach], scheme === 'http' ? ['RESET', 'unknown'] : ['CONNECT', 'unsent']);
      if (scheme === 'http') assert(others.every((each) => each.status === 'fulfilled' && each.value === 'ok'));
      await quiet(client);
    });
  }

  it('that is too slow is given up after connectMs; it is told, and what it still gives is destroyed', async (t) => {
    const { promise, resolve } = Promise.withResolvers<Duplex>();
    let told = false;
    const client = aClient(t, {
      origin: 'http://api.test',
      connect: { connectMs: 50 },
      connector: (_origin, signal) => {
        signal.addEventListener('abort', () => {
          told = true;
        });
        return promise;
      },
    });
    const limit = { limit: 'connectMs', value: 50 } as const;
    await fails(client.get('/'), { code: 'TIMEOUT', reach: 'unsent', phase: 'connect', ...limit });
    assert(told);
    const [late] = duplexPair();
    resolve(late);
    await until(() => late.destroyed, 'the end of what came too late');
  });
});

it('a lookup as node:net takes one is where names lead, and its answers are cached', async (t) => {
  const server = await aServer(t, { script: answer('ok') });
  const asked: unknown[] = [];
  const client = aClient(t, {
    origin: `http://api.test:${server.port}`,
    pool: { requestsMax: 1 },
    dns: {
      lookup: (hostname, options, callback) => {
        asked.push([hostname, options.all]);
        process.nextTick(callback, null, [{ address: '127.0.0.1', family: 4 }]);
      },
    },
  });
  for (let i = 0; i < 5; i++) await stillWorks({ client });
  assert.deepEqual(asked, [['api.test', true]]);
  const single = aClient(t, {
    origin: `http://api.test:${server.port}`,
    dns: { lookup: (_hostname, _options, callback) => callback(null, '127.0.0.1', 4) },
  });
  await stillWorks({ client: single });
  const failing = aClient(t, {
    origin: 'http://api.test',
    dns: { lookup: (_h, _o, callback) => callback(Object.assign(new Error('no'), { code: 'ENOTFOUND' }), '') },
  });
  await fails(failing.get('/'), { code: 'DNS', reach: 'unsent', phase: 'dns' });
});

describe('what is not HTTP/1.1 of ours goes the same ways', () => {
  it("Node's own client, over a tunnel, a SOCKS proxy, a stream and a Unix domain socket", async (t) => {
    const path = aPath(t);
    await listening(t, createServer(handle), { path });
    const port = await listening(t, createServer(handle), { port: 0, host: '127.0.0.1' });
    const proxy = await aProxy(t);
    const socks = await aSocksProxy(t);
    const ways: ClientOptions[] = [
      { proxy: proxy.url },
      { proxy: `socks5://127.0.0.1:${socks.port}` },
      { connector: () => connect(port, '127.0.0.1') },
      { connector: () => asStream(port) },
      { socketPath: path },
    ];
    for (const way of ways) {
      const { httpAgent, client, close } = keepwarmAgents(way);
      for (let i = 0; i < 5; i++) {
        const { body } = await ask(`http://api.test:${port}/large`, { agent: httpAgent });
        assert.equal(body.length, LARGE.length);
        const posted = await ask(`http://api.test:${port}/`, { agent: httpAgent, method: 'POST' }, LARGE);
        assert.equal(posted.body, 'ok');
      }
      await quiet(client);
      assert.deepEqual(client.stats().sockets.history, [], 'one connection serves all');
      await close();
    }
  });

  it('HTTP/2, agreed upon in a tunnel, or known beforehand', async (t) => {
    const server = createSecureServer({ ...certificate, allowHTTP1: true }, handle);
    const sockets = new Set<TLSSocket>();
    server.on('secureConnection', (socket: TLSSocket) => sockets.add(socket.on('error', () => {})));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    t.after(() => {
      for (const socket of sockets) socket.destroy();
      server.close();
    });
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const proxy = await aProxy(t);
    const socks = await aSocksProxy(t);
    const tls = { ca: authority.cert };
    const origin = `https://api.test:${port}`;
    for (const way of [
      { proxy: proxy.url },
      { proxy: `socks5://127.0.0.1:${socks.port}` },
      { connector: () => asStream(port) },
    ]) {
      const client = aClient(t, { origin, tls, http2: 'prefer', ...way });
      await Promise.all(Array.from({ length: 50 }, () => stillWorks({ client })));
      assert.equal(await client.get('/large').text(), LARGE);
      assert.equal(await client.post('/', LARGE).text(), 'ok');
      const [life] = client.stats().sockets.live;
      assert.equal(life?.protocol, 'h2');
      assert.equal(client.stats().sockets.open, 1);
    }
  });

  it('HTTP/2 known beforehand, whose server speaks before the tunnel has been written to', async (t) => {
    const port = await listening(t, createPlainServer(handle) as unknown as Server, { port: 0, host: '127.0.0.1' });
    const proxy = await aProxy(t, {
      asked: ({ socket }) => {
        const peer = connect(port, '127.0.0.1');
        peer.once('data', (settings: Buffer) => {
          socket.write(Buffer.concat([Buffer.from(ESTABLISHED), settings]));
          socket.pipe(peer).pipe(socket);
        });
        peer.on('error', () => {}).on('close', () => socket.destroy());
        socket.on('close', () => peer.destroy());
      },
    });
    const origin = `http://api.test:${port}`;
    const client = aClient(t, { origin, http2: 'prior-knowledge', proxy: proxy.url });
    await Promise.all(Array.from({ length: 50 }, () => stillWorks({ client })));
    assert.equal(await client.get('/large').text(), LARGE);
    assert.equal(proxy.accepted, 1);
    await client.close();
  });
});
