/** Reads that are shared or kept, and writes that go to several nodes as one. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type NetError, RpcError } from '../../src/jsonrpc.ts';
import { aNode, anRpc, bad, each, ok, thrown } from './a-node.ts';

describe('callers who ask for the same at the same time', () => {
  it('share one request, and each has a result of its own', async (t) => {
    const node = await aNode(t);
    const rpc = anRpc(t, [node]);
    const [first, second, other] = await Promise.all([
      rpc.call<number[]>('echo', [1]),
      rpc.call<number[]>('echo', [1]),
      rpc.call<number[]>('echo', [2]),
    ]);
    assert.deepEqual([first, second, other], [[1], [1], [2]]);
    assert.notEqual(first, second);
    assert.equal(node.count(), 2);
    assert.equal(rpc.stats().coalesced, 1);
    await rpc.call('echo', [1]);
    assert.equal(node.count(), 3, 'what is over is not shared');
  });

  it('make their own when that is switched off, and always when it may change something', async (t) => {
    const node = await aNode(t);
    const alone = anRpc(t, [node], { coalesce: false });
    await Promise.all([alone.call('read'), alone.call('read')]);
    const rpc = anRpc(t, [node]);
    await Promise.all([rpc.call('write', [1]), rpc.call('write', [1]), rpc.call('filter'), rpc.call('filter')]);
    assert.equal(node.count(), 6);
  });

  it('an error is for all of them; the leaving of one is for nobody else', async (t) => {
    const node = await aNode(
      t,
      each(({ id }) => bad(id, 3)),
    );
    const rpc = anRpc(t, [node]);
    const errors = await Promise.all([thrown(rpc.call('read')), thrown(rpc.call('read'))]);
    assert(errors.every((error) => error instanceof RpcError && error.code === 3));
    assert.equal(node.count(), 1);

    const { promise: told, resolve: tell } = Promise.withResolvers<void>();
    node.say = async ({ requests }) => {
      await told;
      return ok(requests[0]!.id, 'answer');
    };
    const [first, second] = [new AbortController(), new AbortController()];
    const led = thrown(rpc.call('read', [], { signal: first.signal }));
    const left = thrown(rpc.call('read', [], { signal: second.signal }));
    const late = thrown(rpc.call('read', [], { deadlineMs: 5 }));
    const stayed = [rpc.call('read', []), rpc.call('read', [])];
    second.abort(new Error('second'));
    assert.equal(((await left) as NetError).code, 'ABORTED');
    assert.equal(((await late) as NetError).code, 'DEADLINE');
    first.abort(new Error('first'));
    assert.equal(((await led) as NetError).code, 'ABORTED');
    tell();
    assert.deepEqual(await Promise.all(stayed), ['answer', 'answer']);
    assert.equal(node.count(), 3, 'those who stayed have asked anew, together');
  });

  it('nobody who has written reads from before', async (t) => {
    let balance = 1;
    const node = await aNode(t, async ({ requests: [request] }) => {
      const seen = balance;
      if (request!.method === 'write') balance = 2;
      else await new Promise((resolve) => setTimeout(resolve, 30));
      return ok(request!.id, seen);
    });
    const rpc = anRpc(t, [node]);
    const before = rpc.call('read');
    await node.arrived(1);
    await rpc.call('write', ['x']);
    assert.deepEqual(await Promise.all([before, rpc.call('read')]), [1, 2]);
  });
});

describe('answers that are kept', () => {
  it('are those the adapter allows, for as long as it says, and each caller has its own', async (t) => {
    const node = await aNode(
      t,
      each(({ id, params }) => ok(id, params)),
    );
    const rpc = anRpc(t, [node], { cache: true });
    const first = await rpc.call<number[]>('fixed', [1]);
    first.push(5);
    assert.deepEqual(await rpc.call('fixed', [1]), [1]);
    assert.equal(node.count(), 1);
    await rpc.call('read', [1]);
    await rpc.call('read', [1]);
    assert.equal(node.count(), 3, 'what has no time is not kept');
    const settled = await rpc.batch([
      { method: 'fixed', params: [1] },
      { method: 'fixed', params: [2] },
    ]);
    assert.deepEqual(
      settled.map((one) => one.status === 'fulfilled' && one.value),
      [[1], [2]],
    );
    assert.equal(node.count(), 4);
    assert.deepEqual(rpc.stats().cache, { entries: 2, hits: 2, kept: 2 });
  });

  it('are not what the adapter says may still change, nor errors', async (t) => {
    const node = await aNode(
      t,
      each(({ id }) => ok(id, null)),
    );
    const rpc = anRpc(t, [node], { cache: true });
    await rpc.call('fixed');
    await rpc.call('fixed');
    node.say = each(({ id }) => bad(id, 3));
    await thrown(rpc.call('fixed'));
    await thrown(rpc.call('fixed'));
    assert.equal(node.count(), 4);
  });

  it('are bounded in number and length', async (t) => {
    const node = await aNode(
      t,
      each(({ id, params }) => ok(id, params)),
    );
    const rpc = anRpc(t, [node], { cache: { entriesMax: 2, charsMax: 20 } });
    for (const i of [1, 2, 3, 1]) await rpc.call('fixed', [i]);
    assert.equal(node.count(), 4);
    await rpc.call('fixed', ['x'.repeat(50)]);
    await rpc.call('fixed', ['x'.repeat(50)]);
    assert.equal(node.count(), 6);
    assert.equal(rpc.stats().cache?.entries, 2);
  });
});

describe('a write to several nodes', () => {
  it('goes to each of them once, and is one write', async (t) => {
    const nodes = [await aNode(t), await aNode(t), await aNode(t)];
    const rpc = anRpc(t, nodes);
    const slow = nodes[0]!;
    slow.say = () => undefined;
    nodes[1]!.say = each(({ id }) => bad(id, -32000, 'already known'));
    nodes[2]!.say = each(({ id }) => bad(id, -32603));
    assert.equal(await rpc.call('write', ['0xhash'], { broadcast: true, deadlineMs: 500 }), '0xhash');
    assert.deepEqual(
      nodes.map((node) => node.count('write')),
      [1, 1, 1],
    );
  });

  it('goes to as many as asked for', async (t) => {
    const nodes = [await aNode(t), await aNode(t), await aNode(t)];
    await anRpc(t, nodes).call('write', ['x'], { broadcast: 2 });
    assert.deepEqual(nodes.map((node) => node.count('write')).sort(), [0, 1, 1]);
    const [only] = nodes;
    await anRpc(t, [only!]).call('write', ['y'], { broadcast: 5 });
  });

  it('fails when all do, with what a node said of it', async (t) => {
    const nodes = [
      await aNode(
        t,
        each(({ id }) => bad(id, -32603)),
      ),
      await aNode(
        t,
        each(({ id }) => bad(id, 3)),
      ),
    ];
    const error = await thrown(anRpc(t, nodes).call('write', ['x'], { broadcast: true }));
    assert(error instanceof RpcError && error.code === 3);
  });

  it('needs a method whose copies are one', async (t) => {
    const rpc = anRpc(t, [await aNode(t)]);
    for (const broadcast of [true, 2]) {
      assert.equal(((await thrown(rpc.call('unheardOf', [], { broadcast }))) as NetError).code, 'INVALID');
    }
    assert.equal(((await thrown(rpc.call('write', [], { broadcast: 0.5 }))) as NetError).code, 'INVALID');
  });

  it('a write that was repeated on request, and is there already, has succeeded', async (t) => {
    const node = await aNode(
      t,
      each(({ id }) => bad(id, -32000, 'already known')),
    );
    const rpc = anRpc(t, [node]);
    assert.equal(await rpc.call('write', ['0xhash'], { idempotent: true }), '0xhash');
    assert((await thrown(rpc.call('write', ['0xhash']))) instanceof RpcError, 'who sent it once is told');
  });
});
