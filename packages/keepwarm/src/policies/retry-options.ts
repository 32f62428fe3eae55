/** What retry takes, with the defaults and where they come from. */
import { TRANSIENT_STATUSES } from './repeat.ts';

export interface RetryOptions {
  /** Attempts of one call, the first included; 1 repeats nothing. */
  readonly attemptsMax: number;
  /**
   * Length of one attempt, in ms, until the head of its reply is there: after that nothing is repeated, and the body
   * has the call's deadline. Never beyond that, and never of a call that may not be repeated: cutting it short would
   * leave its caller with less than patience does. `auto`: as long as the call, until there is another endpoint to go
   * to; see `attempt-length.ts`.
   */
  readonly attemptMs: number | 'auto';
  /** The longest wait after the first attempt, in ms. */
  readonly baseMs: number;
  /** The same after 429, when the peer does not say how long to wait. */
  readonly throttledBaseMs: number;
  /** The longest wait that doubling leads to, in ms. */
  readonly capMs: number;
  /** The longest `Retry-After` that is waited for, in ms; a peer that asks for more is asked again after this. */
  readonly retryAfterMsMax: number;
  /** Statuses that are worth another attempt. */
  readonly statuses: readonly number[];
}

/**
 * Where each comes from:
 *  - `attemptsMax` 5: undici's retry handler and eRPC's network level. The budget is what protects the peer, so this
 *    may be generous: where one attempt in ten fails, three attempts lose one call in a thousand, five one in 100,000.
 *  - `attemptMs` auto: with one origin none, as Envoy's `per_try_timeout`; the limits of single steps hold anyway. With
 *    several endpoints a share of the time left, as Go's `net.Dialer` and glibc's resolver divide theirs.
 *  - `baseMs` 25: Envoy's `retry_back_off.base_interval`.
 *  - `throttledBaseMs` 1 s, `capMs` 20 s: the AWS SDKs' standard mode of 2026 (aws-sdk-go-v2#3400), which tells
 *    throttling from other failures likewise.
 *  - `retryAfterMsMax` 60 s: ours. Beyond the default deadline, so that it bounds only those who wait longer than that.
 *  - `statuses`: see `TRANSIENT_STATUSES`.
 */
export const RETRY_DEFAULTS: RetryOptions = {
  attemptsMax: 5,
  attemptMs: 'auto',
  baseMs: 25,
  throttledBaseMs: 1_000,
  capMs: 20_000,
  retryAfterMsMax: 60_000,
  statuses: TRANSIENT_STATUSES,
};

/** The figures of the network stack design this library grew from: three retries, 1 s doubled up to 30 s. */
export const RETRY_SEED: RetryOptions = { ...RETRY_DEFAULTS, attemptsMax: 4, baseMs: 1_000, capMs: 30_000 };
