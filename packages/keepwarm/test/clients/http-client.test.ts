/** `HTTPClient`: the names, options, reply shape and statistics of a pooled Node client, on ours. */
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, before, describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { inspect } from 'node:util';
import { HTTPClient, NetError, RpcError, type TrackedEvent, type TrackedSocket } from '../../src/index.ts';
import { FakeClock } from '../../src/testing/fake-clock.ts';
import { type ApiServer, anApiServer, type Echo } from './api-server.ts';

let server: ApiServer;
before(async () => void (server = await anApiServer()));
after(() => server.close());

const refusal = (options: object): string => {
  try {
    new HTTPClient(options).destroy();
  } catch (error) {
    assert(error instanceof NetError && error.code === 'INVALID');
    return error.message;
  }
  return assert.fail(`accepted: ${inspect(options)}`);
};

describe('HTTPClient', () => {
  it('has a method for each verb, and answers with status, headers and data', async () => {
    await using http = new HTTPClient();
    const url = `${server.origin}/echo`;
    const replies = {
      GET: await http.get(url, { 'x-a': '1' }),
      DELETE: await http.delete(url, { 'x-a': '1' }),
      POST: await http.post(url, { a: 1 }, { 'x-a': '1' }),
      PUT: await http.put(url, '{"a":1}', { 'x-a': '1' }),
      PATCH: await http.patch(url, { a: 1 }, { 'x-a': '1' }),
    };
    for (const [method, { status, statusText, headers, data }] of Object.entries(replies)) {
      const echo = data as Echo;
      assert.deepEqual([status, statusText, headers['content-type']], [200, 'OK', 'application/json']);
      assert.deepEqual([echo.method, echo.headers['x-a'], echo.headers['accept']], [method, '1', 'application/json']);
      if (echo.body !== '')
        assert.deepEqual([echo.body, echo.headers['content-type']], ['{"a":1}', 'application/json']);
    }
    assert.equal((await http.head(`${server.origin}/text`)).status, 200);
    const { data } = await http.request(url, { method: 'POST', body: 'a,b', headers: { 'Content-Type': 'text/csv' } });
    assert.equal((data as Echo).headers['content-type'], 'text/csv');
  });

  it('hands over answers of every status, decoded whatever the coding', async () => {
    await using http = new HTTPClient();
    assert.equal((await http.get(`${server.origin}/status?code=503`)).status, 503);
    for (const coding of ['gzip', 'br', 'deflate']) {
      assert.equal((await http.get(`${server.origin}/encoded?coding=${coding}`)).data, 'hello, wörld');
    }
  });

  it('ends a request after its timeout, and says so', async () => {
    await using http = new HTTPClient({ timeout: 20 });
    const late = (promise: Promise<unknown>): Promise<string> =>
      promise.then(
        () => assert.fail('it succeeded'),
        (error: NetError) => error.code,
      );
    assert.equal(await late(http.get(`${server.origin}/silent`)), 'DEADLINE');
    await using patient = new HTTPClient();
    assert.equal(await late(patient.request(`${server.origin}/silent`, { timeout: 20 })), 'DEADLINE');
  });

  it('hands over a failing status as often as it comes, unless asked to repeat it', async () => {
    await using http = new HTTPClient();
    const url = `${server.origin}/status?code=503`;
    const before = server.seen.length;
    for (let i = 0; i < 8; i++) assert.equal((await http.get(url)).status, 503);
    assert.equal(server.seen.length - before, 8);
    await using asked = new HTTPClient({ client: { retry: { statuses: [503], attemptsMax: 3, baseMs: 1 } } });
    assert.equal((await asked.get(url)).status, 503);
    assert.equal(server.seen.length - before, 11);
  });

  it('repeats what got no answer where that is safe, and nothing when that is switched off', async () => {
    const url = `${server.origin}/break-head`;
    await using http = new HTTPClient({ client: { retry: { attemptsMax: 2, baseMs: 1 } } });
    await using bare = new HTTPClient({ client: { retry: false, breaker: false } });
    for (const [client, method, sent] of [
      [http, 'GET', 2],
      [http, 'POST', 1],
      [bare, 'GET', 1],
    ] as const) {
      const before = server.seen.length;
      await assert.rejects(client.request(url, { method }), { code: 'RESET' });
      assert.equal(server.seen.length - before, sent, `${method} ${sent}`);
    }
  });

  it('counts each lease once: fresh or reused', async () => {
    await using http = new HTTPClient({ maxSockets: 7 });
    for (let i = 0; i < 10; i++) await http.get(`${server.origin}/text`);
    await http.post(`${server.origin}/break-head`).catch(() => undefined); // a GET would be repeated
    const stats = http.getStats();
    assert.equal(stats.totalRequests, 11);
    assert.equal(stats.errors, 1);
    assert.equal(stats.activeConnections, 0);
    assert.deepEqual(stats.poolEfficiency, stats.poolHits / (stats.poolHits + stats.poolMisses));
    assert(stats.poolEfficiency > 0.8);
    assert(stats.avgLatency > 0);
    assert.deepEqual([stats.httpAgentStats.maxSockets, stats.httpsAgentStats.freeSockets], [7, 0]);
    assert(http.isHealthy());
  });

  it('closes idle connections and leaves those in use alone', async () => {
    await using http = new HTTPClient();
    await http.get(`${server.origin}/text`);
    const busy = http.client.get(`${server.origin}/half`);
    const reply = await busy;
    await http.get(`${server.origin}/text`);
    assert.equal(http.closeIdleConnections(), 1);
    assert.deepEqual([http.getStats().activeConnections, http.getStats().httpAgentStats.freeSockets], [1, 0]);
    reply.discard();
  });

  it('is over after destroy, which may be said twice', async () => {
    const http = new HTTPClient();
    const waiting = http.get(`${server.origin}/silent`).catch((error: NetError) => error);
    await turn();
    http.destroy();
    http.destroy();
    assert((await waiting) instanceof NetError);
    assert(!http.isHealthy());
    await assert.rejects(http.get(server.origin), { code: 'CLOSED' });
  });
});

describe('HTTPClient.warmUp', () => {
  it('opens connections, sends nothing, and never throws', async () => {
    await using http = new HTTPClient();
    const seen = server.seen.length;
    const warmth = await http.warmUp([`${server.origin}/rpc?key=secret`, 'no url', 'http://127.0.0.1:1/']);
    assert.deepEqual(
      warmth.map(({ origin, ok, error }) => [origin, ok, error?.code]),
      [
        [server.origin, true, undefined],
        ['', false, 'INVALID'],
        ['http://127.0.0.1:1', false, 'CONNECT'],
      ],
    );
    assert.equal(server.seen.length, seen);
    await http.get(`${server.origin}/text`);
    const { poolMisses, httpAgentStats } = http.getStats();
    assert.deepEqual([poolMisses, httpAgentStats.freeSockets], [1, 1]);
  });

  it('sends a request only to those that name one', async () => {
    await using http = new HTTPClient();
    const seen = server.seen.length;
    const [warmth] = await http.warmUp([{ url: `${server.origin}/echo`, request: { method: 'POST', body: { a: 1 } } }]);
    assert.equal(warmth?.ok, true);
    assert.deepEqual(server.seen.slice(seen), ['POST /echo']);
    const [refused] = await http.warmUp([{ url: `${server.origin}/status?code=500`, request: {} }]);
    assert.deepEqual([refused?.ok, refused?.error?.code], [false, 'STATUS']);
  });
});

describe('HTTPClient.rpcCall', () => {
  it('counts its ids up, returns the result, and throws the peer’s errors', async (t) => {
    const calls: Record<string, unknown>[] = [];
    const rpc = createServer((request, response) => {
      let text = '';
      request
        .on('data', (chunk) => (text += chunk))
        .on('end', () => {
          const call = JSON.parse(text) as Record<string, unknown>;
          calls.push(call);
          const { id, method } = call;
          const answers: Record<string, [number, unknown]> = {
            add: [200, { jsonrpc: '2.0', id, result: 3 }],
            nothing: [200, { jsonrpc: '2.0', id, result: null }],
            unknown: [
              200,
              { jsonrpc: '2.0', id, error: { code: -32601, message: 'no such method', data: { key: 'secret' } } },
            ],
            limited: [429, { jsonrpc: '2.0', id, error: { code: -32005, message: 'too many' } }],
            down: [503, 'sorry'],
            stranger: [200, { jsonrpc: '2.0', id: 'other', result: 1 }],
            page: [200, '<html>'],
          };
          const [status, answer] = answers[String(method)]!;
          response.writeHead(status, { 'content-type': 'application/json' });
          response.end(typeof answer === 'string' ? answer : JSON.stringify(answer));
        });
    }).listen(0, '127.0.0.1');
    await new Promise((resolve) => rpc.once('listening', resolve));
    await using http = new HTTPClient();
    t.after(() => rpc.close());
    const url = `http://127.0.0.1:${(rpc.address() as { port: number }).port}/`;

    assert.equal(await http.rpcCall(url, 'add', [1, 2]), 3);
    assert.equal(await http.rpcCall(url, 'nothing'), null);
    assert.equal(await http.rpcCall(url, 'add', [1], 'mine', { 'x-a': '1' }), 3);
    assert.deepEqual(calls, [
      { jsonrpc: '2.0', id: 1, method: 'add', params: [1, 2] },
      { jsonrpc: '2.0', id: 2, method: 'nothing' },
      { jsonrpc: '2.0', id: 'mine', method: 'add', params: [1] },
    ]);
    const error = await http.rpcCall(url, 'unknown').catch((thrown: unknown) => thrown);
    assert(error instanceof RpcError);
    assert.deepEqual([error.message, error.code], ['RPC Error: no such method (Code: -32601)', -32601]);
    assert.deepEqual(error.data, { key: 'secret' });
    assert.doesNotMatch(inspect(error, { showHidden: true }), /secret/);
    await assert.rejects(http.rpcCall(url, 'limited'), { name: 'RpcError', code: -32005 });
    await assert.rejects(http.rpcCall(url, 'down'), { code: 'STATUS', status: 503 });
    await assert.rejects(http.rpcCall(url, 'stranger'), { code: 'DECODE', message: /is to call "other", not to 6/ });
    await assert.rejects(http.rpcCall(url, 'page'), { code: 'DECODE' });
  });
});

describe('HTTPClient.setConnectionTracker', () => {
  it('tells the tracker of every connection, its own words for the observer’s facts', async () => {
    const events: [TrackedSocket, TrackedEvent][] = [];
    const http = new HTTPClient();
    http.setConnectionTracker({ trackConnection: (socket, event) => void events.push([socket, event]) });
    await http.get(`${server.origin}/text?key=secret`);
    await http.get(`${server.origin}/text?key=secret`);
    http.closeIdleConnections();
    const told = events.map(([{ id }, { eventType, reused, reason }]) => [id, eventType, reused ?? reason]);
    assert.deepEqual(told, [
      [1, 'connect', undefined],
      [1, 'lease', false],
      [1, 'free', undefined],
      [1, 'lease', true],
      [1, 'free', undefined],
      [1, 'close', 'closing'],
    ]);
    for (const [socket, event] of events) {
      assert.deepEqual([socket.origin, event.url], [server.origin, server.origin]);
      assert(Math.abs(event.timestamp - Date.now()) < 60_000);
    }
    http.setConnectionTracker(null);
    await http.get(`${server.origin}/text`);
    assert.equal(events.length, 6);
    await http.close();
  });

  it('leaves an observer of its own in place', async () => {
    let leased = 0;
    let tracked = 0;
    const observer = { leased: () => void leased++ };
    await using http = new HTTPClient({ client: { observer } });
    http.setConnectionTracker({ trackConnection: () => void tracked++ });
    await http.get(`${server.origin}/text`);
    http.setConnectionTracker(null);
    await http.get(`${server.origin}/text`);
    assert.deepEqual([leased, tracked], [2, 3]);
  });
});

describe('options of HTTPClient', () => {
  it('are refused under the names they were given', () => {
    const cases: [object, RegExp][] = [
      [{ maxSockets: 0 }, /^option maxSockets is 0; allowed: a whole number from 1 to 65535$/],
      [{ maxSocket: 1 }, /there is no option maxSocket; did you mean maxSockets\?/],
      [{ scheduling: 'random' }, /^option scheduling is "random"; allowed: "lifo", "fifo"$/],
      [{ family: 0 }, /^option family is 0; allowed: "auto", 4, 6$/],
      [{ timeout: '60s' }, /^option timeout is "60s"; allowed: a number from 1 to Infinity$/],
    ];
    for (const [options, message] of cases) assert.match(refusal(options), message);
    new HTTPClient({ family: 'auto', maxSockets: 300, timeout: undefined }).destroy();
  });

  it('have the defaults of that design: 60 s for a call, first byte included', async () => {
    const clock = new FakeClock();
    const http = new HTTPClient({ client: { clock } });
    const call = http.get(`${server.origin}/silent`).catch((error: NetError) => error);
    const seen = server.seen.length;
    while (server.seen.length === seen) await turn();
    clock.advance(59_000);
    await turn();
    assert.equal(http.getStats().activeConnections, 1);
    clock.advance(1_100);
    assert.equal(((await call) as NetError).code, 'DEADLINE');
    http.destroy();
  });
});
