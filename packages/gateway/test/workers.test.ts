/** Several workers, as processes: one gateway to callers and to operators. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { ExactWindow } from 'keepwarm';
import type { CallsTold } from '../src/admin/calls.ts';
import type { BreakersTold, EndpointsTold, LimitsTold } from '../src/admin/endpoints.ts';
import { readKey } from '../src/admin/key-file.ts';
import type { SocketsTold } from '../src/admin/sockets.ts';
import { parseAddress } from '../src/config/address.ts';
import { command, type GatewayProcess, gatewayProcess } from './command-process.ts';
import { ask, eventually, httpServer, Opened, type TestServer } from './fixtures.ts';
import { Caller, isAlive, json, snapshotOf, workersOf } from './workers-load.ts';

const LIMIT = { limit: 40, windowMs: 500 };
const WORKERS = 3;
/** Nobody waits for it: what is under way here ends when the test says so. */
const DRAIN_MS = 60_000;
const BLOCK = '{"jsonrpc":"2.0","id":1,"method":"eth_gasPrice"}';

describe('a gateway of three workers', () => {
  const opened = new Opened();
  let upstream: TestServer;
  let gateway: GatewayProcess;
  let asked = 0;
  /** When the node saw its requests. */
  const seen: number[] = [];

  before(async () => {
    upstream = opened.add(
      await httpServer((request, response) => {
        asked++;
        request.resume().on('end', () => void setTimeout(() => response.end('here'), 5));
      }),
    );
    const node = opened.add(
      await httpServer((request, response) => {
        seen.push(performance.now());
        let text = '';
        request.on('data', (chunk) => (text += chunk));
        request.on('end', () => {
          const { id } = JSON.parse(text) as { id: number };
          response.setHeader('content-type', 'application/json');
          response.end(JSON.stringify({ jsonrpc: '2.0', id, result: '0x1' }));
        });
      }),
    );
    const endpoint = { name: 'one', url: node.origin, rateLimit: { ...LIMIT, name: 'plan' } };
    const rated = { origin: upstream.origin, callerRate: { limit: 20, windowMs: 3_600_000 } };
    const nodes = { jsonrpc: 'evm', coalesce: false, cache: false, endpoints: [endpoint] };
    gateway = opened.add(
      await gatewayProcess({ api: { origin: upstream.origin }, nodes, rated }, { workers: WORKERS, drainMs: DRAIN_MS }),
    );
  });
  after(() => opened.closeAll());

  const act = (name: string, inputs: object) =>
    ask(`http://${gateway.admin}/api/actions/${name}`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        authorization: `Bearer ${readKey(gateway.folder, parseAddress(gateway.admin, 'admin'))}`,
      },
      body: JSON.stringify(inputs),
    });

  it('is one to callers and in its figures: each call counts once, whoever made it', async () => {
    const callers = Array.from({ length: 9 }, () => new Caller(`${gateway.data}/api/`));
    await eventually(async () => callers.every(({ tally }) => tally.ok >= 20));
    await Promise.all(callers.map((caller) => caller.stop()));
    assert.deepEqual(
      callers.flatMap(({ tally }) => tally.failed),
      [],
    );
    const ok = callers.reduce((all, { tally }) => all + tally.ok, 0);
    assert.equal(asked, ok);
    await eventually(async () => (await snapshotOf(gateway.admin)).requests.inFlight === 0);
    const { state, upstreams, workers, overall } = await snapshotOf(gateway.admin);
    const [api] = upstreams;
    assert.equal(state, 'ready');
    assert.deepEqual(
      upstreams.map(({ name }) => name),
      ['api', 'nodes', 'rated'],
    );
    assert.equal(api!.calls.total, ok);
    assert.equal(api!.latencySinceStart.count, ok);
    assert.ok(api!.latencySinceStart.p50Ms >= 4 && api!.latencySinceStart.p50Ms <= api!.latencySinceStart.maxMs);
    assert.equal(overall.series.calls.length, 120);
    assert.equal(api!.pool.socketsMax, 50, 'the share of each worker, added up');
    assert.deepEqual(
      workers!.map(({ worker, state: each }) => [worker, each]),
      [
        [1, 'serving'],
        [2, 'serving'],
        [3, 'serving'],
      ],
    );
    const { sockets } = (await json(gateway.admin, '/api/sockets?state=all&upstream=api')) as SocketsTold;
    assert.deepEqual(new Set(sockets.map(({ worker }) => worker)), new Set([1, 2, 3]), 'connections come to all');
    const { calls } = (await json(gateway.admin, '/api/calls?upstream=api&limit=30')) as CallsTold;
    assert.equal(calls.length, 30);
    assert.ok(calls.every(({ worker }) => worker !== undefined));
    assert.ok(
      calls.every(({ at }, i) => i === 0 || at <= calls[i - 1]!.at),
      'latest first',
    );
    const text = String((await ask(`http://${gateway.admin}/metrics`)).body);
    assert.match(text, new RegExp(`^keepwarm_calls_total\\{client="api"\\} ${ok}$`, 'm'));
    assert.match(text, /^keepwarm_gateway_workers 3$/m);
  });

  it('keeps a limit over all workers, as the node counts, and uses all of it', async () => {
    seen.length = 0;
    const callers = Array.from({ length: 12 }, () => new Caller(`${gateway.data}/nodes`, BLOCK));
    await eventually(async () => seen.length >= LIMIT.limit * 5);
    const { rate } = (await json(gateway.admin, '/api/limits')) as LimitsTold;
    await Promise.all(callers.map((caller) => caller.stop()));
    assert.deepEqual(
      callers.flatMap(({ tally }) => tally.failed),
      [],
    );
    const window = new ExactWindow(LIMIT);
    for (const at of seen) assert.ok(window.take(1, at), `more than ${LIMIT.limit} in the window that ends at ${at}`);
    const [plan] = rate;
    assert.deepEqual([rate.length, plan!.name, plan!.endpoint, plan!.limit], [1, 'plan', 'one', LIMIT.limit]);
    assert.ok(plan!.used <= LIMIT.limit && plan!.granted >= LIMIT.limit);
  });

  it('keeps it when all calls come to one worker, which gets the places of the others', async () => {
    await new Promise((resolve) => setTimeout(resolve, LIMIT.windowMs));
    seen.length = 0;
    const batch = JSON.stringify(
      Array.from({ length: 30 }, (_, id) => ({ jsonrpc: '2.0', id, method: 'eth_gasPrice' })),
    );
    const caller = new Caller(`${gateway.data}/nodes`, batch);
    await eventually(async () => seen.length >= LIMIT.limit * 3);
    await caller.stop();
    assert.deepEqual(caller.tally.failed, []);
    const window = new ExactWindow(LIMIT);
    for (const at of seen) assert.ok(window.take(1, at));
    // More than its third came in some window: it was given what the others did not need.
    const most = Math.max(...seen.map((from) => seen.filter((at) => at >= from && at < from + LIMIT.windowMs).length));
    assert.ok(most > LIMIT.limit / WORKERS + 1, `at most ${most} in a window`);
  });

  it('counts what a caller asks for over all workers, and refuses what is too much', async () => {
    const all = await Promise.all(
      Array.from({ length: 32 }, () => ask(`${gateway.data}/rated/`, { method: 'POST', body: 'x' })),
    );
    const counts = Object.groupBy(all, ({ status }) => status);
    assert.deepEqual([all.length, counts[200]?.length, counts[429]?.length], [32, 20, 12]);
    assert.match(String(counts[429]![0]!.body), /a caller may make 20 requests in 3600000 ms \(limit callerRate\)/);
    const { callerRate } = (await snapshotOf(gateway.admin)).upstreams[2]!;
    assert.deepEqual(callerRate, { callers: 1, refused: 12 });
    const text = String((await ask(`http://${gateway.admin}/metrics`)).body);
    assert.match(text, /^keepwarm_gateway_caller_rate_callers\{client="rated"\} 1$/m);
    assert.match(text, /^keepwarm_gateway_caller_rate_refused_total\{client="rated"\} 12$/m);
  });

  it('does what an operator asks in every worker', async () => {
    const cordoned = await act('cordon', { upstream: 'nodes', endpoint: 'one' });
    assert.deepEqual(JSON.parse(String(cordoned.body)), {
      ...{ action: 'cordon', upstream: 'nodes', endpoint: 'one', state: 'cordoned', workers: WORKERS },
    });
    const { endpoints } = (await json(gateway.admin, '/api/endpoints')) as EndpointsTold;
    assert.deepEqual(
      endpoints.map(({ name, state, workersByState }) => [name, state, workersByState]),
      [['one', 'cordoned', undefined]],
    );
    assert.equal((await act('uncordon', { upstream: 'nodes', endpoint: 'one' })).status, 200);
    const warmed = JSON.parse(String((await act('warm-up', { upstream: 'api', count: 2 })).body));
    assert.ok(warmed.open >= 2 * WORKERS, `${warmed.open} open`);
    const idle = (await snapshotOf(gateway.admin)).upstreams[0]!.pool.idle;
    const closed = JSON.parse(String((await act('close-idle', { upstream: 'api' })).body));
    assert.ok(
      closed.closed >= 2 * WORKERS && closed.closed <= idle + WORKERS,
      `${closed.closed} of ${idle} were closed`,
    );
    assert.equal(JSON.parse(String((await act('reset-breaker', { upstream: 'nodes' })).body)).workers, WORKERS);
    const { breakers } = (await json(gateway.admin, '/api/breakers?upstream=nodes')) as BreakersTold;
    assert.ok(breakers.every(({ worker }) => worker !== undefined));
    assert.equal((await act('cordon', { upstream: 'nodes', endpoint: 'two' })).status, 404);
    assert.equal((await ask(`http://${gateway.admin}/api/sockets?state=odd`)).status, 400);
  });

  it('loses only the calls of a worker that is killed; another takes its place', async () => {
    const callers = Array.from({ length: 9 }, () => new Caller(`${gateway.data}/api/`));
    await eventually(async () => callers.every(({ tally }) => tally.ok >= 5));
    const [, victim] = await workersOf(gateway.admin);
    process.kill(victim!.pid!, 'SIGKILL');
    const before = callers.map(({ tally }) => tally.ok);
    await eventually(async () => {
      const [, second] = await workersOf(gateway.admin);
      return second!.state === 'serving' && second!.pid !== victim!.pid && second!.replaced === 1;
    });
    await eventually(async () => callers.every(({ tally }, i) => tally.ok >= before[i]! + 20));
    await Promise.all(callers.map((caller) => caller.stop()));
    const hit = callers.filter(({ tally }) => tally.failed.length > 0);
    assert.ok(hit.length < callers.length, 'callers of the other workers noticed nothing');
    for (const { tally } of hit) assert.ok(tally.failed.length <= 1, tally.failed.join(', '));
    assert.equal(String((await ask(`http://${gateway.admin}/readyz`)).body), 'ready\n');
    const text = String((await ask(`http://${gateway.admin}/metrics`)).body);
    const total = Number(/^keepwarm_calls_total\{client="api"\} (\d+)$/m.exec(text)![1]);
    assert.ok(total > 0);
    assert.match(text, /^keepwarm_gateway_workers_replaced_total 1$/m);
  });

  it('takes over another configuration in all workers, under load, and a wrong one in none', async () => {
    const file = join(gateway.folder, 'keepwarm.json');
    const callers = Array.from({ length: 6 }, () => new Caller(`${gateway.data}/api/`));
    const config = (more: object) =>
      JSON.stringify({
        listen: '127.0.0.1:0',
        admin: '127.0.0.1:0',
        drainMs: DRAIN_MS,
        history: false,
        workers: WORKERS,
        ...more,
      });
    for (let i = 0; i < 10; i++) {
      writeFileSync(file, config({ upstreams: { api: { origin: upstream.origin, deadlineMs: 20_000 + i } } }));
      const { status, body } = await act('reload', {});
      assert.equal(status, 200, String(body));
    }
    writeFileSync(file, config({ upstreams: { other: { origin: upstream.origin, pool: { socketsMax: 2 } } } }));
    const refused = await act('reload', {});
    assert.equal(refused.status, 422);
    assert.match(
      String(refused.body),
      /upstreams\.other\.pool\.socketsMax is 2; allowed: at least 1 for each of 3 workers/,
    );
    writeFileSync(file, config({ workers: 2, upstreams: { api: { origin: upstream.origin } } }));
    assert.match(
      String((await act('reload', {})).body),
      /workers cannot be changed while the gateway runs; restart it/,
    );
    const before = callers.map(({ tally }) => tally.ok);
    await eventually(async () => callers.every(({ tally }, i) => tally.ok >= before[i]! + 5));
    await Promise.all(callers.map((caller) => caller.stop()));
    assert.deepEqual(
      callers.flatMap(({ tally }) => tally.failed),
      [],
    );
    for (let i = 0; i < 6; i++) assert.equal((await ask(`${gateway.data}/other/`)).status, 404, 'in no worker');
  });

  it('answers what is under way when it is told to stop, and leaves nobody behind', async () => {
    const pids = (await workersOf(gateway.admin)).map(({ pid }) => pid!);
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    upstream.server.removeAllListeners('request');
    let waiting = 0;
    upstream.server.on('request', (request, response) => {
      // A worker that has not heard of the end yet serves who comes, and is not to be held up by that.
      if (request.url === '/new') return void response.end();
      waiting++;
      void held.then(() => response.end('late'));
    });
    const asks = Array.from({ length: 9 }, () => ask(`${gateway.data}/api/slow`));
    await eventually(async () => waiting === 9);
    // As systemd does: to all of them at once.
    gateway.child.kill('SIGTERM');
    for (const pid of pids) process.kill(pid, 'SIGTERM');
    await eventually(async () => (await ask(`http://${gateway.admin}/readyz`)).status === 503);
    await assert.rejects(async () => {
      for (;;) await ask(`${gateway.data}/api/new`); // until nobody listens
    }, /ECONNREFUSED|ECONNRESET|socket hang up/);
    release();
    assert.deepEqual(
      (await Promise.all(asks)).map(({ status, body }) => `${status} ${body}`),
      Array(9).fill('200 late'),
    );
    await eventually(async () => gateway.child.exitCode !== null);
    assert.equal(gateway.child.exitCode, 0);
    assert.deepEqual(pids.filter(isAlive), []);
  });
});

describe('workers', () => {
  const opened = new Opened();
  after(() => opened.closeAll());
  const upstreams = { api: { origin: 'http://127.0.0.1:9' } };

  it('end with the process that started them, however that ends', async () => {
    const gateway = await gatewayProcess(upstreams, { workers: 2 });
    const pids = (await workersOf(gateway.admin)).map(({ pid }) => pid!);
    assert.equal(pids.filter(isAlive).length, 2);
    gateway.child.kill('SIGKILL');
    await eventually(async () => pids.filter(isAlive).length === 0);
    await gateway.close();
  });

  it('drain for good: whoever ends then is not replaced', async () => {
    const gateway = opened.add(await gatewayProcess(upstreams, { workers: 2 }));
    const [first] = await workersOf(gateway.admin);
    const token = readKey(gateway.folder, parseAddress(gateway.admin, 'admin'));
    const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` };
    const drained = await ask(`http://${gateway.admin}/api/actions/drain`, { method: 'POST', headers, body: '{}' });
    assert.deepEqual([drained.status, JSON.parse(String(drained.body)).inFlight], [200, 0]);
    process.kill(first!.pid!, 'SIGKILL');
    await eventually(async () => (await workersOf(gateway.admin))[0]!.state === 'waiting');
    assert.deepEqual(
      (await workersOf(gateway.admin)).map(({ replaced }) => replaced),
      [0, 0],
    );
    assert.equal((await ask(`http://${gateway.admin}/readyz`)).status, 503);
    await assert.rejects(ask(`${gateway.data}/api/`), /ECONNREFUSED/);
  });

  it('are refused as one when their address is taken', async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    const { port } = taken.address() as { port: number };
    const flags = ['gateway', '--upstream', 'api=http://127.0.0.1:9', '--workers', '2', '--admin', '127.0.0.1:0'];
    const { code, err } = await command([...flags, '--listen', `127.0.0.1:${port}`]);
    taken.close();
    assert.equal(code, 1);
    assert.match(err, new RegExp(`keepwarm: 127\\.0\\.0\\.1:${port} is taken by another program; choose another`));
  });

  it('are as many as one asks for, if each has its share', async () => {
    const asked = async (...flags: string[]) =>
      (await command(['gateway', '--upstream', 'api=http://127.0.0.1:9', ...flags])).err;
    assert.match(await asked('--workers', '65'), /--workers is "65"; allowed: auto, or a whole number from 1 to 64/);
    assert.match(await asked('--workers', 'many'), /--workers is "many"; allowed: auto/);
  });
});
