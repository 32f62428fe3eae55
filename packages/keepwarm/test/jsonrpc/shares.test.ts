/** Many reads of one time in several messages: how many, where they go, and when they stay in one. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { NetError, type RpcClient } from '../../src/jsonrpc.ts';
import { type ANode, aNode, anRpc, each, ok, type Say, thrown } from './a-node.ts';

const numbers = (count: number) => Array.from({ length: count }, (_, i) => i);
const sizes = ({ messages }: ANode) => messages.map(({ requests }) => requests.length);
let asked = 0;
/** So many that nobody has asked for before. */
const echoes = async (rpc: RpcClient, count: number) => {
  const first = asked;
  asked += count;
  const results = await Promise.all(numbers(count).map((i) => rpc.call<number[]>('echo', [first + i])));
  return results.map((result) => (result[0] ?? 0) - first);
};

/** Answers nothing before it is let. */
function aHeldSay(): { readonly say: Say; readonly go: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  const say: Say = async ({ requests, batch }) => {
    await promise;
    const answers = requests.map(({ id, params }) => ok(id, params));
    return batch ? answers : answers[0];
  };
  return { say, go: resolve };
}

describe('reads of one time, while nothing is under way', () => {
  it('go to endpoints of equal standing in two messages, and each gets its own answer', async (t) => {
    const nodes = [await aNode(t), await aNode(t)];
    const rpc = anRpc(t, nodes, { batching: true });
    assert.deepEqual(await echoes(rpc, 51), numbers(51));
    assert.deepEqual(nodes.flatMap(sizes).sort(), [25, 26]);
    assert.deepEqual(
      nodes.map(({ messages }) => messages.length),
      [1, 1],
    );
    assert.deepEqual(rpc.stats().batching, { batches: 2, batched: 51, resent: 0 });
  });

  it('go in two messages to a node that is alone', async (t) => {
    const node = await aNode(t);
    await echoes(anRpc(t, [node], { batching: true }), 30);
    assert.deepEqual(sizes(node), [15, 15]);
  });

  it('go in as many as there may be, none of them with fewer than 8', async (t) => {
    const expected = { 15: [15], 16: [8, 8], 23: [11, 12], 24: [8, 8, 8], 100: [25, 25, 25, 25] };
    for (const [count, parts] of Object.entries(expected)) {
      const node = await aNode(t);
      await echoes(anRpc(t, [node], { batching: { sharesMax: 4 } }), Number(count));
      assert.deepEqual(
        sizes(node).sort((a, b) => a - b),
        parts,
      );
    }
  });

  it('go in one message where that is asked for', async (t) => {
    const node = await aNode(t);
    await echoes(anRpc(t, [node], { batching: { sharesMax: 1 } }), 100);
    assert.deepEqual(sizes(node), [100]);
  });

  it('that a caller has put together himself go in one message', async (t) => {
    const node = await aNode(t);
    const rpc = anRpc(t, [node], { batching: true });
    await rpc.batch(numbers(50).map((i) => ({ method: 'echo', params: [i] })));
    const body = numbers(50).map((id) => ({ jsonrpc: '2.0', id, method: 'echo', params: [id] }));
    const response = await rpc.fetch('https://any.test', { method: 'POST', body: JSON.stringify(body) });
    assert.equal(((await response.json()) as unknown[]).length, 50);
    assert.deepEqual(sizes(node), [50, 50]);
  });

  it('never go to an endpoint that is there for want of others', async (t) => {
    const nodes = [await aNode(t), await aNode(t)];
    const endpoints = nodes.map(({ url }, priority) => ({ url, priority, name: `${priority}` }));
    await echoes(anRpc(t, [], { endpoints, batching: { sharesMax: 4 } }), 100);
    assert.deepEqual(nodes.map(sizes), [[25, 25, 25, 25], []]);
  });

  it('never go to an endpoint that lags', async (t) => {
    const at = (height: number): Say => each(({ id, method, params }) => ok(id, method === 'head' ? height : params));
    const nodes = [await aNode(t, at(100)), await aNode(t, at(90))];
    const rpc = anRpc(t, nodes, { freshness: true, batching: true });
    await rpc.warmUp();
    await echoes(rpc, 40);
    assert.deepEqual(
      nodes.map(({ messages }) => messages.filter(({ batch }) => batch).length),
      [2, 0],
    );
  });

  it('go where their limits have room: each message counts with the requests in it', async (t) => {
    const nodes = [await aNode(t), await aNode(t)];
    const endpoints = nodes.map(({ url }, i) => {
      return { url, name: `${i}`, rateLimit: { limit: 30, windowMs: 60_000 } };
    });
    const rpc = anRpc(t, [], { endpoints, batching: true });
    await echoes(rpc, 50);
    assert.deepEqual(nodes.map(sizes), [[25], [25]]);
    const used = rpc.stats().endpoints.map(({ rateLimit: [limit] }) => limit?.used);
    assert.deepEqual(used, [25, 25]);
  });

  it('fail and leave by the message they are in', async (t) => {
    const nodes = [await aNode(t), await aNode(t, ({ requests }, response) => void (requests && response.destroy()))];
    const rpc = anRpc(t, nodes, { batching: true, retry: false });
    const settled = await Promise.allSettled(numbers(20).map((i) => rpc.call('echo', [i])));
    const lost = settled.map((one) => one.status === 'rejected' && one.reason instanceof NetError);
    assert(lost.every((each) => each === lost[0]) === false, 'one message was lost, the other was not');
    assert.equal(lost.filter(Boolean).length, 10);
    for (const [i, one] of settled.entries()) if (one.status === 'fulfilled') assert.deepEqual(one.value, [i]);
  });
});

describe('reads that come while others are under way', () => {
  it('go in one message each time, as the nodes are busy', async (t) => {
    const { say, go } = aHeldSay();
    const node = await aNode(t, say);
    const rpc = anRpc(t, [node], { batching: true });
    const first = echoes(rpc, 20);
    await node.arrived(2);
    const second = echoes(rpc, 40);
    await node.arrived(3);
    assert.deepEqual(sizes(node), [10, 10, 40]);
    go();
    await Promise.all([first, second]);
    await echoes(rpc, 40);
    assert.deepEqual(sizes(node).slice(3), [20, 20], 'nothing is under way again');
  });

  it('who leaves before it is sent is not sent, and who leaves later takes no other along', async (t) => {
    const { say, go } = aHeldSay();
    const node = await aNode(t, say);
    const rpc = anRpc(t, [node], { batching: true, coalesce: false });
    const callers = numbers(4).map(() => new AbortController());
    const asked = callers.map(({ signal }, i) => rpc.call('echo', [i], { signal }));
    const left = thrown(asked[0]!);
    callers[0]!.abort();
    assert(((await left) as NetError).reach === 'unsent');
    await node.arrived(1);
    assert.deepEqual(sizes(node), [3]);
    const later = thrown(asked[1]!);
    callers[1]!.abort();
    assert(((await later) as NetError).reach === 'unknown');
    go();
    assert.deepEqual(await Promise.all(asked.slice(2)), [[2], [3]]);
  });

  it('count what ended without an answer as ended', async (t) => {
    const node = await aNode(t, () => undefined);
    const rpc = anRpc(t, [node], { batching: true, retry: false });
    const caller = new AbortController();
    const left = numbers(16).map((i) => thrown(rpc.call('echo', [i], { signal: caller.signal })));
    await node.arrived(2);
    const alone = thrown(rpc.call('read', [], { deadlineMs: 50 }));
    caller.abort();
    await Promise.all([...left, alone]);
    while (rpc.stats().endpoints[0]!.inFlight > 0) await new Promise((resolve) => setImmediate(resolve));
    await new Promise((resolve) => setImmediate(resolve)); // its outcome is told
    node.say = each(({ id, params }) => ok(id, params));
    node.messages.length = 0;
    await echoes(rpc, 16);
    assert.deepEqual(sizes(node), [8, 8]);
  });
});
