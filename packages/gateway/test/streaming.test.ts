import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { Readable } from 'node:stream';
import { afterEach, describe, it } from 'node:test';
import { answerOf, httpServer, Opened, rawServer, startGateway, until } from './fixtures.ts';

const MEGABYTE = 1024 * 1024;
const sum = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

describe('streaming', () => {
  const opened = new Opened();
  afterEach(() => opened.closeAll());

  it('carries 10 MB each way unharmed, with and without a length told ahead', async () => {
    const upstream = opened.add(
      await httpServer((request, response) => {
        const length = request.headers['x-length'];
        if (length !== undefined) response.setHeader('content-length', String(length));
        request.pipe(response);
      }),
    );
    const { url } = opened.add(await startGateway({ api: upstream.origin }));
    const bytes = randomBytes(10 * MEGABYTE);
    for (const headers of [{}, { 'x-length': bytes.length, 'content-length': bytes.length }]) {
      const request = httpRequest(`${url}/api/`, { agent: false, method: 'POST', headers });
      const response = once(request, 'response');
      Readable.from(slices(bytes)).pipe(request);
      const answer = await answerOf((await response)[0]);
      assert.equal(sum(answer.body), sum(bytes));
    }
  });

  it('passes each part on as it comes, the head before any of them', async () => {
    const upstream = opened.add(
      await httpServer((request, response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        response.flushHeaders();
        request.on('data', (chunk) => response.write(`got ${chunk}`));
        request.on('end', () => response.end());
      }),
    );
    const { url } = opened.add(await startGateway({ api: upstream.origin }));
    const request = httpRequest(`${url}/api/`, { agent: false, method: 'POST' });
    request.flushHeaders();
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    for (const part of ['a', 'b', 'c']) {
      request.write(part);
      assert.equal(String((await once(response, 'data'))[0]), `got ${part}`);
    }
    request.end();
    await once(response, 'end');
  });

  it('reads no more from the upstream than a caller who has stopped reading leaves room for', async () => {
    let written = 0;
    const upstream = opened.add(
      await httpServer((_request, response) => {
        const chunk = Buffer.alloc(256 * 1024);
        const more = (): void => {
          while (written < 200 * MEGABYTE) {
            written += chunk.length;
            if (!response.write(chunk)) return void response.once('drain', more);
          }
          response.end();
        };
        more();
      }),
    );
    const { port } = opened.add(await startGateway({ api: upstream.origin }));
    const caller = connect(port, '127.0.0.1');
    caller.write('GET /api/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    await once(caller, 'readable');
    // Still when nothing more was written for a while: all buffers on the way are full.
    for (let before = -1; before !== written; ) {
      before = written;
      await new Promise((resolve) => setTimeout(resolve, 150));
    }
    assert.ok(written < 60 * MEGABYTE, `${written} bytes were taken from the upstream for a caller who read none`);
    let received = 0;
    caller.on('data', (chunk) => (received += chunk.length));
    await once(caller, 'close');
    assert.ok(received > 200 * MEGABYTE, 'and it all arrives once the caller reads on');
  });

  it('takes no more from a caller than an upstream that has stopped reading leaves room for', async () => {
    const upstream = opened.add(await rawServer((socket) => void socket.pause()));
    const { port } = opened.add(await startGateway({ api: upstream.origin }));
    const caller = connect(port, '127.0.0.1');
    caller.on('error', () => caller.destroy());
    caller.write('POST /api/ HTTP/1.1\r\nHost: x\r\nContent-Length: 60000000\r\n\r\n');
    let sent = 0;
    const chunk = Buffer.alloc(MEGABYTE);
    const more = (): void => {
      while (sent < 59 * MEGABYTE && !caller.destroyed) {
        sent += chunk.length;
        if (!caller.write(chunk)) return void caller.once('drain', more);
      }
    };
    more();
    for (let before = -1; before !== sent; ) {
      before = sent;
      await new Promise((resolve) => setTimeout(resolve, 150));
    }
    assert.ok(sent < 40 * MEGABYTE, `${sent} bytes were taken for an upstream that read none`);
    caller.destroy();
  });

  for (const when of ['before the reply', 'while the body goes up', 'while the reply comes down']) {
    it(`ends the call upstream at once when the caller leaves ${when}`, async () => {
      let reached = false;
      let ended = false;
      const upstream = opened.add(
        await httpServer((request, response) => {
          reached = true;
          request.on('error', () => undefined); // it is aborted: that is the point
          response.on('close', () => (ended = true));
          if (when === 'while the reply comes down') response.write('part');
          if (when === 'while the body goes up') request.on('data', () => undefined);
        }),
      );
      const { port, gateway } = opened.add(await startGateway({ api: upstream.origin }));
      const caller = connect(port, '127.0.0.1');
      const upload = 'POST /api/ HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nabc';
      caller.write(when === 'while the body goes up' ? upload : 'GET /api/ HTTP/1.1\r\nHost: x\r\n\r\n');
      await until(() => reached);
      if (when === 'while the reply comes down') await once(caller, 'data');
      caller.destroy();
      await until(() => ended);
      await until(() => gateway.data.inFlight === 0);
      assert.equal(gateway.upstreams[0]!.book.figures().failedLately, 0, 'a caller who leaves is no failure');
    });
  }

  it('breaks a reply off that breaks off upstream, instead of ending it as if it were whole', async () => {
    const upstream = opened.add(
      await rawServer((socket) => {
        socket.once('data', () => {
          socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n', () => socket.destroy());
        });
      }),
    );
    const { url } = opened.add(await startGateway({ api: upstream.origin }));
    const request = httpRequest(`${url}/api/`, { agent: false });
    request.end();
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    await assert.rejects(answerOf(response), { code: 'ECONNRESET' });
  });

  it('delivers an answer that comes before the body was sent, and serves the next request', async () => {
    const upstream = opened.add(
      await httpServer((request, response) => {
        if (request.method === 'GET') return void response.end('next');
        response.writeHead(403, { 'content-length': 2 }).end('no');
      }),
    );
    const { port } = opened.add(await startGateway({ api: upstream.origin }));
    const caller = connect(port, '127.0.0.1');
    let text = '';
    caller.on('data', (chunk) => (text += chunk));
    caller.write('POST /api/ HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\nabc');
    await until(() => text.endsWith('no'));
    assert.match(text, /^HTTP\/1\.1 403 /);
    caller.write(Buffer.alloc(200_000 - 3));
    caller.write('GET /api/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    await once(caller, 'close');
    assert.match(text, /next$/);
  });

  it('gives up a caller that does not read its reply', async () => {
    let ended = false;
    const upstream = opened.add(
      await httpServer((_request, response) => {
        response.on('close', () => (ended = true));
        response.end(Buffer.alloc(100 * MEGABYTE));
      }),
    );
    const { port } = opened.add(await startGateway({ api: upstream.origin }, { callerStallMs: 200 }));
    const caller = connect(port, '127.0.0.1');
    caller.on('error', () => caller.destroy());
    caller.write('GET /api/ HTTP/1.1\r\nHost: x\r\n\r\n');
    await until(() => ended);
    caller.destroy();
  });
});

function* slices(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += 50_000) yield bytes.subarray(at, at + 50_000);
}
