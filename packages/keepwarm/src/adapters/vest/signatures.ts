/**
 * What Vest has signed, and by whom: a proof by the account's own key that another key may sign for it (EIP-712), and
 * each order by that key (EIP-191 over the hash of its fields).
 */
import { Buffer } from 'node:buffer';
import { keccak256 } from '../evm/keccak.ts';
import { type AbiType, type AbiValue, abiEncode } from './abi.ts';

export type Hex = `0x${string}`;

const SIGNER_PROOF = {
  SignerProof: [
    { name: 'approvedSigner', type: 'address' },
    { name: 'signerExpiry', type: 'uint256' },
  ],
} as const;

/** EIP-712. The domain has no chain: Vest's has none. */
export interface SignerProof {
  readonly domain: { readonly name: 'VestRouterV2'; readonly version: '0.0.1'; readonly verifyingContract: Hex };
  readonly types: typeof SIGNER_PROOF;
  readonly primaryType: 'SignerProof';
  readonly message: { readonly approvedSigner: Hex; readonly signerExpiry: bigint };
}

/** The account's own key; viem's accounts fit as they are. It signs once, when the client registers. */
export interface PrimarySigner {
  readonly address: string;
  signTypedData(proof: SignerProof): Promise<string>;
}

/** The key that signs orders; viem's accounts fit as they are. */
export interface OrderSigner {
  readonly address: string;
  /** EIP-191 over the 32 bytes of a hash. */
  signMessage(message: { readonly message: { readonly raw: Hex } }): Promise<string>;
}

export function signerProof(contract: string, approvedSigner: string, expiresAtMs: number): SignerProof {
  return {
    domain: { name: 'VestRouterV2', version: '0.0.1', verifyingContract: contract as Hex },
    types: SIGNER_PROOF,
    primaryType: 'SignerProof',
    message: { approvedSigner: approvedSigner as Hex, signerExpiry: BigInt(expiresAtMs) },
  };
}

/** The fields of each kind of order, in the order they are hashed. */
export const SIGNED_FIELDS = {
  order: ['uint256', 'uint256', 'string', 'string', 'bool', 'string', 'string', 'bool'],
  cancel: ['uint256', 'uint256', 'string'],
  lp: ['uint256', 'uint256', 'string', 'string'],
  withdraw: ['uint256', 'uint256', 'bool', 'address', 'address', 'address', 'uint256', 'uint256'],
} as const satisfies Record<string, readonly AbiType[]>;

export type SignedKind = keyof typeof SIGNED_FIELDS;

/** @throws NetError `INVALID` for a value that is not of its type */
export function signedHash(kind: SignedKind, values: readonly AbiValue[]): Hex {
  return `0x${Buffer.from(keccak256(abiEncode(SIGNED_FIELDS[kind], values))).toString('hex')}`;
}
