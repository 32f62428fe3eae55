/** Tunnels through HTTP proxies: what is said to whom, what is kept open, and what a proxy can do to us. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { inspect } from 'node:util';
import { type ClientOptions, createClient, type NetError } from '../../src/index.ts';
import { makeAuthority } from '../../src/testing/certificates.ts';
import { answer, oneByOne, reset, type Step } from '../../src/testing/faulty-steps.ts';
import { aClient, aServer, errorOf, fails, leavesNothing, quiet, stillWorks, until } from '../engine/setup.ts';
import { aProxy, type ProxyScript } from './a-proxy.ts';

leavesNothing();

const authority = makeAuthority();
const certificate = authority.issue({ names: ['api.test', '127.0.0.1', 'localhost'] });
/** A name that exists nowhere: only a proxy that resolves it itself can lead there. */
const NAME = 'api.test';
const SECRET = 'pa55:wörd@x';
const AUTHORIZED = Buffer.from(`me:${SECRET}`).toString('base64');

interface Given {
  readonly proxy?: ProxyScript;
  readonly script?: Step;
  /** Default true. */
  readonly secure?: boolean;
  readonly options?: ClientOptions;
  /** What the option `proxy` is, given the URL of the test's proxy. */
  readonly option?: (url: string) => ClientOptions['proxy'];
}

async function aWay(t: TestContext, given: Given = {}) {
  const { secure = true, script = answer('ok') } = given;
  const server = await aServer(t, { script, ...(secure ? { tls: certificate } : {}) });
  const proxy = await aProxy(t, given.proxy);
  const option = given.option?.(proxy.url) ?? proxy.url;
  const origin = `${secure ? 'https' : 'http'}://${NAME}:${server.port}`;
  const client = aClient(t, { origin, tls: { ca: authority.cert }, proxy: option, ...given.options });
  return { server, proxy, client, origin };
}

const withPassword = (url: string): string => url.replace('://', `://me:${encodeURIComponent(SECRET)}@`);

describe('a call through a proxy', () => {
  for (const secure of [true, false]) {
    it(`to ${secure ? 'an https:' : 'an http:'} origin goes through a tunnel that stays open`, async (t) => {
      const through: (string | undefined)[] = [];
      const observer = { socketOpened: (fact: { proxy?: string | undefined }) => void through.push(fact.proxy) };
      const { client, proxy, server } = await aWay(t, { secure, options: { observer } });
      for (let i = 0; i < 20; i++) assert.equal(await client.get(`/${i}`).text(), 'ok');
      assert.equal(await client.post('/', { a: 'x'.repeat(200_000) }).text(), 'ok');
      assert.equal(proxy.accepted, 1);
      assert.equal(server.accepted, 1);
      assert.equal(client.stats().reuse.reused, 20);
      assert.equal(proxy.requests[0]?.target, `${NAME}:${server.port}`, 'the proxy resolves the name');
      const [life] = client.stats().sockets.live;
      assert.equal(life?.proxy, proxy.url);
      assert.deepEqual(through, [proxy.url]);
      assert.equal(life?.address, '127.0.0.1');
      assert(life !== undefined && life.bytesIn > 0 && life.bytesOut > 200_000);
    });
  }

  it('tells the proxy nothing of the call, and the origin nothing of the proxy', async (t) => {
    const { client, proxy, server } = await aWay(t, {
      secure: false,
      option: withPassword,
      options: { headers: { authorization: 'Bearer of-the-origin', cookie: 'a=b' } },
    });
    await client.get('/secret-path?token=1').text();
    const { head } = proxy.requests[0]!;
    const target = `${NAME}:${server.port}`;
    assert.equal(
      head,
      `CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\nProxy-Authorization: Basic ${AUTHORIZED}\r\n\r\n`,
    );
    const got = inspect(server.requests, { depth: 6 });
    assert.match(got, /of-the-origin/);
    assert.doesNotMatch(got, /proxy/i);
    assert.doesNotMatch(got, new RegExp(AUTHORIZED));
  });

  it('speaks TLS with the proxy, under roots and a name of its own', async (t) => {
    const other = makeAuthority('of the proxy');
    const { client, proxy, server } = await aWay(t, {
      proxy: { tls: other.issue({ names: ['proxy.test'] }) },
      option: (url) => ({ url, tls: { ca: other.cert, servername: 'proxy.test' }, headers: { 'x-team': 'a' } }),
    });
    assert.equal(await client.post('/', 'x'.repeat(300_000)).text(), 'ok');
    assert.equal(await client.get('/').text(), 'ok');
    assert.match(proxy.requests[0]!.head, /x-team: a\r\n/);
    assert.equal(server.accepted, 1);
  });
});

const AT_PROXY = { reach: 'unsent', phase: 'proxy' } as const;
const says =
  (text: string) =>
  ({ socket }: { readonly socket: { write(text: string): unknown } }) =>
    void socket.write(text);

describe('a proxy that', () => {
  for (const [status, code] of [
    [407, 'STATUS'],
    [403, 'STATUS'],
    [302, 'STATUS'],
    [101, 'STATUS'],
    [501, 'STATUS'],
    [429, 'CONNECT'],
    [502, 'CONNECT'],
    [503, 'CONNECT'],
  ] as const) {
    it(`answers ${status} is believed, its body is not read, and no connection of it is kept`, async (t) => {
      const { client, proxy, server } = await aWay(t, {
        option: withPassword,
        proxy: { asked: says(`HTTP/1.1 ${status} No\r\nContent-Length: 5\r\n\r\nno!!!`) },
      });
      const error = await fails(client.get('/'), { code, ...AT_PROXY, message: new RegExp(`${status}`) });
      assert.equal(error.status, status);
      assert(error.message.includes(proxy.url) && error.message.includes(NAME), error.message);
      await until(() => proxy.open.size === 0, 'the end of the connection');
      assert.equal(server.accepted, 0);
    });
  }

  it('wants credentials is asked once, not again', async (t) => {
    const { proxy, origin } = await aWay(t, {
      proxy: { asked: says('HTTP/1.1 407 Who?\r\nProxy-Authenticate: Basic realm="x"\r\n\r\n') },
    });
    const client = createClient({ origin, proxy: proxy.url, retry: { attemptsMax: 5, baseMs: 1 } });
    const error = await errorOf(client.get('/'));
    await client.close();
    assert.deepEqual([error.code, error.status, proxy.requests.length], ['STATUS', 407, 1]);
  });

  it('is not there is told from an origin that is not', async (t) => {
    const { proxy, origin } = await aWay(t);
    const dead = aClient(t, { origin, proxy: 'http://127.0.0.1:1' });
    await fails(dead.get('/'), { code: 'CONNECT', ...AT_PROXY, systemCode: 'ECONNREFUSED', message: /127\.0\.0\.1:1/ });
    const nowhere = aClient(t, { origin, proxy: 'http://nowhere.invalid:3128' });
    await fails(nowhere.get('/'), { code: 'DNS', ...AT_PROXY, message: /nowhere\.invalid/ });
    assert.equal(proxy.accepted, 0);
  });

  for (const [what, script] of [
    ['never answers', { asked: () => {} }],
    ['answers half', { asked: says('HTTP/1.1 200 OK\r\nX: ') }],
    ['sends interim answers and no other', { asked: says('HTTP/1.1 100 Continue\r\n\r\n') }],
    ['accepts and never speaks TLS', {}],
  ] satisfies [string, ProxyScript][] as [string, ProxyScript][]) {
    it(`${what} is given up after connectMs`, async (t) => {
      const secure = what.endsWith('TLS');
      const { client, proxy } = await aWay(t, {
        proxy: secure ? {} : script,
        option: (url) => (secure ? url.replace('http:', 'https:') : url),
        options: { connect: { connectMs: 60 } },
      });
      const error = await fails(client.get('/'), {
        ...{ code: 'TIMEOUT', ...AT_PROXY, limit: 'connectMs', value: 60 },
      });
      assert(error.message.includes(`:${proxy.port}`), error.message);
      assert.match(
        error.message,
        /^no connection to https:\/\/api\.test/,
        'the limit is of the whole way, not of the proxy',
      );
      await until(() => proxy.open.size === 0, 'the end of the connection');
    });
  }

  for (const [what, text, code] of [
    ['answers nonsense', 'SSH-2.0-OpenSSH_9.2\r\n', 'PROTOCOL'],
    ['answers in another version', 'HTTP/2.0 200 OK\r\n\r\n', 'PROTOCOL'],
    ['ends lines with LF only', 'HTTP/1.1 200 OK\n\n', 'PROTOCOL'],
    ['sends more head than is good', `HTTP/1.1 200 OK\r\n${'X: y\r\n'.repeat(100)}X: ${'z'.repeat(20_000)}`, 'LIMIT'],
    ['sends more fields than is good', `HTTP/1.1 200 OK\r\n${'X: y\r\n'.repeat(200)}\r\n`, 'LIMIT'],
    ['sends interim answers for ever', 'HTTP/1.1 102 Wait\r\n\r\n'.repeat(20), 'PROTOCOL'],
    ['sends bytes after the 200', 'HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\n\r\n', 'PROTOCOL'],
  ] as const) {
    it(`${what} is refused, and its connection closed`, async (t) => {
      const { client, proxy, server } = await aWay(t, { secure: false, proxy: { asked: says(text) } });
      await fails(client.get('/'), {
        ...{ code, ...AT_PROXY },
        ...(code === 'PROTOCOL'
          ? {}
          : text.length > 10_000
            ? { limit: 'headBytesMax', value: 16_384 }
            : { limit: 'fieldsMax', value: 128 }),
      });
      await until(() => proxy.open.size === 0, 'the end of the connection');
      assert.equal(server.accepted, 0);
    });
  }

  for (const [what, end] of [
    ['closes', (asked) => asked.socket.end()],
    ['resets', (asked) => asked.socket.resetAndDestroy()],
    ['closes half-way through its answer', (asked) => asked.socket.end('HTTP/1.1 2')],
  ] as const satisfies [string, ProxyScript['asked']][]) {
    it(`${what} instead of answering is CONNECT`, async (t) => {
      const { client } = await aWay(t, { proxy: { asked: end } });
      await fails(client.get('/'), { code: 'CONNECT', ...AT_PROXY });
    });
  }

  it('answers byte by byte, with a length and a coding that mean nothing, opens a tunnel', async (t) => {
    const head = 'HTTP/1.0 200 OK\r\nContent-Length: 77\r\nVia: 1.0 x\r\n\r\n';
    const { client } = await aWay(t, {
      proxy: {
        asked: (asked) => {
          asked.socket.setNoDelay(true);
          for (const byte of head.slice(0, -1)) asked.socket.write(byte);
          asked.tunnel(head.slice(-1));
        },
      },
    });
    assert.equal(await client.get('/').text(), 'ok');
  });

  it('cuts a tunnel while it is idle, or under a call that may be repeated, is not noticed', async (t) => {
    const { client, proxy } = await aWay(t, { options: { retry: {} } });
    for (let i = 0; i < 5; i++) {
      await stillWorks({ client });
      for (const socket of proxy.open) socket.resetAndDestroy();
    }
    assert(proxy.accepted >= 5);
    const { client: other } = await aWay(t, {
      script: oneByOne(reset, answer('ok')),
      options: { retry: {} },
    });
    await stillWorks({ client: other });
  });

  it('cannot prove who it is gets no credentials', async (t) => {
    const { client, proxy } = await aWay(t, {
      proxy: { tls: makeAuthority('of nobody').issue() },
      option: withPassword,
    });
    await fails(client.get('/'), { code: 'TLS', ...AT_PROXY, message: /proxy https:\/\/localhost/ });
    assert.equal(proxy.requests.length, 0);
  });
});

describe('credentials of a proxy', () => {
  it('stand in no error, fact or snapshot', async (t) => {
    const seen: unknown[] = [];
    const told = (fact: unknown): void => void seen.push(fact);
    const observer = { socketOpened: told, socketOpenFailed: told, socketClosed: told, failed: told, leased: told };
    let refuse = false;
    const { client, proxy } = await aWay(t, {
      option: withPassword,
      options: { observer },
      proxy: {
        asked: (asked) => (refuse ? says('HTTP/1.1 407 No\r\n\r\n')(asked) : asked.tunnel()),
      },
    });
    await client.get('/').text();
    seen.push(client.stats());
    refuse = true;
    client.closeIdle();
    const error: NetError = await errorOf(client.get('/'));
    seen.push(error, error.stack, JSON.stringify(error), client);
    const all = inspect(seen, { depth: 12, showHidden: false });
    assert(all.includes(`127.0.0.1:${proxy.port}`), 'the proxy itself is named');
    for (const secret of [SECRET, encodeURIComponent(SECRET), AUTHORIZED]) assert(!all.includes(secret), secret);
  });
});

describe('a client that is told to stop', () => {
  it('leaves nothing behind at any stage of a tunnel', async (t) => {
    const { client, proxy } = await aWay(t, { proxy: { asked: () => {} } });
    const caller = new AbortController();
    const call = client.get('/', { signal: caller.signal });
    await until(() => proxy.requests.length === 1, 'the request for a tunnel');
    caller.abort();
    await fails(call, { code: 'ABORTED', reach: 'unsent', phase: 'queue' });
    client.destroy();
    await until(() => proxy.open.size === 0, 'the end of the connection');
  });
});

it('a thousand calls through tunnels leave as many sockets as stats() tells, and none at the end', async (t) => {
  const { client, proxy, server } = await aWay(t, { options: { pool: { socketsMax: 8, requestsMax: 25 } } });
  for (let round = 0; round < 50; round++) {
    await Promise.all(Array.from({ length: 20 }, (_, i) => stillWorks({ client }, `/${round}/${i}`)));
  }
  await quiet(client);
  const { sockets, calls } = client.stats();
  assert.equal(calls.total, 1_000);
  await until(() => proxy.open.size === sockets.open, 'as many tunnels as sockets');
  assert.equal(sockets.open + sockets.closed, proxy.accepted, 'every connection is accounted for');
  assert.equal(proxy.accepted, server.accepted);
  assert(proxy.accepted >= 1_000 / 25);
  await client.close();
  await until(() => proxy.open.size === 0 && server.connections.length === 0, 'the end of all tunnels');
});
