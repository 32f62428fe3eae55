/** What stands on clients waits as well, with nothing under way: a program that awaits it must live to see it. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { describe, it, type TestContext } from 'node:test';
import { promisify } from 'node:util';
import { startVestServer } from '../../src/testing/vest/server.ts';
import { aNode, each, ok } from '../jsonrpc/a-node.ts';
import { CONTRACT, vestCrypto } from '../vest/a-vest.ts';

const flags = ['--conditions=keepwarm-source', '--input-type=module', '-e'];
const sourceOf = (name: string) => JSON.stringify(new URL(`../../src/${name}.ts`, import.meta.url).href);
const cwd = new URL('../..', import.meta.url).pathname;

/** What a program prints that does nothing besides; it would end with code 13 if nothing kept it alive. */
async function printed(program: string): Promise<string> {
  return (await promisify(execFile)(process.execPath, [...flags, program], { cwd, timeout: 60_000 })).stdout;
}

const young = each(({ id }) => ok(id, '0x10'));

async function anExchange(t: TestContext) {
  const server = await startVestServer({ crypto: vestCrypto, contract: CONTRACT, fault: () => 'lose before' });
  t.after(() => server.close());
  return server;
}

describe('a program that does nothing but wait', { concurrency: 2 }, () => {
  it('lives until it is known what became of an order', async (t) => {
    const { restUrl, wsUrl } = await anExchange(t);
    const program = `
      import { createVest } from ${sourceOf('vest')};
      import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts';
      const key = () => privateKeyToAccount(generatePrivateKey());
      const vest = createVest({
        ...${JSON.stringify({ restUrl, wsUrl, recvWindowMs: 300, settleMs: 100, askMs: 400 })},
        accounts: [{ primary: key(), signer: key() }],
      });
      await vest.connect();
      const order = { symbol: 'BTC-PERP', isBuy: true, size: '1', orderType: 'LIMIT', limitPrice: '1' };
      console.log((await vest.account().placeOrder(order)).kind);
      process.exit();`;
    assert.equal(await printed(program), 'not placed\n');
  });

  it('lives while a read waits for company', async (t) => {
    const node = await aNode(t, young);
    const program = `
      import { createRpc, evm } from ${sourceOf('jsonrpc')};
      const endpoints = [{ url: ${JSON.stringify(node.url)} }];
      const rpc = createRpc({ adapter: evm, endpoints, batching: { windowMs: 300 }, freshness: false });
      await rpc.call('eth_chainId');
      console.log('answered');`;
    assert.equal(await printed(program), 'answered\n');
  });

  it('lives while a call waits for a node to get somewhere', async (t) => {
    const node = await aNode(t, young);
    const program = `
      import { createRpc, evm } from ${sourceOf('jsonrpc')};
      const endpoints = ['one', 'other'].map((name) => ({ name, url: ${JSON.stringify(node.url)} }));
      const rpc = createRpc({ adapter: evm, endpoints, freshness: { reachMs: 400 } });
      await rpc.call('eth_gasPrice', [], { minHeight: 1_000 }).catch(({ code }) => console.log(code));`;
    assert.equal(await printed(program), 'TIMEOUT\n');
  });

  it('lives while a subscription is without a connection', async () => {
    const program = `
      import { createSubscriptions, evm } from ${sourceOf('jsonrpc')};
      const nobody = { adapter: evm, endpoints: [{ wsUrl: 'ws://127.0.0.1:1' }] };
      const subscriptions = createSubscriptions(nobody);
      setTimeout(() => void console.log('it waits'), 1_500).unref();
      setTimeout(() => process.exit(0), 2_500).unref();
      for await (const _ of subscriptions.subscribe('eth_subscribe', ['newHeads']));`;
    assert.equal(await printed(program), 'it waits\n');
  });
});
