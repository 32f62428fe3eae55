/** The interfaces of other clients over a peer that speaks HTTP/2: undici's callers share a session, Node's do not. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createSecureServer, type Http2ServerRequest, type Http2ServerResponse } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { describe, it, type TestContext } from 'node:test';
import { keepwarmDispatcher } from 'keepwarm/undici';
import * as undici from 'undici';
import { makeAuthority } from '../../src/testing/certificates.ts';
import { aClient, leavesNothing, quiet, until } from '../engine/setup.ts';
import { ask, theAgents } from './node-setup.ts';
import { thrownBy } from './undici-setup.ts';

leavesNothing();

const authority = makeAuthority();

async function aPeer(t: TestContext) {
  const seen = { connections: 0, versions: [] as string[], bodies: [] as string[] };
  const server = createSecureServer({ ...authority.issue(), allowHTTP1: true });
  server.on('secureConnection', () => seen.connections++);
  server.on('request', async (request: Http2ServerRequest, response: Http2ServerResponse) => {
    seen.versions.push(request.httpVersion);
    if (request.url === '/silent') return;
    if (request.url === '/reset') return void response.stream.close(2);
    let body = '';
    for await (const part of request) body += part;
    seen.bodies.push(body);
    if (request.url !== '/trailers') return void response.end('x'.repeat(request.url === '/large' ? 1_000_000 : 2));
    response.addTrailers({ 'x-sum': '7' });
    response.end('ok');
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  t.after(() => server.close());
  const client = aClient(t, { http2: 'prefer', tls: { ca: authority.cert }, retry: false, breaker: false });
  const origin = `https://localhost:${(server.address() as AddressInfo).port}`;
  return { origin, client, seen };
}

describe('over HTTP/2', () => {
  it('undici and Node’s own fetch share one session', async (t) => {
    const { origin, client, seen } = await aPeer(t);
    const dispatcher = keepwarmDispatcher(client);
    const builtIn = fetch as unknown as typeof undici.fetch;
    await client.warmUp({ origin });
    const texts = await Promise.all(
      Array.from({ length: 20 }, async (_, i) => {
        if (i % 3 === 0) return (await undici.request(origin, { dispatcher })).body.text();
        return (await (i % 3 === 1 ? undici.fetch : builtIn)(origin, { dispatcher })).text();
      }),
    );
    assert.deepEqual(new Set(texts), new Set(['xx']));
    assert.deepEqual(new Set(seen.versions), new Set(['2.0']));
    assert.equal(seen.connections, 1);
  });

  it('streams, trailers, aborts and resets come through', async (t) => {
    const { origin, client, seen } = await aPeer(t);
    const dispatcher = keepwarmDispatcher(client);
    const body = Readable.from(['bo', 'dy']);
    const reply = await undici.request(`${origin}/trailers`, { dispatcher, method: 'POST', body });
    assert.equal(await reply.body.text(), 'ok');
    assert.deepEqual(reply.trailers, { 'x-sum': '7' });
    assert.deepEqual(seen.bodies, ['body']);
    assert.equal((await (await undici.fetch(`${origin}/large`, { dispatcher })).text()).length, 1_000_000);
    const caller = new AbortController();
    const silent = thrownBy(undici.request(`${origin}/silent`, { dispatcher, signal: caller.signal }));
    await until(() => seen.versions.length === 3, 'it was sent');
    caller.abort(new Error('enough'));
    assert.equal((await silent).message, 'enough');
    const lost = await thrownBy(undici.request(`${origin}/reset`, { dispatcher, method: 'POST', body: 'x' }));
    assert.equal(lost.code, 'UND_ERR_SOCKET', lost.stack);
    assert.equal(seen.connections, 1, 'the session has outlived it all');
    await quiet(client);
  });

  it('Node’s HTTP client gets connections of HTTP/1.1 beside it, from the same client', async (t) => {
    const { origin, client, seen } = await aPeer(t);
    const { httpsAgent: agent } = theAgents(t, client);
    await client.get(origin).text();
    for (let i = 0; i < 3; i++) assert.equal((await ask(origin, { agent })).body, 'xx');
    await client.get(origin).text();
    assert.deepEqual(seen.versions, ['2.0', '1.1', '1.1', '1.1', '2.0']);
    assert.equal(seen.connections, 2);
  });
});
