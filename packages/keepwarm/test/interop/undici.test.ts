/** undici's own functions, its interceptors and both fetches, over our pools: what goes out and what comes back. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable, Writable } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { createClient } from 'keepwarm';
import { keepwarmDispatcher } from 'keepwarm/undici';
import * as undici from 'undici';
import { answer, chunk, oneByOne, replyBytes, type Step } from '../../src/testing/faulty-steps.ts';
import { PausedClock } from '../engine/paused-clock.ts';
import { aClient, aServer, leavesNothing, quiet, until } from '../engine/setup.ts';
import { aDispatcher, thrownBy } from './undici-setup.ts';

leavesNothing();

/** Answers with what it got, the body as Latin-1. */
const echo: Step = async (request, connection) => {
  const body = (await request.body).toString('latin1');
  const { method, path, headers } = request;
  await connection.send(replyBytes(JSON.stringify({ method, path, headers, body })));
};

interface Echoed {
  readonly method: string;
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body: string;
}

/** The fetch built into Node: another copy of undici, of an older generation, and of types of its own. */
const builtIn = (url: string, init: Omit<RequestInit, 'dispatcher'> & { dispatcher: undici.Dispatcher }) =>
  fetch(url, init as unknown as RequestInit);

/** More than the system buffers between two ends of a connection on loopback. */
const BYTES = 64 * 1024 * 1024;

/** Until a counter stands still: whoever counts is being held back. */
async function still(count: () => number): Promise<void> {
  for (let last = -1; last !== count(); ) {
    last = count();
    await sleep(50);
  }
}

describe('every way to send with undici', () => {
  it('goes through the dispatcher: request, stream, pipeline, fetch, and the fetch built into Node', async (t) => {
    const { server, dispatcher } = await aDispatcher(t, echo, { pool: { socketsMax: 1 } });
    const url = `${server.origin}/way?n=1`;
    const options = { dispatcher, method: 'POST', body: 'in' } as const;
    const seen: string[] = [];
    const noted = (echoed: unknown): void => void seen.push((echoed as Echoed).body);

    noted(await (await undici.request(url, options)).body.json());
    const chunks: Buffer[] = [];
    const sink = (): Writable =>
      new Writable({
        write(bytes, _, done) {
          chunks.push(bytes);
          done();
        },
      });
    await undici.stream(url, options, sink);
    noted(JSON.parse(Buffer.concat(chunks).toString()));
    const duplex = undici.pipeline(url, { dispatcher, method: 'POST' }, ({ body }) => body);
    duplex.end('in');
    noted(JSON.parse(await text(duplex)));
    noted(await (await undici.fetch(url, options)).json());
    noted(await (await builtIn(url, options)).json());
    const { body } = await dispatcher.request({ origin: server.origin, path: '/way', method: 'POST', body: 'in' });
    noted(await body.json());

    assert.deepEqual(seen, Array(6).fill('in'));
    assert.equal(server.accepted, 1, 'one connection served them all');
    assert.equal(dispatcher.client.stats().calls.total, 6);
  });

  it('reaches any origin as the global dispatcher, from undici and from Node', async (t) => {
    const { server, dispatcher } = await aDispatcher(t, answer('one'), { pool: { socketsMax: 2 } });
    const other = await aServer(t, { script: answer('two') });
    const before = undici.getGlobalDispatcher();
    t.after(() => undici.setGlobalDispatcher(before));
    undici.setGlobalDispatcher(dispatcher);
    const calls = Array.from({ length: 10 }, () => [
      fetch(server.origin).then((reply) => reply.text()),
      undici.fetch(other.origin).then((reply) => reply.text()),
      undici.request(other.origin).then((reply) => reply.body.text()),
    ]);
    const texts = await Promise.all(calls.flat());
    assert.deepEqual(texts, Array(10).fill(['one', 'two', 'two']).flat());
    assert(server.accepted <= 2 && other.accepted <= 2, 'as many connections as the pool allows');
  });

  it('may share a client with others, which stays open when the dispatcher is closed', async (t) => {
    const server = await aServer(t, { script: echo });
    const client = aClient(t, { origin: server.origin, headers: { 'x-key': 'k' }, pool: { socketsMax: 1 } });
    const dispatcher = keepwarmDispatcher(client);
    await client.get('/').text();
    const echoed = (await (await undici.fetch(`${server.origin}/`, { dispatcher })).json()) as Echoed;
    assert.equal(echoed.headers['x-key'], 'k', 'it sends as its client does');
    await dispatcher.close();
    assert.equal((await client.get('/')).status, 200);
    assert.equal(server.accepted, 1);
    assert.equal(
      await thrownBy(undici.request(server.origin, { dispatcher })).then(({ code }) => code),
      'UND_ERR_CLOSED',
    );
  });
});

describe('a request', () => {
  it('carries fields as the caller spelt them and adds none of ours', async (t) => {
    const { server, dispatcher } = await aDispatcher(t, echo);
    await undici
      .request(server.origin, { dispatcher, headers: { 'X-Case': 'a', 'x-list': ['1', '2'], 'X-None': undefined } })
      .then(({ body }) => body.dump());
    const [, ...fields] = server.requests[0]!.head.trimEnd().split('\r\n');
    assert.deepEqual(fields, [`Host: 127.0.0.1:${server.port}`, 'X-Case: a', 'x-list: 1', 'x-list: 2']);
    for (const headers of [['A', '1', 'B', '2'], new Map([['A', '1']]), new undici.Headers({ a: '1' })]) {
      const { body } = await undici.request(server.origin, { dispatcher, headers });
      assert.equal(((await body.json()) as Echoed).headers['a'], '1');
    }
  });

  it('keeps its path as it is: nothing is decoded, resolved or encoded', async (t) => {
    const { server, dispatcher } = await aDispatcher(t, echo);
    const path = '/a/../b//c;d=%2F?x={y}&z="';
    const { body } = await dispatcher.request({ origin: server.origin, path, method: 'GET' });
    assert.equal(((await body.json()) as Echoed).path, path);
    const query = { a: ['1', '2'], b: 'x y' };
    const queried = await dispatcher.request({ origin: server.origin, path: '/q', method: 'GET', query });
    assert.equal(((await queried.body.json()) as Echoed).path, '/q?a=1&a=2&b=x%20y');
  });

  it('may have a body of any kind undici takes', async (t) => {
    const { server, dispatcher } = await aDispatcher(t, echo);
    const form = new undici.FormData();
    form.set('field', 'value');
    async function* parts() {
      yield Buffer.from('bo');
      yield 'dy';
    }
    const bodies = [
      'body',
      Buffer.from('body'),
      new Uint8Array(Buffer.from('body')),
      new DataView(new Uint8Array(Buffer.from('body')).buffer),
      Readable.from(['bo', Buffer.from('dy')]),
      parts(),
      [Buffer.from('bo'), 'dy'],
      new Blob(['body']),
      form,
    ];
    for (const body of bodies) {
      const options = { dispatcher, method: 'POST', body: body as Buffer } as const;
      const reply = await undici.request(server.origin, options);
      const echoed = (await reply.body.json()) as Echoed;
      if (body === form) assert.match(echoed.body, /name="field"\r\n\r\nvalue/);
      else assert.equal(echoed.body, 'body', Object.prototype.toString.call(body));
    }
  });

  it('streams its body as fast as the server reads, and no faster', async (t) => {
    const held = Promise.withResolvers<void>();
    const server = createServer(async (request, response) => {
      await held.promise;
      let length = 0;
      for await (const part of request) length += (part as Buffer).length;
      response.end(String(length));
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    t.after(() => server.close());
    await using client = createClient();
    let made = 0;
    const body = new Readable({
      read() {
        made += 65_536;
        this.push(made > BYTES ? null : Buffer.alloc(65_536));
      },
    });
    const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const dispatcher = keepwarmDispatcher(client);
    const reply = undici.request(origin, { dispatcher, method: 'POST', body });
    await until(() => made > 65_536, 'the upload began');
    await still(() => made);
    assert(made < BYTES / 2, `only what the system buffers was read: ${made}`);
    held.resolve();
    assert.equal(await (await reply).body.text(), String(BYTES));
  });

  it('goes out with its length when the caller announces it, and fails when that is wrong', async (t) => {
    const { server, dispatcher } = await aDispatcher(t, echo);
    const send = (length: string, ...parts: string[]) =>
      undici.request(server.origin, {
        dispatcher,
        method: 'PUT',
        headers: { 'content-length': length },
        body: Readable.from(parts),
      });
    const echoed = (await (await send('4', 'bo', 'dy')).body.json()) as Echoed;
    assert.deepEqual([echoed.body, echoed.headers['content-length']], ['body', '4']);
    const code = 'UND_ERR_REQ_CONTENT_LENGTH_MISMATCH';
    assert.equal((await thrownBy(send('3', 'bo', 'dy'))).code, code);
    assert.equal((await thrownBy(send('5', 'bo', 'dy'))).code, code);
    const whole = { dispatcher, method: 'PUT', headers: { 'content-length': '3' }, body: 'body' } as const;
    assert.equal((await thrownBy(undici.request(server.origin, whole))).code, code);
  });

  it('tells what was sent of its body', async (t) => {
    const { server, dispatcher } = await aDispatcher(t, answer('ok'));
    for (const body of ['body', Readable.from([Buffer.from('bo'), Buffer.from('dy')])]) {
      const told: string[] = [];
      await new Promise<void>((resolve, reject) => {
        dispatcher.dispatch(
          { origin: server.origin, path: '/', method: 'POST', body },
          {
            onRequestStart: () => void told.push('start'),
            onBodySent: (bytes) => void told.push(bytes.toString()),
            onRequestSent: () => void told.push('sent'),
            onResponseStart: () => void told.push('answer'),
            onResponseData: () => {},
            onResponseEnd: () => resolve(),
            onResponseError: (_, error) => reject(error),
          },
        );
      });
      const expected = ['start', ...(body === 'body' ? ['body'] : ['bo', 'dy']), 'sent', 'answer'];
      assert.deepEqual(told, expected);
    }
  });
});

describe('a reply', () => {
  it('has its fields as they came, repeated ones as lists, and a field called __proto__ is a field', async (t) => {
    const head = 'HTTP/1.1 203 Told You\r\nX-Case: a\r\nx-case: b\r\n__proto__: p\r\nContent-Length: 0\r\n\r\n';
    const { server, dispatcher } = await aDispatcher(t, (_, connection) => connection.send(head));
    const { statusCode, statusText, headers } = await undici.request(server.origin, { dispatcher });
    assert.deepEqual([statusCode, statusText, headers['x-case']], [203, 'Told You', ['a', 'b']]);
    assert.equal(Object.getOwnPropertyDescriptor(headers, '__proto__')?.value, 'p');
    const raw = await undici.request(server.origin, { dispatcher, responseHeaders: 'raw' });
    const pairs = raw.headers as unknown as string[];
    assert.deepEqual(pairs.slice(0, 4), ['X-Case', 'a', 'x-case', 'b']);
    assert.equal((await undici.fetch(server.origin, { dispatcher })).headers.get('x-case'), 'a, b');
    assert.equal((await builtIn(server.origin, { dispatcher })).headers.get('x-case'), 'a, b');
  });

  it('has its trailers, whether its body arrived at once or little by little', async (t) => {
    const head = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n';
    const end = '0\r\nX-Sum: 7\r\nx-more: yes\r\n\r\n';
    const slow: Step = async (_, connection) => {
      await connection.send(head);
      await connection.send(chunk('body'));
      await connection.wait(5);
      await connection.send(end);
    };
    const script = oneByOne((_, connection) => connection.send(`${head}4\r\nbody\r\n${end}`), slow);
    const { server, dispatcher } = await aDispatcher(t, script);
    for (const way of ['whole', 'streamed']) {
      const { body, trailers } = await undici.request(server.origin, { dispatcher });
      assert.equal(await body.text(), 'body', way);
      assert.deepEqual(trailers, { 'x-sum': '7', 'x-more': 'yes' }, way);
    }
  });

  it('is read at the pace of its reader', async (t) => {
    let sent = 0;
    const script: Step = async (_, connection) => {
      const bytes = Buffer.alloc(65_536);
      await connection.send(`HTTP/1.1 200 OK\r\nContent-Length: ${bytes.length * 1_000}\r\n\r\n`);
      for (; sent < 1_000; sent++) await connection.send(bytes);
    };
    const { server, dispatcher } = await aDispatcher(t, script);
    const { body } = await undici.request(server.origin, { dispatcher });
    await still(() => sent);
    assert(sent < 500, `the server was held back after ${sent} of 1,000 parts`);
    assert.equal((await buffer(body)).length, 65_536_000);
  });

  it('may take longer than the deadline of the client, once it has begun', async (t) => {
    const begun = Promise.withResolvers<void>();
    const script: Step = async (_, connection) => {
      await connection.send('HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nst');
      await begun.promise;
      await connection.dribble('reamed', 10);
    };
    const clock = new PausedClock();
    const options = { clock, deadlineMs: 60_000, limits: { betweenBytesMs: 600_000 } };
    const { server, dispatcher } = await aDispatcher(t, script, options);
    const reply = await undici.fetch(server.origin, { dispatcher });
    clock.pause(120_000);
    begun.resolve();
    assert.equal(await reply.text(), 'streamed');
  });

  it('waits, whole and small as it is, for a handler that has paused at its head', async (t) => {
    const { server, dispatcher } = await aDispatcher(t, answer('ok'));
    const told: string[] = [];
    const ended = Promise.withResolvers<void>();
    let paused: undici.Dispatcher.DispatchController | undefined;
    dispatcher.dispatch(
      { origin: server.origin, path: '/', method: 'GET' },
      {
        onRequestStart: () => {},
        onResponseStart(controller) {
          controller.pause();
          paused = controller;
        },
        onResponseData(controller, bytes) {
          told.push(bytes.toString());
          controller.pause();
        },
        onResponseEnd() {
          told.push('end');
          ended.resolve();
        },
        onResponseError: (_, error) => ended.reject(error),
      },
    );
    await until(() => paused !== undefined, 'the head arrived');
    await quiet(dispatcher.client);
    assert.deepEqual(told, []);
    paused!.resume();
    assert.deepEqual(told, ['ok'], 'its end waits too');
    paused!.resume();
    assert.deepEqual(told, ['ok', 'end']);
    await ended.promise;
  });

  it('of megabytes comes through all of undici unharmed', async (t) => {
    const bytes = Buffer.from(Array.from({ length: 3_000_000 }, (_, i) => i % 251));
    const { server, dispatcher } = await aDispatcher(t, answer(bytes));
    assert(Buffer.from(await (await undici.fetch(server.origin, { dispatcher })).bytes()).equals(bytes));
    assert(Buffer.from(await (await builtIn(server.origin, { dispatcher })).bytes()).equals(bytes));
    const parts: Buffer[] = [];
    const { body } = await undici.request(server.origin, { dispatcher });
    for await (const part of body) parts.push(part as Buffer);
    assert(Buffer.concat(parts).equals(bytes));
  });

  it('that is encoded is decoded once: by undici, or by a client that does so', async (t) => {
    const gzip = answer(gzipSync('plain'), { headers: { 'content-encoding': 'gzip' } });
    const { server, dispatcher } = await aDispatcher(t, gzip);
    assert.equal(await (await undici.fetch(server.origin, { dispatcher })).text(), 'plain');
    const raw = await undici.request(server.origin, { dispatcher });
    assert.deepEqual(Buffer.from(await raw.body.bytes()), gzipSync('plain'));
    const decoding = dispatcher.compose(undici.interceptors.decompress());
    assert.equal(await (await undici.request(server.origin, { dispatcher: decoding })).body.text(), 'plain');
    await using client = createClient();
    const ours = keepwarmDispatcher(client);
    assert.equal(await (await undici.fetch(server.origin, { dispatcher: ours })).text(), 'plain');
    assert.equal(await (await undici.request(server.origin, { dispatcher: ours })).body.text(), 'plain');
  });
});

describe("undici's interceptors", () => {
  it('retry, redirect, cache and dump on top of it', async (t) => {
    const failing = answer('no', { status: 503 });
    const script: Step = (request, connection) => {
      if (request.path === '/retry') return (request.ordinal < 3 ? failing : answer('yes'))(request, connection);
      if (request.path === '/from')
        return answer('', { status: 302, headers: { location: '/to' } })(request, connection);
      return answer('there', { headers: { 'cache-control': 'max-age=60' } })(request, connection);
    };
    const { server, dispatcher } = await aDispatcher(t, script);
    const { retry, redirect, cache, dump } = undici.interceptors;
    const retrying = dispatcher.compose(retry({ minTimeout: 1, maxRetries: 3 }));
    const { body } = await undici.request(`${server.origin}/retry`, { dispatcher: retrying });
    assert.equal(await body.text(), 'yes');
    const redirecting = dispatcher.compose(redirect({ maxRedirections: 2 }));
    assert.equal(
      await (await undici.request(`${server.origin}/from`, { dispatcher: redirecting })).body.text(),
      'there',
    );
    const before = server.received;
    const caching = dispatcher.compose(cache());
    for (let i = 0; i < 3; i++) {
      const reply = await undici.request(`${server.origin}/cached`, { dispatcher: caching });
      assert.equal(await reply.body.text(), 'there');
    }
    assert.equal(server.received - before, 1);
    const dumping = dispatcher.compose(dump());
    assert.equal((await undici.request(`${server.origin}/dump`, { dispatcher: dumping })).statusCode, 200);
  });

  it('resume a body that broke off, from where it broke', async (t) => {
    const broken: Step = async (_, connection) => {
      await connection.send('HTTP/1.1 200 OK\r\nETag: "e"\r\nContent-Length: 10\r\n\r\n01234');
      await connection.wait(20);
      connection.end();
    };
    const rest: Step = async (request, connection) => {
      assert.equal(request.headers['range'], 'bytes=5-9');
      const head = 'HTTP/1.1 206 Partial\r\nETag: "e"\r\nContent-Range: bytes 5-9/10\r\nContent-Length: 5\r\n\r\n';
      await connection.send(`${head}56789`);
    };
    const { server, dispatcher } = await aDispatcher(t, oneByOne(broken, rest));
    const agent = new undici.RetryAgent(dispatcher, { minTimeout: 1 });
    const { body } = await undici.request(server.origin, { dispatcher: agent });
    assert.equal(await body.text(), '0123456789');
  });
});

describe('closing', () => {
  it('lets what is under way finish, and takes no more', async (t) => {
    const gate = Promise.withResolvers<void>();
    const script: Step = async (request, connection) => {
      await gate.promise;
      await answer('late')(request, connection);
    };
    const { server, dispatcher } = await aDispatcher(t, script);
    const reply = undici.request(server.origin, { dispatcher });
    await until(() => server.received === 1, 'it was sent');
    const closed = dispatcher.close();
    assert.equal((await thrownBy(undici.request(server.origin, { dispatcher }))).code, 'UND_ERR_CLOSED');
    gate.resolve();
    assert.equal(await (await reply).body.text(), 'late');
    await closed;
    await dispatcher.close();
    assert.deepEqual([dispatcher.closed, dispatcher.destroyed], [true, false]);
  });

  it('at once ends what is under way, with the reason given, and calls back', async (t) => {
    const { server, dispatcher } = await aDispatcher(t, () => {});
    const error = thrownBy(undici.request(server.origin, { dispatcher }));
    await until(() => server.received === 1, 'it was sent');
    const reason = new Error('enough');
    const emitter = new EventTarget();
    const called = once(emitter, 'done');
    dispatcher.destroy(reason, () => void emitter.dispatchEvent(new Event('done')));
    assert.equal(await error, reason);
    await called;
    assert.equal((await thrownBy(undici.request(server.origin, { dispatcher }))).code, 'UND_ERR_DESTROYED');
  });
});
