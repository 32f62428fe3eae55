/** viem, ethers, web3.js and kit, unmodified, over a pool of real nodes: what they read, write and are told. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { createSolanaRpcFromTransport, isSolanaError } from '@solana/kit';
import { Connection, Keypair, LAMPORTS_PER_SOL, SystemProgram, Transaction } from '@solana/web3.js';
import { BrowserProvider, FetchRequest, isError, JsonRpcProvider, Network, parseEther } from 'ethers';
import {
  createRpc,
  eip1193,
  ethersRequest,
  evm,
  kitTransport,
  type RpcClient,
  solana,
  web3Options,
} from 'keepwarm/jsonrpc';
import { createPublicClient, createWalletClient, custom, defineChain, http } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { SolanaChain } from '../partners/a-solana-node.ts';
import { Anvil } from '../partners/an-anvil.ts';

/** The first two of anvil's accounts, known to everybody. */
const KEY = '0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80';
const TO = '0x70997970C51812dc3A010C7d01b50e0d17dc79C8';
/** Nowhere: all that is posted goes through the pool, whatever the URL. */
const NOWHERE = 'http://127.0.0.1:1';
/** Code that reverts with the four bytes 0xdeadbeef, whatever it is asked. */
const REVERTING = '0x63deadbeef60e01b60005260046000fd';
const AT = '0x00000000000000000000000000000000000000aa';

describe('on an EVM chain', () => {
  let anvil: Anvil;
  let rpc: RpcClient;
  before(async () => {
    anvil = await Anvil.start({ automine: true });
    rpc = createRpc({ adapter: evm, endpoints: [{ url: anvil.url, name: 'anvil' }] });
    await anvil.rpc('anvil_setCode', [AT, REVERTING]);
  });
  after(async () => {
    await rpc?.close();
    await anvil?.stop();
  });

  const chain = () =>
    defineChain({
      id: 31_337,
      name: 'anvil',
      nativeCurrency: { name: 'Ether', symbol: 'ETH', decimals: 18 },
      rpcUrls: { default: { http: [NOWHERE] } },
    });

  for (const way of ['custom(eip1193(rpc))', 'http(url, { fetchFn: rpc.fetch })'] as const) {
    it(`viem reads, sends and is told of reverts: ${way}`, async () => {
      const fetchFn = rpc.fetch as typeof globalThis.fetch;
      const transport =
        way === 'custom(eip1193(rpc))'
          ? custom(eip1193(rpc), { retryCount: 0 })
          : http(NOWHERE, { fetchFn, retryCount: 0, batch: true });
      const client = createPublicClient({ chain: chain(), transport, pollingInterval: 20 });
      const wallet = createWalletClient({ chain: chain(), transport, account: privateKeyToAccount(KEY) });
      const before = await client.getBalance({ address: TO });
      const hash = await wallet.sendTransaction({ to: TO, value: 5n });
      const receipt = await client.waitForTransactionReceipt({ hash });
      assert.equal(receipt.status, 'success');
      assert.equal((await client.getBalance({ address: TO })) - before, 5n);
      const [block, id] = await Promise.all([client.getBlock(), client.getChainId()]);
      assert.deepEqual([id, block.number! >= 1n], [31_337, true]);
      await assert.rejects(client.call({ to: AT, data: '0x01' }), (error: Error) =>
        /deadbeef|revert/.test(error.message),
      );
      const unknown = client.request({ method: 'eth_noSuchMethod' } as never);
      await assert.rejects(unknown, (error: Error) =>
        /not (?:exist|found|supported)|Method not found/i.test(error.message),
      );
    });
  }

  for (const way of ['ethersRequest', 'BrowserProvider over eip1193'] as const) {
    it(`ethers reads, sends and is told of reverts: ${way}`, async () => {
      const network = Network.from(31_337);
      const options = { staticNetwork: network, polling: true, pollingInterval: 20, cacheTimeout: -1 };
      const provider =
        way === 'ethersRequest'
          ? new JsonRpcProvider(ethersRequest(new FetchRequest(NOWHERE), rpc), network, options)
          : new BrowserProvider(eip1193(rpc), network, options);
      try {
        const before = await provider.getBalance(TO);
        const [from] = (await provider.send('eth_accounts', [])) as string[];
        const value = `0x${parseEther('1').toString(16)}`;
        const hash = (await provider.send('eth_sendTransaction', [{ from, to: TO, value }])) as string;
        const receipt = await provider.waitForTransaction(hash);
        assert.equal(receipt?.status, 1);
        assert.equal((await provider.getBalance(TO)) - before, parseEther('1'));
        await assert.rejects(provider.call({ to: AT, data: '0x01' }), (error) => isError(error, 'CALL_EXCEPTION'));
      } finally {
        provider.destroy();
      }
    });
  }

  it('a node that is overloaded is asked as often as the pool allows, and no client adds to that', async () => {
    let asked = 0;
    const { createServer } = await import('node:http');
    const server = createServer((_, response) => {
      asked++;
      response.writeHead(429, { 'retry-after': '1' }).end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    const url = `http://127.0.0.1:${port}`;
    await using tired = createRpc({ adapter: evm, endpoints: [{ url }], retry: false, breaker: false });
    const fetchFn = tired.fetch as typeof globalThis.fetch;
    const network = Network.from(1);
    const provider = new JsonRpcProvider(ethersRequest(new FetchRequest(NOWHERE), tired), network, {
      staticNetwork: network,
    });
    const clients: Record<string, () => Promise<unknown>> = {
      'viem, custom': () =>
        createPublicClient({ transport: custom(eip1193(tired), { retryCount: 0 }) }).getBlockNumber(),
      'viem, http': () => createPublicClient({ transport: http(NOWHERE, { fetchFn, retryCount: 0 }) }).getBlockNumber(),
      ethers: () => provider.getBlockNumber(),
      'web3.js': () => new Connection(NOWHERE, web3Options(tired)).getSlot(),
      kit: () => createSolanaRpcFromTransport(kitTransport(tired)).getBlockHeight().send(),
    };
    for (const [name, call] of Object.entries(clients)) {
      asked = 0;
      await assert.rejects(call(), name);
      assert.equal(asked, 1, name);
    }
    provider.destroy();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
});

describe('on a Solana chain', () => {
  let chain: SolanaChain;
  let rpc: RpcClient;
  before(async () => {
    chain = await SolanaChain.start('a', 'b');
    rpc = createRpc({
      adapter: solana,
      endpoints: chain.nodes.map(({ url, name }) => ({ url, name })),
      bigints: 'exact',
    });
  });
  after(async () => {
    await rpc?.close();
    await chain?.stop();
  });

  it('web3.js reads, sends and is told of errors', async () => {
    const connection = new Connection(NOWHERE, { commitment: 'confirmed', ...web3Options(rpc) });
    const payer = Keypair.generate();
    const to = Keypair.generate().publicKey;
    chain.fund(payer.publicKey.toBase58(), BigInt(2 * LAMPORTS_PER_SOL));
    await chain.tick(2);
    assert.equal(await connection.getBalance(payer.publicKey), 2 * LAMPORTS_PER_SOL);
    const { blockhash, lastValidBlockHeight } = await connection.getLatestBlockhash();
    const transfer = SystemProgram.transfer({ fromPubkey: payer.publicKey, toPubkey: to, lamports: LAMPORTS_PER_SOL });
    const transaction = new Transaction({ blockhash, lastValidBlockHeight, feePayer: payer.publicKey }).add(transfer);
    transaction.sign(payer);
    await connection.sendRawTransaction(transaction.serialize());
    await chain.tick(2);
    assert.equal(await connection.getBalance(to), LAMPORTS_PER_SOL);
    await assert.rejects(connection.sendRawTransaction(Buffer.from([1, 2, 3])), /failed|deserialize|invalid/i);
  });

  it('kit reads, and is told of errors in its own words', async () => {
    const kit = createSolanaRpcFromTransport(kitTransport(rpc));
    const address = Keypair.generate().publicKey.toBase58();
    chain.fund(address, 3_000_000_000n);
    await chain.tick(2);
    assert.equal((await kit.getBalance(address as never).send()).value, 3_000_000_000n);
    assert.equal(typeof (await kit.getSlot().send()), 'bigint');
    const { value } = await kit.getLatestBlockhash().send();
    assert.equal(typeof value.lastValidBlockHeight, 'bigint');
    const wrong = kit.getBalance('not an address' as never).send();
    await assert.rejects(wrong, (error) => isSolanaError(error));
    const signal = AbortSignal.abort();
    await assert.rejects(kit.getSlot().send({ abortSignal: signal }));
  });
});
