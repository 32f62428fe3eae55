/** What the snapshot of a pool of gRPC connections says, and of a limit on opening connections, as metrics. */
import type { GrpcPoolStats } from '../clients/grpc/pool-stats.ts';
import type { ClaimEnd } from '../pool/claim.ts';
import type { LeavingReason } from '../pool/member.ts';
import type { ConnectionRateSnapshot } from '../pool/start-gate.ts';
import type { Scrape } from './scrape.ts';

const CONNECTION_ENDS = ['age', 'surplus', 'peer', 'health', 'lost', 'failed', 'closing'] as const;
const LEASE_ENDS = ['released', 'reassigned', 'expired', 'closed'] as const;

export function collectGrpcPool(to: Scrape, stats: GrpcPoolStats): void {
  const { connections, leases, streams, health, connectionRate } = stats;
  for (const state of ['opening', 'ready', 'draining'] as const) {
    to.put('keepwarm_grpc_pool_connections', connections[state], { state });
  }
  to.put('keepwarm_grpc_pool_connections_max', connections.max);
  to.put('keepwarm_grpc_pool_connections_opened_total', stats.opened);
  for (const reason of CONNECTION_ENDS satisfies readonly LeavingReason[]) {
    to.put('keepwarm_grpc_pool_connections_ended_total', stats.ended[reason] ?? 0, { reason });
  }
  to.put('keepwarm_grpc_pool_reconnects_total', stats.reconnects);
  to.put('keepwarm_grpc_pool_revived_total', stats.revived);
  to.put('keepwarm_grpc_pool_rotations_total', stats.rotations);
  to.put('keepwarm_grpc_pool_leases', leases.held, { state: 'held' });
  to.put('keepwarm_grpc_pool_leases', leases.waiting, { state: 'waiting' });
  for (const reason of LEASE_ENDS satisfies readonly ClaimEnd[]) {
    to.put('keepwarm_grpc_pool_leases_ended_total', leases.ended[reason] ?? 0, { reason });
  }
  to.put('keepwarm_grpc_pool_streams', streams.live, { state: 'live' });
  to.put('keepwarm_grpc_pool_streams', streams.waiting, { state: 'waiting' });
  to.put('keepwarm_grpc_pool_message_rate', stats.messagesPerSecond);
  to.put('keepwarm_grpc_pool_health_checks_total', health.checked);
  to.put('keepwarm_grpc_pool_health_failures_total', health.failed);
  to.put('keepwarm_grpc_pool_backoff_seconds', stats.backoffMs / 1_000);
  if (connectionRate !== undefined) collectStarts(to, connectionRate);
}

export function collectStarts(to: Scrape, rate: ConnectionRateSnapshot): void {
  const labels = { limit: rate.name };
  to.put('keepwarm_starts_max', rate.limit, labels);
  to.put('keepwarm_starts_window_seconds', rate.windowMs / 1_000, labels);
  to.put('keepwarm_starts_used', rate.used, labels);
  to.put('keepwarm_starts_waiting', rate.waiting, labels);
  to.put('keepwarm_starts_granted_total', rate.granted, labels);
  to.put('keepwarm_starts_penalties_total', rate.penalties, labels);
  to.put('keepwarm_starts_paused_seconds', rate.pausedMs / 1_000, labels);
}
