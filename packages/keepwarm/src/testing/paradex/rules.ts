/** What the stand-in for Paradex is told to be, and what it is told to do wrong. */
import type { ExchangeFault, ExchangeServerOptions } from '../exchange/rules.ts';

/**
 * What happens to one request for an order, beside what can happen at any exchange:
 *  - `timed out before`: it is not taken, and the answer is 503.
 *  - `timed out after`: it is taken, and the answer is 503.
 *  - `token`: tokens have expired.
 */
export type ParadexFault = ExchangeFault | 'timed out before' | 'timed out after' | 'token';

export interface ParadexServerOptions extends ExchangeServerOptions<ParadexFault> {
  /** Whether this account's key signed this; any StarkNet library tells. */
  readonly verify: (data: object, account: string, signature: readonly string[], publicKey: string) => boolean;
  readonly chainId: string;
  /** The newest version of the binary schema it serves on public channels; one above it is a 400. Default 2. */
  readonly sbeVersionMax?: number | undefined;
  /** Public keys of the accounts it knows from the start, by account. */
  readonly accounts?: Readonly<Record<string, string>> | undefined;
}
