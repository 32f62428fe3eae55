/** What the stand-in for Vest is told to be, and what it is told to do wrong. */
import type { ExchangeFault, ExchangeServerOptions } from '../exchange/rules.ts';

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
 * What happens to one request for an order, beside what can happen at any exchange:
 *  - `page`: it is taken, and the answer is a proxy's page of 502.
 *  - `page before`: it is not taken, and the answer is the same page.
 *  - `key`: the key has expired.
 *  - `slow down`: refused with 1003.
 *  - `other`: another order takes its nonce first.
 */
export type VestFault = ExchangeFault | 'page' | 'page before' | 'key' | 'slow down' | 'other';

export interface VestServerOptions extends ExchangeServerOptions<VestFault> {
  readonly crypto: VestCrypto;
  readonly contract: string;
  /** Whether a nonce must be the last plus one; otherwise it must only be higher. Default false. */
  readonly gapless?: boolean | undefined;
}
