/** A transaction whose first answer is lost, at a real node: that its nonce is used by itself is no failure. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { privateKeyToAccount } from 'viem/accounts';
import { createRpc, evm, NetError, RpcError } from '../../src/jsonrpc.ts';
import { Anvil } from './an-anvil.ts';
import { RpcFront, type Script } from './rpc-front.ts';

/** The second of anvil's accounts. */
const account = privateKeyToAccount('0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d');
const SEND = 'eth_sendRawTransaction';
const signed = (nonce: number, value = 1n) =>
  account.signTransaction({
    chainId: 31_337,
    nonce,
    to: `0x${'44'.repeat(20)}`,
    value,
    gas: 21_000n,
    maxFeePerGas: 10_000_000_000n,
  });

/** The node takes the first copy and mines it; its answer is lost. */
function loses(): Script {
  let copies = 0;
  return ({ requests }) => (requests[0]!.method === SEND && ++copies === 1 ? 'lose' : 'pass');
}

describe('a transaction of which a copy was mined and its answer lost', { timeout: 60_000 }, () => {
  let anvil: Anvil;
  let front: RpcFront;
  before(async () => {
    anvil = await Anvil.start({ automine: true });
    front = await RpcFront.start(anvil.url);
  });
  after(async () => {
    await front?.stop();
    await anvil?.stop();
  });
  const aPool = () => createRpc({ adapter: evm, endpoints: [{ url: front.url, name: 'anvil' }] });

  it('is answered with its hash, when it may be repeated', async () => {
    await using rpc = aPool();
    front.does = loses();
    const raw = await signed(0);
    const hash = await rpc.call<string>(SEND, [raw], { idempotent: true });
    assert.equal(front.writes.get(raw), 2);
    const receipt = await rpc.call<{ status: string }>('eth_getTransactionReceipt', [hash]);
    assert.equal(receipt.status, '0x1');
  });

  it('is answered with its hash, when its caller sends it again', async () => {
    await using rpc = aPool();
    front.does = loses();
    const raw = await signed(1);
    await assert.rejects(rpc.call(SEND, [raw]), (error) => error instanceof NetError && error.reach === 'unknown');
    assert.equal(await rpc.call(SEND, [raw]), evm.methods[SEND]!.writeId!([raw]));
    assert.equal(await anvil.rpc('eth_getTransactionCount', [account.address, 'latest']), '0x2', 'it counts once');
  });

  it('and another one with the same nonce is refused as before', async () => {
    await using rpc = aPool();
    front.does = loses();
    const error = await rpc.call(SEND, [await signed(1, 2n)], { idempotent: true }).catch((thrown: unknown) => thrown);
    assert(error instanceof RpcError && /nonce too low/i.test(error.message), String(error));
  });
});
