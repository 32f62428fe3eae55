/** Where `client.fetch` differs from the global fetch on purpose: each entry stands in docs/guide/fetch.md too. */
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { createSecureServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { inspect } from 'node:util';
import { createClient, type FetchInit, NetError } from '../../src/index.ts';
import { makeAuthority } from '../../src/testing/certificates.ts';
import { type ApiServer, anApiServer, type Echo } from './api-server.ts';

let server: ApiServer;
before(async () => void (server = await anApiServer()));
after(() => server.close());

async function caught(promise: Promise<unknown>): Promise<TypeError & { code?: string; cause?: unknown }> {
  const error = await promise.then(
    () => assert.fail('it succeeded'),
    (thrown: unknown) => thrown,
  );
  assert(error instanceof TypeError, `not a TypeError: ${inspect(error)}`);
  return error;
}

describe('fetch differs on purpose', () => {
  it('a network failure has a NetError as its cause, and the system code for those who look for one', async () => {
    await using client = createClient();
    await using hasty = createClient({ limits: { firstByteMs: 20 } });
    const free = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => free.once('listening', resolve));
    const { port } = free.address() as { port: number };
    await new Promise((resolve) => free.close(resolve));

    const refused = await caught(client.fetch(`http://127.0.0.1:${port}/`));
    assert(refused.cause instanceof NetError);
    assert.deepEqual(
      [refused.code, refused.cause.code, refused.cause.systemCode],
      ['ECONNREFUSED', 'CONNECT', 'ECONNREFUSED'],
    );
    assert.equal(refused.cause.reach, 'unsent');

    const lost = await caught(client.fetch(`${server.origin}/break-head`, { method: 'POST', body: 'x' }));
    assert.deepEqual([lost.message, lost.code, (lost.cause as NetError).code], ['fetch failed', 'ECONNRESET', 'RESET']);
    const late = await caught(hasty.fetch(`${server.origin}/silent`));
    assert.deepEqual([late.code, (late.cause as NetError).limit], ['ETIMEDOUT', 'firstByteMs']);
  });

  it('HTTP/2 is spoken where the server prefers it, and has no reason phrase', async (t) => {
    const authority = makeAuthority();
    const tls = { ...authority.issue(), allowHTTP1: true };
    const secure = createSecureServer(tls, (request, response) => response.end(request.httpVersion));
    await new Promise<void>((resolve) => secure.listen(0, 'localhost', resolve));
    t.after(() => secure.close());
    const url = `https://localhost:${(secure.address() as AddressInfo).port}`;
    for (const [http2, said] of [
      ['allow', '200 2.0'],
      ['never', '200 OK1.1'],
    ] as const) {
      await using client = createClient({ http2, tls: { ca: authority.cert } });
      const response = await client.fetch(url);
      assert.equal(`${response.status} ${response.statusText}${await response.text()}`, said);
    }
  });

  it('what is wrong with the arguments is said, and nothing is sent', async () => {
    await using client = createClient();
    const url = `${server.origin}/never`;
    const cases: [string, FetchInit, RegExp][] = [
      ['ftp://127.0.0.1/', {}, /unsupported scheme "ftp:"/],
      [url, { headers: { 'transfer-encoding': 'chunked' } }, /"transfer-encoding" cannot be set/],
      [url, { method: 'POST', body: 'x', headers: { 'content-length': '5' } }, /says 5, the body has 1 bytes/],
      [url, { headers: { expect: '100-continue' } }, /"expect" cannot be set/],
      [url, { integrity: 'sha256-AAAA' }, /integrity is not checked/],
      [url, { headers: { 'x-key': 'secret\u0001' } }, /^header "x-key" has a value (?!.*secret)/],
    ];
    for (const [to, init, message] of cases) assert.match((await caught(client.fetch(to, init))).message, message);
    assert(!server.seen.includes('GET /never') && !server.seen.includes('POST /never'));
  });

  it('a client with an origin takes paths, and refuses other origins', async () => {
    await using client = createClient({ origin: `${server.origin}/v1` });
    assert.equal(((await (await client.fetch('/echo?a=1')).json()) as Echo).url, '/v1/echo?a=1');
    assert.match((await caught(client.fetch('http://example.com/'))).message, /is not this client's origin/);
  });

  it('only fields on a short list go along to another origin', async () => {
    const other = await anApiServer();
    await using client = createClient();
    const headers = { 'x-api-key': 'secret', accept: 'a/b' };
    const response = await client.fetch(`${server.origin}/redirect?to=${other.origin}/echo`, { headers });
    const { headers: seen } = (await response.json()) as Echo;
    other.close();
    assert.deepEqual([seen['x-api-key'], seen['accept']], [undefined, 'a/b']);
  });

  it('the deadline ends a body that is collected, and spares one that is streamed', async () => {
    await using client = createClient({ deadlineMs: 150 });
    const dribble = createServer((_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      let left = 10;
      const timer = setInterval(() => {
        response.write(`data: ${left}\n\n`);
        if (--left > 0) return;
        clearInterval(timer);
        response.end();
      }, 40);
      response.on('close', () => clearInterval(timer));
    }).listen(0, '127.0.0.1');
    await new Promise((resolve) => dribble.once('listening', resolve));
    const url = `http://127.0.0.1:${(dribble.address() as { port: number }).port}/`;
    try {
      const error = await caught((await client.fetch(url)).text());
      assert.deepEqual([error.message, (error.cause as NetError).code], ['terminated', 'DEADLINE']);
      let events = 0;
      for await (const chunk of (await client.fetch(url)).body!)
        events += Buffer.from(chunk).toString().split('data').length - 1;
      assert.equal(events, 10);
    } finally {
      dribble.closeAllConnections();
      dribble.close();
    }
  });

  it('Requests of another copy of undici are taken, body, headers, signal and all', async () => {
    await using client = createClient();
    const { Request: OtherRequest } = await import('undici');
    const make = (signal: AbortSignal) =>
      new OtherRequest(`${server.origin}/echo`, { method: 'PUT', body: 'text', headers: { 'x-a': '1' }, signal });
    const { method, body, headers } = (await (await client.fetch(make(AbortSignal.timeout(5_000)))).json()) as Echo;
    assert.deepEqual([method, body, headers['x-a'], headers['content-length']], ['PUT', 'text', '1', '4']);
    await assert.rejects(client.fetch(make(AbortSignal.abort(new RangeError('mine')))), RangeError);
  });

  it('record headers of undefined are left out', async () => {
    await using client = createClient();
    const headers = { 'x-a': undefined, 'x-b': '1' };
    const { headers: seen } = (await (await client.fetch(`${server.origin}/echo`, { headers })).json()) as Echo;
    assert.deepEqual(['x-a' in seen, seen['x-b']], [false, '1']);
  });

  it('a log shows a Response without starting its body', async () => {
    await using client = createClient();
    const response = await client.fetch(`${server.origin}/json`);
    assert.match(inspect(response), /^Response \{\s+status: 200,[\s\S]*bodyUsed: false/);
    assert.deepEqual(await response.json(), { a: [1, '2', null] });
  });
});

describe('a body that is being sent', () => {
  it('is told at once when its call is aborted, even while it is waited for', async () => {
    await using client = createClient();
    let cancelled = false;
    const body = new ReadableStream({
      pull: (controller) => void (cancelled ? 0 : controller.desiredSize),
      cancel: () => void (cancelled = true),
    });
    const controller = new AbortController();
    const call = client.fetch(server.origin, { method: 'POST', body, signal: controller.signal });
    await sleep(20);
    controller.abort(new RangeError('mine'));
    await assert.rejects(call, RangeError);
    await sleep(10);
    assert(cancelled);
  });
});
