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
