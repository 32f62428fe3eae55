/** The RPC connection pool under its first names. */
import assert from 'node:assert/strict';
import { createServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { it } from 'node:test';
import { RpcConnectionPool } from '../../src/jsonrpc.ts';
import { aNode, each, ok } from './a-node.ts';

it('RpcConnectionPool: calls over named endpoints, and a monitor that is told of their limits', async (t) => {
  const node = await aNode(
    t,
    each(({ id, method }) => ok(id, method === 'getSlot' ? 5 : { value: 1 })),
  );
  const told: unknown[][] = [];
  const monitor = { updateRateLimitMetrics: (...figures: unknown[]) => void told.push(figures) };
  const pool = new RpcConnectionPool({ main: { url: node.url, weight: 2, maxRequestsPerSecond: 10 } }, monitor);
  t.after(() => pool.cleanup());

  await pool.warmUpConnections();
  assert.equal(node.count(), 0, 'no request is sent by warming up');
  assert.equal(await pool.call('getSlot'), 5);
  assert.deepEqual(await pool.call('getAccountInfo', ['So11111111111111111111111111111111111111112']), { value: 1 });
  assert.deepEqual(told, [
    ['main', 1, 10],
    ['main', 2, 10],
  ]);

  const { endpoints, httpClient, activeRequests } = pool.getStats();
  assert.equal(activeRequests, 0);
  const [main] = endpoints;
  assert.deepEqual([main?.name, main?.health, main?.successfulRequests], ['main', 'healthy', 2]);
  assert.equal(main?.rateLimitUtilization, 0.2);
  assert.deepEqual([httpClient.totalRequests, httpClient.poolMisses, httpClient.errors], [2, 1, 0]);
  assert.equal(pool.isHealthy(), true);

  pool.setPerformanceMonitor(null);
  await pool.call('getSlot');
  assert.equal(told.length, 2);
});

it('RpcConnectionPool: no more requests under way than allowed', async (t) => {
  let [active, most] = [0, 0];
  const three = Promise.withResolvers<void>();
  const node = await aNode(t, async ({ requests }) => {
    most = Math.max(most, ++active);
    if (active === 3) three.resolve();
    await three.promise; // and a little more, for a fourth to come
    await new Promise((resolve) => setTimeout(resolve, 10));
    active--;
    return ok(requests[0]!.id, requests[0]!.params);
  });
  const pool = new RpcConnectionPool({ main: { url: node.url } }, null, { maxConcurrentRequests: 3 });
  t.after(() => pool.cleanup());
  await Promise.all(Array.from({ length: 12 }, (_, i) => pool.call('getBalance', [`${i}`])));
  assert.equal(most, 3);
});

it('RpcConnectionPool: no more under way than allowed, where one connection carries them all', async (t) => {
  let [active, most] = [0, 0];
  const three = Promise.withResolvers<void>();
  const server = createServer(async (request, response) => {
    most = Math.max(most, ++active);
    if (active === 3) three.resolve();
    let text = '';
    for await (const chunk of request) text += chunk;
    await three.promise;
    await new Promise((resolve) => setTimeout(resolve, 10));
    active--;
    response.end(JSON.stringify(ok(JSON.parse(text).id, 1)));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const limits = { maxConcurrentRequests: 3, http2: 'prior-knowledge' } as const;
  const pool = new RpcConnectionPool({ main: { url } }, null, limits);
  t.after(() => pool.cleanup());
  await Promise.all(Array.from({ length: 12 }, (_, i) => pool.call('getBalance', [`${i}`])));
  assert.equal(most, 3);
});
