/** `ConnectionPoolCore`: the names, metrics, events and environment of a stand-alone pool, on ours. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { inspect } from 'node:util';
import { ConnectionPoolCore, type FactOf, NetError } from '../../src/index.ts';
import { type ApiServer, anApiServer, type Echo } from './api-server.ts';

let server: ApiServer;
before(async () => void (server = await anApiServer()));
after(() => server.close());

/** Without the environment of whoever runs the tests. */
const aPool = (options = {}, env: Record<string, string> = {}): ConnectionPoolCore =>
  new ConnectionPoolCore(options, env);

describe('ConnectionPoolCore', () => {
  it('executes any method to any URL and answers with status, headers and data', async () => {
    await using pool = aPool({ keepAlive: true, maxSockets: 50, timeout: 3_000 });
    const { status, headers, data } = await pool.execute<Echo>(`${server.origin}/echo`, {
      method: 'POST',
      headers: { 'x-a': '1' },
      body: JSON.stringify({ a: 1 }),
      timeout: 5_000,
    });
    assert.deepEqual([status, headers['content-type']], [200, 'application/json']);
    assert.deepEqual([data.method, data.body, data.headers['x-a']], ['POST', '{"a":1}', '1']);
    assert.equal(data.headers['content-type'], 'application/json');
    assert.equal((await pool.execute(`${server.origin}/status?code=404`)).status, 404);
    await assert.rejects(pool.execute(`${server.origin}/silent`, { timeout: 20 }), { code: 'DEADLINE' });
    await assert.rejects(pool.execute('nowhere'), { code: 'INVALID' });
    await assert.rejects(pool.execute(server.origin, { signal: AbortSignal.abort() }), { code: 'ABORTED' });
  });

  it('measures what that design measures, each thing counted once', async () => {
    await using pool = aPool({ connectionTimeout: 1_000 });
    for (let i = 0; i < 20; i++) await pool.execute(`${server.origin}/text`);
    await pool.execute('http://127.0.0.1:1/').catch(() => undefined);
    await pool.execute(`${server.origin}/silent`, { timeout: 20 }).catch(() => undefined);
    const metrics = pool.getMetrics();
    assert.deepEqual(
      [metrics.totalRequests, metrics.failedRequests, metrics.timedOutRequests, metrics.waitingRequests],
      [22, 2, 1, 0],
    );
    assert.deepEqual([metrics.totalConnections, metrics.newConnections, metrics.reusedConnections], [1, 1, 20]);
    assert.deepEqual([metrics.failedConnections, metrics.timedOutConnections], [1, 0]);
    assert.equal(metrics.socketReusePercentage, '95.24%');
    assert.deepEqual([metrics.activeConnections, metrics.idleConnections, metrics.socketLeaks], [0, 0, 0]);
    assert(metrics.averageConnectionTime > 0);
    assert(metrics.averageReuseTime >= 0);
    assert(metrics.memory.heapUsedBytes > 0);
    assert.equal(metrics.endpoints[0]?.origin, server.origin);
  });

  it('records the life of every socket: opening, in use, idle, closed, and why', async () => {
    await using pool = aPool();
    const reply = await pool.client.get(`${server.origin}/half`);
    await pool.execute(`${server.origin}/text`);
    const states = (): string[] => pool.getSockets().live.map(({ id, state, leases }) => `${id} ${state} ${leases}`);
    assert.deepEqual(states(), ['1 in use 1', '2 idle 1']);
    reply.discard();
    assert.equal(pool.closeIdle(), 1);
    const lives = pool.getSockets().history.map(({ id, state, closeReason }) => [id, state, closeReason]);
    assert.deepEqual(lives, [[1, 'closed', 'aborted'], [2, 'closed', 'closing']]); // biome-ignore format: rows
    assert.deepEqual(states(), []);
  });

  it('gives every call a connection of its own when keep-alive is off', async () => {
    await using pool = aPool({ keepAlive: false });
    for (let i = 0; i < 5; i++) await pool.execute(`${server.origin}/text`);
    const { newConnections, reusedConnections, idleConnections, socketReusePercentage } = pool.getMetrics();
    assert.deepEqual([newConnections, reusedConnections, idleConnections, socketReusePercentage], [5, 0, 0, '0.00%']);
    assert(pool.getSockets().history.every(({ closeReason }) => closeReason === 'requests'));
  });

  it('limits the size of a response', async () => {
    await using pool = aPool({ responseSizeLimit: 1_000 });
    await assert.rejects(pool.execute(`${server.origin}/large`), {
      code: 'LIMIT',
      limit: 'bodyBytesMax',
      value: 1_000,
    });
  });

  it('warms up without a request, and never throws', async () => {
    await using pool = aPool();
    const seen = server.seen.length;
    const warmth = await pool.warmUp([server.origin, 'http://127.0.0.1:1'], { connections: 3 });
    assert.deepEqual(warmth.map(({ ok }) => ok), [true, false]); // biome-ignore format: short
    assert.deepEqual((await pool.warmUp(server.origin)).length, 1);
    assert.deepEqual([pool.getMetrics().idleConnections, server.seen.length], [3, seen]);
  });

  it('is over after close, which may be said twice', async () => {
    const pool = aPool();
    await pool.execute(`${server.origin}/text`);
    assert(pool.isHealthy());
    await pool.close();
    await pool.close();
    pool.destroy();
    assert(!pool.isHealthy());
    await assert.rejects(pool.execute(server.origin), { code: 'CLOSED' });
  });
});

describe('events of ConnectionPoolCore', () => {
  it('are the facts of the observer, to as many listeners as there are', async () => {
    await using pool = aPool();
    const opened: FactOf<'socketOpened'>[] = [];
    const replied: number[] = [];
    let once = 0;
    const listener = ({ status }: FactOf<'replied'>): void => void replied.push(status);
    pool
      .on('socketOpened', (fact) => opened.push(fact))
      .on('replied', listener)
      .on('replied', ({ status }) => replied.push(-status))
      .once('leased', () => void once++);
    await pool.execute(`${server.origin}/text`);
    pool.off('replied', listener).off('replied', listener);
    await pool.execute(`${server.origin}/text`);
    assert.deepEqual([opened.length, opened[0]?.origin, replied, once], [1, server.origin, [200, -200, -200], 1]);
  });

  it('reach the others when one listener throws; its error is an uncaught exception, the call goes on', async () => {
    const uncaught: unknown[] = [];
    const listeners = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    process.on('uncaughtException', (error) => uncaught.push(error));
    try {
      await using pool = aPool({
        client: {
          observer: {
            replied() {
              throw new RangeError('observer');
            },
          },
        },
      });
      let told = 0;
      pool
        .on('replied', () => {
          throw new RangeError('listener');
        })
        .on('replied', () => void told++);
      assert.equal((await pool.execute(`${server.origin}/text`)).status, 200);
      assert.equal(told, 1);
      await new Promise((resolve) => setImmediate(resolve));
      assert.deepEqual(uncaught.map((error) => (error as Error).message).sort(), ['listener', 'observer']);
    } finally {
      process.removeAllListeners('uncaughtException');
      for (const listener of listeners) process.on('uncaughtException', listener);
    }
  });
});

describe('the environment', () => {
  it('sets what the code does not', async () => {
    await using pool = aPool({ maxSockets: 3 }, { MAX_SOCKETS: '2', KEEP_ALIVE_ENABLED: 'false' });
    await pool.execute(`${server.origin}/text`);
    const { endpoints, idleConnections } = pool.getMetrics();
    assert.deepEqual([endpoints[0]?.socketsMax, idleConnections], [3, 0]);
    await using other = aPool({ keepAlive: true }, { MAX_SOCKETS: '2', KEEP_ALIVE_ENABLED: 'false' });
    await other.execute(`${server.origin}/text`);
    assert.deepEqual([other.getMetrics().endpoints[0]?.socketsMax, other.getMetrics().idleConnections], [2, 1]);
  });

  it('that cannot be meant is refused when the pool is made', () => {
    assert.throws(
      () => aPool({}, { MAX_SOCKETS: 'many' }),
      (error: unknown) =>
        error instanceof NetError && /^environment variable MAX_SOCKETS is "many"/.test(error.message),
      inspect('named'),
    );
  });
});
