/** Calls over HTTP/2 against Node's own server: nothing a caller sees differs from HTTP/1.1. */
import assert from 'node:assert/strict';
import { createServer, type Http2ServerRequest, type Http2ServerResponse } from 'node:http2';
import { describe, it, type TestContext } from 'node:test';
import { brotliCompressSync } from 'node:zlib';
import type { ClientOptions } from '../../../src/index.ts';
import { aClient, errorOf, leavesNothing, quiet } from '../setup.ts';

leavesNothing();

type Handler = (request: Http2ServerRequest, response: Http2ServerResponse, body: Buffer) => void;

async function aPair(t: TestContext, handler: Handler, options: ClientOptions = {}, settings = {}) {
  let sessions = 0;
  const server = createServer({ settings }, (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => handler(request, response, Buffer.concat(chunks)));
    request.on('error', () => {});
  });
  server.on('session', (session) => {
    sessions++;
    t.after(() => session.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const { port } = server.address() as { port: number };
  const client = aClient(t, { origin: `http://127.0.0.1:${port}`, http2: 'prior-knowledge', retry: false, ...options });
  return { client, sessions: () => sessions };
}

const echo: Handler = (request, response, body) => {
  response.setHeader('content-type', 'application/json');
  const { method, url, headers } = request;
  response.end(JSON.stringify({ method, url, headers, body: body.toString() }));
};

describe('a call over HTTP/2', () => {
  it('carries method, path, query, fields and body, and its reply comes back whole', async (t) => {
    const { client } = await aPair(t, echo);
    const seen = await client
      .post(
        '/a/b',
        { text: 'grüße' },
        { query: { q: 'x y' }, headers: { 'X-Mixed-Case': ' spaced ', cookie: 'a=1; b=2' } },
      )
      .json<{ method: string; url: string; headers: Record<string, string>; body: string }>();
    assert.equal(seen.method, 'POST');
    assert.equal(seen.url, '/a/b?q=x+y');
    assert.equal(seen.body, '{"text":"grüße"}');
    assert.equal(seen.headers['x-mixed-case'], 'spaced');
    assert.equal(seen.headers['cookie'], 'a=1; b=2');
    assert.equal(seen.headers['content-length'], '18');
    assert.equal(seen.headers['content-type'], 'application/json');
    assert.equal(seen.headers[':scheme'], 'http');
    assert.equal(seen.headers['connection'], undefined);
  });

  it('sends long texts as their bytes, of one byte a character or several', async (t) => {
    const { client } = await aPair(t, (_request, response, body) => response.end(body));
    const plain = Array.from({ length: 30_000 }, (_, i) => `line ${i}`).join('\n');
    for (const text of [plain, `${plain}é`, `€${plain}`, 'é'.repeat(100_000), '😀'.repeat(50_000)]) {
      assert(text === (await client.post('/', text).text()), text.slice(0, 20));
    }
  });

  it('says "te: trailers" if asked to, and can be made to say nothing else about transfer codings', async (t) => {
    const { client } = await aPair(t, echo);
    const seen = await client.get('/', { headers: { te: 'trailers' } }).json<{ headers: Record<string, string> }>();
    assert.equal(seen.headers['te'], 'trailers');
    assert.equal((await errorOf(client.get('/', { headers: { te: 'gzip' } }))).code, 'INVALID');
  });

  it('a Host of the caller is the authority, and "connection: close" asks for nothing', async (t) => {
    const { client } = await aPair(t, echo);
    const headers = { host: 'other.example:99', connection: 'close' };
    const seen = await client.get('/', { headers }).json<{ headers: Record<string, string> }>();
    assert.equal(seen.headers[':authority'], 'other.example:99');
    await client.get('/');
    assert.equal(client.stats().sockets.live[0]?.leases, 2);
  });

  it('of every kind: HEAD, 204, 304, empty, large both ways, compressed, trailers, interim replies', async (t) => {
    const large = 'x'.repeat(3_000_000);
    const { client } = await aPair(t, (request, response, body) => {
      switch (request.url) {
        case '/head':
          response.setHeader('content-length', '5');
          return response.end();
        case '/204':
          response.statusCode = 204;
          return response.end();
        case '/304':
          response.statusCode = 304;
          response.setHeader('content-length', '99');
          return response.end();
        case '/large':
          response.setHeader('x-got', String(body.length));
          return response.end(large);
        case '/br':
          response.setHeader('content-encoding', 'br');
          return response.end(brotliCompressSync('squeezed'));
        case '/trailers':
          response.setHeader('trailer', 'x-sum');
          response.write('part');
          response.addTrailers({ 'x-sum': '1' });
          return response.end();
        case '/early':
          response.writeEarlyHints({ link: '</a>; rel=preload' });
          return response.end('late');
        default:
          return response.end();
      }
    });
    assert.equal((await client.head('/head')).headers.get('content-length'), '5');
    assert.equal((await client.get('/204')).status, 204);
    const unchanged = await client.request('/304', { method: 'GET' });
    assert.deepEqual([unchanged.status, (await unchanged.bytes()).length], [304, 0]);
    assert.equal(await client.get('/empty').text(), '');
    const up = await client.post('/large', large);
    assert.equal(up.headers.get('x-got'), '3000000');
    assert.equal((await up.text()).length, 3_000_000);
    assert.equal(await client.get('/br').text(), 'squeezed');
    const tail = await client.get('/trailers');
    assert.equal(await tail.text(), 'part');
    assert.equal(await client.get('/early').text(), 'late');
    await quiet(client);
    assert.equal(client.stats().sockets.live.length, 1, 'all of it over one session');
  });

  it('with a streamed body is sent as the windows let it, with and without a known length', async (t) => {
    const { client } = await aPair(t, (_request, response, body) => response.end(String(body.length)));
    const chunk = new Uint8Array(100_000);
    async function* chunks() {
      for (let i = 0; i < 20; i++) yield chunk;
    }
    for (const bytes of [undefined, 2_000_000]) {
      const body = { bytes, repeatable: false, open: chunks };
      assert.equal(await client.post('/', body).text(), '2000000');
    }
  });

  it('hundreds at once share what the server allows, and all are answered', async (t) => {
    const { client, sessions } = await aPair(t, echo, { pool: { socketsMax: 4 } }, { maxConcurrentStreams: 10 });
    const urls = await Promise.all(
      Array.from({ length: 300 }, async (_, i) => (await client.get(`/${i}`).json<{ url: string }>()).url),
    );
    assert.deepEqual(
      urls,
      Array.from({ length: 300 }, (_, i) => `/${i}`),
    );
    assert.equal(sessions(), 4);
    const { reuse, sockets } = client.stats();
    assert.deepEqual([reuse.fresh, reuse.reused, sockets.closed], [4, 296, 0]);
  });

  it('fifty at once to a cold origin open one connection', async (t) => {
    const { client, sessions } = await aPair(t, echo);
    await Promise.all(Array.from({ length: 50 }, () => client.get('/').text()));
    assert.equal(sessions(), 1);
    await client.warmUp({ count: 80 });
    assert.equal(sessions(), 1, 'one session is warm enough for eighty');
  });

  it('that is read slowly slows its server down, and nobody else', async (t) => {
    const block = Buffer.alloc(64 * 1024);
    let written = 0;
    const { client } = await aPair(t, (request, response) => {
      if (request.url !== '/endless') return response.end('quick');
      const more = (): undefined => {
        while (!response.destroyed && response.write(block)) written += block.length;
        written += block.length;
      };
      response.on('drain', more).on('error', () => {});
      return more();
    });
    const reply = await client.get('/endless', { bodyBytesMax: Number.POSITIVE_INFINITY });
    const reader = reply.stream().getReader();
    await reader.read();
    for (let i = 0; i < 30; i++) assert.equal(await client.get('/quick').text(), 'quick');
    const stalledAt = written;
    assert(stalledAt < 8 * 1024 * 1024, `the server has written ${stalledAt} bytes to a reader who does not read`);
    for (let read = 0; read < 4_000_000; ) read += (await reader.read()).value!.length;
    assert(written > stalledAt, 'it goes on when the reader does');
    await reader.cancel();
    assert.equal(await client.get('/quick').text(), 'quick');
    assert.equal(client.stats().sockets.live.length, 1);
  });

  it('through fetch is what fetch is', async (t) => {
    const { client } = await aPair(t, echo);
    const origin = client.stats().pools[0]?.origin ?? '';
    assert.equal(origin, '');
    const response = await client.fetch('/x', { method: 'PUT', body: 'b' });
    assert.equal(response.status, 200);
    assert.equal(((await response.json()) as { body: string }).body, 'b');
  });
});
