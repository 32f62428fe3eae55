/** Answers of real nodes that are not believed as they come: of one that is a block behind, of one of another chain. */
import assert from 'node:assert/strict';
import { after, before, describe, it, type TestContext } from 'node:test';
import { privateKeyToAccount } from 'viem/accounts';
import { createRpc, evm, type NetError, RpcError, type RpcOptions } from '../../src/jsonrpc.ts';
import { aSlowClock } from '../jsonrpc/a-slow-clock.ts';
import { Anvil } from './an-anvil.ts';
import { EvmChain } from './an-evm-chain.ts';
import type { Script } from './rpc-front.ts';

/** The first of anvil's accounts. */
const account = privateKeyToAccount('0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80');
const TO = `0x${'22'.repeat(20)}` as const;
const FEES = { chainId: 31_337, gas: 100_000n, maxFeePerGas: 10_000_000_000n };
/** Logs something while it is made: PUSH1 0, PUSH1 0, LOG0, STOP. */
const LOGGING = '0x60006000a000';

describe('answers of anvil nodes', () => {
  let chain: EvmChain;
  let stranger: Anvil;
  let nonce = 0;
  before(async () => {
    chain = await EvmChain.start(['a', 'b', 'c']);
    stranger = await Anvil.start({ genesisAt: 1_600_000_000 });
  });
  after(async () => {
    await Promise.all([chain?.stop(), stranger?.stop()]);
  });

  function aPool(t: TestContext, urls: readonly string[], options: Partial<RpcOptions> = {}) {
    const endpoints = urls.map((url, priority) => ({ url, priority, name: 'abcdefgh'[priority]! }));
    const rpc = createRpc({ adapter: evm, endpoints, clock: aSlowClock(), ...options });
    t.after(() => rpc.close({ deadlineMs: 0 }));
    return rpc;
  }

  it('a receipt that one node does not have yet is found at another', async (t) => {
    const [a, b] = chain.nodes;
    a!.lag = 1;
    t.after(() => {
      a!.lag = 0;
    });
    await chain.mine(1);
    const rpc = aPool(t, [a!.url, b!.url]);
    await rpc.warmUp();
    const raw = await account.signTransaction({ ...FEES, nonce: nonce++, to: TO, value: 7n });
    const hash = await aPool(t, [b!.url]).call<string>('eth_sendRawTransaction', [raw]);
    await chain.mine(1);
    const receipt = await rpc.call<{ status: string }>('eth_getTransactionReceipt', [hash]);
    assert.equal(receipt?.status, '0x1');
    assert.deepEqual(rpc.stats().empty, { asked: 1, found: 1 });
    assert.equal(rpc.stats().endpoints[0]!.differed.lacked, 1);
    const never = `0x${'ee'.repeat(32)}`;
    assert.equal(await rpc.call('eth_getTransactionReceipt', [never]), null);
    const off = aPool(t, [a!.url, b!.url], { emptyElsewhere: false });
    assert.equal(await off.call('eth_getTransactionReceipt', [hash]), null, 'what users of one node see');
  });

  it('two nodes of a chain agree on blocks, receipts and balances; one of another chain is outvoted', async (t) => {
    await chain.mine(3);
    const [a, b] = chain.nodes;
    while ((await stranger.height()) < chain.height) await stranger.mine();
    const rpc = aPool(t, [stranger.url, a!.url, b!.url], { agree: { eth_getBlockByNumber: 2 } });
    const block = await rpc.call<{ hash: string }>('eth_getBlockByNumber', ['0x1', true]);
    assert.equal(block.hash, (await a!.anvil.rpc<{ hash: string }>('eth_getBlockByNumber', ['0x1', true])).hash);
    const height = `0x${chain.height.toString(16)}`;
    assert.equal(await rpc.call('eth_getBalance', [TO, height], { agree: 2 }), '0x7');
    assert.equal(rpc.stats().endpoints[0]!.differed.disagreed, 2);
    const error = await rpc.call('eth_getBalance', [TO, height], { agree: 3 }).catch((thrown: unknown) => thrown);
    assert.equal((error as NetError).code, 'DISAGREED');
    assert.match((error as NetError).message, /3 endpoints must agree; . said one thing \(.+\), 1 said another \(.\)/);
  });

  it('nodes a block apart agree about the head: on a balance, a call and logs that change by block', async (t) => {
    const [a, b, c] = chain.nodes;
    b!.lag = 1;
    t.after(() => {
      b!.lag = 0;
    });
    const rpc = aPool(t, [a!.url, b!.url, c!.url], { freshness: { intervalMs: 10 } });
    const height = `0x${'43'}${'60005260206000f3'}`; // NUMBER, and returned as 32 bytes
    let seen = 0;
    for (let i = 0; i < 6 || (seen <= 8 && i < 60); i++) {
      const raw = await account.signTransaction({ ...FEES, nonce: nonce++, to: TO, value: 1n });
      await aPool(t, [a!.url]).call('eth_sendRawTransaction', [raw]);
      await chain.mine(1);
      const [balance, number, block, logs] = await Promise.all([
        rpc.call<string>('eth_getBalance', [TO, 'latest'], { agree: 2 }),
        rpc.call<string>('eth_call', [{ data: height }], { agree: 2 }),
        rpc.call<{ number: string }>('eth_getBlockByNumber', ['latest', false], { agree: 3 }),
        rpc.call<unknown[]>('eth_getLogs', [{ fromBlock: '0x0', toBlock: 'latest' }], { agree: 3 }),
      ]);
      assert(Number(balance) >= seen && Number(number) >= 1 && logs.length === 0);
      assert(Number(block.number) <= chain.height - 1, 'what the one behind has reached');
      seen = Number(balance);
    }
    assert(seen > 8, 'it goes on with the chain');
    const { agreement, endpoints } = rpc.stats();
    assert.deepEqual([agreement.disagreed, endpoints.map(({ differed }) => differed.disagreed)], [0, [0, 0, 0]]);
  });

  it('logs that are too many blocks at once come in parts, the same as from a node without a limit', async (t) => {
    const sender = aPool(t, [chain.nodes[0]!.url]);
    for (let i = 0; i < 10; i++) {
      const raw = await account.signTransaction({ ...FEES, nonce: nonce++, data: LOGGING });
      await sender.call('eth_sendRawTransaction', [raw]);
      await chain.mine(1);
    }
    const narrow: Script = ({ requests: [request] }) => {
      if (request?.method !== 'eth_getLogs') return 'pass';
      const [{ fromBlock, toBlock }] = request.params as [{ fromBlock: string; toBlock: string }];
      const isWide = Number(toBlock) - Number(fromBlock) >= 3;
      return isWide ? { error: { code: -32_614, message: 'eth_getLogs is limited to a 3 range' } } : 'pass';
    };
    for (const { front } of chain.nodes) front.does = narrow;
    t.after(() => {
      for (const { front } of chain.nodes) front.does = () => 'pass';
    });
    const params = [{ fromBlock: '0x0', toBlock: `0x${chain.height.toString(16)}` }];
    const all = await chain.nodes[0]!.anvil.rpc<unknown[]>('eth_getLogs', params);
    assert.equal(all.length, 10);
    const urls = chain.nodes.map(({ url }) => url);
    const rpc = aPool(t, urls, { splitting: true });
    assert.deepEqual(await rpc.call('eth_getLogs', params), all);
    assert.deepEqual(await rpc.call('eth_getLogs', params, { agree: 2 }), all);
    const whole = await aPool(t, urls)
      .call('eth_getLogs', params)
      .catch((thrown: unknown) => thrown);
    assert(whole instanceof RpcError && whole.code === -32_614);
  });
});
