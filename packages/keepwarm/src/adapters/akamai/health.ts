/** What a section's network does, in the words of the network stack design: pool, DNS cache, sessions, breakers. */
import type { Client } from '../../clients/client.ts';

export interface SectionHealth {
  /** Most calls have been answered, and no breaker is open. */
  readonly healthy: boolean;
  readonly connectionPool: {
    readonly active: number;
    readonly idle: number;
    readonly waiting: number;
    readonly opening: number;
    /** Of all times a connection was lent, how often it was one that had served before; 0…1. */
    readonly reuseRatio: number;
  };
  readonly dnsCache: { readonly names: number; readonly hitRate: number };
  /** HTTP/2 connections open now, and calls on them. */
  readonly http2Sessions: { readonly open: number; readonly streams: number };
  readonly breakers: readonly { readonly key: string; readonly state: 'closed' | 'open' | 'half-open' }[];
  readonly latencyMs: { readonly p50: number; readonly p95: number };
}

export function sectionHealth(client: Client): SectionHealth {
  const { pools, reuse, dns, sockets, policies, latency } = client.stats();
  const sum = (of: 'inFlight' | 'idle' | 'waiting' | 'opening') => pools.reduce((total, pool) => total + pool[of], 0);
  const sessions = sockets.live.filter(({ protocol }) => protocol === 'h2');
  const breakers = policies.breaker?.breakers ?? [];
  const asked = dns.hits + dns.staleHits + dns.negativeHits + dns.misses;
  return {
    healthy: client.isHealthy() && breakers.every(({ state }) => state !== 'open'),
    connectionPool: {
      active: sum('inFlight'),
      idle: sum('idle'),
      waiting: sum('waiting'),
      opening: sum('opening'),
      reuseRatio: reuse.ratio,
    },
    dnsCache: { names: dns.names, hitRate: asked === 0 ? 0 : (asked - dns.misses) / asked },
    http2Sessions: { open: sessions.length, streams: sessions.reduce((total, { streams = 0 }) => total + streams, 0) },
    breakers: breakers.map(({ key, state }) => ({ key, state })),
    latencyMs: { p50: latency.p50Ms, p95: latency.p95Ms },
  };
}
