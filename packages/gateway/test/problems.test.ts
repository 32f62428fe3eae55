import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, it } from 'node:test';
import { selfSigned } from 'keepwarm/testing';
import { answerOf, ask, httpServer, Opened, rawServer, startGateway } from './fixtures.ts';

const SECRET = 'hunter2';

describe('problems', () => {
  const opened = new Opened();
  afterEach(() => opened.closeAll());

  /** One call that fails, and what the caller is told. */
  async function problem(upstream: object, options: { method?: string; body?: string } = {}) {
    const { url, gateway } = opened.add(await startGateway({ api: upstream }));
    const answer = await ask(`${url}/api/path?token=${SECRET}`, {
      ...options,
      headers: { authorization: `Bearer ${SECRET}` },
    });
    assert.equal(answer.headers['content-type'], 'application/problem+json');
    assert.ok(!String(answer.body).includes(SECRET), 'nothing of the request is told');
    const told = JSON.parse(String(answer.body));
    assert.equal(told.status, answer.status);
    assert.equal(told.upstream, 'api');
    return { ...told, answer, gateway };
  }

  it('answers 502 when the upstream cannot be reached', async () => {
    const upstream = await httpServer(() => undefined);
    await upstream.close();
    const { status, code, reach, answer, gateway } = await problem({ origin: upstream.origin });
    assert.deepEqual([status, code, reach], [502, 'CONNECT', 'unsent']);
    assert.equal(answer.headers['proxy-status'], 'keepwarm; error=connection_refused');
    assert.ok(gateway.upstreams[0]!.book.figures().failedLately > 0);
  });

  it('answers 502 when the name does not resolve', async () => {
    const { status, code } = await problem({ origin: 'http://nobody.invalid' });
    assert.deepEqual([status, code], [502, 'DNS']);
  });

  it('answers 502 when the upstream cannot prove who it is', async () => {
    const { cert, key } = selfSigned({ names: ['localhost'] });
    const server = createTlsServer({ cert, key });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    opened.add({ close: async () => void server.close() });
    const { port } = server.address() as AddressInfo;
    const { status, code } = await problem({ origin: `https://localhost:${port}` });
    assert.deepEqual([status, code], [502, 'TLS']);
  });

  it('answers 504 when no answer begins in time, naming the limit', async () => {
    const upstream = opened.add(await rawServer(() => undefined));
    const told = await problem({ origin: upstream.origin, limits: { firstByteMs: 50 } });
    assert.deepEqual([told.status, told.code, told.limit, told.value], [504, 'TIMEOUT', 'firstByteMs', 50]);
  });

  it('answers 504 when the whole call runs out of time', async () => {
    const upstream = opened.add(await rawServer(() => undefined));
    const { status, code } = await problem({ origin: upstream.origin, deadlineMs: 50 });
    assert.deepEqual([status, code], [504, 'DEADLINE']);
  });

  it('answers 502 when the connection is lost, and does not repeat what may have been done', async () => {
    let calls = 0;
    const upstream = opened.add(
      await rawServer((socket) => {
        socket.on('data', () => {
          calls++;
          socket.destroy();
        });
      }),
    );
    const { status, code, reach } = await problem({ origin: upstream.origin }, { method: 'POST', body: 'order' });
    assert.deepEqual([status, code, reach, calls], [502, 'RESET', 'unknown', 1]);
  });

  it('answers 502 when the upstream does not speak HTTP', async () => {
    const upstream = opened.add(
      await rawServer((socket) => void socket.on('data', () => socket.write('SSH-2.0-x\r\n'))),
    );
    const { status, code } = await problem({ origin: upstream.origin });
    assert.deepEqual([status, code], [502, 'PROTOCOL']);
  });

  it('answers 503 with Retry-After when too many wait', async () => {
    const upstream = opened.add(await rawServer(() => undefined));
    const pool = { socketsMax: 1, idleMin: 0, waitersMax: 0 };
    const { url } = opened.add(await startGateway({ api: { origin: upstream.origin, pool } }));
    const blocking = httpRequest(`${url}/api/`, { agent: false });
    blocking.on('error', () => undefined); // it is destroyed below
    blocking.end();
    await new Promise((resolve) => setTimeout(resolve, 50));
    const answer = await ask(`${url}/api/`);
    blocking.destroy();
    assert.equal(answer.status, 503);
    assert.equal(answer.headers['retry-after'], '1');
    assert.equal(JSON.parse(String(answer.body)).code, 'SATURATED');
  });

  it('answers 413 to a chunked body that grows beyond its limit', async () => {
    const upstream = opened.add(
      await httpServer((request, response) => request.resume().on('end', () => response.end())),
    );
    const api = { origin: upstream.origin, requestBodyBytesMax: 100_000 };
    const { url } = opened.add(await startGateway({ api }));
    const request = httpRequest(`${url}/api/`, { agent: false, method: 'POST' });
    for (let i = 0; i < 3; i++) request.write(Buffer.alloc(50_000));
    request.end();
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    const answer = await answerOf(response);
    assert.equal(answer.status, 413);
    const { code, limit, value } = JSON.parse(String(answer.body));
    assert.deepEqual([code, limit, value], ['TOO_LARGE', 'requestBodyBytesMax', 100_000]);
    for (const [bytes, status] of [
      [100_000, 200],
      [100_001, 413],
    ] as const) {
      // biome-ignore format: short
      assert.equal((await ask(`${url}/api/`, { method: 'POST', body: 'x'.repeat(bytes) })).status, status);
    }
  });

  it('answers 408 to a caller whose body does not come', async () => {
    const upstream = opened.add(await httpServer((request) => void request.resume()));
    const { url } = opened.add(await startGateway({ api: { origin: upstream.origin, deadlineMs: 100 } }));
    const request = httpRequest(`${url}/api/`, {
      agent: false,
      method: 'POST',
      headers: { 'content-length': 200_000 },
    });
    request.on('error', () => undefined); // the rest of its body is not wanted
    request.write('part');
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    assert.equal(response.statusCode, 408);
    response.resume();
    request.destroy();
  });

  it('sends no body with the problem of a HEAD', async () => {
    const { url } = opened.add(await startGateway({ api: 'http://nobody.invalid' }));
    const answer = await ask(`${url}/api/`, { method: 'HEAD' });
    assert.equal(answer.status, 502);
    assert.equal(answer.body.length, 0);
  });
});
