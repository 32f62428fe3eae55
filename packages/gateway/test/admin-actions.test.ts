import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:http2';
import { after, before, describe, it } from 'node:test';
import { parseConfig } from '../src/config/config.ts';
import { ConfigError } from '../src/config/config-error.ts';
import { Gateway } from '../src/gateway.ts';
import { ask, httpServer, Opened, startGateway, type TestGateway, until } from './fixtures.ts';

const TOKEN = 'token-of-a-test-0123456789';
const access = { token: TOKEN };

async function act(admin: string, name: string, inputs: object = {}) {
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${TOKEN}` };
  const answer = await ask(`${admin}/api/actions/${name}`, { method: 'POST', body: JSON.stringify(inputs), headers });
  return { status: answer.status, told: JSON.parse(String(answer.body)) };
}

const tell = async (admin: string, path: string) => JSON.parse(String((await ask(`${admin}/api/${path}`)).body));

/** A node that answers every request with a block number, or with what it is told to. */
const node = (status = 200) =>
  httpServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => {
      const { id } = JSON.parse(String(Buffer.concat(chunks)));
      response.statusCode = status;
      response.end(JSON.stringify({ jsonrpc: '2.0', id, result: '0x10' }));
    });
  });

const BLOCK = { method: 'POST', body: '{"jsonrpc":"2.0","id":1,"method":"eth_gasPrice"}' };

describe('actions on a pool of nodes', () => {
  const opened = new Opened();
  let gateway: TestGateway;
  let admin: string;
  before(async () => {
    const [a, b] = [opened.add(await node()), opened.add(await node())];
    const endpoints = [
      { name: 'a', url: a.origin },
      { name: 'b', url: b.origin },
    ];
    const chain = { jsonrpc: 'evm', endpoints, freshness: false, cache: false };
    gateway = opened.add(await startGateway({ chain }, { access }));
    admin = `http://127.0.0.1:${gateway.adminPort}`;
  });
  after(() => opened.closeAll());

  it('cordon: calls go elsewhere until it is put back', async () => {
    const { status, told } = await act(admin, 'cordon', { upstream: 'chain', endpoint: 'a' });
    assert.deepEqual([status, told], [200, { action: 'cordon', upstream: 'chain', endpoint: 'a', state: 'cordoned' }]);
    for (let i = 0; i < 4; i++) await ask(`${gateway.url}/chain`, BLOCK);
    const { endpoints } = await tell(admin, 'endpoints?upstream=chain');
    assert.deepEqual(
      endpoints.map(({ name, state, successes }: never) => [name, state, successes]),
      [
        ['a', 'cordoned', 0],
        ['b', 'healthy', 4],
      ],
    );
    const back = await act(admin, 'uncordon', { endpoint: 'a' });
    assert.equal(back.told.state, 'healthy');
  });

  it('is not ready when every endpoint is out', async () => {
    await act(admin, 'cordon', { endpoint: 'a' });
    assert.equal((await ask(`${admin}/readyz`)).status, 200);
    await act(admin, 'cordon', { endpoint: 'b' });
    const answer = await ask(`${admin}/readyz`);
    assert.deepEqual([answer.status, String(answer.body)], [503, 'no upstream is usable\n']);
    assert.equal((await tell(admin, 'stats')).readiness, 'no upstream is usable');
    for (const endpoint of ['a', 'b']) await act(admin, 'uncordon', { endpoint });
    assert.equal((await ask(`${admin}/readyz`)).status, 200);
  });

  it('names what there is when asked for what there is not', async () => {
    const { status, told } = await act(admin, 'cordon', { upstream: 'chain', endpoint: 'c' });
    assert.deepEqual([status, told.detail], [404, 'there is no endpoint "c"; there are: a, b']);
    assert.equal(
      (await act(admin, 'cordon', { upstream: 'chain' })).told.detail,
      'endpoint is left out; there are: a, b',
    );
    assert.equal((await act(admin, 'reset-breaker', { breaker: 'x' })).status, 404);
  });

  it('warm up, and close what is idle', async () => {
    await act(admin, 'close-idle');
    const warm = await act(admin, 'warm-up', { count: 3 });
    assert.deepEqual([warm.told.open, warm.told.failed], [6, 0]);
    const { total, sockets } = await tell(admin, 'sockets?state=idle&limit=4&order=oldest');
    assert.deepEqual([total, sockets.length], [6, 4]);
    assert.ok(sockets[0].id < sockets[3].id);
    assert.equal((await tell(admin, 'sockets?state=idle&limit=4&offset=4')).sockets.length, 2);
    assert.equal((await act(admin, 'close-idle', { upstream: 'chain' })).told.closed, 6);
    const closed = await tell(admin, 'sockets?state=closed&limit=2');
    assert.equal(closed.sockets[0].closeReason, 'closing');
    assert.match(closed.sockets[0].trail, /^\d{60}$/);
  });
});

describe('actions on an upstream', () => {
  const opened = new Opened();
  after(() => opened.closeAll());

  it('reset-breaker: what was refused is sent again', async () => {
    const broken = { jsonrpc: 'evm', freshness: false, cache: false, retry: false, coalesce: false };
    const breaker = { consecutiveMax: 2, failingMs: 0, openMs: 60_000 };
    const chain = { ...broken, breaker, endpoints: [{ name: 'dead', url: 'http://127.0.0.1:1' }] };
    const plain = { origin: 'http://127.0.0.1:1', breaker: false };
    const started = opened.add(await startGateway({ chain, plain }, { access }));
    const admin = `http://127.0.0.1:${started.adminPort}`;
    for (let i = 0; i < 4; i++) await ask(`${started.url}/chain`, BLOCK);
    const state = async () => (await tell(admin, 'breakers')).breakers;
    const [open] = await state();
    assert.deepEqual([open.upstream, open.key, open.state], ['chain', 'dead', 'open']);
    const { told } = await act(admin, 'reset-breaker', { upstream: 'chain', breaker: 'dead' });
    assert.equal(told.reset, 1);
    assert.equal((await state())[0].state, 'closed');
    const off = await act(admin, 'reset-breaker', { upstream: 'plain' });
    assert.deepEqual([off.status, off.told.detail], [409, 'upstream plain has no breaker: it is off']);
  });

  it('has no endpoints to choose between', async () => {
    const { adminPort } = opened.add(await startGateway({ api: 'http://127.0.0.1:1' }, { access }));
    const { status, told } = await act(`http://127.0.0.1:${adminPort}`, 'cordon', { endpoint: 'x' });
    assert.equal(status, 409);
    assert.match(told.detail, /upstream api is one origin: it has no endpoints/);
  });

  it('warm-up says what went wrong', async () => {
    const { adminPort } = opened.add(await startGateway({ api: 'http://127.0.0.1:1' }, { access }));
    const { told } = await act(`http://127.0.0.1:${adminPort}`, 'warm-up');
    assert.equal(told.open, 0);
    assert.deepEqual([told.error.code, told.error.reach, told.error.system], ['CONNECT', 'unsent', 'ECONNREFUSED']);
  });
});

describe('actions on the gateway', () => {
  const opened = new Opened();
  after(() => opened.closeAll());

  it('drain: it is not ready, what is under way ends, and nothing new is taken', async () => {
    let finish = (): void => undefined;
    const upstream = opened.add(
      await httpServer((_, response) => {
        finish = () => void response.end('done');
      }),
    );
    const { gateway, url, adminPort } = opened.add(await startGateway({ api: upstream.origin }, { access }));
    const admin = `http://127.0.0.1:${adminPort}`;
    const underWay = ask(`${url}/api/`);
    await until(() => gateway.data.inFlight === 1);
    const { told } = await act(admin, 'drain', { deadlineMs: 30_000 });
    assert.deepEqual(told, { action: 'drain', draining: true, deadlineMs: 30_000, inFlight: 1 });
    assert.equal((await ask(`${admin}/readyz`)).status, 503);
    assert.equal((await tell(admin, 'stats')).state, 'draining');
    await assert.rejects(ask(`${url}/api/`), { code: 'ECONNREFUSED' });
    finish();
    assert.equal(String((await underWay).body), 'done');
    assert.equal((await act(admin, 'drain')).status, 200, 'twice is harmless');
  });

  it('drain: listeners for gRPC take no new callers either', async () => {
    const grpc = { grpc: 'any', target: 'http://127.0.0.1:1', listen: '127.0.0.1:0', connectionRate: 'unlimited' };
    const { gateway, adminPort } = opened.add(await startGateway({ grpc }, { access }));
    const { port } = gateway.grpc.all[0]!.address!;
    const caller = connect(`http://127.0.0.1:${port}`);
    await once(caller, 'connect');
    await act(`http://127.0.0.1:${adminPort}`, 'drain', { deadlineMs: 60_000 });
    await assert.rejects(ask(`http://127.0.0.1:${port}/`), { code: 'ECONNREFUSED' });
    caller.destroy();
    await gateway.stop(20);
  });

  it('drain, then a signal: what is under way still ends, and no later than the signal allows', async () => {
    let finish = (): void => undefined;
    const upstream = opened.add(
      await httpServer((_, response) => {
        finish = () => void response.end('done');
      }),
    );
    for (const ends of [true, false]) {
      const { gateway, url, adminPort } = await startGateway({ api: upstream.origin }, { access });
      const underWay = ask(`${url}/api/`).then(
        ({ body }) => String(body),
        ({ code }) => code,
      );
      await until(() => gateway.data.inFlight === 1);
      await act(`http://127.0.0.1:${adminPort}`, 'drain', { deadlineMs: 60_000 });
      const stopped = gateway.stop(ends ? 30_000 : 20);
      await new Promise((resolve) => setImmediate(resolve));
      if (ends) finish();
      assert.equal(await underWay, ends ? 'done' : 'ECONNRESET');
      await stopped;
      await gateway.stop();
    }
  });

  it('reload: what is read is taken over, and what cannot be used changes nothing', async () => {
    const upstream = opened.add(await httpServer((_, response) => void response.end('x')));
    const config = (upstreams: object) =>
      parseConfig({ listen: '127.0.0.1:0', admin: '127.0.0.1:0', access, upstreams }, '.');
    let next = (): ReturnType<typeof config> =>
      config({ a: { origin: upstream.origin }, b: { origin: upstream.origin } });
    const gateway = new Gateway(config({ a: { origin: upstream.origin } }), { readConfig: () => next() });
    opened.add({ close: () => gateway.stop(0) });
    const { admin: address } = await gateway.start();
    const admin = `http://127.0.0.1:${address.port}`;
    assert.deepEqual((await act(admin, 'reload')).told, { action: 'reload', kept: ['a'], begun: ['b'], ended: [] });
    next = () => {
      throw new ConfigError('upstreams.a.origin', 'is "x"; allowed: …');
    };
    const { status, told } = await act(admin, 'reload');
    assert.equal(status, 422);
    assert.match(told.detail, /^not reloaded, all goes on as before: upstreams\.a\.origin is "x"/);
    assert.equal((await tell(admin, 'stats')).upstreams.length, 2);
    const without = opened.add(await startGateway({ a: upstream.origin }, { access }));
    assert.equal((await act(`http://127.0.0.1:${without.adminPort}`, 'reload')).status, 409);
  });

  it('an upstream that is no more is not acted upon', async () => {
    const upstream = opened.add(await httpServer((_, response) => void response.end('x')));
    const { gateway, adminPort, url } = opened.add(await startGateway({ a: upstream.origin }, { access }));
    await ask(`${url}/a/`);
    const admin = `http://127.0.0.1:${adminPort}`;
    assert.equal((await tell(admin, 'calls')).calls.length, 1);
    const more = { listen: '127.0.0.1:0', admin: '127.0.0.1:0', drainMs: 500, access };
    gateway.reload(parseConfig({ ...more, upstreams: { b: { origin: upstream.origin } } }, '.'));
    assert.equal((await act(admin, 'warm-up', { upstream: 'a' })).status, 404);
    assert.deepEqual(gateway.calls.of('a', false), []);
  });
});
