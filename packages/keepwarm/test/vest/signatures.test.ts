/** What Vest has signed, against two libraries that are not ours. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { AbiCoder, keccak256 as ethersKeccak, getBytes, TypedDataEncoder, verifyMessage, Wallet } from 'ethers';
import fc from 'fast-check';
import { encodeAbiParameters, hashTypedData, keccak256, recoverMessageAddress } from 'viem';
import { abiEncode } from '../../src/adapters/vest/abi.ts';
import { SIGNED_FIELDS, type SignedKind, signedHash, signerProof } from '../../src/adapters/vest/signatures.ts';
import { CONTRACT, keyOf } from './a-vest.ts';

const values = {
  uint256: fc.oneof(fc.bigInt({ min: 0n, max: 2n ** 256n - 1n }), fc.nat().map(BigInt)),
  bool: fc.boolean(),
  address: fc.uint8Array({ minLength: 20, maxLength: 20 }).map((bytes) => `0x${Buffer.from(bytes).toString('hex')}`),
  string: fc.oneof(fc.string({ unit: 'grapheme', maxLength: 100 }), fc.constantFrom('', 'LIMIT', 'x'.repeat(32))),
};

const order = fc
  .constantFrom(...(Object.keys(SIGNED_FIELDS) as SignedKind[]))
  .chain((kind) => fc.tuple(fc.constant(kind), fc.tuple(...SIGNED_FIELDS[kind].map((type) => values[type]))));

describe('what Vest has signed', () => {
  it("hashes every kind of order as viem and ethers do, 250 of them; ethers' signer fits by two lines", async () => {
    const coder = AbiCoder.defaultAbiCoder();
    const wallet = new Wallet(`0x${'11'.repeat(32)}`);
    const signer = {
      address: wallet.address,
      signMessage: ({ message }: { message: { raw: string } }) => wallet.signMessage(getBytes(message.raw)),
    };
    let signed = 0;
    await fc.assert(
      fc.asyncProperty(order, async ([kind, fields]) => {
        const types = SIGNED_FIELDS[kind];
        const ours = signedHash(kind, fields);
        const viems = encodeAbiParameters(
          types.map((type) => ({ type })),
          fields,
        );
        assert.equal(`0x${Buffer.from(abiEncode(types, fields)).toString('hex')}`, viems);
        assert.equal(ours, keccak256(viems));
        assert.equal(ours, ethersKeccak(coder.encode([...types], fields)));
        if (signed++ >= 8) return; // the signing itself is theirs: a few will do
        const signature = await keyOf(1).signMessage({ message: { raw: ours } });
        assert.equal(verifyMessage(getBytes(ours), signature), keyOf(1).address);
        const other = (await signer.signMessage({ message: { raw: ours } })) as `0x${string}`;
        assert.equal(await recoverMessageAddress({ message: { raw: ours }, signature: other }), signer.address);
      }),
      { numRuns: 250 },
    );
  });

  it('gives a proof that viem and ethers hash alike, for 200 of them', () => {
    fc.assert(
      fc.property(values.address, values.address, fc.nat(), (contract, address, expiresAt) => {
        const proof = signerProof(contract, address, expiresAt);
        const { domain, types, message } = proof;
        const theirs = TypedDataEncoder.hash(domain, { SignerProof: [...types.SignerProof] }, message);
        assert.equal(hashTypedData(proof), theirs);
      }),
      { numRuns: 200 },
    );
    assert.equal('chainId' in signerProof(CONTRACT, keyOf(1).address, 1).domain, false);
  });

  it('refuses to sign what is not of its type', () => {
    const refused: readonly [string, readonly unknown[]][] = [
      ['uint256', [-1]],
      ['uint256', [1.5]],
      ['uint256', [2n ** 256n]],
      ['uint256', ['1']],
      ['bool', [1]],
      ['address', ['0x12']],
      ['string', [undefined]],
    ];
    for (const [type, fields] of refused) {
      assert.throws(() => abiEncode([type as 'bool'], fields as boolean[]), { code: 'INVALID', reach: 'unsent' });
    }
  });
});
