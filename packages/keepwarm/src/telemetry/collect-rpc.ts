/** What the snapshots of JSON-RPC and gRPC clients say beyond that of the HTTP client beneath, as metrics. */
import type { GrpcStats } from '../clients/grpc/record.ts';
import type { FreshnessState } from '../clients/jsonrpc/freshness-node.ts';
import type { RpcStats } from '../clients/jsonrpc/stats.ts';
import type { Difference } from '../core/observer.ts';
import { STATUS, type StatusName } from '../wire/grpc/status.ts';
import { collectRate } from './collect-policies.ts';
import type { Scrape } from './scrape.ts';

const STATUS_NAMES = Object.keys(STATUS) as readonly StatusName[];
const DIFFERENCES: readonly Difference[] = ['lacked', 'disagreed'];
const FRESHNESS: readonly FreshnessState[] = ['unknown', 'fresh', 'lagging', 'implausible'];

export function collectRpc(to: Scrape, stats: RpcStats): void {
  const { head, endpoints, batching, coalesced, cache, empty, agreement, splitting } = stats;
  to.put('keepwarm_rpc_head_height', head);
  for (const { name: endpoint, rateLimit, batch, freshness, differed } of endpoints) {
    for (const limit of rateLimit) collectRate(to, limit, endpoint);
    to.put('keepwarm_rpc_batch_size_max', batch.sizeMax, { endpoint });
    to.put('keepwarm_rpc_batches_refused_total', batch.refused, { endpoint });
    for (const answer of DIFFERENCES) {
      to.put('keepwarm_rpc_endpoint_differed_total', differed[answer], { endpoint, answer });
    }
    if (freshness === undefined) continue;
    to.state('keepwarm_rpc_endpoint_freshness', FRESHNESS, freshness.state, { endpoint });
    to.put('keepwarm_rpc_endpoint_height', freshness.height, { endpoint });
    to.put('keepwarm_rpc_endpoint_lag', freshness.lag, { endpoint });
    to.put('keepwarm_rpc_endpoint_lag_seconds', freshness.lagMs / 1_000, { endpoint });
  }
  to.put('keepwarm_rpc_batches_total', batching.batches);
  to.put('keepwarm_rpc_batched_requests_total', batching.batched);
  to.put('keepwarm_rpc_batch_resent_total', batching.resent);
  to.put('keepwarm_rpc_coalesced_total', coalesced);
  to.put('keepwarm_rpc_agreement_calls_total', agreement.agreed, { answer: 'agreed' });
  to.put('keepwarm_rpc_agreement_calls_total', agreement.disagreed, { answer: 'disagreed' });
  to.put('keepwarm_rpc_splits_total', splitting?.split);
  to.put('keepwarm_rpc_split_parts_total', splitting?.parts);
  to.put('keepwarm_rpc_agreement_more_total', agreement.more);
  to.put('keepwarm_rpc_empty_asked_total', empty?.asked);
  to.put('keepwarm_rpc_empty_found_total', empty?.found);
  to.put('keepwarm_rpc_cache_entries', cache?.entries);
  to.put('keepwarm_rpc_cache_hits_total', cache?.hits);
  to.put('keepwarm_rpc_cache_kept_total', cache?.kept);
}

export function collectGrpc(to: Scrape, { calls, messages }: GrpcStats): void {
  to.put('keepwarm_grpc_calls_total', calls.total);
  to.put('keepwarm_grpc_calls_in_flight', calls.inFlight);
  for (const code of STATUS_NAMES) to.put('keepwarm_grpc_calls_ended_total', calls.byStatus[code] ?? 0, { code });
  to.put('keepwarm_grpc_messages_sent_total', messages.sent);
  to.put('keepwarm_grpc_messages_received_total', messages.received);
  to.put('keepwarm_grpc_messages_unreadable_total', messages.unreadable);
}
