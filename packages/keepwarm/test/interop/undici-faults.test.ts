/** What goes wrong under undici: its codes, our error as the cause, aborts at every stage, and nothing left behind. */
import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { describe, it } from 'node:test';
import { NetError } from 'keepwarm';
import { keepwarmDispatcher } from 'keepwarm/undici';
import * as undici from 'undici';
import type { ClientOptions } from '../../src/index.ts';
import { selfSigned } from '../../src/testing/certificates.ts';
import { answer, chunk, hangUp, oneByOne, readBody, reset, type Step, send } from '../../src/testing/faulty-steps.ts';
import { aServer, leavesNothing, quiet, until } from '../engine/setup.ts';
import { aDispatcher, thrownBy } from './undici-setup.ts';

leavesNothing();

const silence: Step = readBody;
const half: Step = send('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf');

/** What `undici.request` and a read of the body end with. */
const attempt = async (url: string, options: Parameters<typeof undici.request>[1]) =>
  thrownBy(undici.request(url, options).then(({ body }) => body.text()));

interface Case {
  readonly what: string;
  readonly script?: Step;
  readonly options?: ClientOptions;
  readonly request?: Partial<undici.Dispatcher.RequestOptions>;
  readonly code: string;
  readonly class?: abstract new (...parameters: never[]) => Error;
  readonly ours: string;
}

const { errors } = undici;
const long = `HTTP/1.1 200 OK\r\nX: ${'x'.repeat(1_000)}\r\nContent-Length: 0\r\n\r\n`;

const CASES: readonly Case[] = [
  {
    what: 'no answer within headersTimeout',
    script: silence,
    request: { headersTimeout: 20 },
    code: 'UND_ERR_HEADERS_TIMEOUT',
    class: errors.HeadersTimeoutError,
    ours: 'TIMEOUT',
  },
  {
    what: 'no answer within the deadline of the client',
    script: silence,
    options: { deadlineMs: 20 },
    code: 'UND_ERR_HEADERS_TIMEOUT',
    ours: 'DEADLINE',
  },
  {
    what: 'a body that falls silent for bodyTimeout',
    script: half,
    request: { bodyTimeout: 20 },
    code: 'UND_ERR_BODY_TIMEOUT',
    class: errors.BodyTimeoutError,
    ours: 'TIMEOUT',
  },
  { what: 'a connection that is reset', script: reset, code: 'ECONNRESET', ours: 'RESET' },
  {
    what: 'a connection that is closed',
    script: hangUp,
    code: 'UND_ERR_SOCKET',
    class: errors.SocketError,
    ours: 'RESET',
  },
  {
    what: 'a head that is too long',
    script: send(long),
    options: { limits: { headBytesMax: 500 } },
    code: 'UND_ERR_HEADERS_OVERFLOW',
    class: errors.HeadersOverflowError,
    ours: 'LIMIT',
  },
  {
    what: 'a body that is too long',
    script: answer('0123456789'),
    options: { limits: { bodyBytesMax: 5 } },
    code: 'UND_ERR_RES_EXCEEDED_MAX_SIZE',
    class: errors.ResponseExceededMaxSizeError,
    ours: 'LIMIT',
  },
  {
    what: 'a reply that is not HTTP',
    script: send('SMTP ready\r\n'),
    code: 'HPE_STRICT',
    class: errors.HTTPParserError,
    ours: 'PROTOCOL',
  },
  {
    what: 'a field that cannot be sent',
    request: { headers: { 'x-bad': 'a\nb' } },
    code: 'UND_ERR_INVALID_ARG',
    class: errors.InvalidArgumentError,
    ours: 'INVALID',
  },
];

describe('a failure has the code undici has for it, and ours as its cause:', () => {
  for (const { what, script = silence, options = {}, request = {}, code, ours, ...expected } of CASES) {
    it(what, async (t) => {
      const { server, dispatcher } = await aDispatcher(t, script, options);
      const error = await attempt(server.origin, { dispatcher, ...request });
      assert.equal(error.code, code, error.stack ?? '');
      if (expected.class !== undefined) assert(error instanceof expected.class, error.name);
      assert(error.cause instanceof NetError);
      assert.equal(error.cause.code, ours);
    });
  }

  it('a port nobody listens on, a name that does not exist, a certificate nobody vouches for', async (t) => {
    const resolver = async () => {
      throw Object.assign(new Error('queryA ENOTFOUND nowhere.example'), { code: 'ENOTFOUND' });
    };
    const { server, dispatcher } = await aDispatcher(t, silence, { dns: { resolver } });
    const refused = await attempt('http://127.0.0.1:1', { dispatcher });
    assert.deepEqual([refused.code, (refused.cause as NetError).code], ['ECONNREFUSED', 'CONNECT']);
    const unknown = await attempt('http://nowhere.example', { dispatcher });
    assert.deepEqual([unknown.code, (unknown.cause as NetError).code], ['ENOTFOUND', 'DNS']);
    const secure = await aServer(t, { script: silence, tls: selfSigned(), host: '127.0.0.1' });
    const untrusted = await attempt(`https://127.0.0.1:${secure.port}`, { dispatcher });
    assert.deepEqual([untrusted.code, (untrusted.cause as NetError).code], ['DEPTH_ZERO_SELF_SIGNED_CERT', 'TLS']);
    assert.equal(server.received, 0);
  });

  it('no connection in time, and no place in the queue', async (t) => {
    const pool = { socketsMax: 1, waitersMax: 0 };
    const { server, dispatcher } = await aDispatcher(t, silence, { pool });
    const held = attempt(server.origin, { dispatcher, headersTimeout: 500 });
    await until(() => server.received === 1, 'the connection is taken');
    const refused = await attempt(server.origin, { dispatcher });
    assert.deepEqual([refused.code, (refused.cause as NetError).code], ['UND_ERR', 'SATURATED']);
    await held;
    const waiting = await aDispatcher(t, silence, { pool: { socketsMax: 1 }, limits: { queueMs: 500 } });
    const caller = new AbortController();
    const url = waiting.server.origin;
    const first = attempt(url, { dispatcher: waiting.dispatcher, signal: caller.signal });
    await until(() => waiting.server.received === 1, 'the connection is taken');
    const late = await attempt(url, { dispatcher: waiting.dispatcher });
    assert(late instanceof errors.ConnectTimeoutError, late.stack);
    assert.equal((late.cause as NetError).limit, 'queueMs');
    caller.abort();
    await first;
  });

  it('in fetch, as the cause of its TypeError, from undici and from Node', async (t) => {
    const { server, dispatcher } = await aDispatcher(t, silence, { limits: { firstByteMs: 20 } });
    for (const send of [undici.fetch, fetch] as unknown as (typeof undici.fetch)[]) {
      const error = await thrownBy(send(server.origin, { dispatcher }));
      assert(error instanceof TypeError);
      assert.equal((error.cause as Error & { code: string }).code, 'UND_ERR_HEADERS_TIMEOUT');
    }
  });
});

describe('what this dispatcher does not do it refuses, and says so:', () => {
  it('CONNECT, upgrades, WebSocket, expect, redirects by option', async (t) => {
    const { server, dispatcher } = await aDispatcher(t, answer());
    const { origin } = server;
    const connecting = await thrownBy(dispatcher.connect({ origin, path: 'example.com:443' }));
    assert(connecting instanceof errors.NotSupportedError);
    assert.match(connecting.message, /undici Agent/);
    const upgrading = await thrownBy(undici.upgrade(`${origin}/`, { dispatcher, protocol: 'chat' }));
    assert.equal(upgrading.code, 'UND_ERR_NOT_SUPPORTED');
    const failed = Promise.withResolvers<void>();
    new undici.WebSocket(origin.replace('http', 'ws'), { dispatcher }).addEventListener('error', () =>
      failed.resolve(),
    );
    await failed.promise;
    const expecting = await attempt(origin, { dispatcher, method: 'POST', headers: { expect: '100-continue' } });
    assert.equal(expecting.code, 'UND_ERR_NOT_SUPPORTED');
    const followed = { dispatcher, maxRedirections: 3 } as Parameters<typeof undici.request>[1];
    assert.match((await attempt(origin, followed)).message, /redirect interceptor/);
    assert.equal(server.received, 0);
  });

  it('a handler that is none, and options that are none', () => {
    const dispatcher = keepwarmDispatcher();
    const none = undefined as unknown as undici.Dispatcher.DispatchHandler;
    const options = { origin: 'http://127.0.0.1:1', path: '/', method: 'GET' };
    assert.throws(() => dispatcher.dispatch(options, none), errors.InvalidArgumentError);
    assert.throws(() => dispatcher.dispatch(options, {}), errors.InvalidArgumentError);
    const told: Error[] = [];
    const handler = { onRequestStart() {}, onResponseError: (_: unknown, error: Error) => void told.push(error) };
    dispatcher.dispatch(undefined as unknown as undici.Dispatcher.DispatchOptions, handler);
    dispatcher.dispatch({ ...options, path: 'no slash' }, handler);
    dispatcher.dispatch({ ...options, method: 'NO METHOD' }, handler);
    dispatcher.dispatch({ ...options, origin: undefined as unknown as string }, handler);
    dispatcher.dispatch({ ...options, headersTimeout: -1 }, handler);
    dispatcher.dispatch({ ...options, headers: ['odd'] }, handler);
    dispatcher.dispatch({ ...options, body: 7 as unknown as string, method: 'POST' }, handler);
    assert.equal(told.length, 7);
    for (const error of told) assert(error instanceof errors.InvalidArgumentError, error.stack);
  });

  it('and a bad request harms no other', async (t) => {
    const { server, dispatcher } = await aDispatcher(t, answer('ok'), { pool: { socketsMax: 1 } });
    for (let i = 0; i < 10; i++) {
      const bad = thrownBy(undici.request(server.origin, { dispatcher, headers: { 'x y': '1' } }));
      const good = undici.request(server.origin, { dispatcher });
      assert.equal((await bad).code, 'UND_ERR_INVALID_ARG');
      assert.equal(await (await good).body.text(), 'ok');
    }
    assert.equal(server.accepted, 1);
  });
});

describe('an abort', () => {
  it('acts at once while the request queues: it does not wait for a connection', async (t) => {
    const { server, dispatcher } = await aDispatcher(t, silence, { pool: { socketsMax: 1 } });
    const first = new AbortController();
    const held = attempt(server.origin, { dispatcher, signal: first.signal });
    await until(() => server.received === 1, 'the connection is taken');
    const caller = new AbortController();
    const queued = attempt(server.origin, { dispatcher, signal: caller.signal });
    const reason = new Error('changed my mind');
    caller.abort(reason);
    assert.equal(await queued, reason);
    first.abort();
    assert.equal((await held).name, 'AbortError');
    assert.equal(server.received, 1);
  });

  it('before, while the head is awaited, and while the body is read, ends with the reason', async (t) => {
    const { server, dispatcher } = await aDispatcher(t, oneByOne(silence, half, half, half));
    const reason = new Error('enough');
    assert.equal(await attempt(server.origin, { dispatcher, signal: AbortSignal.abort(reason) }), reason);
    assert.equal(server.received, 0);
    const caller = new AbortController();
    const awaited = attempt(server.origin, { dispatcher, signal: caller.signal });
    await until(() => server.received === 1, 'it was sent');
    caller.abort(reason);
    assert.equal(await awaited, reason);
    const later = new AbortController();
    const { body } = await undici.request(server.origin, { dispatcher, signal: later.signal });
    later.abort(reason);
    assert.equal(await thrownBy(body.text()), reason);
    for (const send of [undici.fetch, fetch] as unknown as (typeof undici.fetch)[]) {
      const reader = new AbortController();
      const reply = await send(server.origin, { dispatcher, signal: reader.signal });
      const read = thrownBy(reply.text());
      reader.abort();
      assert.equal((await read).name, 'AbortError');
    }
    await until(() => server.connections.length === 0, 'the connections were given up');
  });

  it('tells the body that nobody will read it', async (t) => {
    const { server, dispatcher } = await aDispatcher(t, silence);
    const caller = new AbortController();
    const body = new Readable({ read() {} });
    const sent = attempt(server.origin, { dispatcher, method: 'POST', body, signal: caller.signal });
    body.push('begin');
    await until(() => server.received === 1, 'it was sent');
    caller.abort(new Error('stop'));
    assert.equal((await sent).message, 'stop');
    assert(body.destroyed);
  });

  it('by the handler, or by its own error, gives the connection up and is told once', async (t) => {
    const { server, dispatcher } = await aDispatcher(t, half);
    const stages = ['onRequestStart', 'onResponseStart', 'onResponseData'] as const;
    for (const stage of stages) {
      for (const how of ['throws', 'aborts']) {
        const told = await new Promise<Error[]>((resolve) => {
          const all: Error[] = [];
          const fail = (controller: undici.Dispatcher.DispatchController): void => {
            if (how === 'throws') throw new Error(stage);
            controller.abort(new Error(stage));
            controller.abort(new Error('again'));
          };
          const failsAt = (here: string) => (controller: undici.Dispatcher.DispatchController) => {
            if (here === stage) fail(controller);
          };
          dispatcher.dispatch(
            { origin: server.origin, path: '/', method: 'GET' },
            {
              onRequestStart: failsAt('onRequestStart'),
              onResponseStart: failsAt('onResponseStart'),
              onResponseData: failsAt('onResponseData'),
              onResponseEnd: () => assert.fail('it did not end well'),
              onResponseError(_, error) {
                all.push(error);
                setTimeout(() => resolve(all), 5);
              },
            },
          );
        });
        assert.deepEqual(
          told.map(({ message }) => message),
          [stage],
          `${how} in ${stage}`,
        );
      }
    }
    await quiet(dispatcher.client);
    assert.equal(dispatcher.client.stats().sockets.open, 0);
  });

  it('of its source fails the request with the error of the source', async (t) => {
    const { server, dispatcher } = await aDispatcher(t, silence);
    const broken = new Error('the disk is gone');
    async function* source() {
      yield Buffer.from('begin');
      throw broken;
    }
    assert.equal(
      await attempt(server.origin, { dispatcher, method: 'POST', body: source() as unknown as Readable }),
      broken,
    );
    const stream = Readable.from(source());
    assert.equal(await attempt(server.origin, { dispatcher, method: 'POST', body: stream }), broken);
    const early = new Readable({ read() {} });
    const sent = attempt(server.origin, { dispatcher, method: 'POST', body: early });
    early.destroy(broken);
    assert.equal(await sent, broken);
  });
});

describe('a server that closes connections at the moment they are wanted again', () => {
  it('fails no request that may be repeated, and doubles none that may not', async (t) => {
    const script: Step = async (request, connection) => {
      await answer('ok')(request, connection);
      if (request.ordinal % 3 === 0) setImmediate(() => connection.reset());
      else if (request.ordinal % 3 === 1) connection.end();
    };
    const { server, dispatcher } = await aDispatcher(t, script);
    for (let i = 0; i < 300; i++) {
      const { body } = await undici.request(`${server.origin}/${i}`, { dispatcher });
      assert.equal(await body.text(), 'ok');
      if (i % 4 === 0) await new Promise(setImmediate);
    }
    const posted = new Map<string, number>();
    for (let i = 0; i < 100; i++) {
      const path = `/post-${i}`;
      const sent = undici.request(server.origin + path, { dispatcher, method: 'POST', body: 'x' });
      await sent.then(({ body }) => body.text()).catch(() => undefined);
    }
    for (const { method, path } of server.requests) {
      if (method === 'POST') posted.set(path, (posted.get(path) ?? 0) + 1);
    }
    assert(
      [...posted.values()].every((count) => count === 1),
      'a POST was sent twice',
    );
  });
});

describe('ten thousand calls of every kind', () => {
  it('leave nothing behind but idle connections', async (t) => {
    const chunked = Buffer.concat([chunk('streamed'), Buffer.from('0\r\n\r\n')]);
    const script: Step = (request, connection) => {
      if (request.path === '/none') return connection.reset();
      if (request.path === '/half') return half(request, connection);
      if (request.path !== '/chunked') return answer('whole')(request, connection);
      return send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n', chunked)(request, connection);
    };
    const { server, dispatcher } = await aDispatcher(t, script, { pool: { socketsMax: 20 } }, { requestsKept: 10 });
    const kinds = ['/whole', '/chunked', '/whole', '/none', '/chunked', '/half', '/whole', '/abort'];
    let done = 0;
    const one = async (path: string): Promise<void> => {
      const caller = new AbortController();
      const url = `${server.origin}${path}`;
      const sent = undici.request(url, { dispatcher, method: 'POST', body: 'x', signal: caller.signal });
      if (path === '/abort') caller.abort();
      const reply = await sent.catch(() => undefined);
      if (path === '/half') reply?.body.destroy();
      await reply?.body.text().catch(() => undefined);
      done++;
    };
    for (let i = 0; i < 100; i++) {
      await Promise.all(Array.from({ length: 100 }, (_, n) => one(kinds[(i + n) % kinds.length]!)));
    }
    assert.equal(done, 10_000);
    await quiet(dispatcher.client);
    const { sockets, calls } = dispatcher.client.stats();
    assert(sockets.open <= 20, `${sockets.open} sockets`);
    assert.equal(calls.inFlight, 0);
  });
});
