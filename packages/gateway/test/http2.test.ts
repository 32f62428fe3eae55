import assert from 'node:assert/strict';
import { once } from 'node:events';
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  type OutgoingHttpHeaders,
} from 'node:http2';
import { connect as connectTcp } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { ask, httpServer, Opened, raw, startGateway, type TestGateway, until } from './fixtures.ts';

interface Heard {
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly rawHeaders: readonly string[];
  readonly body: string;
}

describe('HTTP/2 from callers', () => {
  const opened = new Opened();
  const heard: Heard[] = [];
  let gateway: TestGateway;
  let session: ClientHttp2Session;
  before(async () => {
    const server = opened.add(
      await httpServer(async (request, response) => {
        const { method, url, rawHeaders } = request;
        if (url === '/never') return void request.resume();
        if (url?.startsWith('/cut') === true) {
          response.writeHead(200, url === '/cut' ? { 'content-length': 10 } : {}).write('half');
          return void setTimeout(() => response.destroy(), 20);
        }
        if (url === '/odd') return void response.writeHead(999, 'Odd').end('odd');
        if (url === '/large') return void response.end(Buffer.alloc(5_000_000, 'x'));
        let body = '';
        try {
          for await (const chunk of request) body += chunk;
        } catch {
          return; // given up, which the test looks for elsewhere
        }
        heard.push({ method, url, rawHeaders, body });
        response.writeHead(200, ['set-cookie', 'a=1', 'set-cookie', 'b=2', 'keep-alive', 'timeout=5', 'x-a', '1']);
        response.end(`${body.length} bytes`);
      }),
    );
    gateway = opened.add(
      await startGateway({ api: server.origin, rpc: { jsonrpc: 'evm', endpoints: [{ url: server.origin }] } }),
    );
    session = connect(gateway.url);
    session.on('error', () => undefined);
  });
  after(async () => {
    session?.destroy();
    await opened.closeAll();
  });

  const begin = (headers: OutgoingHttpHeaders, endStream = true): ClientHttp2Stream =>
    session.request(headers, { endStream });
  const answer = async (stream: ClientHttp2Stream): Promise<{ status: unknown; headers: object; body: string }> => {
    const [headers] = await once(stream, 'response');
    let body = '';
    for await (const chunk of stream) body += chunk;
    return { status: headers[':status'], headers, body };
  };

  it('is told of a status that HTTP/2 does not have as of a fault upstream', async () => {
    const { status, body } = await answer(begin({ ':path': '/api/odd' }));
    assert.deepEqual([status, body], [502, 'odd']);
  });

  it('is routed, answered and shown like any other, on the same port', async () => {
    const { status, headers, body } = await answer(
      begin({ ':path': '/api/x?y=1', cookie: ['a=1', 'b=2'], te: 'trailers' }),
    );
    assert.deepEqual([status, body], [200, '0 bytes']);
    assert.deepEqual((headers as { 'set-cookie': string[] })['set-cookie'], ['a=1', 'b=2']);
    assert.ok(!('keep-alive' in headers) && !('connection' in headers));
    const { method, url, rawHeaders } = heard.splice(0)[0]!;
    assert.deepEqual([method, url], ['GET', '/x?y=1']);
    const lines = rawHeaders.map((each) => each.toLowerCase());
    assert.ok(lines.includes('a=1; b=2') && lines.includes('2 keepwarm'));
    assert.ok(!lines.includes('te') && !lines.some((each) => each.startsWith(':')));
    assert.equal((await ask(`${gateway.url}/api/`)).status, 200, 'HTTP/1.1 beside it');
    heard.splice(0);
  });

  it('carries bodies of told and of untold length', async () => {
    for (const length of [5, 300_000]) {
      for (const told of [true, false]) {
        const fields = told ? { 'content-length': length } : {};
        const stream = begin({ ':method': 'POST', ':path': '/api/up', ...fields }, false);
        stream.end('x'.repeat(length));
        assert.equal((await answer(stream)).body, `${length} bytes`);
      }
    }
    heard.splice(0);
  });

  it('carries many at once, and large answers at the pace of their reader', async () => {
    const all = await Promise.all(Array.from({ length: 300 }, () => answer(begin({ ':path': '/api/' }))));
    assert.ok(all.every(({ status }) => status === 200));
    assert.equal((await answer(begin({ ':path': '/api/large' }))).body.length, 5_000_000);
    heard.splice(0);
  });

  it('answers what is refused on its stream alone, and no upstream hears of it', async () => {
    const refused: [OutgoingHttpHeaders, number][] = [
      [{ ':path': '/nobody' }, 404],
      [{ ':path': '/api/../x' }, 400],
      [{ ':path': '/api/', ':method': 'TRACE' }, 405],
      [{ ':path': '/api/', ':authority': 'x', host: 'other' }, 400],
    ];
    for (const [headers, status] of refused) {
      const found = await answer(begin(headers));
      assert.equal(found.status, status, JSON.stringify(headers));
      assert.match(found.body, /"type":"about:blank"/);
    }
    const large = begin({ ':path': '/api/', ':method': 'POST', 'content-length': 999_999_999 }, false);
    assert.equal((await answer(large)).status, 413);
    assert.deepEqual(heard.splice(0), []);
    assert.equal((await answer(begin({ ':path': '/api/' }))).status, 200);
    heard.splice(0);
  });

  it('ends what is malformed: a body not as long as it says, a path that is none, credentials in a host', async () => {
    const malformed: OutgoingHttpHeaders[] = [
      { 'content-length': 5 },
      { 'content-length': 500 },
      { ':path': 'api' },
      { ':authority': 'me@x' },
    ];
    for (const fields of malformed) {
      const own = connect(gateway.url);
      own.on('error', () => undefined);
      const stream = own.request({ ':method': 'POST', ':path': '/api/up', ...fields });
      stream.on('error', () => undefined).end('more than five');
      await new Promise((resolve) => stream.on('close', resolve));
      assert.notEqual(stream.rstCode, constants.NGHTTP2_NO_ERROR, JSON.stringify(fields));
      own.destroy();
    }
    assert.deepEqual(heard.splice(0), []);
  });

  it('ends the call upstream when its stream is reset, and the stream when the reply breaks off', async () => {
    const [upstream] = gateway.gateway.upstreams;
    const inFlight = (): number =>
      upstream !== undefined && 'client' in upstream ? upstream.client.stats().calls.inFlight : 0;
    const leaving = begin({ ':path': '/api/never' });
    leaving.on('error', () => undefined);
    await until(() => inFlight() === 1);
    leaving.close(constants.NGHTTP2_CANCEL);
    await until(() => inFlight() === 0);

    for (const path of ['/api/cut', '/api/cut?untold']) {
      const cut = begin({ ':path': path });
      let ended = false;
      cut.on('end', () => (ended = true));
      cut.on('error', () => undefined).resume();
      await new Promise((resolve) => cut.on('close', resolve));
      assert.notEqual(cut.rstCode, constants.NGHTTP2_NO_ERROR, path);
      assert.equal(ended && cut.rstCode === 0, false, path);
    }
  });

  it('is known by its first bytes, however they are cut, and so is HTTP/1.1', async () => {
    const socket = connectTcp(gateway.port, '127.0.0.1');
    const frames = Buffer.concat([
      Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
      Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]),
    ]);
    for (const byte of frames) {
      socket.write(Buffer.from([byte]));
      await new Promise(setImmediate);
    }
    const [first] = (await once(socket, 'data')) as [Buffer];
    assert.equal(first[3], 4, 'SETTINGS');
    socket.destroy();
    const parts = [...'POST /api/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok'];
    assert.match(await raw(gateway.port, ...parts), /^HTTP\/1\.1 200 OK/);
    heard.splice(0);
  });

  it('drains: streams under way end, no others begin, and nothing stays open', async () => {
    const own = new Opened();
    let release = (): void => undefined;
    const slow = own.add(await httpServer((_, response) => (release = () => void response.end('done'))));
    const { gateway: inner, url, port } = own.add(await startGateway({ api: slow.origin }, { drainMs: 5_000 }));
    const silent = connectTcp(port, '127.0.0.1');
    const client = connect(url);
    const stream = client.request({ ':path': '/api/' });
    let asked = false;
    slow.server.on('request', () => (asked = true));
    await until(() => asked);
    const stopped = inner.stop();
    assert.equal(inner.data.draining, true);
    release();
    assert.equal((await answer(stream)).body, 'done');
    await stopped;
    await until(
      () =>
        client.closed && (silent.readableEnded || silent.destroyed || !silent.readable || silent.resume().destroyed),
    );
    client.destroy();
    silent.destroy();
    await own.closeAll();
  });
});
