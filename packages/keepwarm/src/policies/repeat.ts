/** What may be repeated, and what is worth repeating: two questions, asked by everything that sends a call again. */
import { type Call, mayRepeat } from '../core/call.ts';
import type { NetError, Reach } from '../core/error.ts';

/**
 * Answers that may be another one soon. 408, 425 and 429 say so (RFC 9110 § 15.5.9, RFC 8470 § 5.2, RFC 6585 § 4), as
 * do 502, 503 and 504, which stand for somebody behind the peer. 500 says nothing, and is repeated by undici, got and
 * the AWS SDKs alike: behind a balancer it is as often one bad machine as a bug. Every other 4xx, and 501 and 505, are
 * final.
 */
export const TRANSIENT_STATUSES: readonly number[] = [408, 425, 429, 500, 502, 503, 504];

/** Whether doing it again cannot do it twice: nothing of it was sent, or it makes no difference. */
export function isSafe(call: Call, reach: Reach): boolean {
  return reach === 'unsent' || mayRepeat(call);
}

/**
 * Whether the same call may fare better a moment later, or with another endpoint.
 *
 *  - `CONNECT`, `RESET`: connections come and go.
 *  - `TIMEOUT`: a step was slow this time; also the queue, as the place that took so long may be another endpoint's.
 *  - `RPC`: who knows the protocol has said so.
 *  - `DNS`, unless a name server said that there is no such name or address: that stays so until the zone changes.
 *
 * Never the others. `TLS`, `PROTOCOL`, `LIMIT`, `DECODE` and `REDIRECT` come from what the peer is or sends, and would
 * come again, at the price of what may be an attack; `INVALID` is ours to mend; `SATURATED` means that we shed load,
 * and a repeat would queue beyond the queue; `ABORTED`, `DEADLINE` and `CLOSED` mean that nobody waits any more.
 */
export function isTransient(error: NetError): boolean {
  switch (error.code) {
    case 'CONNECT':
    case 'RESET':
    case 'TIMEOUT':
    case 'RPC':
      return true;
    case 'DNS':
      return error.systemCode !== 'ENOTFOUND' && error.systemCode !== 'ENODATA';
    default:
      return false;
  }
}

const REACHES: readonly Reach[] = ['unsent', 'unknown', 'answered'];

/** What was reached by either sending of a call was reached by the call. */
export function further(a: Reach, b: Reach): Reach {
  return REACHES[Math.max(REACHES.indexOf(a), REACHES.indexOf(b))]!;
}
