/** Whose answer is whose, and what was sent when a batch of requests is refused or fails as a whole. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { RpcError } from '../../src/jsonrpc.ts';
import { leavesNothing } from '../engine/setup.ts';
import { aNode, anRpc, bad, each, ok } from './a-node.ts';

leavesNothing();

/** What each was refused with, by the node's own words. */
const reasons = (outcomes: readonly PromiseSettledResult<unknown>[]): string[] =>
  outcomes.map((outcome) => {
    assert(outcome.status === 'rejected' && outcome.reason instanceof RpcError, JSON.stringify(outcome));
    return `${outcome.reason.method} ${outcome.reason.code} ${outcome.reason.said.message}`;
  });

describe('a batch of requests', () => {
  it('that has one in it which cannot be sent sends none, and leaves no promise behind', async (t) => {
    const nodes = [await aNode(t), await aNode(t)];
    const rpc = anRpc(t, nodes);
    const requests = [
      { method: 'read' },
      { method: 'write', params: ['0xhash'] },
      { method: 'unheardOf', params: ['it has no identity, so it cannot be broadcast'] },
    ];
    await assert.rejects(rpc.batch(requests, { broadcast: true }), { code: 'INVALID' });
    await rpc.call('echo', ['what came before has arrived']);
    assert.deepEqual(
      nodes.flatMap(({ messages }) => messages.flatMap((message) => message.requests.map(({ method }) => method))),
      ['echo'],
    );
  });

  it('all of which fail alike gives each its own error', async (t) => {
    const node = await aNode(
      t,
      each(({ id, method }) => bad(id, method === 'read' ? -32_001 : -32_601, `of ${method}`)),
    );
    const rpc = anRpc(t, [node], { retry: false });
    const outcomes = await rpc.batch([{ method: 'read' }, { method: 'heavy' }]);
    assert.deepEqual(reasons(outcomes), ['read -32001 of read', 'heavy -32601 of heavy']);
    assert.equal(node.messages.length, 1, 'what failed as a whole is not sent again one by one');
  });

  it('in parts, all of which fail, gives each its own error', async (t) => {
    const node = await aNode(
      t,
      each(({ id, method }) => bad(id, -32_601, `of ${method}`)),
    );
    for (const batch of [1, 2]) {
      const rpc = anRpc(t, [node], { endpoints: [{ url: node.url, name: 'a', batch }], retry: false });
      const methods = ['read', 'heavy', 'fixed', 'head'];
      const outcomes = await rpc.batch(methods.map((method) => ({ method })));
      assert.deepEqual(
        reasons(outcomes),
        methods.map((method) => `${method} -32601 of ${method}`),
      );
    }
  });

  it('in parts, one of which fails alike, gives each its own answer', async (t) => {
    const node = await aNode(
      t,
      each(({ id, method, params }) => (method === 'echo' ? ok(id, params) : bad(id, -32_601, `of ${method}`))),
    );
    const endpoints = [{ url: node.url, name: 'a', batch: 2 }];
    const rpc = anRpc(t, [node], { endpoints, retry: false });
    const outcomes = await rpc.batch([
      { method: 'echo', params: [1] },
      { method: 'echo', params: [2] },
      { method: 'read' },
      { method: 'heavy' },
    ]);
    const first = outcomes.slice(0, 2).map((outcome) => outcome.status === 'fulfilled' && outcome.value);
    assert.deepEqual(first, [[1], [2]]);
    assert.deepEqual(reasons(outcomes.slice(2)), ['read -32601 of read', 'heavy -32601 of heavy']);
  });
});

describe('a client that only writes', () => {
  it('knows which nodes lag: they are asked while it writes, as while it reads', async (t) => {
    const heights = [100, 10];
    const nodes = await Promise.all(
      heights.map((height) =>
        aNode(
          t,
          each(({ id, method }) => ok(id, method === 'head' ? height : method)),
        ),
      ),
    );
    const lagging = Promise.withResolvers<string>();
    const observer = { endpointLagging: ({ endpoint }: { readonly endpoint: string }) => lagging.resolve(endpoint) };
    const rpc = anRpc(t, nodes, { freshness: true, observer });
    await rpc.call('write', ['one']);
    assert.equal(await lagging.promise, 'b');
    const before = nodes[1]!.count('write');
    for (let i = 0; i < 10; i++) await rpc.call('write', [`more ${i}`]);
    assert.equal(nodes[1]!.count('write'), before, 'the one that lags gets no more of them');
  });
});
