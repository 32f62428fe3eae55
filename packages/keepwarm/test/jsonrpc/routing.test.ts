/** Where calls go: away from endpoints that are behind, out of quota or without the method, and back. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type NetError, RpcError } from '../../src/jsonrpc.ts';
import { adapter, aNode, anRpc, bad, each, ok, thrown } from './a-node.ts';

describe('routing', () => {
  it('passes an endpoint over whose limit is used up, while another has room', async (t) => {
    const nodes = [await aNode(t), await aNode(t)];
    const endpoints = [
      { url: nodes[0]!.url, name: 'a', rateLimit: { limit: 3, windowMs: 60_000 } },
      { url: nodes[1]!.url, name: 'b', priority: 1 },
    ];
    const rpc = anRpc(t, [], { endpoints, coalesce: false });
    await Promise.all(Array.from({ length: 10 }, () => rpc.call('read')));
    assert.deepEqual(
      nodes.map((node) => node.count()),
      [3, 7],
    );
    const [limit] = rpc.stats().endpoints[0]!.rateLimit;
    assert.deepEqual([limit?.limit, limit?.used, limit?.granted], [3, 3, 3]);
  });

  it('heeds what comes with 429 and an error object, which its caller gets whole, or each of a batch', async (t) => {
    for (const status of [429, 503]) {
      const node = await aNode(t, ({ requests }, response) => {
        response.writeHead(status, { 'retry-after': '60', 'content-type': 'application/json' });
        return bad(requests[0]!.id ?? null, -32005, 'slow down', { seconds: 60 });
      });
      const rateLimit = { limit: 100, windowMs: 1_000 };
      const each = () => anRpc(t, [], { endpoints: [{ url: node.url, name: 'a', rateLimit }], retry: false });
      const [alone, together] = [each(), each()];
      const said = [await thrown(alone.call('read'))];
      for (const one of await together.batch([{ method: 'read' }, { method: 'head' }])) {
        said.push((one as PromiseRejectedResult).reason);
      }
      for (const error of said) {
        assert(error instanceof RpcError, String(error));
        assert.deepEqual([error.code, error.status, error.data], [-32005, status, { seconds: 60 }]);
      }
      for (const rpc of [alone, together]) {
        const [limit] = rpc.stats().endpoints[0]!.rateLimit;
        assert((limit?.pausedMs ?? 0) > 1_000, `paused for ${limit?.pausedMs} ms`);
      }
    }
  });

  it('counts compute units by the cost of methods, requests of batches each for itself', async (t) => {
    const node = await aNode(t);
    const rateLimit = [
      { limit: 100, windowMs: 60_000, unit: 'computeUnits', name: 'units' },
      { limit: 10, windowMs: 60_000, name: 'requests' },
    ] as const;
    const rpc = anRpc(t, [], { endpoints: [{ url: node.url, rateLimit }] });
    await rpc.batch([{ method: 'heavy' }, { method: 'read' }, { method: 'head' }]);
    await rpc.call('heavy');
    const used = rpc.stats().endpoints[0]!.rateLimit.map(({ name, used: count }) => [name, count]);
    assert.deepEqual(used, [
      ['units', 82],
      ['requests', 4],
    ]);
    const error = (await thrown(rpc.call('heavy', [], { deadlineMs: 50 }))) as NetError;
    assert(['DEADLINE', 'SATURATED'].includes(error.code), error.code);
    assert.equal(node.count('heavy'), 2);
  });

  it('remembers that an endpoint does not offer a method', async (t) => {
    const nodes = [await aNode(t), await aNode(t)];
    nodes[0]!.say = each(({ id, method }) => (method === 'heavy' ? bad(id, -32601) : ok(id, method)));
    const endpoints = nodes.map(({ url }, priority) => ({ url, priority, name: `${priority}` }));
    const rpc = anRpc(t, [], { endpoints });
    for (let i = 0; i < 3; i++) assert.equal(await rpc.call('heavy', [i]), 'heavy');
    assert.deepEqual(
      nodes.map((node) => node.count('heavy')),
      [1, 3],
    );
    nodes[1]!.say = each(({ id }) => bad(id, -32601));
    assert((await thrown(rpc.call('heavy'))) instanceof RpcError);
  });

  it('leaves an endpoint alone that says that it is throttled', async (t) => {
    const nodes = [
      await aNode(
        t,
        each(({ id }) => bad(id, -32005)),
      ),
      await aNode(t),
    ];
    const endpoints = nodes.map(({ url }, priority) => ({ url, priority, name: `${priority}` }));
    const rpc = anRpc(t, [], { endpoints, coalesce: false });
    for (let i = 0; i < 5; i++) await rpc.call('read');
    assert.deepEqual(
      nodes.map((node) => node.count()),
      [1, 5],
    );
    assert(rpc.stats().endpoints[0]!.pausedUntilMs !== undefined);
  });

  it('asks only endpoints that keep up with the head, and those that have what is asked for', async (t) => {
    const heights = [100, 100];
    const nodes = await Promise.all(
      heights.map((_, i) =>
        aNode(
          t,
          each(({ id, method }) => ok(id, method === 'head' ? heights[i] : i)),
        ),
      ),
    );
    const rpc = anRpc(t, nodes, { freshness: { intervalMs: 20, jitter: 0 }, coalesce: false });
    await rpc.warmUp();
    heights[1] = 200;
    const told = async () => {
      for (;;) {
        await rpc.call('read');
        if (rpc.stats().endpoints[0]?.freshness?.state === 'lagging') return;
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    };
    await told();
    const served = await Promise.all(Array.from({ length: 20 }, () => rpc.call('read')));
    assert.deepEqual(new Set(served), new Set([1]));
    assert.equal(rpc.stats().head, 200);

    const waits = rpc.call('read', [], { minHeight: 205 });
    heights[0] = 205;
    assert.equal(await waits, 0, 'whoever gets there first');
    const error = (await thrown(rpc.call('read', [], { minHeight: 1_000, deadlineMs: 60_000 }))) as NetError;
    assert.equal(error.code, 'TIMEOUT');
    assert.equal(((await thrown(rpc.call('read', [], { minHeight: -1 }))) as NetError).code, 'INVALID');
  });

  it('a read that is slow is asked of another node as well; a write never is', async (t) => {
    const nodes = [await aNode(t), await aNode(t)];
    const hedge = { countMin: 10, delayMsMin: 1, share: 1, perSecond: 100 };
    const rpc = anRpc(t, nodes, { hedge, coalesce: false });
    for (let i = 0; i < 30; i++) await rpc.call('echo', [i]);
    for (const node of nodes) {
      const [others] = nodes.filter((other) => other !== node);
      node.say = ({ requests: [request] }) => {
        const asked = others!.messages.some(({ requests }) => requests[0]?.id === request!.id);
        return asked ? ok(request!.id, 'the second') : undefined;
      };
    }
    assert.equal(await rpc.call('echo', ['slow']), 'the second');
    const before = nodes[0]!.count('write') + nodes[1]!.count('write');
    await thrown(rpc.call('write', ['slow'], { deadlineMs: 300 }));
    assert.equal(nodes[0]!.count('write') + nodes[1]!.count('write') - before, 1);
  });

  it('what belongs to one node stays with it', async (t) => {
    const nodes = [await aNode(t), await aNode(t), await aNode(t)];
    const rpc = anRpc(t, nodes);
    for (let i = 0; i < 20; i++) await rpc.call('filter', [i]);
    assert.deepEqual(
      nodes.map((node) => node.count('filter')).sort((a, b) => a - b),
      [0, 0, 20],
    );
  });

  it('endpoints that fail are ejected, operators can cordon, and stats tell', async (t) => {
    const nodes = [
      await aNode(
        t,
        each(({ id }) => bad(id, -32603)),
      ),
      await aNode(t),
    ];
    const rpc = anRpc(t, nodes, { coalesce: false, balance: { picker: 'round-robin' } });
    for (let i = 0; i < 200; i++) await rpc.call('read');
    const [poor, good] = rpc.stats().endpoints;
    assert.equal(poor?.state, 'ejected');
    assert(poor.failures < 10 && good!.successes > 180);
    rpc.cordon('b');
    assert((await thrown(rpc.call('read'))) instanceof RpcError);
    rpc.uncordon('b');
    assert.equal(await rpc.call('read'), 'read');
    assert.equal(rpc.isHealthy(), true);
  });

  it('two keys at one provider are two endpoints', async (t) => {
    const node = await aNode(t);
    const endpoints = [{ url: `${node.url}key-one` }, { url: `${node.url}key-two` }];
    const rpc = anRpc(t, [], { endpoints, coalesce: false });
    const { host } = new URL(node.url);
    assert.deepEqual(
      rpc.stats().endpoints.map(({ name }) => name),
      [host, `${host} #2`],
    );
    for (let i = 0; i < 20; i++) await rpc.call('read');
    assert.deepEqual(new Set(node.messages.map(({ url }) => url)), new Set(['/key-one', '/key-two']));
    assert.doesNotMatch(JSON.stringify(rpc.stats()), /key-/);
  });

  it('options that cannot be are refused by name', async (t) => {
    const { url } = await aNode(t);
    const refused: [object, RegExp][] = [
      [{ endpoints: [] }, /endpoints must list/],
      [{ endpoints: [{ url: 'nowhere' }] }, /absolute URL/],
      [{ endpoints: [{ url, wieght: 1 }] }, /did you mean weight/],
      [{ endpoints: [{ url, batch: 0 }] }, /batch is 0/],
      [{ endpoints: [{ url, rateLimit: { limit: 1 } }] }, /windowMs/],
      [{ endpoints: [{ url, rateLimit: { limit: 1, windowMs: 5, unit: 'x' } }] }, /unit is "x"/],
      [{ adapter: 'solana' }, /adapter says/],
      [{ batching: { windowMs: -1 } }, /batching.windowMs is -1/],
      [{ batching: { sizeMx: 1 } }, /did you mean sizeMax/],
      [{ cache: { entriesMax: 0 } }, /cache.entriesMax is 0/],
      [{ coalesce: 'yes' }, /coalesce is "yes"/],
      [{ bigints: true }, /bigints is true/],
      [{ origin: url }, /use endpoints/],
      [{ deadlineMs: -1 }, /deadlineMs is -1/],
      [{ retyr: true }, /did you mean retry/],
    ];
    for (const [options, message] of refused) {
      assert.throws(() => anRpc(t, [], { adapter, endpoints: [{ url }], ...options }), message);
    }
  });
});
