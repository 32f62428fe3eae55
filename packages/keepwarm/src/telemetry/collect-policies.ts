/** What the policies' snapshots say, as metrics: only of those that are on. */
import { ENDPOINT_STATES, type EndpointSnapshot } from '../balance/endpoint.ts';
import type { ResilienceStats } from '../clients/resilience.ts';
import type { RateSnapshot } from '../policies/rate-keys.ts';
import { collectFleet } from './collect-fleet.ts';
import type { Scrape } from './scrape.ts';

const BREAKER_STATES = ['closed', 'open', 'half-open'];

export function collectPolicies(to: Scrape, stats: ResilienceStats): void {
  repeats(to, stats);
  for (const limit of stats.rateLimit ?? []) collectRate(to, limit, '');
  collectFleet(to, stats.readyLimit);
  for (const { key, limit, inFlight, waiting, granted, dropped, refused } of stats.concurrency ?? []) {
    to.put('keepwarm_concurrency_max', limit, { key });
    to.put('keepwarm_concurrency_in_flight', inFlight, { key });
    to.put('keepwarm_concurrency_waiting', waiting, { key });
    to.put('keepwarm_concurrency_granted_total', granted, { key });
    to.put('keepwarm_concurrency_dropped_total', dropped, { key });
    to.put('keepwarm_concurrency_refused_total', refused, { key });
  }
  for (const { key, state, consecutive, probeMs, opened, refused } of stats.breaker?.breakers ?? []) {
    to.state('keepwarm_breaker_state', BREAKER_STATES, state, { key });
    to.put('keepwarm_breaker_consecutive_failures', consecutive, { key });
    to.put('keepwarm_breaker_probe_wait_seconds', probeMs / 1_000, { key });
    to.put('keepwarm_breaker_opened_total', opened, { key });
    to.put('keepwarm_breaker_refused_total', refused, { key });
  }
  to.put('keepwarm_breaker_unguarded_total', stats.breaker?.unguarded);
  savings(to, stats);
  if (stats.endpoints === undefined) return;
  to.put('keepwarm_endpoints_panic', stats.endpoints.panic ? 1 : 0);
  for (const endpoint of stats.endpoints.endpoints) collectEndpoint(to, endpoint);
}

function repeats(to: Scrape, { retry, budget, hedge }: ResilienceStats): void {
  to.put('keepwarm_retries_total', retry?.retried);
  to.put('keepwarm_retries_waiting', retry?.waiting);
  for (const [reason, count] of Object.entries(retry?.denied ?? {})) {
    to.put('keepwarm_retries_denied_total', count, { reason });
  }
  to.put('keepwarm_retry_budget_balance', budget?.balance);
  to.put('keepwarm_retry_budget_deposits_total', budget?.deposits);
  to.put('keepwarm_retry_budget_withdrawals_total', budget?.withdrawals);
  to.put('keepwarm_retry_budget_refusals_total', budget?.refusals);
  to.put('keepwarm_hedge_delay_seconds', hedge?.delayMs === undefined ? undefined : hedge.delayMs / 1_000);
  to.put('keepwarm_hedges_total', hedge?.hedged);
  to.put('keepwarm_hedges_won_total', hedge?.won);
  to.put('keepwarm_hedges_denied_total', hedge?.denied);
  to.put('keepwarm_hedges_armed', hedge?.armed);
}

function savings(to: Scrape, { cache, coalesce, compress }: ResilienceStats): void {
  to.put('keepwarm_cache_entries', cache?.entries);
  to.put('keepwarm_cache_size_bytes', cache?.bytes);
  for (const answer of ['fresh', 'stale', 'validated', 'missed'] as const) {
    to.put('keepwarm_cache_answers_total', cache?.[answer], { answer });
  }
  to.put('keepwarm_cache_revalidations_failed_total', cache?.revalidationsFailed);
  for (const role of ['led', 'joined', 'separated'] as const) {
    to.put('keepwarm_coalesce_calls_total', coalesce?.[role], { role });
  }
  to.put('keepwarm_coalesce_attempts', coalesce?.attempts);
  to.put('keepwarm_compressed_bodies_total', compress?.bodies);
  to.put('keepwarm_compressed_bytes_total', compress?.bytesBefore, { stage: 'before' });
  to.put('keepwarm_compressed_bytes_total', compress?.bytesAfter, { stage: 'after' });
  to.put('keepwarm_compress_refusing_origins', compress?.refusing.length);
}

/** @param endpoint whose limit it is; '' for one of the whole client */
export function collectRate(to: Scrape, rate: RateSnapshot, endpoint: string): void {
  const labels = { limit: rate.name, endpoint };
  to.put('keepwarm_rate_limit_max', rate.limit, labels);
  to.put('keepwarm_rate_limit_window_seconds', rate.windowMs / 1_000, labels);
  to.put('keepwarm_rate_limit_keys', rate.keys, labels);
  to.put('keepwarm_rate_limit_used', rate.used, labels);
  to.put('keepwarm_rate_limit_remaining', rate.remaining, labels);
  to.put('keepwarm_rate_limit_reset_seconds', rate.resetMs / 1_000, labels);
  to.put('keepwarm_rate_limit_paused_seconds', rate.pausedMs / 1_000, labels);
  to.put('keepwarm_rate_limit_waiting', rate.waiting, labels);
  to.put('keepwarm_rate_limit_granted_total', rate.granted, labels);
  to.put('keepwarm_rate_limit_refused_total', rate.refused, labels);
}

function collectEndpoint(to: Scrape, stats: EndpointSnapshot): void {
  const endpoint = stats.name;
  to.state('keepwarm_endpoint_state', ENDPOINT_STATES, stats.state, { endpoint });
  to.put('keepwarm_endpoint_weight', stats.weight, { endpoint });
  to.put('keepwarm_endpoint_latency_seconds', stats.latencyMs / 1_000, { endpoint });
  to.put('keepwarm_endpoint_load_seconds', stats.load / 1_000, { endpoint });
  to.put('keepwarm_endpoint_in_flight', stats.inFlight, { endpoint });
  to.put('keepwarm_endpoint_outcomes_total', stats.successes, { endpoint, answer: 'success' });
  to.put('keepwarm_endpoint_outcomes_total', stats.failures, { endpoint, answer: 'failure' });
  to.put('keepwarm_endpoint_outcomes_total', stats.busy, { endpoint, answer: 'busy' });
  to.put('keepwarm_endpoint_ejections_total', stats.ejections, { endpoint });
}
