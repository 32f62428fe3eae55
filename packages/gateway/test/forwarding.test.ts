import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import type { Upstream } from '../src/data/upstream.ts';
import { ask, httpServer, Opened, raw, startGateway, type TestGateway, type TestServer } from './fixtures.ts';

interface Seen {
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly headers: IncomingMessage['headers'];
  readonly rawHeaders: readonly string[];
  readonly body: string;
}

describe('forwarding', () => {
  const opened = new Opened();
  let upstream: TestServer;
  let gateway: TestGateway;
  let seen: Seen[] = [];
  const last = (): Seen => seen.at(-1)!;

  before(async () => {
    upstream = opened.add(
      await httpServer((request, response) => {
        let body = '';
        request.on('data', (chunk) => (body += chunk));
        request.on('end', () => {
          const { method, url, headers, rawHeaders } = request;
          seen.push({ method, url, headers, rawHeaders, body });
          const path = url?.split('?')[0];
          if (path === '/v1/204') return void response.writeHead(204).end();
          if (path === '/v1/304') return void response.writeHead(304, { etag: '"1"', 'content-length': '5' }).end();
          if (path === '/v1/moved') return void response.writeHead(302, { location: 'http://elsewhere.test/' }).end();
          if (path === '/v1/gzip') {
            const packed = gzipSync('packed');
            return void response
              .writeHead(200, { 'content-encoding': 'gzip', 'content-length': packed.length })
              .end(packed);
          }
          if (path === '/v1/hop') {
            response.writeHead(200, 'Quite Fine', [
              'Connection', 'close, X-Secret-Hop', 'X-Secret-Hop', '1', 'Keep-Alive', 'timeout=3',
              'Proxy-Authenticate', 'Basic',
              'Trailer', 'X-Sum', 'Set-Cookie', 'a=1', 'Set-Cookie', 'b=2', 'X-Kept', 'yes',
            ]); // biome-ignore format: names and values in turn
            return void response.end('ok');
          }
          if (path === '/v1/chunked') {
            response.setHeader('trailer', 'x-sum');
            response.write('one ');
            response.addTrailers({ 'x-sum': '42' });
            return void response.end('two');
          }
          response.writeHead(200, { 'content-type': 'text/plain', 'content-length': 5 }).end('hello');
        });
      }),
    );
    const origin = `${upstream.origin}/v1`;
    gateway = opened.add(
      await startGateway({
        api: { origin },
        hosted: { origin, hosts: ['Hosted.test'], forwarded: true },
        silent: { origin, via: false },
      }),
    );
  });
  after(() => opened.closeAll());

  it('sends /name/rest to the upstream of that name, below its base path, with the query as it came', async () => {
    for (const [asked, received] of [
      ['/api/a/b?x=1&y=%2F', '/v1/a/b?x=1&y=%2F'],
      ['/api/', '/v1/'],
      ['/api', '/v1/'],
      ['/api?x', '/v1/?x'],
      ['/api//double', '/v1//double'],
    ]) {
      const answer = await ask(gateway.url + asked);
      assert.equal(answer.status, 200, asked);
      assert.equal(last().url, received);
      assert.equal(last().headers.host, new URL(upstream.origin).host, 'the upstream is asked by its own name');
    }
  });

  it('sends by host with the path as it is, whatever the letters and the port', async () => {
    await ask(`${gateway.url}/api/x`, { headers: { host: 'HOSTED.test:4300' } });
    assert.equal(last().url, '/v1/api/x');
  });

  it('takes a target in absolute form that agrees with the Host', async () => {
    const answer = await raw(
      gateway.port,
      'GET http://a.test/api/abs HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n',
    );
    assert.match(answer, /^HTTP\/1\.1 200 /);
    assert.equal(last().url, '/v1/abs');
  });

  it('answers 404 with a problem where no upstream is meant', async () => {
    const answer = await ask(`${gateway.url}/nobody/x?secret=1`);
    assert.equal(answer.status, 404);
    assert.equal(answer.headers['content-type'], 'application/problem+json');
    assert.equal(answer.headers['proxy-status'], 'keepwarm; error=destination_not_found');
    const problem = JSON.parse(String(answer.body));
    assert.equal(problem.code, 'NOT_ROUTED');
    assert.ok(!String(answer.body).includes('secret'));
  });

  it('passes methods and bodies on, small ones with their length', async () => {
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'PROPFIND']) {
      await ask(`${gateway.url}/api/`, { method, body: 'text', headers: { 'content-length': '4' } });
      assert.deepEqual([last().method, last().body, last().headers['content-length']], [method, 'text', '4']);
    }
    await ask(`${gateway.url}/api/`, { method: 'POST' });
    assert.equal(last().headers['content-length'], '0');
  });

  it('passes a chunked body on', async () => {
    const request = httpRequest(`${gateway.url}/api/`, { agent: false, method: 'POST' });
    request.write('one ');
    request.end('two');
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    response.resume();
    assert.equal(last().body, 'one two');
    assert.equal(last().headers['transfer-encoding'], 'chunked');
  });

  it('keeps what is between the caller and us off the way up, and every other field as it came', async () => {
    await ask(`${gateway.url}/api/`, {
      headers: {
        connection: 'close, X-Mine',
        'x-mine': '1',
        te: 'trailers',
        upgrade: 'h2c',
        'proxy-authorization': 'Basic c2VjcmV0',
        'proxy-connection': 'keep-alive',
        'keep-alive': 'timeout=5',
        'HTTP2-Settings': 'AAMAAABkAAQAAP__',
        'X-Twice': ['a', 'b'],
        'accept-encoding': 'br',
        authorization: 'Bearer of',
      },
    });
    const names = last().rawHeaders.filter((_, i) => i % 2 === 0);
    for (const dropped of ['x-mine', 'te', 'upgrade', 'proxy-authorization', 'proxy-connection', 'http2-settings']) {
      assert.ok(!names.map((name) => name.toLowerCase()).includes(dropped), dropped);
    }
    assert.equal(names.filter((name) => name === 'X-Twice').length, 2);
    assert.equal(last().headers['accept-encoding'], 'br');
    assert.equal(last().headers.authorization, 'Bearer of');
  });

  it('names itself in Via, unless told not to', async () => {
    await ask(`${gateway.url}/api/`, { headers: { via: '1.0 other' } });
    assert.equal(last().headers.via, '1.0 other, 1.1 keepwarm');
    await ask(`${gateway.url}/silent/`);
    assert.equal(last().headers.via, undefined);
  });

  it('tells who called only where that was asked for', async () => {
    await ask(`${gateway.url}/api/`);
    assert.equal(last().headers['x-forwarded-for'], undefined);
    await ask(`${gateway.url}/hosted/`, { headers: { 'x-forwarded-for': '203.0.113.9' } });
    assert.equal(last().headers['x-forwarded-for'], '203.0.113.9, 127.0.0.1');
    assert.equal(last().headers['x-forwarded-host'], `127.0.0.1:${gateway.port}`);
    assert.equal(last().headers['x-forwarded-proto'], 'http');
  });

  it('ends a request that goes round in circles', async () => {
    const answer = await ask(`${gateway.url}/api/`, { headers: { via: Array(4).fill('1.1 keepwarm').join(', ') } });
    assert.equal(answer.status, 508);
  });

  it('keeps what is between the upstream and us off the way down, and every other field as it came', async () => {
    const { status, headers, rawHeaders, body } = await ask(`${gateway.url}/api/hop`);
    assert.equal(status, 200);
    assert.equal(String(body), 'ok');
    for (const dropped of ['x-secret-hop', 'proxy-authenticate', 'trailer']) assert.equal(headers[dropped], undefined);
    assert.ok(!rawHeaders.includes('timeout=3'));
    assert.deepEqual(headers['set-cookie'], ['a=1', 'b=2']);
    assert.ok(rawHeaders.includes('X-Kept'), 'in the spelling of the upstream');
  });

  it('passes a reply on without decoding it', async () => {
    const { headers, body } = await ask(`${gateway.url}/api/gzip`, { headers: { 'accept-encoding': 'gzip' } });
    assert.equal(headers['content-encoding'], 'gzip');
    assert.deepEqual(body, gzipSync('packed'));
  });

  it('gives a chunked reply that came whole its length, and drops trailers', async () => {
    const { headers, body } = await ask(`${gateway.url}/api/chunked`);
    assert.equal(String(body), 'one two');
    assert.equal(headers['x-sum'], undefined);
  });

  it('hands redirects to the caller', async () => {
    const answer = await ask(`${gateway.url}/api/moved`);
    assert.equal(answer.status, 302);
    assert.equal(answer.headers.location, 'http://elsewhere.test/');
  });

  it('answers HEAD, 204 and 304 without a body, on a connection that goes on', async () => {
    const socket = connect(gateway.port, '127.0.0.1');
    let text = '';
    socket.on('data', (chunk) => (text += chunk));
    const host = 'Host: x\r\n';
    socket.write(`HEAD /api/ HTTP/1.1\r\n${host}\r\nGET /api/204 HTTP/1.1\r\n${host}\r\n`);
    socket.write(`GET /api/304 HTTP/1.1\r\n${host}\r\nGET /api/ HTTP/1.1\r\n${host}Connection: close\r\n\r\n`);
    await once(socket, 'close');
    const heads = text.split(/(?=HTTP\/1\.1 )/);
    assert.equal(heads.length, 4, text);
    assert.match(heads[0]!, /^HTTP\/1\.1 200 .*content-length: 5\r\n.*\r\n\r\n$/is);
    assert.match(heads[1]!, /^HTTP\/1\.1 204 .*\r\n\r\n$/s);
    assert.doesNotMatch(heads[1]!, /content-length|transfer-encoding/i);
    assert.match(heads[2]!, /^HTTP\/1\.1 304 .*etag: "1"\r\n.*\r\n\r\n$/is);
    assert.match(heads[3]!, /\r\n\r\nhello$/);
  });

  it('asks for the body only when it will forward it (Expect: 100-continue)', async () => {
    const request = httpRequest(`${gateway.url}/api/`, {
      agent: false,
      method: 'POST',
      headers: { expect: '100-continue', 'content-length': '4' },
    });
    request.flushHeaders();
    await once(request, 'continue');
    request.end('body');
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    response.resume();
    assert.equal(response.statusCode, 200);
    assert.equal(last().body, 'body');
    assert.equal(last().headers.expect, undefined);
  });

  it('serves a caller of HTTP/1.0, closing at the end', async () => {
    const answer = await raw(gateway.port, 'GET /api/chunked HTTP/1.0\r\n\r\n');
    assert.match(answer, /^HTTP\/1\.1 200 /);
    assert.doesNotMatch(answer, /transfer-encoding/i);
    assert.match(answer, /\r\n\r\none two$/);
  });

  it('answers OPTIONS with Max-Forwards 0 itself, and counts down otherwise', async () => {
    const before = seen.length;
    const answer = await ask(`${gateway.url}/api/`, { method: 'OPTIONS', headers: { 'max-forwards': '0' } });
    assert.equal(answer.status, 204);
    assert.equal(seen.length, before);
    await ask(`${gateway.url}/api/`, { method: 'OPTIONS', headers: { 'max-forwards': '3' } });
    assert.equal(last().headers['max-forwards'], '2');
  });

  it('goes over connections that are kept: many calls, few sockets', async () => {
    seen = [];
    for (let i = 0; i < 20; i++) await ask(`${gateway.url}/silent/`);
    const { reuse } = (gateway.gateway.upstreams[2] as Upstream).client.stats();
    assert.equal(seen.length, 20);
    assert.ok(reuse.fresh <= 2, `${reuse.fresh} connections for 20 calls`);
  });
});
