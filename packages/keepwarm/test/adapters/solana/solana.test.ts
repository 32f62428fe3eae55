/** What the Solana table says of methods, params, answers and errors. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { getBase58Decoder, getBase58Encoder } from '@solana/kit';
import { Keypair, SystemProgram, Transaction, TransactionMessage, VersionedTransaction } from '@solana/web3.js';
import fc from 'fast-check';
import { fromBase58, signatureOf, solana, toBase58 } from '../../../src/adapters/solana/index.ts';
import { type ErrorClass, freshnessNeed } from '../../../src/clients/jsonrpc/adapter.ts';

const need = (method: string, ...params: unknown[]) => freshnessNeed(solana.methods[method], params);

/** https://solana.com/docs/rpc/http, all of it. */
const HTTP = `
  getAccountInfo getBalance getBlock getBlockCommitment getBlockHeight getBlockProduction getBlocks
  getBlocksWithLimit getBlockTime getClusterNodes getEpochInfo getEpochSchedule getFeeForMessage
  getFirstAvailableBlock getGenesisHash getHealth getHighestSnapshotSlot getIdentity
  getInflationGovernor getInflationRate getInflationReward getLargestAccounts getLatestBlockhash
  getLeaderSchedule getMaxRetransmitSlot getMaxShredInsertSlot getMinimumBalanceForRentExemption
  getMultipleAccounts getProgramAccounts getRecentPerformanceSamples getRecentPrioritizationFees
  getSignaturesForAddress getSignatureStatuses getSlot getSlotLeader getSlotLeaders
  getStakeMinimumDelegation getSupply getTokenAccountBalance getTokenAccountsByDelegate
  getTokenAccountsByOwner getTokenLargestAccounts getTokenSupply getTransaction getTransactionCount
  getVersion getVoteAccounts isBlockhashValid minimumLedgerSlot requestAirdrop sendTransaction
  simulateTransaction
`;

describe('methods of Solana nodes', () => {
  it('all of the public API are in the table', () => {
    for (const method of HTTP.trim().split(/\s+/)) assert.ok(solana.methods[method], method);
  });

  it('what sends or requests is a write, everything else that is no subscription a read', () => {
    for (const [method, { kind }] of Object.entries(solana.methods)) {
      const expected = /^(?:send|request)/.test(method) ? 'write' : /ubscribe$/.test(method) ? 'local' : 'read';
      assert.equal(kind, expected, method);
    }
  });

  it('reads of accounts need the head, and the slot they ask for', () => {
    assert.deepEqual(need('getBalance', 'key'), { head: true, height: undefined });
    assert.deepEqual(need('getBalance', 'key', { minContextSlot: 77 }), { head: true, height: 77 });
    assert.deepEqual(need('getSlot', { minContextSlot: 77n }), { head: true, height: 77 });
    assert.deepEqual(need('getBlock', 12, { commitment: 'finalized' }), { head: false, height: 12 });
    assert.deepEqual(need('getGenesisHash'), { head: false, height: undefined });
    assert.deepEqual(need('sendTransaction', 'x', { minContextSlot: 9 }), { head: true, height: 9 });
    assert.deepEqual(need('slotSubscribe'), { head: false, height: undefined });
  });

  it('answers tell their slot, as a number or a bigint', () => {
    assert.equal(solana.methods.getBalance!.heightSeen?.({ context: { slot: 5 }, value: 1 }), 5);
    assert.equal(solana.methods.getBalance!.heightSeen?.({ context: { slot: 5n }, value: 1n }), 5);
    assert.equal(solana.methods.getSlot!.heightSeen?.(9), 9);
    assert.equal(solana.methods.getEpochInfo!.heightSeen?.({ absoluteSlot: 4 }), 4);
    assert.equal(solana.methods.getBlockHeight!.heightSeen, undefined, 'a block height is no slot');
  });

  it('keeps a transaction once it is final, and never its absence', () => {
    const keeps = solana.methods.getTransaction!.mayKeep!;
    assert.equal(keeps({ slot: 1 }, ['sig']), true, 'finalized is the default');
    assert.equal(keeps({ slot: 1 }, ['sig', { commitment: 'confirmed' }]), false);
    assert.equal(keeps(null, ['sig']), false);
    assert.equal(solana.methods.getBlock!.mayKeep!({}, [1, { commitment: 'confirmed' }]), false);
  });

  it('params of any shape are answered, not thrown at', () => {
    const odd = [undefined, null, 0, 'x', [], [null], [{}], { a: 1 }, [1n, { minContextSlot: 'x' }], [Symbol.iterator]];
    for (const { heightNeeded, pinned, writeId, heightSeen, mayKeep } of Object.values(solana.methods)) {
      for (const value of odd) {
        heightNeeded?.(value);
        pinned?.(value);
        writeId?.(value);
        heightSeen?.(value);
        mayKeep?.(value, value);
      }
    }
  });
});

describe('the signature of a transaction', () => {
  const payer = Keypair.fromSeed(new Uint8Array(32).fill(1));
  const other = Keypair.fromSeed(new Uint8Array(32).fill(2));
  const blockhash = toBase58(new Uint8Array(32).fill(3));
  const move = SystemProgram.transfer({ fromPubkey: payer.publicKey, toPubkey: other.publicKey, lamports: 5 });

  it('is the one web3.js gives it, in both encodings and both formats', () => {
    const legacy = new Transaction({ feePayer: payer.publicKey, recentBlockhash: blockhash }).add(move);
    legacy.sign(payer);
    const wire = legacy.serialize();
    assert.equal(signatureOf([wire.toString('base64'), { encoding: 'base64' }]), toBase58(legacy.signature!));
    assert.equal(signatureOf([toBase58(wire)]), toBase58(legacy.signature!), 'base58 is the default');
    assert.equal(signatureOf([toBase58(wire), { encoding: 'base58' }]), toBase58(legacy.signature!));
    const message = new TransactionMessage({
      payerKey: payer.publicKey,
      recentBlockhash: blockhash,
      instructions: [move],
    }).compileToV0Message();
    const versioned = new VersionedTransaction(message);
    versioned.sign([payer]);
    const encoded = Buffer.from(versioned.serialize()).toString('base64');
    assert.equal(signatureOf([encoded, { encoding: 'base64' }]), toBase58(versioned.signatures[0]!));
  });

  it('there is none for what is unsigned, cut, in another format, or no transaction', () => {
    const base64 = (bytes: Uint8Array) => [Buffer.from(bytes).toString('base64'), { encoding: 'base64' }];
    assert.equal(signatureOf(base64(Uint8Array.of(1, ...new Uint8Array(64), 9))), undefined, 'unsigned');
    assert.equal(signatureOf(base64(Uint8Array.of(1, ...new Uint8Array(20).fill(7)))), undefined, 'cut');
    assert.equal(signatureOf(base64(Uint8Array.of(129, ...new Uint8Array(300).fill(7)))), undefined, 'format 1');
    for (const odd of [undefined, [], [7], ['0OIl'], ['a b', { encoding: 'base64' }], ['1'.repeat(9_000)]]) {
      assert.equal(signatureOf(odd), undefined);
    }
  });
});

describe('base58', () => {
  it('is what kit says, both ways, zeros in front included', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), fc.nat(3), (tail, zeros) => {
        const bytes = Uint8Array.of(...new Uint8Array(zeros), ...tail);
        assert.equal(toBase58(bytes), getBase58Decoder().decode(bytes));
        assert.deepEqual(fromBase58(toBase58(bytes)), Uint8Array.from(getBase58Encoder().encode(toBase58(bytes))));
      }),
    );
  });

  it('knows what is not', () => {
    for (const text of ['0', 'O', 'I', 'l', 'é', ' ']) assert.equal(fromBase58(text), undefined);
  });
});

describe('errors of Solana nodes', () => {
  const READ = 'getAccountInfo';
  const cases: readonly (readonly [ErrorClass, number, string, string?, unknown?])[] = [
    ['behind', -32_001, 'Block 1 cleaned up, does not exist on node. First available block: 5'],
    ['final', -32_002, 'Transaction simulation failed: custom program error: 0x1', 'sendTransaction', { err: {} }],
    ['behind', -32_002, 'Transaction simulation failed: Blockhash not found', 'sendTransaction'],
    ['behind', -32_002, 'Transaction simulation failed', 'sendTransaction', { err: 'BlockhashNotFound' }],
    ['known', -32_002, 'This transaction has already been processed', 'sendTransaction', { err: 'AlreadyProcessed' }],
    ['final', -32_002, 'This transaction has already been processed', READ, { err: 'AlreadyProcessed' }],
    ['final', -32_003, 'Transaction signature verification failure'],
    ['behind', -32_004, 'Block not available for slot 9'],
    ['behind', -32_005, 'Node is behind by 200 slots', READ, { numSlotsBehind: 200 }],
    ['behind', -32_005, 'Node is unhealthy'],
    ['final', -32_006, 'Transaction precompile verification failure'],
    ['behind', -32_007, 'Slot 9 was skipped, or missing due to ledger jump to recent snapshot'],
    ['missing', -32_008, 'No snapshot'],
    ['behind', -32_009, 'Slot 9 was skipped, or missing in long-term storage'],
    ['missing', -32_010, 'key excluded from account secondary indexes; this RPC method is unavailable for key'],
    ['missing', -32_011, 'Transaction history is not available from this node'],
    ['missing', -32_012, 'scan aborted'],
    ['final', -32_013, 'Transaction signature length mismatch'],
    ['behind', -32_014, 'Block status not yet available for slot 9'],
    ['final', -32_015, 'Transaction version (0) is not supported by the requesting client'],
    ['behind', -32_016, 'Minimum context slot has not been reached', READ, { contextSlot: 5 }],
    ['final', -32_017, 'Epoch rewards period still active at slot 9'],
    ['final', -32_018, 'Rewards cannot be found because slot 9 is not the epoch boundary'],
    ['missing', -32_019, 'Failed to query long-term storage; please try again'],
    ['final', -32_600, 'Invalid request'],
    ['missing', -32_601, 'Method not found'],
    ['final', -32_602, 'Invalid params: invalid type: map, expected a string'],
    ['ill', -32_603, 'Internal error'],
    ['throttled', -32_603, 'rate limit exceeded'],
    ['throttled', 429, 'Too many requests for a specific RPC call'],
    ['throttled', -32_429, 'rate limited'],
    ['throttled', -32_000, 'max usage reached'],
    ['throttled', 403, 'Access forbidden'],
    ['final', -32_000, 'something nobody has seen'],
    ['final', -32_099, 'a code of tomorrow'],
    ['behind', -32_000, 'Blockhash not found', 'sendTransaction'],
  ];
  for (const [told, code, message, method = READ, data] of cases) {
    it(`${code} ${JSON.stringify(message)} is ${told}`, () => {
      assert.equal(solana.classify({ code, message, data }, method), told);
    });
  }
});
