/** Servers that agree to HTTP/2 and then ask for HTTP/1.1 (RFC 9113 § 7): who is called again there, and who is not. */
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import {
  createSecureServer,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type ServerHttp2Session,
} from 'node:http2';
import type { AddressInfo, Server } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { createServer as createTlsServer, type TLSSocket } from 'node:tls';
import type { ClientOptions } from '../../../src/index.ts';
import { makeAuthority } from '../../../src/testing/certificates.ts';
import { ERROR } from '../../../src/wire/h2/codes.ts';
import { data, goaway, headers, settings } from '../../wire/h2/raw.ts';
import { aClient, errorOf, leavesNothing } from '../setup.ts';
import { aTalk, STATUS_200 } from './a-peer.ts';

leavesNothing();

const authority = makeAuthority();
const certificate = authority.issue();

type Answer = (request: Http2ServerRequest, response: Http2ServerResponse) => void;

/** Answers HTTP/1.1 as anybody does, and HTTP/2 as it is told. */
async function aServer(t: TestContext, overHttp2: Answer, options: ClientOptions = {}) {
  const seen: string[] = [];
  const sessions = new Set<ServerHttp2Session>();
  const server = createSecureServer({ ...certificate, allowHTTP1: true }, (request, response) => {
    seen.push(`${request.httpVersion} ${request.method} ${request.url}`);
    request.on('error', () => {}).resume();
    if (request.httpVersion === '2.0') return overHttp2(request, response);
    request.on('end', () => response.end(request.httpVersion));
  });
  server.on('session', (session) => {
    sessions.add(session);
    session.on('error', () => {});
  });
  const client = await aClientOf(t, server, options);
  t.after(() => {
    for (const session of sessions) session.destroy();
  });
  return { client, seen };
}

async function aClientOf(t: TestContext, server: Server, options: ClientOptions = {}) {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const resolver = async () => ({ addresses: [{ address: '127.0.0.1', family: 4 } as const], ttlMs: 60_000 });
  const tls = { ca: authority.cert };
  const client = aClient(t, { origin: `https://localhost:${port}`, tls, dns: { resolver }, retry: false, ...options });
  t.after(async () => {
    await client.close();
    server.close();
  });
  return client;
}

const refuse: Answer = ({ stream }) => stream.close(ERROR.HTTP_1_1_REQUIRED);

describe('a stream refused with HTTP_1_1_REQUIRED', () => {
  it('is called again over HTTP/1.1, and so is every call after it', async (t) => {
    const { client, seen } = await aServer(t, refuse);
    assert.equal(await client.get('/a').text(), '1.1');
    assert.equal(await client.post('/b', 'x').text(), '1.1');
    assert.deepEqual(seen, ['2.0 GET /a', '1.1 GET /a', '1.1 POST /b']);
    assert.equal(client.stats().reuse.hops, 1);
  });

  it('is not called again where that could do twice what was asked once; the next call knows better', async (t) => {
    const { client, seen } = await aServer(t, refuse);
    const error = await errorOf(client.post('/order', 'x'));
    assert.deepEqual([error.code, error.reach, error.systemCode], ['RESET', 'unknown', 'HTTP_1_1_REQUIRED']);
    assert.equal(await client.post('/order', 'x').text(), '1.1');
    assert.deepEqual(seen, ['2.0 POST /order', '1.1 POST /order']);
  });

  it('is called again with its body where it is idempotent, and not with one that cannot be had again', async (t) => {
    const { client, seen } = await aServer(t, refuse);
    async function* once(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('once');
    }
    assert.equal((await errorOf(client.put('/stream', once()))).systemCode, 'HTTP_1_1_REQUIRED');
    assert.equal(await client.put('/text', 'x'.repeat(100_000)).text(), '1.1');
    assert.deepEqual(seen, ['2.0 PUT /stream', '1.1 PUT /text']);
  });

  it('by the dozen costs each call one more attempt at most', async (t) => {
    const { client, seen } = await aServer(t, refuse, { budget: { perSecond: 1_000 } });
    const texts = await Promise.all(Array.from({ length: 30 }, (_, i) => client.get(`/${i}`).text()));
    assert.deepEqual(new Set(texts), new Set(['1.1']));
    assert(seen.filter((line) => line.startsWith('2.0')).length <= 30);
    assert.equal(seen.filter((line) => line.startsWith('1.1')).length, 30);
  });

  it('stays refused where nothing but HTTP/2 was offered', async (t) => {
    const { client, seen } = await aServer(t, refuse, { http2: 'prior-knowledge' });
    for (let i = 0; i < 2; i++) assert.equal((await errorOf(client.get('/'))).systemCode, 'HTTP_1_1_REQUIRED');
    assert.deepEqual(seen, ['2.0 GET /', '2.0 GET /']);
  });

  it('after its reply began is that reply, cut short', async (t) => {
    const { client } = await aTalk(t, {
      request: (line, { id }) => {
        line.send(headers(id, STATUS_200), data(id, 'half'));
        line.send(Buffer.from([0, 0, 4, 3, 0, 0, 0, 0, id, 0, 0, 0, ERROR.HTTP_1_1_REQUIRED]));
      },
    });
    const error = await errorOf(client.get('/').text());
    assert.deepEqual([error.code, error.reach], ['RESET', 'answered']);
  });
});

describe('a session that leaves with HTTP_1_1_REQUIRED', () => {
  it('has what it did not process called over HTTP/1.1, whatever its method', async (t) => {
    const seen: string[] = [];
    const http1 = createServer((request, response) => {
      seen.push(`${request.method} ${request.url}`);
      request.resume().on('end', () => response.end('1.1'));
    });
    const sockets = new Set<TLSSocket>();
    const server = createTlsServer({ ...certificate, ALPNProtocols: ['h2', 'http/1.1'] }, (socket) => {
      sockets.add(socket.on('error', () => {}));
      if (socket.alpnProtocol !== 'h2') return void http1.emit('connection', socket);
      socket.write(settings());
      // Once there is more than the preface and its settings, somebody has asked for something.
      socket.on('data', () => socket.bytesRead > 100 && socket.end(goaway(0, ERROR.HTTP_1_1_REQUIRED)));
    });
    const client = await aClientOf(t, server);
    t.after(() => {
      for (const socket of sockets) socket.destroy();
    });
    assert.equal(await client.post('/order', 'x'.repeat(1_000)).text(), '1.1');
    assert.equal(await client.get('/').text(), '1.1');
    assert.deepEqual(seen, ['POST /order', 'GET /']);
  });
});
