/**
 * Every metric: its name, type, labels and meaning. docs/reference/metrics.md repeats this table, and a test holds the
 * two equal. Metrics stand under our own name: the standard `http.client.request.duration` wants the method and the
 * server of each call, which no snapshot keeps, and Node's own instrumentation may be counting it already.
 */
import type { MetricType } from './text.ts';

/**
 * Labels whose values the user's traffic makes, so that they need a limit. The others come from closed lists. `client`
 * stands on all metrics where clients were given names.
 */
export const OPEN_LABELS = ['origin', 'section', 'key', 'endpoint', 'limit'] as const;
export type OpenLabel = (typeof OPEN_LABELS)[number];
export type Label = OpenLabel | 'class' | 'code' | 'phase' | 'use' | 'state' | 'answer' | 'reason' | 'role' | 'stage';

export interface Metric {
  readonly type: MetricType;
  readonly help: string;
  readonly labels: readonly Label[];
  /** What becomes of several that must share one series. Counters are added. */
  readonly merge: 'sum' | 'max' | 'min';
}

const counter = (help: string, ...labels: Label[]): Metric => ({ type: 'counter', help, labels, merge: 'sum' });
const histogram = (help: string, ...labels: Label[]): Metric => ({ type: 'histogram', help, labels, merge: 'sum' });
const gauge = (help: string, ...labels: Label[]): Metric => ({ type: 'gauge', help, labels, merge: 'sum' });
const most = (help: string, ...labels: Label[]): Metric => ({ type: 'gauge', help, labels, merge: 'max' });
const least = (help: string, ...labels: Label[]): Metric => ({ type: 'gauge', help, labels, merge: 'min' });

const CALLS = {
  keepwarm_uptime_seconds: gauge('Age of the client.'),
  keepwarm_calls_total: counter('Calls begun.'),
  keepwarm_calls_in_flight: gauge('Calls that have not ended.'),
  keepwarm_replies_total: counter('Replies that have ended, by the class of their status.', 'class'),
  keepwarm_failures_total: counter('Calls that ended without a reply, by error code.', 'code'),
  keepwarm_call_duration_seconds: histogram('From a call to the end of its reply; failures are not in it.'),
  keepwarm_queue_wait_seconds: histogram('What calls waited for a connection, those that waited not at all included.'),
  keepwarm_connect_duration_seconds: histogram('Opening a connection, by phase: dns, tcp, tls.', 'phase'),
};

const CONNECTIONS = {
  keepwarm_leases_total: counter('Connections lent to calls, by use: fresh (its first call) or reused.', 'use'),
  keepwarm_hops_total: counter('Calls replayed because a reused connection turned out to be dead.'),
  keepwarm_leaks_suspected_total: counter('Connections lent for longer than leak.afterMs.'),
  keepwarm_leaks_recovered_total: counter('Connections that came back after being suspected.'),
  keepwarm_sockets_open: gauge('Connections open.'),
  keepwarm_sockets_closed_total: counter('Connections closed.'),
  keepwarm_sockets_max: gauge('The most connections the client may have open at once.'),
  keepwarm_tls_sessions: gauge('TLS sessions held for resumption.'),
  keepwarm_http2_sessions: gauge('Open HTTP/2 connections.', 'origin', 'section'),
  keepwarm_http2_streams: gauge('Calls under way on HTTP/2 connections.', 'origin', 'section'),
  keepwarm_http2_rtt_seconds: most('From an HTTP/2 ping to its answer; the slowest session.', 'origin', 'section'),
  keepwarm_pool_opening: gauge('Connections being opened.', 'origin', 'section'),
  keepwarm_pool_in_use: gauge('Connections lent; of HTTP/2, streams.', 'origin', 'section'),
  keepwarm_pool_idle: gauge('Connections open and unused.', 'origin', 'section'),
  keepwarm_pool_waiting: gauge('Calls that wait for a connection.', 'origin', 'section'),
  keepwarm_pool_sockets_max: most('The most connections the pool may have.', 'origin', 'section'),
  keepwarm_pool_saturation_ratio: most('(In use + waiting) ÷ capacity; above 1 calls queue.', 'origin', 'section'),
  keepwarm_dns_names: gauge('Names in the DNS cache, failures included.'),
  keepwarm_dns_questions_total: counter('Questions to the DNS cache: hit, stale, negative or miss.', 'answer'),
  keepwarm_dns_lookups_total: counter('Lookups that ended at the resolver.'),
  keepwarm_dns_lookup_errors_total: counter('Lookups that failed.'),
  keepwarm_dns_lookups_in_flight: gauge('Lookups under way.'),
};

const POLICIES = {
  keepwarm_retries_total: counter('Attempts made beyond the first of a call.'),
  keepwarm_retries_denied_total: counter('Passing failures handed to the caller, by what stood in the way.', 'reason'),
  keepwarm_retries_waiting: gauge('Calls that wait for their next attempt.'),
  keepwarm_retry_budget_balance: gauge('Extra attempts the budget would grant now.'),
  keepwarm_retry_budget_deposits_total: counter('Calls that paid into the budget.'),
  keepwarm_retry_budget_withdrawals_total: counter('Extra attempts the budget has granted.'),
  keepwarm_retry_budget_refusals_total: counter('Extra attempts the budget has refused.'),
  keepwarm_hedge_delay_seconds: gauge('When a copy of a call would be sent now, after the first.'),
  keepwarm_hedges_total: counter('Second copies of slow calls that were sent.'),
  keepwarm_hedges_won_total: counter('Copies that were answered first, and well.'),
  keepwarm_hedges_denied_total: counter('Copies that were due and refused by the budget.'),
  keepwarm_hedges_armed: gauge('Calls that wait for their answer or for their copy.'),
  keepwarm_rate_limit_max: most('Weight a window may hold.', 'limit', 'endpoint'),
  keepwarm_rate_limit_window_seconds: most('Length of the window.', 'limit', 'endpoint'),
  keepwarm_rate_limit_keys: gauge('Keys in memory.', 'limit', 'endpoint'),
  keepwarm_rate_limit_used: most('Weight that counts now, of the tightest key.', 'limit', 'endpoint'),
  keepwarm_rate_limit_remaining: least('Weight that may start now, of the tightest key.', 'limit', 'endpoint'),
  keepwarm_rate_limit_reset_seconds: most('Until all of the limit is free again.', 'limit', 'endpoint'),
  keepwarm_rate_limit_paused_seconds: most('What is left of a pause the peer asked for.', 'limit', 'endpoint'),
  keepwarm_rate_limit_waiting: gauge('Calls that wait for the limit.', 'limit', 'endpoint'),
  keepwarm_rate_limit_granted_total: counter('Weight ever started.', 'limit', 'endpoint'),
  keepwarm_rate_limit_refused_total: counter('Calls refused because of the limit.', 'limit', 'endpoint'),
  keepwarm_fleet_limit_max: most('Weight a window may hold, in all processes together.', 'limit'),
  keepwarm_fleet_limit_window_seconds: most('Length of the window.', 'limit'),
  keepwarm_fleet_limit_own: most('Weight that counts now and was started by this process; the most by key.', 'limit'),
  keepwarm_fleet_limit_paused_seconds: most('What is left of a pause the peer asked this process for.', 'limit'),
  keepwarm_fleet_limit_granted_total: counter('Weight ever started by this process.', 'limit'),
  keepwarm_fleet_limit_refused_total: counter('Calls this process refused because of the limit.', 'limit'),
  keepwarm_fleet_waiting: gauge('Calls of this process that wait for a start.'),
  keepwarm_fleet_redis_state: gauge('1 for what Redis is to the limits, 0 for the others.', 'state'),
  keepwarm_fleet_redis_asks_total: counter('Questions put to Redis.'),
  keepwarm_fleet_redis_losses_total: counter('Questions it did not answer in time.'),
  keepwarm_concurrency_max: most('Calls in flight the limit admits at the moment.', 'key'),
  keepwarm_concurrency_in_flight: gauge('Calls in flight under the limit.', 'key'),
  keepwarm_concurrency_waiting: gauge('Calls that wait for a place.', 'key'),
  keepwarm_concurrency_granted_total: counter('Calls started.', 'key'),
  keepwarm_concurrency_dropped_total: counter('Calls the peer dropped.', 'key'),
  keepwarm_concurrency_refused_total: counter('Calls we refused.', 'key'),
  keepwarm_breaker_state: gauge('1 for the state a breaker is in, 0 for the others.', 'key', 'state'),
  keepwarm_breaker_consecutive_failures: most('Failures in a row.', 'key'),
  keepwarm_breaker_probe_wait_seconds: most('What is left of the wait until a probe; 0 unless open.', 'key'),
  keepwarm_breaker_opened_total: counter('Times it opened.', 'key'),
  keepwarm_breaker_refused_total: counter('Calls it refused.', 'key'),
  keepwarm_breaker_unguarded_total: counter('Calls let through without a breaker, as there was no room for its key.'),
  keepwarm_cache_entries: gauge('Answers in the cache.'),
  keepwarm_cache_size_bytes: gauge('What they take.'),
  keepwarm_cache_answers_total: counter('Calls by their answer: fresh, stale, validated or missed.', 'answer'),
  keepwarm_cache_revalidations_failed_total: counter('Validations beside a stale answer that failed.'),
  keepwarm_coalesce_calls_total: counter('Calls by role: led, joined, or separated after joining.', 'role'),
  keepwarm_coalesce_attempts: gauge('Attempts that can be joined now.'),
  keepwarm_compressed_bodies_total: counter('Request bodies compressed.'),
  keepwarm_compressed_bytes_total: counter('Bytes of those bodies, by stage: before or after.', 'stage'),
  keepwarm_compress_refusing_origins: gauge('Origins that refuse compressed bodies at the moment.'),
};

const ENDPOINTS = {
  keepwarm_endpoints_panic: gauge('1 while all endpoints fail, so that all are asked.'),
  keepwarm_endpoint_state: gauge('1 for the state an endpoint is in, 0 for the others.', 'endpoint', 'state'),
  keepwarm_endpoint_weight: gauge('Its weight at the moment; less during slow start.', 'endpoint'),
  keepwarm_endpoint_latency_seconds: most('Peak EWMA of its latency; 0 before the first answer.', 'endpoint'),
  keepwarm_endpoint_load_seconds: most('What a call there is expected to cost.', 'endpoint'),
  keepwarm_endpoint_in_flight: gauge('Calls whose replies have not ended.', 'endpoint'),
  keepwarm_endpoint_outcomes_total: counter('Outcomes: success, failure or busy.', 'endpoint', 'answer'),
  keepwarm_endpoint_ejections_total: counter('Times it was taken out.', 'endpoint'),
};

const RPC = {
  keepwarm_rpc_head_height: gauge('Height of the chain, where it is known.'),
  keepwarm_rpc_endpoint_height: most('Height of the endpoint, by its last probe.', 'endpoint'),
  keepwarm_rpc_endpoint_lag: most('Heights behind the head; below 0 for what is implausible.', 'endpoint'),
  keepwarm_rpc_endpoint_lag_seconds: most('How long ago the head passed it.', 'endpoint'),
  keepwarm_rpc_endpoint_freshness: gauge('1 for how fresh it is, 0 for the others.', 'endpoint', 'state'),
  keepwarm_rpc_endpoint_differed_total: counter(
    'Answers otherwise than others: lacked, disagreed.',
    'endpoint',
    'answer',
  ),
  keepwarm_rpc_batch_size_max: least('Requests it takes in one message as far as is known.', 'endpoint'),
  keepwarm_rpc_batches_refused_total: counter('Batches the endpoint has refused.', 'endpoint'),
  keepwarm_rpc_batches_total: counter('Messages with several requests in them.'),
  keepwarm_rpc_batched_requests_total: counter('Requests in them.'),
  keepwarm_rpc_batch_resent_total: counter('Requests of batches that were sent once more, alone.'),
  keepwarm_rpc_coalesced_total: counter("Reads that got the answer to another's request."),
  keepwarm_rpc_splits_total: counter('Searches that were refused as too much, and asked for in parts.'),
  keepwarm_rpc_split_parts_total: counter('Parts asked for.'),
  keepwarm_rpc_agreement_calls_total: counter('Calls that endpoints had to agree on: agreed, disagreed.', 'answer'),
  keepwarm_rpc_agreement_more_total: counter('Endpoints asked in place of others, which failed or said otherwise.'),
  keepwarm_rpc_empty_asked_total: counter('Times another endpoint was asked for what an answer lacked.'),
  keepwarm_rpc_empty_found_total: counter('Times that one had it.'),
  keepwarm_rpc_cache_entries: gauge('Answers in the cache.'),
  keepwarm_rpc_cache_hits_total: counter('Reads answered from the cache.'),
  keepwarm_rpc_cache_kept_total: counter('Answers put into the cache.'),
};

const GRPC = {
  keepwarm_grpc_calls_total: counter('Calls begun.'),
  keepwarm_grpc_calls_in_flight: gauge('Calls that have not ended.'),
  keepwarm_grpc_calls_ended_total: counter('Calls that have ended, by the name of their status.', 'code'),
  keepwarm_grpc_messages_sent_total: counter('Messages sent.'),
  keepwarm_grpc_messages_received_total: counter('Messages received.'),
  keepwarm_grpc_messages_unreadable_total: counter('Messages that could not be decompressed or decoded.'),
};

const STARTS = {
  keepwarm_starts_max: most('Connections that may be opened in a window.', 'limit'),
  keepwarm_starts_window_seconds: most('Length of the window.', 'limit'),
  keepwarm_starts_used: most('Places taken, dials under way included.', 'limit'),
  keepwarm_starts_waiting: most('Dials that wait for the limit.', 'limit'),
  keepwarm_starts_granted_total: counter('Dials let through.', 'limit'),
  keepwarm_starts_penalties_total: counter('Times the provider had too much.', 'limit'),
  keepwarm_starts_paused_seconds: most('What is left of a pause.', 'limit'),
};

const GRPC_POOL = {
  keepwarm_grpc_pool_connections: gauge('Connections, by state: opening, ready, draining.', 'state'),
  keepwarm_grpc_pool_connections_max: gauge('The most there may be.'),
  keepwarm_grpc_pool_connections_opened_total: counter('Connections that became ready.'),
  keepwarm_grpc_pool_connections_ended_total: counter('Connections that ended, by reason.', 'reason'),
  keepwarm_grpc_pool_reconnects_total: counter('Connections opened in place of others that were lost.'),
  keepwarm_grpc_pool_revived_total: counter('Times a draining connection was taken back.'),
  keepwarm_grpc_pool_rotations_total: counter('Connections that began to be replaced for their age.'),
  keepwarm_grpc_pool_leases: gauge('Leases, by state: held, waiting.', 'state'),
  keepwarm_grpc_pool_leases_ended_total: counter('Leases that ended, by reason.', 'reason'),
  keepwarm_grpc_pool_streams: gauge('Streams and calls, by state: live, waiting.', 'state'),
  keepwarm_grpc_pool_message_rate: gauge('Messages received per second, of late.'),
  keepwarm_grpc_pool_health_checks_total: counter('Checks of connections.'),
  keepwarm_grpc_pool_health_failures_total: counter('Checks that found one ill.'),
  keepwarm_grpc_pool_backoff_seconds: gauge('What is left of the wait after failures to connect.'),
};

/** In the order in which they are written. */
export const METRICS = {
  ...CALLS,
  ...CONNECTIONS,
  ...POLICIES,
  ...ENDPOINTS,
  ...RPC,
  ...GRPC,
  ...STARTS,
  ...GRPC_POOL,
};
export type MetricName = keyof typeof METRICS;
export const METRIC_NAMES = Object.keys(METRICS) as readonly MetricName[];
