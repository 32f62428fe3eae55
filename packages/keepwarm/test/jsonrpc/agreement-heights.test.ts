/** What several endpoints are to agree on about the head: asked about one height, as heads differ from node to node. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { evm, type NetError, type RpcOptions } from '../../src/jsonrpc.ts';
import { type ANode, aNode, anRpc, bad, each, ok, thrown } from './a-node.ts';
import { aPool as aHeightPool } from './a-pool.ts';
import { aSlowClock } from './a-slow-clock.ts';

const hex = (value: number): string => `0x${value.toString(16)}`;
const BALANCE = ['0x00000000000000000000000000000000000000aa', 'latest'];

interface Height {
  at: number;
}

/** A node whose balances are as high as the block they are asked about. */
async function aChainNode(t: TestContext, height: Height, lie = 0): Promise<ANode> {
  return aNode(
    t,
    each(({ id, method, params }) => {
      if (method === 'eth_blockNumber') return ok(id, hex(height.at));
      const [, block] = params as [string, string];
      const number = block === 'latest' ? height.at : Number(block);
      return number > height.at ? bad(id, -32000, 'header not found') : ok(id, hex(number + lie));
    }),
  );
}

async function aPool(t: TestContext, heights: readonly number[], options: Partial<RpcOptions> = {}, lies = [0]) {
  const at = heights.map((height) => ({ at: height }));
  const nodes = await Promise.all(at.map((height, i) => aChainNode(t, height, lies[i])));
  const rpc = anRpc(t, nodes, { adapter: evm, freshness: true, clock: aSlowClock(), ...options });
  const blocks = () =>
    nodes.flatMap(({ messages }) =>
      messages.flatMap(({ requests: [request] }) =>
        request?.method === 'eth_getBalance' ? [(request.params as string[])[1]] : [],
      ),
    );
  const differed = () => rpc.stats().endpoints.map((endpoint) => endpoint.differed.disagreed);
  return { rpc, at, nodes, blocks, differed };
}

describe('agreement about the head', () => {
  it('is about one height that enough endpoints have reached, from the first call on', async (t) => {
    const { rpc, blocks, differed } = await aPool(t, [101, 100, 100]);
    for (let i = 0; i < 10; i++) assert.equal(await rpc.call('eth_getBalance', BALANCE, { agree: 2 }), hex(100));
    assert.deepEqual(new Set(blocks()), new Set([hex(100)]));
    assert.deepEqual(rpc.stats().agreement, { agreed: 10, disagreed: 0, more: 0 });
    assert.deepEqual(differed(), [0, 0, 0]);
  });

  it('leaves one endpoint more than needed that can answer', async (t) => {
    const { rpc, nodes } = await aPool(t, [102, 102, 101, 90]);
    await rpc.warmUp();
    nodes[0]!.say = each(({ id, method }) => (method === 'eth_getBalance' ? bad(id, -32603) : ok(id, hex(102))));
    for (let i = 0; i < 5; i++) assert.equal(await rpc.call('eth_getBalance', BALANCE, { agree: 2 }), hex(101));
  });

  it('goes on with the chain, and is never about less than a caller asks for', async (t) => {
    const { rpc, at, blocks } = await aPool(t, [100, 100], { freshness: { intervalMs: 10 } });
    assert.equal(await rpc.call('eth_getBalance', BALANCE, { agree: 2 }), hex(100));
    for (const height of at) height.at = 103;
    assert.equal((await rpc.call('eth_getBalance', BALANCE, { agree: 2, minHeight: 102 }).then(Number)) >= 102, true);
    assert(Number(blocks().at(-1)) >= 102);
  });

  it('still tells who lies, whatever height that one claims', async (t) => {
    for (const claimed of [100, 105, 9_999]) {
      const { rpc, differed } = await aPool(t, [100, 101, claimed], {}, [0, 0, 7]);
      await rpc.warmUp();
      for (let i = 0; i < 10; i++) {
        const said = await rpc.call<string>('eth_getBalance', [BALANCE[0], 'latest'], { agree: 2 });
        assert(Number(said) <= 101, said);
      }
      assert.deepEqual(differed().slice(0, 2), [0, 0]);
    }
  });

  it('asks as it is asked where nobody follows the heads, or nobody says where it is', async (t) => {
    const { rpc, blocks } = await aPool(t, [100, 100], { freshness: false });
    assert.equal(await rpc.call('eth_getBalance', BALANCE, { agree: 2 }), hex(100));
    assert.deepEqual(blocks(), ['latest', 'latest']);
    const mute = await aPool(t, [100, 100]);
    for (const node of mute.nodes) {
      node.say = each(({ id, method }) => (method === 'eth_blockNumber' ? bad(id, -32601) : ok(id, '0x5')));
    }
    assert.equal(await mute.rpc.call('eth_getBalance', BALANCE, { agree: 2 }), '0x5');
    assert.deepEqual(mute.blocks(), ['latest', 'latest']);
  });

  it('takes the word of an endpoint that never says where it is, as it does without', async (t) => {
    const { rpc, nodes, blocks } = await aPool(t, [100, 100]);
    const { say } = nodes[1]!;
    nodes[1]!.say = (message, response) =>
      message.requests[0]!.method === 'eth_blockNumber' ? bad(message.requests[0]!.id, -32601) : say(message, response);
    assert.equal(await rpc.call('eth_getBalance', BALANCE, { agree: 2 }), hex(100));
    assert.equal(await rpc.call('eth_getBalance', [BALANCE[0], '0x5'], { agree: 2 }), '0x5');
    assert.deepEqual(blocks().sort(), ['0x5', '0x5', '0x64', '0x64']);
    assert.equal(await rpc.call('eth_getBalance', ['0xbb', 'latest'], { minHeight: 100 }), hex(100));
    assert.equal(nodes[1]!.count('eth_getBalance'), 2, 'who waits for a height wants to know that it is reached');
  });

  it('goes by what is sent, not by what it is made from', async (t) => {
    const { rpc, blocks } = await aPool(t, [100, 100]);
    const builder = { toJSON: () => BALANCE };
    assert.equal(await rpc.call('eth_getBalance', builder, { agree: 2 }), hex(100));
    assert.deepEqual(blocks(), [hex(100), hex(100)]);
  });

  it('changes nothing for one endpoint, for other blocks, and for methods that cannot be asked so', async (t) => {
    const { rpc, blocks, nodes } = await aPool(t, [100, 100]);
    await rpc.call('eth_getBalance', BALANCE);
    await rpc.call('eth_getBalance', [BALANCE[0], '0x5'], { agree: 2 });
    assert.deepEqual(blocks().sort(), ['0x5', '0x5', 'latest']);
    for (const node of nodes) node.say = each(({ id, method, params }) => ok(id, [method, params]));
    assert.deepEqual(await rpc.call('eth_gasPrice', [], { agree: 2 }), ['eth_gasPrice', []]);
    const pending = [BALANCE[0], 'pending'];
    assert.deepEqual(await rpc.call('eth_getBalance', pending, { agree: 2 }), ['eth_getBalance', pending]);
  });

  it('ends with its caller while heights are not known yet', async (t) => {
    const { rpc, nodes } = await aPool(t, [100, 100]);
    for (const node of nodes) node.say = () => undefined;
    const late = (await thrown(rpc.call('eth_getBalance', BALANCE, { agree: 2, deadlineMs: 5 }))) as NetError;
    assert.deepEqual([late.code, late.reach], ['DEADLINE', 'unsent']);
    const caller = new AbortController();
    const left = thrown(rpc.call('eth_getBalance', BALANCE, { agree: 2, signal: caller.signal }));
    caller.abort(new Error('gone'));
    const error = (await left) as NetError;
    assert.deepEqual([error.code, (error.cause as Error).message], ['ABORTED', 'gone']);
    const early = (await thrown(rpc.call('eth_getBalance', BALANCE, { agree: 2, signal: caller.signal }))) as NetError;
    assert.equal(early.code, 'ABORTED');
    assert.equal(rpc.stats().coalesced, 0, 'nobody joins one that is over');
    const closed = thrown(rpc.call('eth_getBalance', BALANCE, { agree: 2 }));
    await rpc.close({ deadlineMs: 0 });
    assert.equal(((await closed) as NetError).code, 'CLOSED');
  });
});

describe('a height that several endpoints have reached', () => {
  it('is the greatest of so many that keep up, or of all of these', async () => {
    const { freshness } = aHeightPool({ a: 1_003, b: 1_002, c: 1_001, d: 900, e: 5_000 });
    assert.equal(freshness.common(1), undefined, 'nobody has said');
    await freshness.ready();
    assert.deepEqual(
      [1, 2, 3, 4, 5].map((count) => freshness.common(count)),
      [1_003, 1_002, 1_001, 1_001, 1_001],
    );
    freshness.seen('c', 1_003);
    assert.equal(freshness.common(3), 1_002);
  });

  it('is not that of one that fell silent, and is asked for anew after a rest', async () => {
    const { freshness, clock, heights, does } = aHeightPool({ a: 100, b: 100, c: 100 }, { idleMs: 5_000 });
    assert.equal(freshness.current({}) === undefined, false);
    await freshness.ready();
    assert.equal(freshness.current({}), undefined);
    await clock.run(60_000);
    for (const name of ['a', 'b', 'c'] as const) heights[name] = 160;
    does['c'] = 'silent';
    const asked = freshness.current({});
    assert(asked !== undefined, 'what was known is a minute old');
    await clock.run(1_100);
    await asked;
    assert.equal(freshness.common(3), 160);
    for (const name of ['a', 'b']) does[name] = 'refuses';
    await clock.run(3_000);
    assert.equal(freshness.common(1), undefined, 'of long ago, for all that is known');
  });

  it('is waited for no longer than its caller has time', async () => {
    const { freshness, clock, does } = aHeightPool({ a: 100, b: 100 });
    for (const name of ['a', 'b']) does[name] = 'silent';
    const late = assert.rejects(freshness.current({ deadlineAt: clock.now() + 300 })!, { code: 'DEADLINE' });
    await clock.run(300);
    await late;
    await assert.rejects(freshness.current({ deadlineAt: clock.now() })!, { code: 'DEADLINE', reach: 'unsent' });
    const all = assert.rejects(freshness.current({})!, { code: 'CLOSED' });
    freshness.close();
    await all;
    assert.equal(clock.sleeping, 0, 'no timer is left behind');
  });
});

it('a call ends at its deadline while it waits for its height', async (t) => {
  const { rpc } = await aPool(t, [100, 100], { freshness: { reachMs: 600_000 } });
  const late = (await thrown(rpc.call('eth_getBalance', BALANCE, { minHeight: 105, deadlineMs: 20 }))) as NetError;
  assert.deepEqual([late.code, late.reach, late.phase], ['DEADLINE', 'unsent', 'queue']);
});
