/** Writes that stand although a node refuses them: an earlier copy was taken, and its answer was lost. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { transactionHash } from '../../src/adapters/evm/index.ts';
import { signatureOf } from '../../src/adapters/solana/index.ts';
import { evm, NetError, RpcError, type RpcOptions, solana } from '../../src/jsonrpc.ts';
import { type ANode, aNode, anRpc, bad, type Message, ok, type Say, thrown } from './a-node.ts';

/** A legacy transaction in form; what is in it does not matter here. */
const RAW = `0xc3${'0102'.repeat(1)}03`;
const HASH = transactionHash(RAW)!;
const SEND = 'eth_sendRawTransaction';
const FIND = 'eth_getTransactionByHash';
const TOO_LOW = 'nonce too low: next nonce 3, tx nonce 2';

/** What a node does with each copy of a transaction that comes, and what it has of it. */
interface Script {
  readonly copies: readonly ('lost' | 'hangs' | 'too low' | 'known' | 'taken')[];
  /** What it is asked for by its hash, in turn; the last for good. Default: it is not there. */
  readonly finds?: readonly (boolean | 'hangs' | 'fails')[];
}

function saying({ copies, finds = [false] }: Script): Say {
  const [sent, found] = [[...copies], [...finds]];
  const next = <T>(list: T[]): T => (list.length > 1 ? list.shift()! : list[0]!);
  return ({ requests: [request] }, response) => {
    const { id, method } = request!;
    if (method === SEND) {
      const does = next(sent);
      if (does === 'lost') response.destroy();
      if (does === 'lost' || does === 'hangs') return undefined;
      return does === 'taken' ? ok(id, HASH) : bad(id, -32_000, does === 'known' ? 'already known' : TOO_LOW);
    }
    const is = next(found);
    if (is === 'hangs') return undefined;
    if (is === 'fails') return bad(id, -32_603, 'internal error');
    return ok(id, is ? { hash: HASH } : null);
  };
}

const at = async (t: TestContext, ...scripts: Script[]): Promise<ANode[]> =>
  Promise.all(scripts.map((script) => aNode(t, saying(script))));
const aPool = (t: TestContext, nodes: readonly ANode[], options: Partial<RpcOptions> = {}) =>
  anRpc(t, nodes, { adapter: evm, ...options });
const refused = (error: unknown): boolean => error instanceof RpcError && error.message.includes('nonce too low');

describe('a transaction that is refused because it was taken before', () => {
  it('has succeeded, when its caller allows it to be repeated and its first answer was lost', async (t) => {
    const [node] = await at(t, { copies: ['lost', 'too low'], finds: [true] });
    assert.equal(await aPool(t, [node!]).call(SEND, [RAW], { idempotent: true }), HASH);
    assert.deepEqual([node!.count(SEND), node!.count(FIND)], [2, 1]);
  });

  it('has succeeded, when another of its copies is still on its way', async (t) => {
    const nodes = await at(t, { copies: ['hangs'], finds: ['hangs'] }, { copies: ['too low'], finds: [true] });
    assert.equal(await aPool(t, nodes).call(SEND, [RAW], { broadcast: true }), HASH);
  });

  it('is looked for at all endpoints, and again a little later', async (t) => {
    const nodes = await at(
      t,
      { copies: ['lost', 'too low'], finds: [false] },
      { copies: ['lost', 'too low'], finds: ['fails'] },
      { copies: ['lost', 'too low'], finds: [false, false, true] },
    );
    assert.equal(await aPool(t, nodes).call(SEND, [RAW], { idempotent: true }), HASH);
    assert(nodes.every((node) => node.count(FIND) >= 1) && nodes[2]!.count(FIND) >= 3);
  });

  it('has succeeded, when its caller repeats a call of his own that was lost here', async (t) => {
    const [node] = await at(t, { copies: ['lost', 'too low', 'known'], finds: [true] });
    const rpc = aPool(t, [node!]);
    const lost = await thrown(rpc.call(SEND, [RAW]));
    assert(lost instanceof NetError && lost.reach === 'unknown', 'it is not repeated unasked');
    assert.equal(await rpc.call(SEND, [RAW]), HASH);
    assert.equal(await rpc.call(SEND, [RAW]), HASH, 'what is known to a node stands');
    assert.deepEqual([node!.count(SEND), node!.count(FIND)], [3, 1]);
  });

  it('is answered with its receipt, where that is the answer', async (t) => {
    let copies = 0;
    const receipt = { transactionHash: HASH, status: '0x1', blockNumber: '0x10' };
    const node = await aNode(t, ({ requests: [request] }: Message, response) => {
      const { id, method } = request!;
      if (method === 'eth_getTransactionReceipt') return ok(id, receipt);
      if (++copies === 1) return void response.destroy();
      return bad(id, -32_000, copies === 2 ? 'already known' : TOO_LOW);
    });
    const rpc = aPool(t, [node]);
    for (let i = 0; i < 2; i++) {
      assert.deepEqual(await rpc.call('eth_sendRawTransactionSync', [RAW], { idempotent: true }), receipt);
    }
  });

  it('on Solana is one whose blockhash is too old by now, or that was processed', async (t) => {
    const wire = Buffer.concat([Uint8Array.of(1), Buffer.alloc(64, 7), Buffer.alloc(8, 1)]).toString('base64');
    const params = [wire, { encoding: 'base64' }];
    const signature = signatureOf(params);
    let copies = 0;
    const node = await aNode(t, ({ requests: [request] }: Message, response) => {
      const { id, method } = request!;
      if (method === 'getSignatureStatuses') return ok(id, { context: { slot: 9 }, value: [{ slot: 8, err: null }] });
      if (++copies === 1) return void response.destroy();
      const err = node.count('getSignatureStatuses') === 0 ? 'BlockhashNotFound' : 'AlreadyProcessed';
      return bad(id, -32_002, `Transaction simulation failed: ${err}`, { err });
    });
    const rpc = anRpc(t, [node], { adapter: solana });
    assert.equal(await rpc.call('sendTransaction', params, { idempotent: true }), signature);
    assert.equal(await rpc.call('sendTransaction', params), signature);
    assert.equal(node.count('getSignatureStatuses'), 1, 'what was processed is there');
  });
});

describe('a transaction that is refused for itself', () => {
  it('fails at once, unasked, when it is the first and only copy', async (t) => {
    const [node] = await at(t, { copies: ['too low'], finds: [true] });
    assert(refused(await thrown(aPool(t, [node!]).call(SEND, [RAW]))));
    assert.equal(node!.count(FIND), 0);
  });

  it('fails with what the node said, when nobody has it', async (t) => {
    const nodes = await at(t, { copies: ['lost', 'too low'] }, { copies: ['lost', 'too low'], finds: ['fails'] });
    assert(refused(await thrown(aPool(t, nodes).call(SEND, [RAW], { idempotent: true }))));
    const all = await at(t, { copies: ['too low'] }, { copies: ['too low'] }, { copies: ['too low'] });
    assert(refused(await thrown(aPool(t, all).call(SEND, [RAW], { broadcast: true }))));
    assert(all.every((node) => node.count(FIND) <= 3));
  });

  it('is not taken for another that a node says it has under that hash', async (t) => {
    let copies = 0;
    const node = await aNode(t, ({ requests: [request] }: Message, response) => {
      if (request!.method === FIND) return ok(request!.id, { hash: `0x${'00'.repeat(32)}` });
      return ++copies === 1 ? void response.destroy() : bad(request!.id, -32_000, TOO_LOW);
    });
    assert(refused(await thrown(aPool(t, [node]).call(SEND, [RAW], { idempotent: true }))));
  });

  it('fails by its deadline, and when its caller leaves, while it is looked for', async (t) => {
    const [node] = await at(t, { copies: ['too low'], finds: ['hangs'] });
    const rpc = aPool(t, [node!]);
    assert(refused(await thrown(rpc.call(SEND, [RAW], { idempotent: true, deadlineMs: 300 }))));
    const caller = new AbortController();
    const failed = thrown(rpc.call(SEND, [RAW], { idempotent: true, signal: caller.signal }));
    await node!.arrived(4);
    caller.abort(new Error('gone'));
    assert(refused(await failed));
  });

  it('is not looked for when it is malformed', async (t) => {
    const node = await aNode(t, ({ requests: [request] }) => bad(request!.id, -32_000, 'invalid sender'));
    const error = await thrown(aPool(t, [node]).call(SEND, [RAW], { broadcast: true }));
    assert(error instanceof RpcError && error.kind === 'final');
    assert.equal(node.count(FIND), 0);
  });
});
