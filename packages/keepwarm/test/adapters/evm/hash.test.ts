/** Keccak and transaction hashes, against two libraries that are not ours. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Transaction, keccak256 as theirs, Wallet } from 'ethers';
import fc from 'fast-check';
import { keccak256 as others, parseSignature, serializeTransaction } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { keccak256 } from '../../../src/adapters/evm/keccak.ts';
import { transactionHash } from '../../../src/adapters/evm/raw-transaction.ts';

const KEY = `0x${'11'.repeat(32)}` as const;
const TO = `0x${'22'.repeat(20)}` as const;
const hex = (bytes: Uint8Array): `0x${string}` => `0x${Buffer.from(bytes).toString('hex')}`;

describe('keccak-256', () => {
  it('is what ethers and viem say, around every border of a block', () => {
    for (const length of [0, 1, 7, 8, 31, 32, 134, 135, 136, 137, 271, 272, 273, 407, 408, 5_000]) {
      const bytes = Uint8Array.from({ length }, (_, i) => (i * 31 + length) % 256);
      assert.equal(hex(keccak256(bytes)), theirs(bytes), `${length} bytes`);
      assert.equal(hex(keccak256(bytes)), others(bytes), `${length} bytes`);
    }
  });

  it('is what they say for any bytes, wherever in memory they stand', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), fc.nat(9), (bytes, offset) => {
        const placed = new Uint8Array(bytes.length + offset).subarray(offset);
        placed.set(bytes);
        assert.equal(hex(keccak256(placed)), theirs(bytes));
        assert.deepEqual([...placed], [...bytes], 'and leaves them as they were');
      }),
      { numRuns: 300 },
    );
  });
});

describe('the hash of a signed transaction', () => {
  it('is the one ethers gives it, for each kind', async () => {
    const wallet = new Wallet(KEY);
    const fees = { maxFeePerGas: 10n, maxPriorityFeePerGas: 1n };
    const base = { to: TO, nonce: 7, gasLimit: 21_000n, chainId: 31_337n, value: 5n };
    for (const about of [
      { type: 0, gasPrice: 10n },
      { type: 1, gasPrice: 10n, accessList: [{ address: TO, storageKeys: [] }] },
      { type: 2, ...fees },
      { type: 2, ...fees, data: `0x${'60'.repeat(20_000)}` },
    ]) {
      const raw = await wallet.signTransaction({ ...base, ...about });
      assert.equal(transactionHash(raw), Transaction.from(raw).hash);
      assert.equal(transactionHash(raw.toUpperCase().replace('0X', '0x')), Transaction.from(raw).hash);
    }
  });

  it('leaves out the blobs that are sent with it', async () => {
    const blob = `0x${'00'.repeat(131_072)}` as const;
    const bytes48 = `0x${'c0'.padEnd(96, '0')}` as const;
    const account = privateKeyToAccount(KEY);
    const about = {
      chainId: 1,
      type: 'eip4844',
      to: TO,
      maxFeePerBlobGas: 1n,
      maxFeePerGas: 2n,
      maxPriorityFeePerGas: 1n,
      blobVersionedHashes: [`0x01${'00'.repeat(31)}`],
      sidecars: [{ blob, commitment: bytes48, proof: bytes48 }],
    } as const;
    const { sidecars: _, ...named } = about;
    const signature = parseSignature(await account.sign({ hash: others(serializeTransaction(named)) }));
    const sent = serializeTransaction(about, signature);
    const bare = serializeTransaction(named, signature);
    assert.ok(sent.length > 2 * 131_072, 'it is sent with its blob');
    assert.equal(transactionHash(sent), others(bare));
    assert.equal(transactionHash(bare), others(bare));
    assert.equal(Transaction.from(bare).hash, others(bare));
  });

  it('there is none for what is no transaction', () => {
    for (const odd of [undefined, null, 7, '', '0x', '0x1', 'ab', '0xzz', {}, '0x03', '0x03f8', '0x03ff', '0x03c5c2']) {
      assert.doesNotThrow(() => transactionHash(odd));
    }
    for (const odd of [undefined, '', '0x', '0x1', '0xzz', '0x03', `0x${'00'.repeat(5 * 1024 * 1024)}`]) {
      assert.equal(transactionHash(odd), undefined);
    }
  });
});
