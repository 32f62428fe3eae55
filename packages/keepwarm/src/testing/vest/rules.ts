/** What the stand-in for Vest is told to be, and what it is told to do wrong. */
import type { Clock } from '../../core/clock.ts';

/** What it cannot do by itself: any Ethereum library brings it. */
export interface VestCrypto {
  /** keccak256 of the ABI encoding, as 0x and hex. */
  hashOf(types: readonly string[], values: readonly unknown[]): string;
  /** Who signed these 32 bytes by EIP-191. */
  recoverMessage(hash: string, signature: string): Promise<string>;
  /** Who signed this by EIP-712. */
  recoverTypedData(proof: object, signature: string): Promise<string>;
}

/**
 * What happens to one request for an order:
 *  - `lose before`: the connection is reset, and the order never read.
 *  - `lose after`: it is taken, and the connection reset instead of an answer.
 *  - `silent after`: it is taken, and never answered.
 *  - `late`: it is taken only `lateMs` afterwards; the connection is reset at once.
 *  - `twice`: it is taken, and answered twice over.
 *  - `copy`: a second copy of it arrives right behind; the answer is the copy's.
 *  - `page`: it is taken, and the answer is a proxy's page of 502.
 *  - `page before`: it is not taken, and the answer is the same page.
 *  - `key`: the key has expired.
 *  - `slow down`: refused with 1003.
 *  - `other`: another order takes its nonce first.
 */
export type VestFault =
  | 'lose before'
  | 'lose after'
  | 'silent after'
  | 'late'
  | 'twice'
  | 'copy'
  | 'page'
  | 'page before'
  | 'key'
  | 'slow down'
  | 'other';

export interface VestServerOptions {
  readonly crypto: VestCrypto;
  readonly contract: string;
  /** By which times are judged. Default: the system's. */
  readonly clock?: Clock | undefined;
  /** How far its clock is ahead of that, in ms. Default 0. */
  readonly aheadMs?: number | undefined;
  /** What happens to the order that arrives as the n-th, from 0. */
  readonly fault?: ((index: number) => VestFault | undefined) | undefined;
  readonly lateMs?: number | undefined;
  /** Whether a nonce must be the last plus one; otherwise it must only be higher. Default false. */
  readonly gapless?: boolean | undefined;
  /** Requests in any second. Default: no limit. */
  readonly perSecond?: number | undefined;
}
