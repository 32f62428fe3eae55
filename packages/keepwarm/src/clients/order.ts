/**
 * The order of policies, outermost first, with the reason for each place. It is data: a stack is built from it and from
 * nothing else, so a wrong order cannot be written.
 */
import type { Policy, Send } from '../core/call.ts';

export const ORDER = [
  // Its span is what all below happens in.
  'trace',
  // Sees what the caller sees: one call, however many attempts and redirects it took.
  'observe',
  // Each hop is a call of its own to all below: other origin, other answers kept, other limits. A change that answers
  // with a redirect makes what was kept at both addresses forgotten; and a caller who wants to see redirects never
  // gets, from cache or company, the answer of one who has them followed.
  'redirect',
  // What is kept costs nothing below. Above all that asks: validations are shared and repeated as calls are.
  'cache',
  // A crowd is one call to everything below: one retry, one copy, one place in each limit.
  'coalesce',
  // Once per call, however often it is sent. Above whatever signs a call, which must see the bytes that go out.
  'compress',
  // Above all that decides about one attempt: each attempt is admitted, limited and judged for itself.
  'retry',
  // Two copies of one attempt; below, each of them counts for what it is: a call to the peer.
  'hedge',
  // Below retry and hedge, so that a repeat goes elsewhere; above limits and breakers, which hold for each endpoint.
  'endpoints',
  // Knows how much each endpoint takes in one message; each part counts for itself below.
  'parts',
  // What waits here has not been sent. A breaker below judges at the moment of sending, not of queueing.
  'rateLimit',
  // Its time begins when it may start: a peer is not judged by how long our own limits held a call back.
  'attemptTime',
  // Below the rate limit, so that what it learns from is the peer's time and not our own waiting.
  'concurrency',
  // It sees every outcome, and nothing passes it by.
  'breaker',
  // Just above the sending: what a protocol calls a failure is one to all above, whatever its HTTP status.
  'answers',
  // Each time something is sent, as it is sent; but for replays on another connection, which only the engine sees.
  'attempt',
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
