/** Why there is no lease, or no place for a stream of one. Nothing was sent in any of these cases. */
import { NetError } from '../core/error.ts';
import type { Claim, ClaimEnd } from './claim.ts';

const UNSENT = { reach: 'unsent', phase: 'queue' } as const;

/** The pool takes no more. */
export function closedError(): NetError {
  return new NetError('CLOSED', 'the pool is closed', { reach: 'unsent', phase: 'closing' });
}

/** Whoever asks had given up before. */
export function abortedError(name: string, cause: unknown): NetError {
  return new NetError('ABORTED', `the lease "${name}": its caller had aborted already`, { ...UNSENT, cause });
}

const ENDS: Readonly<Record<ClaimEnd, string>> = {
  released: 'was released',
  reassigned: 'was given to another, as it had no live stream',
  expired: 'has expired, as it had no live stream',
  closed: 'ended with its pool',
};

/** What a stream on it fails with. */
export function lostError({ name }: Claim, end: ClaimEnd): NetError {
  return new NetError('CLOSED', `the lease "${name}" ${ENDS[end]}`, { reach: 'unsent', phase: 'queue' });
}

/** A queue is full. */
export function fullError(limit: string, value: number, what: string): NetError {
  const why = `${value} ${what} already wait for a connection (limit ${limit})`;
  return new NetError('SATURATED', why, { ...UNSENT, limit, value });
}

/** A name is taken. */
export function heldError(name: string): NetError {
  return new NetError('INVALID', `the lease "${name}" is held already; release it first`, UNSENT);
}
