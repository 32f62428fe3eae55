/** Calls that are wrong in themselves: refused before anything is queued, and harmless to the calls beside them. */
import assert from 'node:assert/strict';
import { createServer as createHttp2Server } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { describe, it } from 'node:test';
import { type Client, createClient } from '../../src/index.ts';
import { answer, silence } from '../../src/testing/faulty-steps.ts';
import { aClient, aPair, aServer, fails, leavesNothing, until } from './setup.ts';

leavesNothing();

const INVALID = { code: 'INVALID', reach: 'unsent' } as const;

/** Every way to pass what must never reach a socket. */
const BAD: Record<string, (client: Client) => PromiseLike<unknown>> = {
  'CR LF in a header value': (client) => client.get('/', { headers: { 'x-a': 'b\r\nX-Evil: 1' } }),
  'LF in a header value': (client) => client.get('/', { headers: { 'x-a': 'b\nX-Evil: 1' } }),
  'CR in a header value': (client) => client.get('/', { headers: { 'x-a': 'b\rc' } }),
  'NUL in a header value': (client) => client.get('/', { headers: { 'x-a': 'b\0c' } }),
  'another control in a header value': (client) => client.get('/', { headers: { 'x-a': 'b\x7fc' } }),
  'a header value beyond Latin-1': (client) => client.get('/', { headers: { 'x-a': 'Ж' } }),
  'CR LF in one of several header values': (client) => client.get('/', { headers: { 'x-a': ['b', 'c\r\nd'] } }),
  'CR LF in a header name': (client) => client.get('/', { headers: { 'x\r\nX-Evil': '1' } }),
  'a space in a header name': (client) => client.get('/', { headers: { 'x a': '1' } }),
  'a colon in a header name': (client) => client.get('/', { headers: { 'x:a': '1' } }),
  'NUL in a header name': (client) => client.get('/', { headers: { 'x\0': '1' } }),
  'an empty header name': (client) => client.get('/', { headers: [['', '1']] }),
  'a framing header': (client) => client.post('/', 'a', { headers: { 'Transfer-Encoding': 'chunked' } }),
  'a hop-by-hop header': (client) => client.get('/', { headers: { Connection: 'x-secret' } }),
  'CR LF in the path': (client) => client.get('/a\r\nX-Evil: 1'),
  'LF in the path': (client) => client.get('/a\nb'),
  'NUL in the path': (client) => client.get('/a\0b'),
  'a space in the path': (client) => client.get('/a b'),
  'a fragment in the path': (client) => client.get('/a#b'),
  'a path beyond ASCII': (client) => client.get('/ä'),
  'a path that is none': (client) => client.get('a/b'),
  'CR LF in the method': (client) => client.request('/', { method: 'GET / HTTP/1.1\r\nX-Evil: 1\r\n\r\nGET' }),
  'NUL in the method': (client) => client.request('/', { method: 'GE\0T' }),
  'a space in the method': (client) => client.request('/', { method: 'GET ' }),
  'an empty method': (client) => client.request('/', { method: '' }),
  'the method CONNECT': (client) => client.request('/', { method: 'CONNECT' }),
  'a GET with a body': (client) => client.request('/', { method: 'GET', body: 'a' }),
  'a HEAD with a body': (client) => client.request('/', { method: 'HEAD', body: '' }),
  'a body that JSON cannot express': (client) => client.post('/', { a: 1n }),
  'a Content-Length that is not the body’s': (client) =>
    client.post('/', 'abc', { headers: { 'content-length': '2' } }),
  'a Content-Length that is no number': (client) => client.post('/', 'abc', { headers: { 'content-length': '3x' } }),
  'another origin than the client’s': (client) => client.get('http://127.0.0.2:1/'),
  'a deadline that is no time': (client) => client.get('/', { deadlineMs: Number.NaN }),
  'a limit of 0': (client) => client.get('/', { firstByteMs: 0 }),
};

describe('a malformed call', () => {
  for (const [what, make] of Object.entries(BAD)) {
    it(`with ${what} is refused unsent, and calls beside it are answered`, async (t) => {
      const { server, client } = await aPair(t, answer('ok'), { pool: { socketsMax: 2 } });
      const before = [client.get('/1').text(), client.get('/2').text(), client.get('/3').text()];
      const bad = fails(make(client), INVALID);
      const after = [client.get('/4').text(), client.get('/5').text()];
      await bad;
      assert.deepEqual(await Promise.all([...before, ...after]), Array(5).fill('ok'));
      assert.deepEqual(server.requests.map(({ path }) => path).sort(), ['/1', '/2', '/3', '/4', '/5']);
      assert.doesNotMatch(server.requests.map(({ head }) => head).join(''), /evil/i);
      assert.deepEqual(client.stats().calls, { ...client.stats().calls, total: 5, failed: 0, inFlight: 0 });
    });
  }

  it('never shows the header value it was refused for', async (t) => {
    const client = aClient(t, { origin: 'http://127.0.0.1:9' });
    const error = await fails(client.get('/', { headers: { authorization: 'Bearer hunter2\n' } }), INVALID);
    assert.doesNotMatch(`${error.stack} ${JSON.stringify(error)}`, /hunter2/);
    assert.match(error.message, /"authorization"/);
  });
});

describe('a malformed URL', () => {
  const cases: Record<string, readonly [url: string, message: RegExp]> = {
    'no URL at all': ['not a url', /not an absolute URL/],
    'an empty string': ['', /not an absolute URL/],
    'a path without an origin': ['/a', /not an absolute URL/],
    'an unsupported scheme': ['ftp://127.0.0.1/', /unsupported scheme "ftp:"/],
    'a scheme of a socket': ['ws://127.0.0.1/', /unsupported scheme "ws:"/],
    'a scheme without a host': ['data:text/plain,a', /unsupported scheme "data:"/],
    'a user and password': ['http://user:hunter2@127.0.0.1/', /credentials in the URL/],
    'a user': ['http://user@127.0.0.1/', /credentials in the URL/],
    'port 0': ['http://127.0.0.1:0/', /port 0/],
    'a port beyond 65535': ['http://127.0.0.1:65536/', /not an absolute URL/],
  };
  for (const [what, [url, message]] of Object.entries(cases)) {
    it(`with ${what} is refused unsent`, async (t) => {
      const client = aClient(t, {});
      const error = await fails(client.get(url), { ...INVALID, message });
      assert.doesNotMatch(`${error.stack} ${JSON.stringify(error)}`, /hunter2/);
      assert.equal(client.stats().pools.length, 0, 'no pool was made for it');
    });
  }

  it('given as origin is refused when the client is made', () => {
    assert.throws(() => createClient({ origin: 'ftp://127.0.0.1' }), { code: 'INVALID' });
    assert.throws(() => createClient({ origin: 'http://user:hunter2@127.0.0.1' }), { code: 'INVALID' });
    assert.throws(() => createClient({ origin: 'nonsense' }), /URL/);
  });

  it('with line breaks cannot inject: the URL standard drops them, and one request arrives', async (t) => {
    const server = await aServer(t, { script: answer('ok') });
    const client = aClient(t, {});
    assert.equal(await client.get(`${server.origin}/a\r\nX-Evil: 1\0b`).text(), 'ok');
    assert.equal(server.received, 1);
    assert.equal(server.requests[0]?.path, '/aX-Evil:%201%00b');
    assert.equal(server.requests[0]?.headers['x-evil'], undefined);
  });
});

describe('a request body that goes wrong', () => {
  it('fails the call with its own error as cause, and the connection is not used again', async (t) => {
    const pair = await aPair(t, answer('ok'));
    const broken = new Error('the disk is gone');
    const body = (async function* () {
      yield Buffer.from('half');
      throw broken;
    })();
    const error = await fails(pair.client.post('/', body), { code: 'ABORTED', reach: 'unknown', phase: 'write' });
    assert.equal(error.cause, broken);
    assert.equal(pair.client.stats().sockets.open, 0);
    assert.equal(await pair.client.get('/').text(), 'ok');
  });

  it('fails when it yields what is not bytes', async (t) => {
    const { client } = await aPair(t, answer('ok'));
    const body = (async function* () {
      yield 5 as unknown as Uint8Array;
    })();
    await fails(client.post('/', body), { code: 'INVALID', reach: 'unknown', phase: 'write', message: /not bytes/ });
  });

  const returns: Record<string, () => undefined> = {
    'answers with nothing': () => undefined,
    throws: () => {
      throw new Error('it cannot be ended');
    },
  };
  for (const [how, leave] of Object.entries(returns)) {
    it(`from a producer whose return ${how} ends with its call, and nothing else does`, async (t) => {
      const h2 = createHttp2Server(() => {}).on('session', (session) => t.after(() => session.destroy()));
      await new Promise<void>((resolve) => h2.listen(0, '127.0.0.1', resolve));
      t.after(() => h2.close());
      const { client } = await aPair(t, silence);
      const origin = `http://127.0.0.1:${(h2.address() as AddressInfo).port}`;
      for (const each of [client, aClient(t, { origin, http2: 'prior-knowledge' })]) {
        let asked = 0;
        const chunks = {
          next: () => (asked++ === 0 ? Promise.resolve({ value: Buffer.from('a') }) : new Promise(() => {})),
          return: leave,
        };
        const source: unknown = { [Symbol.asyncIterator]: () => chunks };
        const open = () => source as AsyncIterable<Uint8Array>;
        const caller = new AbortController();
        const call = each.post('/', { bytes: undefined, repeatable: false, open }, { signal: caller.signal });
        const failed = fails(call, { code: 'ABORTED', reach: 'unknown', phase: 'write' });
        await until(() => asked > 1, 'the producer keeps us waiting');
        caller.abort();
        await failed;
      }
    });
  }
});
