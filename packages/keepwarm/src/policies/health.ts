/** What the outcome of a call says about the peer's health: that it is well, that it is not, or nothing. */
import type { NetError } from '../core/error.ts';

/**
 * A deadline that was missed says something about the peer only when it had been given so long, in ms. Ours: who gives
 * a call 5 ms learns nothing about the peer by missing them, and should not decide for others.
 */
export const PATIENCE_MS = 1_000;

export type Verdict = 'well' | 'ill' | 'nothing';

/**
 * A status in `failures` says ill. Any other 4xx or 5xx is about this one call, and says nothing: a caller who asks for
 * what does not exist must neither open a breaker nor keep one closed that should open.
 */
export function verdictOfStatus(status: number, failures: ReadonlySet<number>): Verdict {
  if (failures.has(status)) return 'ill';
  return status < 400 ? 'well' : 'nothing';
}

/** System codes that mean that this machine has run out of something, not that the peer is away. */
const OURS: ReadonlySet<string> = new Set(['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM', 'EADDRNOTAVAIL']);

/**
 * `CONNECT`, `RESET`, `DNS`, `TLS` and `PROTOCOL` are the peer's or the way's to it, a timeout is once it has left our
 * own queue. A deadline says something only if it left the peer `patienceMs`: who gives a call 5 ms learns nothing
 * about the peer by missing them. With `RPC`, who knows the protocol has said it. The others are the caller's
 * (`ABORTED`, `INVALID`), ours (`SATURATED`, `CLOSED`, `OPEN`), or about one answer (`LIMIT`, `DECODE`, `STATUS`,
 * `REDIRECT`).
 *
 * @param tookMs from the start of the attempt to its failure
 */
export function verdictOfError(error: NetError, tookMs: number, patienceMs: number): Verdict {
  switch (error.code) {
    case 'CONNECT':
      return OURS.has(error.systemCode ?? '') ? 'nothing' : 'ill';
    case 'RESET':
    case 'DNS':
    case 'TLS':
    case 'PROTOCOL':
      return 'ill';
    case 'RPC':
      return error.health === 'ill' ? 'ill' : 'nothing';
    default:
      return saysOverload(error, tookMs, patienceMs) ? 'ill' : 'nothing';
  }
}

/**
 * Whether the peer did not answer in a time in which it should have. While a body was still being sent, whoever sends
 * it may have been the slow one. @param tookMs as above
 */
export function saysOverload(error: NetError, tookMs: number, patienceMs: number): boolean {
  if (error.phase === 'queue' || error.phase === 'write') return false;
  return error.code === 'TIMEOUT' || (error.code === 'DEADLINE' && tookMs >= patienceMs);
}
