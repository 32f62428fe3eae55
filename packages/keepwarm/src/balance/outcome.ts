/**
 * What the outcome of a call says about the endpoint that it was sent to. Whoever knows the protocol decides; a
 * JSON-RPC node that answers "I am behind" with status 200 is not well.
 */
import type { NetError } from '../core/error.ts';
import type { Reply } from '../core/reply.ts';

/**
 *  - `well`: it does what it is for.
 *  - `ill`: it fails; enough of this and it is ejected.
 *  - `busy`: it takes no more (429; our own limit for it is reached) or none of ours (403). Calls go elsewhere if they
 *    can, but it is not ejected: it does what it is for, only not for us, or not now.
 *  - `nothing`: the outcome is about this one call (404), or the caller's doing (abort).
 */
export type EndpointVerdict = 'well' | 'ill' | 'busy' | 'nothing';

export interface Judge {
  ofReply(reply: Reply): EndpointVerdict;
  /** @param tookMs from the start of the attempt to its failure */
  ofError(error: NetError, tookMs: number): EndpointVerdict;
  /** How long an endpoint that is ill or busy asks to be left alone, in ms; nothing when it does not say. */
  pauseMs(outcome: Reply | NetError): number | undefined;
}
