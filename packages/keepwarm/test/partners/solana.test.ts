/** The partner itself, by the clients people have: it answers them as a node does, and its errors are a node's. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { address, createSolanaRpc } from '@solana/kit';
import { Connection, Keypair, PublicKey, SendTransactionError, SystemProgram, Transaction } from '@solana/web3.js';
import { solana } from '../../src/adapters/solana/index.ts';
import { SolanaChain, type SolanaNode } from './a-solana-node.ts';

const SOL = 1_000_000_000;

describe('a chain of Solana nodes', () => {
  let chain: SolanaChain;
  let a: SolanaNode;
  let b: SolanaNode;
  const payer = Keypair.fromSeed(new Uint8Array(32).fill(5));
  const other = Keypair.fromSeed(new Uint8Array(32).fill(6));
  before(async () => {
    chain = await SolanaChain.start('a', 'b');
    [a, b] = [chain.nodes[0]!, chain.nodes[1]!];
    chain.fund(payer.publicKey.toBase58(), BigInt(10 * SOL));
    chain.tick(5);
  });
  after(() => chain.stop());

  const connect = ({ url }: SolanaNode) =>
    new Connection(url, { commitment: 'confirmed', disableRetryOnRateLimit: true });
  const move = async (lamports: number): Promise<Transaction> => {
    const { blockhash } = await connect(a).getLatestBlockhash();
    const transaction = new Transaction({ feePayer: payer.publicKey, recentBlockhash: blockhash }).add(
      SystemProgram.transfer({ fromPubkey: payer.publicKey, toPubkey: other.publicKey, lamports }),
    );
    transaction.sign(payer);
    return transaction;
  };
  const ask = async (node: SolanaNode, body: unknown): Promise<unknown> => {
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    return (await fetch(node.url, { method: 'POST', body: text })).json();
  };

  it('answers web3.js', async () => {
    const connection = connect(a);
    assert.equal(await connection.getSlot(), chain.slot);
    assert.equal(await connection.getBalance(payer.publicKey), 10 * SOL);
    assert.equal((await connection.getVersion())['solana-core'], '3.0.0');
    assert.equal(await connection.getMinimumBalanceForRentExemption(0), 890_880);
    const [found, none] = await connection.getMultipleAccountsInfo([payer.publicKey, PublicKey.unique()]);
    assert.equal(found?.lamports, 10 * SOL);
    assert.equal(none, null);
    const { blockhash } = await connection.getLatestBlockhash();
    assert.equal((await connection.isBlockhashValid(blockhash)).value, true);
    assert.equal((await connection.getFeeForMessage((await move(1)).compileMessage())).value, 5_000);
    assert.equal((await connection.getEpochInfo()).absoluteSlot, chain.slot);
  });

  it('answers kit', async () => {
    const rpc = createSolanaRpc(a.url);
    assert.equal((await rpc.getBalance(address(payer.publicKey.toBase58())).send()).value, BigInt(10 * SOL));
    const { context, value } = await rpc
      .getAccountInfo(address(payer.publicKey.toBase58()), { encoding: 'base64' })
      .send();
    assert.equal(context.slot, BigInt(chain.slot));
    assert.equal(value?.space, 0n);
    assert.equal(await rpc.getHealth().send(), 'ok');
  });

  it('takes transactions, and has them on all nodes after the next slot', async () => {
    const transaction = await move(SOL);
    const simulated = await connect(a).simulateTransaction(transaction);
    assert.equal(simulated.value.err, null);
    assert.ok(simulated.value.logs!.length > 0);
    const signature = await connect(a).sendRawTransaction(transaction.serialize());
    assert.equal(
      signature,
      await connect(a).sendRawTransaction(transaction.serialize()),
      'twice before it is in a slot',
    );
    chain.tick();
    for (const node of [a, b]) {
      const { value } = await connect(node).getSignatureStatus(signature);
      assert.equal(value?.confirmationStatus, 'finalized');
      assert.equal(value?.err, null);
      assert.equal(await connect(node).getBalance(other.publicKey), SOL);
    }
    assert.deepEqual([...a.front.writes.values()], [2]);
  });

  it('refuses as nodes do: known, without funds, with an old blockhash, not signed', async () => {
    const refused = async (transaction: Transaction): Promise<[number, string]> => {
      const encoded = transaction.serialize({ verifySignatures: false }).toString('base64');
      const request = { jsonrpc: '2.0', id: 1, method: 'sendTransaction', params: [encoded, { encoding: 'base64' }] };
      const { error } = (await ask(a, request)) as { error: { code: number; message: string } };
      return [error.code, solana.classify(error, 'sendTransaction')];
    };
    const known = await move(7);
    await connect(a).sendRawTransaction(known.serialize());
    chain.tick();
    assert.deepEqual(await refused(known), [-32_002, 'known']);
    assert.deepEqual(await refused(await move(100 * SOL)), [-32_002, 'final']);
    const old = await move(8);
    chain.tick(151);
    assert.deepEqual(await refused(old), [-32_002, 'behind']);
    const wrong = await move(9);
    wrong.signatures[0]!.signature = Buffer.alloc(64, 3);
    assert.deepEqual(await refused(wrong), [-32_003, 'final']);
    await assert.rejects(connect(a).sendRawTransaction((await move(100 * SOL)).serialize()), SendTransactionError);
  });

  it('a node that lags is in an older state, says so when that is far, and catches up', async () => {
    b.lag = 200;
    chain.tick(200);
    assert.equal(await connect(b).getSlot(), chain.slot - 200);
    const health = (await ask(b, { jsonrpc: '2.0', id: 1, method: 'getHealth' })) as { error: { code: number } };
    assert.equal(health.error.code, -32_005);
    const params = [payer.publicKey.toBase58(), { minContextSlot: chain.slot }];
    const late = (await ask(b, { jsonrpc: '2.0', id: 1, method: 'getBalance', params })) as Record<string, unknown>;
    assert.deepEqual(late.error, {
      code: -32_016,
      message: 'Minimum context slot has not been reached',
      data: { contextSlot: chain.slot - 200 },
    });
    b.lag = 0;
    chain.tick();
    assert.equal(await connect(b).getSlot(), chain.slot);
  });

  it('takes batches, and refuses what is no request', async () => {
    const batch = (await ask(a, [
      { jsonrpc: '2.0', id: 'x', method: 'getSlot' },
      { jsonrpc: '2.0', id: 2, method: 'nope' },
      { jsonrpc: '1.0', id: 3, method: 'getSlot' },
      { jsonrpc: '2.0', id: 4, method: 'getBalance', params: ['short'] },
    ])) as { id: unknown; result?: unknown; error?: { code: number } }[];
    assert.deepEqual(
      batch.map(({ id, result, error }) => [id, error?.code ?? result]),
      [
        ['x', chain.slot],
        [2, -32_601],
        [3, -32_600],
        [4, -32_602],
      ],
    );
    assert.deepEqual(await ask(a, []), {
      jsonrpc: '2.0',
      error: { code: -32_600, message: 'Invalid request' },
      id: null,
    });
  });

  it('writes numbers of 64 bits in full', async () => {
    const params = [payer.publicKey.toBase58(), { encoding: 'base64' }];
    const request = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'getAccountInfo', params });
    const text = await (await fetch(a.url, { method: 'POST', body: request })).text();
    assert.match(text, /"rentEpoch":18446744073709551615[,}]/);
  });

  it('its fronts fail as told', async () => {
    b.front.does = ({ requests }) => (requests[0]!.method === 'getSlot' ? { status: 429, retryAfter: 1 } : 'pass');
    await assert.rejects(connect(b).getSlot(), /429/);
    assert.equal((await connect(b).getVersion())['solana-core'], '3.0.0');
    await b.front.die();
    await assert.rejects(connect(b).getVersion());
  });
});
