/** What the status page and `/api/stats` tell of a pool of JSON-RPC nodes, beyond what they tell of every upstream. */
import type { RpcStats } from 'keepwarm/jsonrpc';
import type { RpcUpstream } from '../data/rpc-upstream.ts';
import type { Upstream } from '../data/upstream.ts';

export interface RpcEndpointTold {
  readonly name: string;
  readonly origin: string;
  readonly priority: number;
  /** `healthy`, `slow-start`, `ejected`, `probing`, `cordoned`, or `unreachable`: no connection can be opened. */
  readonly state: string;
  readonly latencyMs: number;
  readonly inFlight: number;
  readonly successes: number;
  readonly failures: number;
  readonly busy: number;
  readonly ejections: number;
  /** (Peak EWMA latency + share of failures × a penalty) × (in flight + 1) ÷ weight, in ms. */
  readonly load: number;
  /** Until when it is out, and until when it asked to be left alone, in ms since 1970. */
  readonly ejectedUntilMs: number | undefined;
  readonly pausedUntilMs: number | undefined;
  /** `fresh`, `lagging`, …; nothing while it has not said where it is. */
  readonly freshness: string | undefined;
  readonly height: number | undefined;
  /** Heights behind the head. */
  readonly lag: number | undefined;
  readonly rateLimit: RpcStats['endpoints'][number]['rateLimit'];
  /** Of a node: times it lacked what another one had, and times it said otherwise than the others. */
  readonly differed?: RpcStats['endpoints'][number]['differed'];
  /** Outcomes per second, oldest first, ending with the last full second; at most 120. */
  readonly trail: readonly number[];
  /** Where several processes do the work and do not agree: how many of them see it in which state. */
  readonly workersByState?: Readonly<Record<string, number>>;
}

export interface RpcTold {
  readonly adapter: string;
  /** The height of the chain, where it is known. */
  readonly head: number | undefined;
  /** Whether all endpoints fail, so that all are asked. */
  readonly panic: boolean;
  /** Reads that got the answer to another's request. */
  readonly coalesced: number;
  readonly answers: RpcAnswersTold;
  readonly endpoints: readonly RpcEndpointTold[];
}

/** What became of answers that are not taken as they come, since the start. */
export interface RpcAnswersTold {
  /** Calls that several endpoints had to agree on. */
  readonly agreed: number;
  readonly disagreed: number;
  /** Times another endpoint was asked for what an answer lacked, and times that one had it. */
  readonly emptyAsked: number;
  readonly emptyFound: number;
  /** Searches that were refused as too much, and the parts they were asked for in. */
  readonly split: number;
  readonly splitParts: number;
}

export function rpcTold(upstream: RpcUpstream, stats: RpcStats): RpcTold {
  const { head, panic, coalesced, endpoints, agreement, empty, splitting } = stats;
  const answers = {
    agreed: agreement.agreed,
    disagreed: agreement.disagreed,
    emptyAsked: empty?.asked ?? 0,
    emptyFound: empty?.found ?? 0,
    split: splitting?.split ?? 0,
    splitParts: splitting?.parts ?? 0,
  };
  const adapter = upstream.config.rpc.adapter.name;
  return { adapter, head, panic, coalesced, answers, endpoints: rpcEndpointsTold(upstream, endpoints) };
}

export function rpcEndpointsTold(
  { rpc, trails }: RpcUpstream,
  endpoints: RpcStats['endpoints'] = rpc.endpointStats(),
): readonly RpcEndpointTold[] {
  return endpoints.map((endpoint) => {
    const { name, origin, priority, state, latencyMs, inFlight, successes, failures, busy, ejections } = endpoint;
    return {
      ...{ name, origin, priority, state, latencyMs, inFlight, successes, failures, busy, ejections },
      load: endpoint.load,
      ejectedUntilMs: endpoint.ejectedUntilMs,
      pausedUntilMs: endpoint.pausedUntilMs,
      freshness: endpoint.freshness?.state,
      height: endpoint.freshness?.height,
      lag: endpoint.freshness?.lag,
      rateLimit: endpoint.rateLimit,
      differed: endpoint.differed,
      trail: trails.of(name),
    };
  });
}

/** Endpoints of an upstream that has no chain to be behind of; none of one with an origin. */
export function originEndpointsTold({ client, trails }: Upstream): readonly RpcEndpointTold[] {
  if (trails === undefined) return [];
  const endpoints = client.policyStats().endpoints?.endpoints ?? [];
  return endpoints.map(({ weight: _, ...endpoint }) => {
    const { name } = endpoint;
    const nowhere = { freshness: undefined, height: undefined, lag: undefined };
    return { ...endpoint, ...nowhere, rateLimit: [], trail: trails.of(name) };
  });
}
