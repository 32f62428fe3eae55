import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { createServer as createHttp2Server } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { it, type TestContext } from 'node:test';
import { createClient, HTTPClient, NetError } from '../../src/index.ts';
import { createRpc, solana } from '../../src/jsonrpc.ts';

async function origin(t: TestContext, answer: RequestListener): Promise<string> {
  const server = createServer(answer).listen(0, '127.0.0.1');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const refusing =
  (fields: Record<string, string>, status = 429, text = 'later'): RequestListener =>
  (request, response) => {
    request.resume();
    response.sendDate = false;
    response.writeHead(status, fields).end(text);
  };

async function failing(call: PromiseLike<unknown>): Promise<NetError> {
  const thrown = await Promise.resolve(call).then(
    () => assert.fail('it should have failed'),
    (error: unknown) => error,
  );
  assert.ok(thrown instanceof NetError, String(thrown));
  return thrown;
}

it('a refused status says where it came from, and when to come back', async (t) => {
  const url = await origin(t, refusing({ 'retry-after': '7' }));
  await using api = createClient({ origin: url, retry: false });
  for (const ask of ['json', 'text', 'bytes', 'stream'] as const) {
    const error = await failing(api.get('/')[ask]());
    assert.deepEqual([error.code, error.origin, error.retryAfterMs], ['STATUS', url, 7_000]);
  }
});

it('says nothing of a repeat that the peer says nothing of, or at a date whose distance is not known', async (t) => {
  const date = 'Sun, 22 Nov 2026 01:00:30 GMT';
  const url = await origin(t, (request, response) => {
    const fields = { '/date': { 'retry-after': date }, '/no': {}, '/odd': { 'retry-after': 'soon' } };
    const both = { 'retry-after': date, date: 'Sun, 22 Nov 2026 01:00:00 GMT' };
    refusing({ ...fields, '/both': both }[request.url!]!)(request, response);
  });
  await using api = createClient({ origin: url, retry: false });
  for (const path of ['/date', '/no', '/odd']) {
    assert.equal((await failing(api.get(path).json())).retryAfterMs, undefined, path);
  }
  assert.equal((await failing(api.get('/both').json())).retryAfterMs, 30_000);
});

it('is told of the origin that answered: behind a redirect, among endpoints, of a body in a coding', async (t) => {
  const end = await origin(t, refusing({ 'content-encoding': 'identity' }, 404));
  const first = await origin(t, (_, response) => void response.writeHead(307, { location: `${end}/there` }).end());
  await using api = createClient({ origin: first, redirectsMax: 3 });
  assert.equal((await failing(api.get('/').json())).origin, end);
  await using among = createClient({ endpoints: [{ url: end }], retry: false });
  assert.equal((await failing(among.get('/').json())).origin, end);
});

it('says so over HTTP/2', async (t) => {
  const server = createHttp2Server((_, response) => {
    response.writeHead(403, { 'retry-after': '2' });
    response.end('no');
  }).listen(0, '127.0.0.1');
  t.after(() => server.close());
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  await using api = createClient({ origin: url, http2: 'prior-knowledge', retry: false });
  const error = await failing(api.get('/').json());
  assert.deepEqual([error.code, error.origin, error.retryAfterMs], ['STATUS', url, 2_000]);
});

it('says so of JSON-RPC, by one URL and by a pool of nodes', async (t) => {
  const url = await origin(t, refusing({ 'retry-after': '3' }, 403, '<html>no</html>'));
  const http = new HTTPClient();
  t.after(() => http.destroy());
  const one = await failing(http.rpcCall(url, 'getSlot'));
  assert.deepEqual([one.code, one.origin, one.retryAfterMs], ['STATUS', url, 3_000]);
  await using rpc = createRpc({ adapter: solana, endpoints: [{ url }], retry: false });
  const pooled = await failing(rpc.call('getSlot'));
  assert.deepEqual([pooled.code, pooled.origin, pooled.retryAfterMs], ['STATUS', url, 3_000]);
  assert.equal(pooled.answer?.text, '<html>no</html>');
});
