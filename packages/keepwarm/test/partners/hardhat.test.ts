/** Calls, batches, errors and writes at an EVM node of another make than anvil: they hold for more than one. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { privateKeyToAccount } from 'viem/accounts';
import { evm } from '../../src/adapters/evm/index.ts';
import { createRpc, type RpcClient } from '../../src/clients/jsonrpc/client.ts';
import { RpcError } from '../../src/clients/jsonrpc/rpc-error.ts';
import { Hardhat } from './a-hardhat.ts';

/** The first of its accounts: it has the usual phrase. */
const account = privateKeyToAccount('0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80');
const TO = `0x${'33'.repeat(20)}` as const;

const signed = (nonce: number) =>
  account.signTransaction({
    chainId: 31_337,
    nonce,
    to: TO,
    value: 7n,
    gas: 21_000n,
    maxFeePerGas: 10_000_000_000n,
  });

const ofKind = (kind: string) => (error: unknown) => {
  assert(error instanceof RpcError, String(error));
  assert.equal(error.kind, kind, `${error.code} ${error.message}`);
  return true;
};

describe('a pool with a hardhat node', { timeout: 30_000 }, () => {
  let node: Hardhat;
  let rpc: RpcClient;
  before(async () => {
    node = await Hardhat.start();
    rpc = createRpc({ adapter: evm, endpoints: [{ url: node.url, name: 'hardhat' }] });
  });
  after(async () => {
    await rpc?.close();
    await node?.stop();
  });

  it('gets results, of many calls at once each its own', async () => {
    assert.equal(await rpc.call('eth_chainId'), '0x7a69');
    const addresses = Array.from({ length: 100 }, (_, i) => `0x${(i + 1_000).toString(16).padStart(40, '0')}`);
    const asked = addresses.map((address) => rpc.call('eth_getBalance', [address, 'latest']));
    asked.push(rpc.call('eth_getBalance', [account.address, 'latest']));
    const balances = await Promise.all(asked);
    assert.deepEqual(new Set(balances.slice(0, -1)), new Set(['0x0']));
    assert.equal(balances.at(-1), '0x21e19e0c9bab2400000', 'ten thousand ether');
  });

  it('gets what became of each request of a batch, in their order', async () => {
    const outcomes = await rpc.batch([
      { method: 'eth_chainId' },
      { method: 'eth_getBalance', params: ['no address', 'latest'] },
      { method: 'net_version' },
    ]);
    const [first, second, third] = outcomes;
    assert.deepEqual(first, { status: 'fulfilled', value: '0x7a69' });
    assert.deepEqual(third, { status: 'fulfilled', value: '31337' });
    assert(second?.status === 'rejected');
    ofKind('final')(second.reason);
  });

  it('gives its errors to the caller, told apart', async () => {
    await assert.rejects(rpc.call('eth_nope'), ofKind('missing'));
    await assert.rejects(rpc.call('eth_getBalance', ['no address', 'latest']), ofKind('final'));
    // PUSH1 0 PUSH1 0 REVERT
    await assert.rejects(rpc.call('eth_call', [{ data: '0x60006000fd' }, 'latest']), ofKind('final'));
  });

  it('sends a write once, whose identity is the one the node gives it', async () => {
    const raw = await signed(0);
    const hash = await rpc.call<string>('eth_sendRawTransaction', [raw]);
    assert.equal(hash, evm.methods.eth_sendRawTransaction!.writeId?.([raw]));
    const receipt = await rpc.call<{ status: string }>('eth_getTransactionReceipt', [hash]);
    assert.equal(receipt.status, '0x1');
    assert.equal(await rpc.call('eth_getBalance', [TO, 'latest']), '0x7');
    await assert.rejects(rpc.call('eth_sendRawTransaction', [raw]), ofKind('final'));
    assert.equal(await rpc.call('eth_getBalance', [TO, 'latest']), '0x7', 'its nonce is used');
  });
});
