/** `rpc.stats()`: what the client knows of its calls and of each endpoint, in one object, pulled when asked. */
import type { EndpointSnapshot } from '../../balance/endpoint.ts';
import type { RateSnapshot } from '../../policies/rate-keys.ts';
import type { Client } from '../client.ts';
import type { ClientStats } from '../stats.ts';
import type { Agreement, AgreementSnapshot } from './agreement.ts';
import type { Batcher, BatcherSnapshot } from './batcher.ts';
import type { RpcCache, RpcCacheSnapshot } from './cache.ts';
import type { Company } from './company.ts';
import type { Differing, DifferingSnapshot } from './differing.ts';
import type { Empties, EmptiesSnapshot } from './empties.ts';
import type { EndpointLimits } from './endpoint-limits.ts';
import type { EndpointFreshness, Freshness } from './freshness.ts';
import type { BatchSnapshot, Parts } from './parts.ts';
import type { Splitting, SplittingSnapshot } from './splitting.ts';

export interface RpcEndpointStats extends EndpointSnapshot {
  /** One entry per limit. */
  readonly rateLimit: readonly RateSnapshot[];
  readonly batch: BatchSnapshot;
  /** Nothing when nobody follows its head: `freshness` is off. */
  readonly freshness: EndpointFreshness | undefined;
  /** Times it answered otherwise than others did. */
  readonly differed: DifferingSnapshot;
}

export interface RpcStats {
  /** Whether all endpoints fail, so that all are asked. */
  readonly panic: boolean;
  /** The height of the chain, where it is known. */
  readonly head: number | undefined;
  readonly endpoints: readonly RpcEndpointStats[];
  readonly batching: BatcherSnapshot;
  /** Reads that got the answer to another's request. */
  readonly coalesced: number;
  readonly cache: RpcCacheSnapshot | undefined;
  /** Nothing when empty answers are believed as they come. */
  readonly empty: EmptiesSnapshot | undefined;
  /** Nothing when what is refused as too much stays refused. */
  readonly splitting: SplittingSnapshot | undefined;
  /** Of calls that several endpoints had to agree on. */
  readonly agreement: AgreementSnapshot;
  /** Of the HTTP client beneath: a call there is one message. */
  readonly http: ClientStats;
}

export interface StatsParts {
  readonly client: Client;
  readonly limits: EndpointLimits;
  readonly parts: Parts;
  readonly freshness: Freshness | undefined;
  readonly batcher: Batcher;
  readonly company: Company | undefined;
  readonly cache: RpcCache | undefined;
  readonly empties: Empties | undefined;
  readonly differing: Differing;
  readonly agreement: Agreement;
  readonly splitting: Splitting | undefined;
}

export function rpcStats(all: StatsParts): RpcStats {
  const { client, freshness, batcher, company, cache, empties } = all;
  const http = client.stats();
  return {
    panic: http.policies.endpoints!.panic,
    head: freshness?.snapshot().head,
    endpoints: endpointStats(all, http.policies.endpoints!.endpoints),
    batching: batcher.snapshot(),
    coalesced: company?.snapshot().joined ?? 0,
    cache: cache?.snapshot(),
    empty: empties?.snapshot(),
    splitting: all.splitting?.snapshot(),
    agreement: all.agreement.snapshot(),
    http,
  };
}

export function endpointStats(
  { client, limits, parts, freshness, differing }: StatsParts,
  endpoints: readonly EndpointSnapshot[] = client.policyStats().endpoints!.endpoints,
): readonly RpcEndpointStats[] {
  const fresh = new Map(freshness?.snapshot().endpoints.map((each) => [each.name, each]));
  return endpoints.map((endpoint) => ({
    ...endpoint,
    rateLimit: limits.snapshot(endpoint.name),
    batch: parts.snapshot(endpoint.name),
    freshness: fresh.get(endpoint.name),
    differed: differing.snapshot(endpoint.name),
  }));
}
