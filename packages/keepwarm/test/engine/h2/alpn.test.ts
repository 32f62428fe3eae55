/** Which HTTP is spoken over TLS, how it is learnt, and what becomes of callers who came before it was known. */
import assert from 'node:assert/strict';
import { createSecureServer, type Http2SecureServer, type Settings } from 'node:http2';
import { createServer } from 'node:https';
import { describe, it, type TestContext } from 'node:test';
import type { TLSSocket } from 'node:tls';
import type { ClientOptions } from '../../../src/index.ts';
import { makeAuthority } from '../../../src/testing/certificates.ts';
import { ownPort } from '../../own-port.ts';
import { aClient, errorOf, leavesNothing, quiet, until } from '../setup.ts';

leavesNothing();

const authority = makeAuthority();
const certificate = authority.issue();

interface Secure {
  readonly port: number;
  /** What each connection agreed to. */
  readonly agreed: string[];
  close(): Promise<void>;
}

/** A server of Node that speaks these protocols. */
async function aServer(protocols: readonly string[], port = 0, settings: Settings = {}): Promise<Secure> {
  const agreed: string[] = [];
  const sockets = new Set<TLSSocket>();
  const respond = (request: { httpVersion: string }, response: { end(text: string): void }): void =>
    response.end(request.httpVersion);
  const server = protocols.includes('h2')
    ? createSecureServer(
        { ...certificate, settings, allowHTTP1: protocols.includes('http/1.1'), ALPNProtocols: [...protocols] },
        respond,
      )
    : createServer({ ...certificate, ...(protocols.length > 0 ? { ALPNProtocols: [...protocols] } : {}) }, respond);
  (server as Http2SecureServer).on('secureConnection', (socket: TLSSocket) => {
    agreed.push(String(socket.alpnProtocol));
    sockets.add(socket);
    socket.on('error', () => {});
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const address = server.address() as { port: number };
  return {
    port: address.port,
    agreed,
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function aPair(t: TestContext, protocols: readonly string[], options: ClientOptions) {
  const server = await aServer(protocols);
  t.after(() => server.close());
  return { server, client: aClient(t, optionsFor(server.port, options)) };
}

const optionsFor = (port: number, options: ClientOptions): ClientOptions => ({
  origin: `https://localhost:${port}`,
  tls: { ca: authority.cert },
  dns: { resolver: async () => ({ addresses: [{ address: '127.0.0.1', family: 4 } as const], ttlMs: 60_000 }) },
  retry: false,
  ...options,
});

describe('what is agreed', () => {
  const both = ['h2', 'http/1.1'];
  const cases: readonly [ClientOptions['http2'], readonly string[], string][] = [
    [undefined, both, '2.0'],
    [undefined, ['http/1.1'], '1.1'],
    [undefined, [], '1.1'],
    ['prefer', both, '2.0'],
    ['prefer', ['http/1.1'], '1.1'],
    ['prefer', [], '1.1'],
    ['prefer', ['h2'], '2.0'],
    ['allow', both, '2.0'],
    ['allow', ['h2'], '2.0'],
    ['allow', ['http/1.1'], '1.1'],
    ['never', both, '1.1'],
    ['prior-knowledge', ['h2'], '2.0'],
  ];
  for (const [http2, offered, version] of cases) {
    const of = offered.join(' and ') || 'neither';
    it(`${http2 ?? 'by default'} with a server of ${of}: HTTP/${version}`, async (t) => {
      const { client } = await aPair(t, offered, http2 === undefined ? {} : { http2 });
      assert.equal(await client.get('/').text(), version);
      assert.equal(await client.get('/').text(), version);
      const { sockets, reuse } = client.stats();
      assert.equal(sockets.live[0]?.protocol, version === '2.0' ? 'h2' : undefined);
      assert.deepEqual([reuse.fresh, reuse.reused, reuse.http2], [1, 1, version === '2.0' ? 2 : 0]);
    });
  }

  it('prior knowledge that is wrong fails as TLS, and nothing was sent', async (t) => {
    for (const offered of [['http/1.1'], []]) {
      const { client } = await aPair(t, offered, { http2: 'prior-knowledge' });
      const error = await errorOf(client.get('/'));
      assert.deepEqual([error.code, error.reach], ['TLS', 'unsent'], error.message);
    }
  });
});

describe('a cold burst', () => {
  it('to an origin with HTTP/2 opens one connection', async (t) => {
    const { client, server } = await aPair(t, ['h2', 'http/1.1'], { http2: 'prefer' });
    const versions = await Promise.all(Array.from({ length: 60 }, () => client.get('/').text()));
    assert.deepEqual(new Set(versions), new Set(['2.0']));
    assert.deepEqual(server.agreed, ['h2']);
  });

  it('to one that takes few streams opens as many as it needs, and no more', async (t) => {
    const server = await aServer(['h2', 'http/1.1'], 0, { maxConcurrentStreams: 4 });
    t.after(() => server.close());
    const client = aClient(t, optionsFor(server.port, {}));
    const versions = await Promise.all(Array.from({ length: 40 }, () => client.get('/').text()));
    assert.deepEqual(new Set(versions), new Set(['2.0']));
    assert(server.agreed.length <= 10, `${server.agreed.length} connections`);
    await client.close(); // the server waits for connections that have only just come about
  });

  it('to one without waits for the first connection, keeps it, and goes on as HTTP/1.1 does', async (t) => {
    const { client, server } = await aPair(t, ['http/1.1'], { http2: 'prefer', pool: { socketsMax: 10 } });
    const texts = await Promise.all(Array.from({ length: 60 }, () => client.get('/').text()));
    assert.deepEqual(new Set(texts), new Set(['1.1']));
    assert.equal(server.agreed.length, 10);
    await quiet(client);
    const { sockets, reuse } = client.stats();
    assert.deepEqual([sockets.open, reuse.fresh, reuse.reused], [10, 10, 50]);
    await client.get('/');
    assert.equal(server.agreed.length, 10);
  });

  it('whose callers leave before it is known leaves a connection for the next', async (t) => {
    const { client, server } = await aPair(t, ['http/1.1'], { http2: 'prefer' });
    const leaver = new AbortController();
    const gone = client.get('/', { signal: leaver.signal });
    leaver.abort();
    assert.equal((await errorOf(gone)).code, 'ABORTED');
    await until(() => client.stats().sockets.open === 1, 'the connection is kept');
    assert.equal(await client.get('/').text(), '1.1');
    assert.equal(server.agreed.length, 1);
  });

  it('is warmed up like any other, whatever is spoken', async (t) => {
    for (const [offered, open] of [[['h2'], 1] as const, [['http/1.1'], 3] as const]) {
      const { client, server } = await aPair(t, offered, { http2: 'prefer' });
      const result = await client.warmUp({ count: 3 });
      assert.deepEqual([result.open, result.failed], [open, 0]);
      await client.get('/');
      assert.equal(server.agreed.length, open);
    }
  });
});

describe('a server that is exchanged for another', () => {
  it('without HTTP/2, or with it, is found out with its connections', async (t) => {
    const first = await aServer(['h2', 'http/1.1'], await ownPort());
    const client = aClient(t, optionsFor(first.port, { http2: 'prefer' }));
    assert.equal(await client.get('/').text(), '2.0');
    await first.close();
    await until(() => client.stats().sockets.open === 0, 'the old connections are gone');
    const second = await aServer(['http/1.1'], first.port);
    t.after(() => second.close());
    const texts = await Promise.all(Array.from({ length: 5 }, () => client.get('/').text()));
    assert.deepEqual(new Set(texts), new Set(['1.1']));
  });
});

describe('sections and origins', () => {
  it('have sessions of their own', async (t) => {
    const { client, server } = await aPair(t, ['h2'], { http2: 'prefer' });
    await Promise.all(['a', 'b', ''].map((section) => client.get('/', { section }).text()));
    assert.equal(server.agreed.length, 3);
    assert.deepEqual(
      client
        .stats()
        .sockets.live.map(({ section }) => section)
        .sort(),
      ['', 'a', 'b'],
    );
  });
});
