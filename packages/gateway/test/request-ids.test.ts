/** The id of a request, wherever one meets it: upstream, in answers, in logs, among the last calls. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { Metadata } from '@grpc/grpc-js';
import { parseConfig } from '../src/config/config.ts';
import { RequestIds } from '../src/data/request-ids.ts';
import { Gateway } from '../src/gateway.ts';
import { logTo } from '../src/logs/log.ts';
import { type Answer, ask, httpServer, Opened, ownPort, raw, startGateway, type TestServer } from './fixtures.ts';
import { aCaller, aGrpcGateway, anEchoServer, ask as callGrpc } from './grpc-callers.ts';

const MADE = /^[\da-f]{32}$/;
const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const PARENT = '00f067aa0ba902b7';

describe('the id of a request', () => {
  const opened = new Opened();
  const lines: string[] = [];
  let upstream: TestServer;
  /** What the upstream was sent as an id, of each request. */
  let seen: (string | undefined)[] = [];
  let own: string | undefined;

  before(async () => {
    upstream = opened.add(
      await httpServer(({ headers }, response) => {
        seen.push(headers['x-request-id'] as string | undefined);
        response.setHeader('cache-control', 'max-age=60');
        if (own !== undefined) response.setHeader('x-request-id', own);
        response.end('well');
      }),
    );
  });
  beforeEach(() => {
    seen = [];
    own = undefined;
    lines.length = 0;
  });
  after(() => opened.closeAll());

  async function gatewayWith(requestIds: object | undefined, upstreams: object = {}) {
    const write = (text: string): void => void lines.push(...text.trimEnd().split('\n'));
    const config = {
      ...{ listen: '127.0.0.1:0', admin: '127.0.0.1:0', drainMs: 500, logs: { level: 'info', format: 'json' } },
      ...(requestIds === undefined ? {} : { requestIds }),
      upstreams: { api: { origin: upstream.origin }, ...upstreams },
    };
    const log = logTo({ write }, { level: 'info', format: 'json' });
    const gateway = new Gateway(parseConfig(config, '.'), { log });
    const { data, admin } = await gateway.start();
    opened.add({ close: () => gateway.stop(0) });
    return { gateway, port: data.port, url: `http://127.0.0.1:${data.port}`, admin: `http://127.0.0.1:${admin.port}` };
  }

  const idIn = ({ body }: Answer): string => JSON.parse(body.toString()).requestId;
  const logged = (): { msg: string; requestId?: string }[] => lines.map((line) => JSON.parse(line));

  it('is the one that the caller sends; replies of upstreams are left alone', async () => {
    const { url, gateway } = await gatewayWith(undefined);
    const { headers } = await ask(`${url}/api/a`, { headers: { 'X-Request-ID': 'order-7/a=' } });
    assert.deepEqual(seen, ['order-7/a=']);
    assert.equal(headers['x-request-id'], undefined);
    assert.equal(gateway.calls.of('api', false)[0]?.requestId, 'order-7/a=');
  });

  it('is new where the caller sends none, and goes no further than it was told to', async () => {
    const { url, gateway } = await gatewayWith(undefined);
    await ask(`${url}/api/a`);
    await ask(`${url}/api/a`);
    assert.deepEqual(seen, [undefined, undefined]);
    const [one, other] = gateway.calls.of('api', false).map(({ requestId }) => requestId!);
    assert.match(one!, MADE);
    assert.match(other!, MADE);
    assert.notEqual(one, other);
  });

  it('goes up and comes back with each request and each reply, where that is asked for', async () => {
    const { url } = await gatewayWith({ upstream: true, replies: true });
    const { headers } = await ask(`${url}/api/a`);
    assert.match(seen[0]!, MADE);
    assert.equal(headers['x-request-id'], seen[0]);
  });

  it('leaves alone what the upstream calls it: that one is for its support', async () => {
    const { url } = await gatewayWith({ replies: true });
    own = 'req_of_the_provider';
    const { rawHeaders } = await ask(`${url}/api/a`, { headers: { 'x-request-id': 'mine' } });
    const ids = rawHeaders.filter((_, i) => rawHeaders[i - 1]?.toLowerCase() === 'x-request-id');
    assert.deepEqual(ids, ['req_of_the_provider']);
  });

  it('stands in what the gateway answers, in its line, and in the line of the call that failed', async () => {
    const port = await ownPort();
    const { url } = await gatewayWith(undefined, { dead: { origin: `http://127.0.0.1:${port}` } });
    for (const [path, code] of [['/nobody', 'NOT_ROUTED'] as const, ['/dead/a', 'CONNECT'] as const]) {
      const answer = await ask(`${url}${path}`, { headers: { 'x-request-id': `id-of-${code}` } });
      assert.equal(idIn(answer), `id-of-${code}`);
      assert.equal(answer.headers['x-request-id'], `id-of-${code}`);
      const told = logged().filter(({ requestId }) => requestId === `id-of-${code}`);
      assert.equal(told.length, 1, lines.join('\n'));
      assert.equal(told[0]!.msg, code === 'CONNECT' ? 'call failed' : 'answered by the gateway');
    }
    const made = await ask(`${url}/nobody`);
    assert.match(idIn(made), MADE);
    assert.equal(made.headers['x-request-id'], idIn(made));
  });

  it('is not what cannot be one, and then the upstream gets the one that counts', async () => {
    const { port, gateway } = await gatewayWith(undefined);
    const bad = ['', 'two words', 'x'.repeat(129), 'quote"', 'a,b', '\u00e9t\u00e9', 'http://a@b', '<b>', '{}', 'a;b'];
    for (const value of bad) {
      await raw(port, `GET /api/a HTTP/1.1\r\nHost: a\r\nX-Request-Id: ${value}\r\nConnection: close\r\n\r\n`);
      assert.match(seen.at(-1)!, MADE, JSON.stringify(value));
      assert.equal(gateway.calls.of('api', false)[0]?.requestId, seen.at(-1));
    }
    await raw(
      port,
      'GET /api/a HTTP/1.1\r\nHost: a\r\nX-Request-Id: one\r\nx-request-id: two\r\nConnection: close\r\n\r\n',
    );
    assert.match(seen.at(-1)!, MADE, 'two of them are none');
    await raw(port, `GET /api/a HTTP/1.1\r\nHost: a\r\nX-Request-Id: ${'y'.repeat(128)}\r\nConnection: close\r\n\r\n`);
    assert.equal(seen.at(-1), 'y'.repeat(128));
  });

  it('is never the door for another field, another line or an endless head', async () => {
    const { port } = await gatewayWith({ replies: true });
    const sent = (value: string): Promise<string> =>
      raw(port, `GET /api/a HTTP/1.1\r\nHost: a\r\nX-Request-Id: ${value}\r\nConnection: close\r\n\r\n`);
    assert.match(await sent('a\rSet-Cookie: b'), /^HTTP\/1.1 400 /);
    assert.match(await sent('a\nSet-Cookie: b'), /^HTTP\/1.1 400 /);
    assert.match(await sent('a\0b'), /^HTTP\/1.1 400 /);
    assert.match(await sent('z'.repeat(100_000)), /^HTTP\/1.1 431 /);
    const trailing = 'POST /api/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n';
    const answer = await raw(port, `${trailing}1\r\na\r\n0\r\nX-Request-Id: trailing\r\n\r\n`);
    assert.match(answer, /x-request-id: [\da-f]{32}\r\n/i, 'what comes behind the body is too late');
    assert.doesNotMatch(lines.join('\n') + answer, /trailing|Set-Cookie/);
  });

  it('is that of the trace where there is one: looking for either finds the other', async () => {
    const { url, gateway } = await gatewayWith({ upstream: true });
    const traced = async (traceparent: string): Promise<string> => {
      await ask(`${url}/api/a`, { headers: { traceparent } });
      assert.equal(gateway.calls.of('api', false)[0]?.requestId, seen.at(-1));
      return seen.at(-1)!;
    };
    assert.equal(await traced(`00-${TRACE}-${PARENT}-01`), `${TRACE}-${PARENT}`);
    assert.equal(await traced(`01-${TRACE}-${PARENT}-00-more`), `${TRACE}-${PARENT}`);
    const none = [`ff-${TRACE}-${PARENT}-01`, `00-${'0'.repeat(32)}-${PARENT}-01`, `00-${TRACE}-${'0'.repeat(16)}-01`];
    for (const bad of [...none, `00-${TRACE.toUpperCase()}-${PARENT}-01`, TRACE, `00-${TRACE}-${PARENT}-01x`]) {
      assert.match(await traced(bad), MADE, bad);
    }
    await ask(`${url}/api/a`, { headers: { traceparent: `00-${TRACE}-${PARENT}-01`, 'x-request-id': 'said' } });
    assert.equal(seen.at(-1), 'said');
  });

  it("is never the caller's where callers are not believed", async () => {
    const { url } = await gatewayWith({ trust: false });
    await ask(`${url}/api/a`, { headers: { 'x-request-id': 'forged' } });
    assert.match(seen[0]!, MADE);
    const problem = await ask(`${url}/nobody`, { headers: { 'x-request-id': 'forged' } });
    assert.match(idIn(problem), MADE);
  });

  it('keeps nobody from sharing an answer, and can be taken out by a rule', async () => {
    const origin = upstream.origin;
    const { url } = await gatewayWith(
      { upstream: true },
      {
        kept: { origin, cache: true, coalesce: true },
        ruled: { origin, headers: { request: { remove: ['x-request-id'] } } },
      },
    );
    await ask(`${url}/ruled/a`, { headers: { 'x-request-id': 'mine' } });
    assert.deepEqual(seen, [undefined]);
    for (const id of ['a', 'b', 'c']) await ask(`${url}/kept/a`, { headers: { 'x-request-id': id } });
    assert.deepEqual(seen, [undefined, 'a']);
  });

  it('is followed through a reload, and can be asked for', async () => {
    const { url, gateway, admin } = await gatewayWith(undefined);
    await ask(`${url}/api/a`, { headers: { 'x-request-id': 'wanted' } });
    await ask(`${url}/api/a`);
    const told = await fetch(`${admin}/api/calls?requestId=wanted`);
    const { calls } = (await told.json()) as { calls: { requestId: string }[] };
    assert.deepEqual(
      calls.map(({ requestId }) => requestId),
      ['wanted'],
    );
    const { listen, admin: at } = { listen: '127.0.0.1:0', admin: '127.0.0.1:0' };
    const upstreams = { api: { origin: upstream.origin } };
    const logs = { level: 'info', format: 'json' };
    gateway.reload(
      parseConfig({ listen, admin: at, drainMs: 500, logs, upstreams, requestIds: { replies: true } }, '.'),
    );
    const { headers } = await ask(`${url}/api/a`, { headers: { 'x-request-id': 'again' } });
    assert.equal(headers['x-request-id'], 'again');
  });
});

describe('the id of a call by JSON-RPC, WebSocket and gRPC', () => {
  const opened = new Opened();
  after(() => opened.closeAll());
  const posted = { jsonrpc: '2.0', id: 1, method: 'eth_blockNumber' };
  const mine = { 'x-request-id': 'mine' };

  it('stands in its errors, and in replies where that is asked for; nodes do not see it', async () => {
    const seen: string[] = [];
    const node = opened.add(
      await httpServer((request, response) => {
        seen.push(...Object.keys(request.headers));
        request.resume().on('end', () => response.end('{"jsonrpc":"2.0","id":1,"result":"0x1"}'));
      }),
    );
    const eth = { jsonrpc: 'evm', endpoints: [{ url: node.origin }], methodsDenied: ['debug_*'], freshness: false };
    const { url } = opened.add(await startGateway({ eth }, { requestIds: { upstream: true, replies: true } }));
    const denied = [
      { ...posted, method: 'debug_a' },
      { ...posted, id: 2 },
    ];
    const refused = await ask(`${url}/eth`, { method: 'POST', headers: mine, body: JSON.stringify(denied) });
    assert.equal(refused.headers['x-request-id'], 'mine');
    const errors = JSON.parse(refused.body.toString()) as { error: { data: { requestId: string } } }[];
    assert.deepEqual(
      errors.map(({ error }) => error.data.requestId),
      ['mine', 'mine'],
    );
    const well = await ask(`${url}/eth`, { method: 'POST', headers: mine, body: JSON.stringify(posted) });
    assert.equal(well.headers['x-request-id'], 'mine');
    assert.equal(JSON.parse(well.body.toString()).error, undefined);
    assert.ok(!seen.includes('x-request-id'), seen.join());
  });

  it('crosses as metadata, and comes back with each status but OK', async (t) => {
    const { target, seen } = await anEchoServer(t);
    const { port } = await aGrpcGateway(t, target);
    const client = aCaller(t, port);
    const asked = async (fields: Record<string, string>) => {
      const metadata = new Metadata();
      for (const [name, value] of Object.entries(fields)) metadata.add(name, value);
      const { status } = await callGrpc(client, 'unary', [Buffer.from('a')], metadata);
      return { back: status.metadata.get('x-request-id'), up: seen.calls.at(-1)?.metadata.get('x-request-id') };
    };
    assert.deepEqual(await asked(mine), { back: [], up: ['mine'] });
    assert.deepEqual(await asked({}), { back: [], up: [] });
    assert.deepEqual(await asked({ ...mine, 'x-status': '5' }), { back: ['mine'], up: ['mine'] });
    const { back, up } = await asked({ 'x-request-id': 'no id', 'x-status': '5' });
    assert.match(String(back[0]), MADE);
    assert.deepEqual(up, back);
  });
});

describe('ids that are made', () => {
  it('are sixteen bytes of chance in hex, and none is given twice', () => {
    const ids = new RequestIds();
    const made = new Set(Array.from({ length: 100_000 }, () => ids.of({}).text));
    assert.equal(made.size, 100_000);
    for (const id of [...made].slice(0, 1_000)) assert.match(id, MADE);
    const bits = [...made].slice(0, 2_000).reduce((sum, id) => sum + (Number.parseInt(id.slice(-1), 16) & 1), 0);
    assert.ok(bits > 800 && bits < 1_200, String(bits));
  });
});
