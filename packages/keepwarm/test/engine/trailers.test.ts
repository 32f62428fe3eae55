/** Fields that come after the body: of bodies that arrive whole and of those that are read, over both protocols. */
import assert from 'node:assert/strict';
import { createServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { gzipSync } from 'node:zlib';
import type { Client, ClientOptions } from '../../src/index.ts';
import { chunk, inOrder, pause, type Step, send } from '../../src/testing/faulty-steps.ts';
import { aClient, aServer, errorOf, leavesNothing, quiet } from './setup.ts';

leavesNothing();

const large = 'x'.repeat(300_000);
const TRAILERS = { 'x-sum': '42', 'x-more': 'a, b' };

/** Answers the body named by the path, with trailers unless the path says otherwise. */
function bodyOf(path: string): Buffer {
  if (path.startsWith('/gzip')) return gzipSync(Array.from({ length: 50_000 }, (_, i) => `${i}`).join(' '));
  return Buffer.from(path.startsWith('/large') ? large : 'small');
}

async function overHttp1(t: TestContext, options: ClientOptions): Promise<Client> {
  const script: Step = (request, connection) => {
    const coding = request.path.startsWith('/gzip') ? 'Content-Encoding: gzip\r\n' : '';
    const head = `HTTP/1.1 200 OK\r\n${coding}Transfer-Encoding: chunked\r\n\r\n`;
    const end = request.path.endsWith('none') ? '0\r\n\r\n' : '0\r\nX-Sum: 42\r\nX-More: a\r\nx-more: b\r\n\r\n';
    const body = bodyOf(request.path);
    const pieces = [body.subarray(0, body.length / 2), body.subarray(body.length / 2)].map((piece) =>
      Buffer.concat([Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n')]),
    );
    if (request.path === '/large/lost')
      return inOrder(send(head, chunk(large)), pause(20), (_, c) => c.reset())(request, connection);
    return inOrder(
      send(head, pieces[0]!),
      pause(body.length > 1_000 ? 5 : 0),
      send(pieces[1]!, end),
    )(request, connection);
  };
  const server = await aServer(t, { script });
  return aClient(t, { origin: server.origin, retry: false, ...options });
}

async function overHttp2(t: TestContext, options: ClientOptions): Promise<Client> {
  const server = createServer((request, response) => {
    if (request.url.startsWith('/gzip')) response.setHeader('content-encoding', 'gzip');
    if (!request.url.endsWith('none')) response.addTrailers({ 'x-sum': '42', 'x-more': ['a', 'b'] });
    const body = bodyOf(request.url);
    response.write(body.subarray(0, body.length / 2));
    if (request.url === '/large/lost') return void setTimeout(() => response.stream.close(2), 20);
    setTimeout(() => response.end(body.subarray(body.length / 2)), body.length > 1_000 ? 5 : 0);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  const client = aClient(t, { origin: `http://127.0.0.1:${port}`, http2: 'prior-knowledge', retry: false, ...options });
  t.after(() => client.close());
  return client;
}

for (const [name, over] of Object.entries({ 'HTTP/1.1': overHttp1, 'HTTP/2': overHttp2 })) {
  describe(`trailers over ${name}`, () => {
    for (const path of ['/small', '/large', '/gzip']) {
      it(`of ${path} are known when the body is, however it is read`, async (t) => {
        const client = await over(t, {});
        for (const read of ['text', 'bytes', 'stream'] as const) {
          const reply = await client.get(path);
          const trailers = reply.trailerFields();
          if (read === 'stream') for await (const piece of reply.stream()) assert(piece.length > 0);
          else await reply[read]();
          assert.deepEqual({ ...(await trailers).toObject() }, TRAILERS);
          assert.equal((await reply.trailerFields()).get('X-Sum'), '42', 'asked for afterwards, in any case');
        }
      });
    }

    it('are empty where none came', async (t) => {
      const client = await over(t, {});
      for (const path of ['/small/none', '/large/none']) {
        const reply = await client.get(path);
        await reply.text();
        assert.deepEqual((await reply.trailerFields()).list, []);
      }
    });

    it('of a body that is lost, or given up, fail as it did', async (t) => {
      const client = await over(t, {});
      const lost = await client.get('/large/lost');
      const body = errorOf(lost.bytes());
      assert.equal((await errorOf(lost.trailerFields())).code, (await body).code);
      const reply = await client.get('/large');
      const trailers = errorOf(reply.trailerFields());
      reply.discard();
      assert.equal((await trailers).code, 'ABORTED');
      await quiet(client);
    });

    it('are shared by callers whose calls are one', async (t) => {
      const client = await over(t, { coalesce: true });
      const replies = await Promise.all(Array.from({ length: 3 }, () => client.get('/gzip')));
      for (const reply of replies) {
        await reply.text();
        assert.equal((await reply.trailerFields()).get('x-sum'), '42');
      }
    });
  });
}
