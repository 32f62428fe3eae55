/** The partners themselves: a chain of real nodes, in step, behind in real lag, and what goes wrong on command. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { privateKeyToAccount } from 'viem/accounts';
import { evm } from '../../src/adapters/evm/index.ts';
import { EvmChain } from './an-evm-chain.ts';
import type { Fault } from './rpc-front.ts';

/** The first of anvil's accounts. */
const account = privateKeyToAccount('0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80');
const TO = `0x${'22'.repeat(20)}` as const;

const post = async (url: string, body: unknown): Promise<{ status: number; body: unknown }> => {
  const reply = await fetch(url, { method: 'POST', body: JSON.stringify(body) });
  return { status: reply.status, body: await reply.json() };
};
const ask = async (url: string, method: string, ...params: unknown[]): Promise<Record<string, unknown>> =>
  (await post(url, { jsonrpc: '2.0', id: 1, method, params })).body as Record<string, unknown>;

describe('a chain of anvil nodes', () => {
  let chain: EvmChain;
  before(async () => {
    chain = await EvmChain.start(['a', 'b', 'c']);
  });
  after(() => chain.stop());

  it('has the same blocks on all nodes, transactions of any of them included', async () => {
    const [a, b, c] = chain.nodes;
    const raw = await account.signTransaction({
      chainId: 31_337,
      nonce: 0,
      to: TO,
      value: 7n,
      gas: 21_000n,
      maxFeePerGas: 10_000_000_000n,
    });
    const { result: hash } = await ask(a!.url, 'eth_sendRawTransaction', raw);
    assert.equal(hash, evm.methods.eth_sendRawTransaction!.writeId?.([raw]), 'the hash we give it is its own');
    await chain.mine(2);
    const blocks = await Promise.all(chain.nodes.map(({ url }) => ask(url, 'eth_getBlockByNumber', 'latest', false)));
    const hashes = blocks.map(({ result }) => (result as { hash: string }).hash);
    assert.deepEqual(new Set(hashes).size, 1);
    for (const { url } of [b!, c!]) {
      assert.equal((await ask(url, 'eth_getBalance', TO, 'latest')).result, '0x7');
      assert.equal(((await ask(url, 'eth_getTransactionReceipt', hash)).result as { status: string }).status, '0x1');
    }
    assert.deepEqual([...chain.writes().values()], [1]);
    const { error } = await ask(b!.url, 'eth_sendRawTransaction', raw);
    assert.equal(evm.classify(error as never, 'eth_sendRawTransaction'), 'final', 'its nonce is used');
  });

  it('a transaction sent twice before it is mined is known', async () => {
    const raw = await account.signTransaction({
      chainId: 31_337,
      nonce: 1,
      to: TO,
      gas: 21_000n,
      maxFeePerGas: 10_000_000_000n,
    });
    const [a] = chain.nodes;
    await ask(a!.url, 'eth_sendRawTransaction', raw);
    const { error } = await ask(a!.url, 'eth_sendRawTransaction', raw);
    assert.equal(evm.classify(error as never, 'eth_sendRawTransaction'), 'known');
    await chain.mine();
  });

  it('a node that lags is at an older block, and catches up', async () => {
    const [a, b] = chain.nodes;
    b!.lag = 20;
    await chain.mine(25);
    assert.equal((await a!.anvil.height()) - (await b!.anvil.height()), 20);
    const { error } = await ask(b!.url, 'eth_getBalance', TO, `0x${chain.height.toString(16)}`);
    assert.equal(evm.classify(error as never, 'eth_getBalance'), 'behind');
    b!.lag = 0;
    await chain.mine();
    assert.equal(await b!.anvil.height(), chain.height);
  });

  it('takes batches', async () => {
    const { body } = await post(chain.nodes[0]!.url, [
      { jsonrpc: '2.0', id: 1, method: 'eth_chainId', params: [] },
      { jsonrpc: '2.0', id: 2, method: 'eth_nope', params: [] },
    ]);
    const [known, unknown] = body as Record<string, unknown>[];
    assert.equal(known!.result, '0x7a69');
    assert.equal(evm.classify(unknown!.error as never, 'eth_nope'), 'missing');
  });

  it('its fronts fail as told, and are well again', async () => {
    const { front, url } = chain.nodes[2]!;
    const play = async (fault: Fault) => {
      front.does = () => fault;
      return post(url, { jsonrpc: '2.0', id: 3, method: 'eth_blockNumber', params: [] });
    };
    assert.equal((await play({ status: 429, retryAfter: 1 })).status, 429);
    const error = { code: -32_000, message: 'header not found' };
    assert.deepEqual((await play({ error })).body, { jsonrpc: '2.0', id: 3, error });
    await assert.rejects(play('reset'));
    await front.die();
    await assert.rejects(play('pass'));
    await front.revive();
    assert.equal((await play('pass')).status, 200);
    assert.equal(front.refused, 1);
  });
});
