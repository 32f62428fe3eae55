/**
 * The order of policies, outermost first, with the reason for each place. It is data: a stack is built from it and from
 * nothing else, so a wrong order cannot be written.
 */
import type { Policy, Send } from '../core/call.ts';

export const ORDER = [
  // Sees what the caller sees: one call, however many attempts and redirects it took.
  'observe',
  // Each hop is a call of its own to the policies below: other origin, other pool, other limits.
  'redirect',
  // Above all that decides about one attempt: each attempt is admitted, limited and judged for itself.
  'retry',
  // Two copies of one attempt; below, each of them counts for what it is: a call to the peer.
  'hedge',
  // Below retry and hedge, so that a repeat goes elsewhere; above limits and breakers, which hold for each endpoint.
  'endpoints',
  // What waits here has not been sent. A breaker below judges at the moment of sending, not of queueing.
  'rateLimit',
  // Next to the engine: it sees every outcome, and nothing passes it by.
  'breaker',
] as const;

export type PolicyName = (typeof ORDER)[number];

/** The engine under the given policies, in the order above. */
export function stack(policies: Partial<Record<PolicyName, Policy>>, engine: Send): Send {
  let send = engine;
  for (let i = ORDER.length - 1; i >= 0; i--) {
    const policy = policies[ORDER[i]!];
    if (policy !== undefined) send = policy(send);
  }
  return send;
}
