/** What kinds of upstreams have in common, for whoever tells of them or acts on them. */
import type { ClientStats, EndpointSnapshot, ResilienceStats } from 'keepwarm';
import type { AnyUpstream } from '../data/routes.ts';

/** All of it: what this costs grows with the sockets. */
export function statsOf(upstream: AnyUpstream): ClientStats {
  return 'rpc' in upstream ? upstream.rpc.stats().http : upstream.client.stats();
}

export function policiesOf(upstream: AnyUpstream): ResilienceStats {
  return 'rpc' in upstream ? upstream.rpc.policyStats() : upstream.client.policyStats();
}

/** None for an upstream that is one origin. */
export function endpointsOf(upstream: AnyUpstream): readonly EndpointSnapshot[] {
  return policiesOf(upstream).endpoints?.endpoints ?? [];
}

/** Those of it whose words for an operator are asked for by name. */
export function operated(upstream: AnyUpstream) {
  return 'rpc' in upstream ? upstream.rpc : upstream.client;
}
