/** What the stand-in for Paradex is told to be, and what it is told to do wrong. */
import type { Clock } from '../../core/clock.ts';

/**
 * What happens to one request for an order:
 *  - `lose before`, `timed out before`: it is not taken; the connection is reset, or the answer is 503.
 *  - `lose after`, `silent after`, `timed out after`: it is taken; the same, or no answer at all.
 *  - `late`: it is taken only `lateMs` afterwards; the connection is reset at once.
 *  - `copy`: a second copy of it arrives right behind; the answer is the copy's.
 *  - `token`: tokens have expired.
 */
export type ParadexFault =
  | 'lose before'
  | 'timed out before'
  | 'lose after'
  | 'silent after'
  | 'timed out after'
  | 'late'
  | 'copy'
  | 'token';

export interface ParadexServerOptions {
  /** Whether this account's key signed this; any StarkNet library tells. */
  readonly verify: (data: object, account: string, signature: readonly string[], publicKey: string) => boolean;
  readonly chainId: string;
  /** Public keys of the accounts it knows from the start, by account. */
  readonly accounts?: Readonly<Record<string, string>> | undefined;
  /** By which times are judged. Default: the system's. */
  readonly clock?: Clock | undefined;
  /** What happens to the order that arrives as the n-th, from 0. */
  readonly fault?: ((index: number) => ParadexFault | undefined) | undefined;
  readonly lateMs?: number | undefined;
}
