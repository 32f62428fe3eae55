/**
 * How long the peer may keep a call waiting, step by step.
 *
 *   the request goes out, in pieces ── the peer takes none: `firstByteMs`; its source gives none: the call's deadline
 *   it is out, nothing came yet     ── `firstByteMs`
 *   the reply comes in              ── `betweenBytesMs`, unless the request still waits for its source
 *
 * Each count begins anew with each byte in either direction: what moves, however slowly, is never ended by a step.
 */
import type { StepLimits } from '../core/call.ts';
import type { Phase } from '../core/error.ts';

/** For whom the body of a request waits: the peer, to take what was given; its own source, to give more; or nobody. */
export type Awaiting = 'peer' | 'source' | 'nobody';

/** In ms. */
export function patienceMs(limits: StepLimits, phase: Phase, awaiting: Awaiting = 'nobody'): number {
  if (awaiting === 'source') return Number.POSITIVE_INFINITY;
  return phase === 'body' ? limits.betweenBytesMs : limits.firstByteMs;
}
