/** What freshness does for callers: a pool of Solana nodes, of which one lags, throttles or dies. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Connection, Keypair, SystemProgram, Transaction } from '@solana/web3.js';
import { createRpc, type RpcClient, type RpcOptions, solana } from '../../src/jsonrpc.ts';
import { SolanaChain, type SolanaNode } from '../partners/a-solana-node.ts';

const PAYER = Keypair.fromSeed(new Uint8Array(32).fill(8));
const OTHER = Keypair.fromSeed(new Uint8Array(32).fill(9)).publicKey.toBase58();
const INTERVAL_MS = 20;

describe('a pool of nodes that differ in how far they are', () => {
  let chain: SolanaChain;
  let a: SolanaNode;
  let b: SolanaNode;
  let told: string[];
  before(async () => {
    chain = await SolanaChain.start('a', 'b');
    [a, b] = [chain.nodes[0]!, chain.nodes[1]!];
    chain.fund(PAYER.publicKey.toBase58(), 10_000_000_000n);
    chain.tick(100);
  });
  after(() => chain.stop());
  beforeEach(async () => {
    for (const node of chain.nodes) {
      node.front.does = () => 'pass';
      await node.front.revive();
      node.lag = 0;
    }
    chain.tick();
    told = [];
  });

  const pool = async (use: (rpc: RpcClient) => Promise<void>, options: Partial<RpcOptions> = {}): Promise<void> => {
    const rpc = createRpc({
      adapter: solana,
      endpoints: chain.nodes.map(({ url, name }) => ({ url, name })),
      freshness: { intervalMs: INTERVAL_MS, reachMs: 3_000 },
      coalesce: false,
      observer: {
        endpointLagging: ({ endpoint }) => told.push(`${endpoint} lags`),
        endpointCaughtUp: ({ endpoint }) => told.push(`${endpoint} is back`),
        breakerOpened: ({ breaker }) => told.push(`breaker of ${breaker} opened`),
      },
      ...options,
    });
    try {
      await rpc.warmUp();
      await use(rpc);
    } finally {
      await rpc.close({ deadlineMs: 0 });
    }
  };
  /** Rounds go on while calls are made. */
  const until = async (rpc: RpcClient, what: string): Promise<void> => {
    for (let i = 0; i < 500 && !told.includes(what); i++) {
      await rpc.call('getVersion');
      await sleep(5);
    }
    assert.ok(told.includes(what), `${what} in ${JSON.stringify(told)}`);
  };
  const transfer = async (rpc: RpcClient, lamports: number): Promise<Transaction> => {
    const { blockhash } = await new Connection('http://pool.invalid', {
      fetch: rpc.fetch as never,
    }).getLatestBlockhash();
    const transaction = new Transaction({ feePayer: PAYER.publicKey, recentBlockhash: blockhash });
    const toPubkey = Keypair.fromSeed(new Uint8Array(32).fill(9)).publicKey;
    transaction
      .add(SystemProgram.transfer({ fromPubkey: PAYER.publicKey, toPubkey, lamports: 1_000_000 + lamports }))
      .sign(PAYER);
    return transaction;
  };
  const encodedOf = (transaction: Transaction) => [transaction.serialize().toString('base64'), { encoding: 'base64' }];

  it('reads of the head never come from the node that lags, until it is back', async () => {
    b.lag = 60;
    chain.tick(60);
    await pool(async (rpc) => {
      for (let i = 0; i < 50; i++) assert.equal(await rpc.call('getSlot'), chain.slot);
      const { head, endpoints } = { head: chain.slot, endpoints: rpc.stats().endpoints };
      assert.deepEqual(
        endpoints.map(({ freshness }) => [freshness?.state, freshness?.lag]),
        [
          ['fresh', 0],
          ['lagging', 60],
        ],
        `at ${head}`,
      );
      b.lag = 0;
      chain.tick();
      await until(rpc, 'b is back');
      b.front.asked.clear();
      // Which one is asked goes by latency too, as far as is known of each: on a busy machine that may take a while.
      const share = () => b.front.asked.get('getBalance') ?? 0;
      for (let i = 0; i < 5_000 && share() === 0; i++) await rpc.call('getBalance', [OTHER], {});
      assert.ok(share() > 0, 'it gets its share again');
    });
  });

  it('writes go to nodes that keep up: one that lags does not know the blockhash', async () => {
    b.lag = 60;
    chain.tick(60);
    await pool(async (rpc) => {
      for (let i = 1; i <= 10; i++) {
        const params = encodedOf(await transfer(rpc, i));
        assert.equal(await rpc.call('sendTransaction', params), solana.methods.sendTransaction!.writeId?.(params));
      }
      assert.equal(b.front.asked.get('sendTransaction'), undefined);
    });
  });

  it('a write that a node refuses goes to another one, and to that one once', async () => {
    await pool(async (rpc) => {
      const refuse = (node: SolanaNode) => {
        node.front.does = ({ requests }) =>
          requests[0]!.method === 'sendTransaction' ? { error: { code: -32_005, message: 'Node is behind' } } : 'pass';
      };
      refuse(a);
      for (const { front } of chain.nodes) front.asked.clear();
      for (let i = 1; i <= 10; i++) await rpc.call('sendTransaction', encodedOf(await transfer(rpc, 100 + i)));
      assert.equal(b.front.asked.get('sendTransaction'), 10);
      refuse(b);
      const refused = rpc.call('sendTransaction', encodedOf(await transfer(rpc, 200)));
      await assert.rejects(refused, { name: 'RpcError', code: -32_005 });
      assert.ok([...b.front.writes.values()].every((times) => times === 1));
      b.front.does = ({ requests }) =>
        requests[0]!.method === 'sendTransaction' ? { error: { code: -32_603, message: 'Internal error' } } : 'pass';
      a.front.does = b.front.does;
      for (const { front } of chain.nodes) front.asked.clear();
      await assert.rejects(rpc.call('sendTransaction', encodedOf(await transfer(rpc, 300))), { code: -32_603 });
      const sent = chain.nodes.reduce((sum, { front }) => sum + (front.asked.get('sendTransaction') ?? 0), 0);
      assert.equal(sent, 1, 'a node that failed may have done it');
    });
  });

  it('a write that the only node that keeps up refuses is not sent there again', async () => {
    b.lag = 60;
    chain.tick(60);
    await pool(async (rpc) => {
      const params = encodedOf(await transfer(rpc, 400));
      a.front.does = ({ requests }) =>
        requests[0]!.method === 'sendTransaction' ? { error: { code: -32_005, message: 'Node is behind' } } : 'pass';
      a.front.asked.clear();
      await assert.rejects(rpc.call('sendTransaction', params), { code: -32_005 });
      assert.equal(a.front.asked.get('sendTransaction'), 1);
    });
  });

  it('a broadcast is one write: what the second node has from the first is no error', async () => {
    await pool(async (rpc) => {
      const params = encodedOf(await transfer(rpc, 77));
      const signature = await rpc.call<string>('sendTransaction', params, { broadcast: true });
      chain.tick();
      const { value } = await rpc.call<{ value: ({ err: unknown } | null)[] }>('getSignatureStatuses', [[signature]]);
      assert.equal(value[0]?.err, null);
    });
  });

  it('a read that needs a slot goes to the node that has it, or waits until one has', async () => {
    b.lag = 60;
    chain.tick(60);
    await pool(async (rpc) => {
      const { slot } = chain;
      for (let i = 0; i < 20; i++) await rpc.call('getBalance', [OTHER, { minContextSlot: slot }]);
      let answered = false;
      const waits = rpc.call('getSlot', [], { minHeight: slot + 3 }).then((at) => {
        answered = true;
        return at;
      });
      await sleep(50);
      assert.equal(answered, false);
      chain.tick(3);
      assert.equal(await waits, slot + 3);
    });
  });

  it('the node that lags answers when the others are dead: an old answer is better than none', async () => {
    b.lag = 60;
    chain.tick(60);
    await pool(async (rpc) => {
      await a.front.die();
      for (let i = 0; i < 20; i++) assert.equal(typeof (await rpc.call('getSlot')), 'number');
    });
  });

  it('where all nodes throttle, calls wait and are answered: no breaker opens', async () => {
    await pool(async (rpc) => {
      const from = performance.now();
      for (const { front } of chain.nodes) {
        front.does = () => (performance.now() - from < 400 ? { status: 429, retryAfter: 1 } : 'pass');
      }
      const answers = await Promise.all(Array.from({ length: 20 }, () => rpc.call('getSlot')));
      assert.ok(answers.every((slot) => slot === chain.slot));
      assert.deepEqual(told, []);
    });
  });

  it('a node of the far future is not believed against two others', async () => {
    const third = await SolanaChain.start('c');
    try {
      third.tick(chain.slot + 5_000);
      const endpoints = [...chain.nodes, third.nodes[0]!].map(({ url, name }) => ({ url, name }));
      await pool(
        async (rpc) => {
          for (let i = 0; i < 30; i++) assert.equal(await rpc.call('getSlot'), chain.slot);
          assert.deepEqual(told, ['c lags']);
        },
        { endpoints },
      );
    } finally {
      await third.stop();
    }
  });
});
