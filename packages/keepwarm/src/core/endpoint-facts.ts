/** Facts about the endpoints of a set: what puts them out of service and back, and how far they have come. */
import type { NetError } from './error.ts';

/** Why an endpoint was ejected. */
export type EjectionReason =
  | 'consecutive' // failures in a row
  | 'silence' // two in a row, and it has not done well for a whole window
  | 'share' // too large a share of its outcomes
  | 'probe' // the probe failed: it was out already, and stays so for longer
  | 'check'; // health checks

/** What showed that it is well: a call it answered, or health checks. */
export type Readmission = 'call' | 'check';

export interface EndpointFact {
  /** Its name. */
  readonly endpoint: string;
  readonly origin: string;
}

export interface EndpointEjected extends EndpointFact {
  readonly reason: EjectionReason;
  /** How long it gets no calls, in ms; then one, the probe. */
  readonly ejectedMs: number;
  /** Times it was ejected since it was made, this one included. */
  readonly ejections: number;
  /** The failure that was one too many: the status of a reply, or an error. Neither for `check`. */
  readonly status: number | undefined;
  readonly error: NetError | undefined;
}

export interface EndpointReadmitted extends EndpointFact {
  readonly by: Readmission;
  /** How long it was out, in ms. */
  readonly outMs: number;
}

export interface EndpointCordoned extends EndpointFact {
  /** False: it takes calls again. */
  readonly cordoned: boolean;
}

/** Why an endpoint gets no calls that depend on the head: it is too far behind it, or so far ahead that it must err. */
export type LagReason = 'behind' | 'implausible';

export interface EndpointLagging extends EndpointFact {
  readonly reason: LagReason;
  /** What it said last: a slot, a block number. */
  readonly height: number;
  /** The height of the best that is believed. */
  readonly head: number;
  /** Heights between them; below 0 for what is ahead. */
  readonly lag: number;
}

/**
 * How an endpoint answered otherwise than others: it `lacked` what another had, or said something else than those who
 * `disagreed` with it and agreed among themselves.
 */
export type Difference = 'lacked' | 'disagreed';

export interface EndpointDiffered extends EndpointFact {
  readonly how: Difference;
  /** The method that was called. */
  readonly operation: string;
}

export interface EndpointCaughtUp extends EndpointFact {
  readonly height: number;
  readonly head: number;
  readonly lag: number;
  /** How long it was behind, in ms. */
  readonly laggedMs: number;
}
