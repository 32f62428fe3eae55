/**
 * Whether callers should be sent here. Not while draining; and not when no upstream is usable, as another gateway may
 * have a way to them. One that is usable is enough: what is sent to the others is answered with what is wrong.
 */
import type { AnyUpstream } from '../data/routes.ts';
import { endpointsOf, policiesOf } from './upstream-parts.ts';
import type { AdminView } from './view.ts';

export interface Readiness {
  readonly ready: boolean;
  /** `ready`, or why not. Names of upstreams are no secret, but not needed by whoever asks without a token. */
  readonly text: string;
}

export function readiness({ data, upstreams, grpc }: Pick<AdminView, 'data' | 'upstreams' | 'grpc'>): Readiness {
  if (data.draining) return { ready: false, text: 'draining' };
  const [all, speaking] = [upstreams(), grpc.all];
  const some = all.length + speaking.length > 0;
  if (some && !all.some(isUsable) && !speaking.some(({ usable }) => usable)) {
    return { ready: false, text: 'no upstream is usable' };
  }
  return { ready: true, text: 'ready' };
}

const TAKING: ReadonlySet<string> = new Set(['healthy', 'slow-start', 'probing', 'unreachable']);

/**
 * As far as is known: one that has not been asked is, and one that may be tried again is. Only a call finds out whether
 * it is well, so who waited for that to be known would send none, and wait for ever.
 */
function isUsable(upstream: AnyUpstream): boolean {
  const endpoints = endpointsOf(upstream);
  if (endpoints.length > 0) return endpoints.some(({ state }) => TAKING.has(state));
  const breakers = policiesOf(upstream).breaker?.breakers ?? [];
  return breakers.length === 0 || breakers.some(({ state, probeMs }) => state !== 'open' || probeMs === 0);
}
