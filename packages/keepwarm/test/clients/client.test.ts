/** What the client's own calls send, return and refuse. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { after, before, describe, it } from 'node:test';
import { inspect } from 'node:util';
import { type Client, createClient, NetError } from '../../src/index.ts';
import { FakeClock } from '../../src/testing/fake-clock.ts';
import { type ApiServer, anApiServer, type Echo } from './api-server.ts';

let server: ApiServer;
let client: Client;
before(async () => {
  server = await anApiServer();
  // These are about calls and replies; what policies make of them stands in resilience.test.ts.
  client = createClient({ origin: server.origin, retry: false, breaker: false });
});
after(async () => {
  await client?.close({ deadlineMs: 0 });
  server?.close();
});

const echoed = (body: unknown, headers?: Record<string, string>): Promise<Echo> =>
  client.post('/echo', body as object, headers === undefined ? {} : { headers }).json<Echo>();

async function failing(call: PromiseLike<unknown>): Promise<NetError> {
  const error = await Promise.resolve(call).then(
    (value) => assert.fail(`it succeeded with ${inspect(value)}`),
    (thrown: unknown) => thrown,
  );
  assert(error instanceof NetError, `not a NetError: ${inspect(error)}`);
  return error;
}

describe('a body', () => {
  it('that is neither text nor bytes goes out as JSON', async () => {
    class Money {
      toJSON(): string {
        return '1.50 EUR';
      }
    }
    const cases: [unknown, string][] = [
      [{ a: 1 }, '{"a":1}'],
      [[1, null], '[1,null]'],
      [null, 'null'],
      [0, '0'],
      [false, 'false'],
      [new Money(), '"1.50 EUR"'],
      [Object.create(null, { a: { value: 1, enumerable: true } }), '{"a":1}'],
      [new Date(0), '"1970-01-01T00:00:00.000Z"'],
    ];
    for (const [input, text] of cases) {
      const { body, headers } = await echoed(input);
      assert.deepEqual([body, headers['content-type']], [text, 'application/json']);
    }
  });

  it('that JSON cannot express is refused before anything is sent', async () => {
    const before = server.seen.length;
    const circular: { self?: unknown } = {};
    circular.self = circular;
    const cases: [unknown, RegExp][] = [
      [10n, /cannot be written as JSON: .*BigInt/],
      [{ deep: 10n }, /cannot be written as JSON: .*BigInt/],
      [circular, /cannot be written as JSON: .*circular/],
      [() => 1, /a body of type function/],
      [Promise.resolve(1), /is a promise; await it first/],
      [new Map([[1, 2]]), /a Map cannot be written as JSON/],
      [new Set(), /a Set cannot be written as JSON/],
    ];
    for (const [input, message] of cases) {
      const error = await failing(client.post('/echo', input as object));
      assert.deepEqual([error.code, error.reach], ['INVALID', 'unsent']);
      assert.match(error.message, message);
    }
    assert.equal(server.seen.length, before);
  });

  it('of a GET is refused', async () => {
    assert.match((await failing(client.request('/echo', { body: 'x' }))).message, /a GET call has no body/);
  });

  it('may be a form with files: its length is known, and it can be sent again', async () => {
    const form = new FormData();
    form.append('side', 'buy');
    form.append('file', new File(['content'], 'a.txt'));
    const first = await echoed(form);
    const second = await echoed(form);
    for (const { body, headers } of [first, second]) {
      assert.match(body, /name="side"\r\n\r\nbuy\r\n[\s\S]*filename="a.txt"[\s\S]*content\r\n/);
      assert.equal(Number(headers['content-length']), body.length);
    }
  });

  it('may be a stream of bytes and text', async () => {
    const lines = async function* (): AsyncGenerator<string | Uint8Array> {
      yield '{"ä":1}\n';
      yield Buffer.from('{}\n');
    };
    const { body, headers } = await echoed(lines(), { 'content-type': 'application/x-ndjson' });
    assert.equal(Buffer.from(body, 'latin1').toString(), '{"ä":1}\n{}\n');
    assert.deepEqual([headers['transfer-encoding'], headers['content-type']], ['chunked', 'application/x-ndjson']);
  });

  it('of bytes has no type of its own; text has', async () => {
    assert.equal((await echoed(new Uint8Array([1]))).headers['content-type'], undefined);
    assert.equal((await echoed('x')).headers['content-type'], 'text/plain;charset=UTF-8');
    assert.equal(
      (await echoed('{}', { 'Content-Type': 'application/json' })).headers['content-type'],
      'application/json',
    );
  });
});

describe('a query', () => {
  it('is appended, lists repeat their name, what is undefined is left out', async () => {
    const url = async (path: string, query: object): Promise<string> =>
      (await client.get(path, { query: query as URLSearchParams }).json<Echo>()).url;
    assert.equal(
      await url('/echo', { a: [1, 2], b: 'x y&z', c: undefined, d: true }),
      '/echo?a=1&a=2&b=x+y%26z&d=true',
    );
    assert.equal(await url('/echo?a=1', new URLSearchParams({ b: '2' })), '/echo?a=1&b=2');
    assert.equal(await url('/echo?a=1', {}), '/echo?a=1');
  });

  it('with null or an object in it is refused by name', async () => {
    for (const value of [null, {}, [null]]) {
      const error = await failing(client.get('/echo', { query: { cursor: value as unknown as string } }));
      assert.match(error.message, /query parameter cursor is (null|an object)/);
    }
  });
});

describe('a call under way', () => {
  it('can be awaited any number of times, before and after its content is asked for', async () => {
    const call = client.get('/json');
    const reply = await call;
    assert.equal((await call).status, 200);
    assert.equal(await call, reply);
    assert.deepEqual(await call.json(), { a: [1, '2', null] });
    assert.equal((await call).used, true);
    assert.match((await failing(call.text())).message, /already been read/);
  });

  it('hands over the reply, which can be read by itself, whatever its status', async () => {
    const reply = await client.get('/status?code=404');
    assert.deepEqual([reply.status, reply.ok, await reply.text()], [404, false, 'body']);
    assert.deepEqual(await (await client.get('/json')).json(), { a: [1, '2', null] });
    assert.equal((await (await client.get('/bytes')).bytes()).length, 6);
    let text = '';
    for await (const chunk of (await client.get('/chunks')).stream()) text += Buffer.from(chunk);
    assert.equal(text, 'one,two');
  });

  it('rejects as a native promise does: unheard it ends the process, heard it does not', () => {
    const run = (use: string): number | null => {
      const library = new URL('../../src/index.ts', import.meta.url).href;
      const made = `import { createClient } from ${JSON.stringify(library)};`;
      const code = `${made} const call = createClient().get('no path'); ${use}`;
      return spawnSync(process.execPath, ['--input-type=module', '--eval', code]).status;
    };
    assert.notEqual(run(''), 0);
    assert.notEqual(run('call.json();'), 0);
    assert.equal(run('call.catch(() => 0);'), 0);
    assert.equal(run('call.json().catch(() => 0);'), 0);
    assert.equal(run('call.finally(() => 0).catch(() => 0);'), 0);
  });

  it('has catch and finally', async () => {
    let ended = 0;
    await client.get('/text').finally(() => void ended++);
    assert.equal(await client.get('no path').catch((error: unknown) => (error as NetError).code), 'INVALID');
    assert.equal(ended, 1);
  });

  it('rejects with STATUS unless the status is 2xx, the answer within reach but not within sight', async () => {
    for (const ask of ['json', 'text', 'bytes', 'stream'] as const) {
      const error = await failing(client.get('/status?code=429&reason=Slow+Down')[ask]());
      assert.deepEqual([error.code, error.status, error.reach], ['STATUS', 429, 'answered']);
      assert.match(error.message, /^http:\/\/127\.0\.0\.1:\d+ answered 429 Slow Down$/);
      assert.equal(error.answer?.text, 'body');
      assert.equal(error.answer?.headers.get('connection'), 'keep-alive');
      assert.doesNotMatch(inspect(error, { depth: 9, showHidden: true }), /answer: |body|keep-alive/);
      assert.doesNotMatch(JSON.stringify(error), /body|keep-alive/);
    }
  });

  it('rejects with DECODE for what is not JSON', async () => {
    assert.equal((await failing(client.get('/not-json').json())).code, 'DECODE');
    assert.match((await failing(client.get('/empty').json())).message, /it is empty/);
  });

  it('gives status, headers and data in one, as HTTPClient does', async () => {
    const { status, statusText, headers, data } = await client.get('/json').full();
    assert.deepEqual([status, statusText, data], [200, 'OK', { a: [1, '2', null] }]);
    assert.equal(headers['content-type'], 'application/json');
    assert.equal((await client.get('/not-json').full()).data, '<html>');
    assert.deepEqual((await client.get('/cookies').full()).headers['set-cookie'], ['a=1; Path=/', 'b=2, c']);
    assert.equal((await client.get('/status?code=500').full()).status, 500);
  });
});

describe('redirects of a client', () => {
  it('are handed to the caller unless it asks for them to be followed', async () => {
    const reply = await client.get('/redirect?to=/text');
    assert.deepEqual([reply.status, reply.movedTo], [302, undefined]);
    await using follower = createClient({ origin: server.origin, redirectsMax: 3 });
    const followed = await follower.get('/redirect?to=/text%23part');
    assert.deepEqual([followed.status, followed.movedTo], [200, `${server.origin}/text`]);
    const error = await failing(follower.get('/loop?left=4'));
    assert.deepEqual([error.code, error.limit, error.value], ['REDIRECT', 'redirectsMax', 3]);
  });
});

describe('a client', () => {
  it('is healthy while it is open and most calls are answered', async () => {
    const fresh = createClient({ origin: server.origin });
    assert(fresh.isHealthy());
    await fresh.get('/text').text();
    assert(fresh.isHealthy());
    await fresh.get('/break-head').catch(() => 0);
    await fresh.get('/break-head').catch(() => 0);
    assert(!fresh.isHealthy());
    await fresh.close();
    assert(!fresh.isHealthy());
  });

  it('tells in stats how old it is, and of reuse before there was any that there was none', async () => {
    const clock = new FakeClock();
    clock.advance(5_000);
    await using fresh = createClient({ origin: server.origin, clock });
    assert.deepEqual([fresh.stats().uptimeMs, fresh.stats().reuse.ratio], [0, 0]);
    clock.advance(1_234);
    assert.equal(fresh.stats().uptimeMs, 1_234);
  });

  it('tells in stats how often it reused, what is open, and how long calls took', async () => {
    await using fresh = createClient({ origin: server.origin });
    for (let i = 0; i < 10; i++) await fresh.get('/text').text();
    const { calls, reuse, sockets, latency, pools } = fresh.stats();
    assert.deepEqual([calls.total, calls.failed, calls.inFlight, calls.byClass[2]], [10, 0, 0, 10]);
    assert.deepEqual([reuse.fresh, reuse.reused, reuse.ratio], [1, 9, 0.9]);
    assert.deepEqual([sockets.open, sockets.live[0]?.leases, sockets.live[0]?.state], [1, 10, 'idle']);
    assert.equal(latency.count, 10);
    assert.equal(pools[0]?.origin, server.origin);
  });
});
