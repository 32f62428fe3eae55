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
  keepwarm_uptime_seconds: gauge('Time since the client was created.'),
  keepwarm_calls_total: counter('Calls started.'),
  keepwarm_calls_in_flight: gauge('Calls in flight.'),
  keepwarm_replies_total: counter('Completed replies, by status class.', 'class'),
  keepwarm_failures_total: counter('Calls that failed without a reply, by error code.', 'code'),
  keepwarm_call_duration_seconds: histogram(
    'Duration from the call to the end of its reply; failed calls are not included.',
  ),
  keepwarm_queue_wait_seconds: histogram('Time that calls waited for a connection, including those that did not wait.'),
  keepwarm_connect_duration_seconds: histogram('Duration of opening a connection, by phase: dns, tcp, tls.', 'phase'),
};

const CONNECTIONS = {
  keepwarm_leases_total: counter('Connections lent to calls: fresh (its first call) or reused.', 'use'),
  keepwarm_hops_total: counter('Calls replayed because a reused connection turned out to be dead.'),
  keepwarm_leaks_suspected_total: counter('Connections lent for longer than leak.afterMs.'),
  keepwarm_leaks_recovered_total: counter('Suspected connections that were returned after all.'),
  keepwarm_sockets_open: gauge('Open connections.'),
  keepwarm_sockets_closed_total: counter('Connections closed.'),
  keepwarm_sockets_max: gauge('Maximum number of open connections of the client.'),
  keepwarm_tls_sessions: gauge('TLS sessions kept for resumption.'),
  keepwarm_http2_sessions: gauge('Open HTTP/2 connections.', 'origin', 'section'),
  keepwarm_http2_streams: gauge('Streams in use on HTTP/2 connections.', 'origin', 'section'),
  keepwarm_http2_rtt_seconds: most(
    'Round-trip time of the last HTTP/2 ping; of several sessions the slowest.',
    'origin',
    'section',
  ),
  keepwarm_pool_opening: gauge('Connections being opened.', 'origin', 'section'),
  keepwarm_pool_in_use: gauge('Connections in use; for HTTP/2, streams in use.', 'origin', 'section'),
  keepwarm_pool_idle: gauge('Idle connections.', 'origin', 'section'),
  keepwarm_pool_waiting: gauge('Calls waiting for a connection.', 'origin', 'section'),
  keepwarm_pool_sockets_max: most('Maximum number of connections of the pool.', 'origin', 'section'),
  keepwarm_pool_saturation_ratio: most(
    '(In use + waiting) ÷ capacity; above 1 calls are queueing.',
    'origin',
    'section',
  ),
  keepwarm_dns_names: gauge('Names in the DNS cache, including failures.'),
  keepwarm_dns_questions_total: counter('Queries to the DNS cache, by result: hit, stale, negative or miss.', 'answer'),
  keepwarm_dns_lookups_total: counter('Completed lookups by the resolver.'),
  keepwarm_dns_lookup_errors_total: counter('Failed lookups.'),
  keepwarm_dns_lookups_in_flight: gauge('Lookups in flight.'),
};

const POLICIES = {
  keepwarm_retries_total: counter('Attempts after the first one of a call.'),
  keepwarm_retries_denied_total: counter('Transient failures that were not retried, by reason.', 'reason'),
  keepwarm_retries_waiting: gauge('Calls waiting for their next attempt.'),
  keepwarm_retry_budget_balance: gauge('Extra attempts that the budget would grant now.'),
  keepwarm_retry_budget_deposits_total: counter('Calls that were credited to the budget.'),
  keepwarm_retry_budget_withdrawals_total: counter('Extra attempts granted by the budget.'),
  keepwarm_retry_budget_refusals_total: counter('Extra attempts refused by the budget.'),
  keepwarm_hedge_delay_seconds: gauge('Current delay before a second copy of a call is sent.'),
  keepwarm_hedges_total: counter('Second copies sent.'),
  keepwarm_hedges_won_total: counter('Second copies that were answered first, with a good answer.'),
  keepwarm_hedges_denied_total: counter('Second copies that were due but refused by the budget.'),
  keepwarm_hedges_armed: gauge('Calls waiting for their answer or for a second copy to be sent.'),
  keepwarm_rate_limit_max: most('Weight allowed per window.', 'limit', 'endpoint'),
  keepwarm_rate_limit_window_seconds: most('Length of the window.', 'limit', 'endpoint'),
  keepwarm_rate_limit_keys: gauge('Keys in memory.', 'limit', 'endpoint'),
  keepwarm_rate_limit_used: most(
    'Weight that counts against the limit now, for the most used key.',
    'limit',
    'endpoint',
  ),
  keepwarm_rate_limit_remaining: least('Weight that may start now, for the most used key.', 'limit', 'endpoint'),
  keepwarm_rate_limit_reset_seconds: most('Time until the whole limit is available again.', 'limit', 'endpoint'),
  keepwarm_rate_limit_paused_seconds: most('Remaining time of a pause that the peer asked for.', 'limit', 'endpoint'),
  keepwarm_rate_limit_waiting: gauge('Calls waiting for the limit.', 'limit', 'endpoint'),
  keepwarm_rate_limit_granted_total: counter('Weight started.', 'limit', 'endpoint'),
  keepwarm_rate_limit_refused_total: counter('Calls refused because of the limit.', 'limit', 'endpoint'),
  keepwarm_fleet_limit_max: most('Weight allowed per window, for all processes together.', 'limit'),
  keepwarm_fleet_limit_window_seconds: most('Length of the window.', 'limit'),
  keepwarm_fleet_limit_own: most('Weight started by this process that counts now, for the most used key.', 'limit'),
  keepwarm_fleet_limit_paused_seconds: most('Remaining time of a pause that the peer asked this process for.', 'limit'),
  keepwarm_fleet_limit_granted_total: counter('Weight started by this process.', 'limit'),
  keepwarm_fleet_limit_refused_total: counter('Calls refused by this process because of the limit.', 'limit'),
  keepwarm_fleet_waiting: gauge('Calls of this process waiting to start.'),
  keepwarm_fleet_redis_state: gauge(
    '1 for the current state of Redis, 0 for the others: up, or closed or local while it is lost.',
    'state',
  ),
  keepwarm_fleet_redis_asks_total: counter('Requests to Redis.'),
  keepwarm_fleet_redis_losses_total: counter('Requests that Redis did not answer in time.'),
  keepwarm_concurrency_max: most('Current limit on calls in flight.', 'key'),
  keepwarm_concurrency_in_flight: gauge('Calls in flight under the limit.', 'key'),
  keepwarm_concurrency_waiting: gauge('Calls waiting for the limit.', 'key'),
  keepwarm_concurrency_granted_total: counter('Calls started.', 'key'),
  keepwarm_concurrency_dropped_total: counter('Calls that the peer dropped.', 'key'),
  keepwarm_concurrency_refused_total: counter('Calls that the client refused.', 'key'),
  keepwarm_breaker_state: gauge('1 for the current state of the breaker, 0 for the others.', 'key', 'state'),
  keepwarm_breaker_consecutive_failures: most('Consecutive failures.', 'key'),
  keepwarm_breaker_probe_wait_seconds: most('Remaining time until a probe is allowed; 0 unless open.', 'key'),
  keepwarm_breaker_opened_total: counter('Times the breaker opened.', 'key'),
  keepwarm_breaker_refused_total: counter('Calls refused by the breaker.', 'key'),
  keepwarm_breaker_unguarded_total: counter(
    'Calls let through without a breaker, because there was no room for their key.',
  ),
  keepwarm_cache_entries: gauge('Replies in the cache.'),
  keepwarm_cache_size_bytes: gauge('Size of the replies in the cache.'),
  keepwarm_cache_answers_total: counter(
    'Calls, by how they were answered: fresh, stale, validated or missed.',
    'answer',
  ),
  keepwarm_cache_revalidations_failed_total: counter('Background revalidations of stale replies that failed.'),
  keepwarm_coalesce_calls_total: counter('Calls by role: led, joined, or separated after joining.', 'role'),
  keepwarm_coalesce_attempts: gauge('Attempts that can be joined now.'),
  keepwarm_compressed_bodies_total: counter('Request bodies compressed.'),
  keepwarm_compressed_bytes_total: counter(
    'Bytes of compressed request bodies, before and after compression.',
    'stage',
  ),
  keepwarm_compress_refusing_origins: gauge('Origins that currently refuse compressed bodies.'),
};

const ENDPOINTS = {
  keepwarm_endpoints_panic: gauge('1 while all endpoints fail and all are tried.'),
  keepwarm_endpoint_state: gauge('1 for the current state of the endpoint, 0 for the others.', 'endpoint', 'state'),
  keepwarm_endpoint_weight: gauge('Current weight; reduced during slow start.', 'endpoint'),
  keepwarm_endpoint_latency_seconds: most('Peak EWMA of the latency; 0 before the first answer.', 'endpoint'),
  keepwarm_endpoint_load_seconds: most('Expected cost of a call to this endpoint.', 'endpoint'),
  keepwarm_endpoint_in_flight: gauge('Calls whose replies have not ended.', 'endpoint'),
  keepwarm_endpoint_outcomes_total: counter('Outcomes: success, failure or busy.', 'endpoint', 'answer'),
  keepwarm_endpoint_ejections_total: counter('Times the endpoint was ejected.', 'endpoint'),
};

const RPC = {
  keepwarm_rpc_head_height: gauge('Height of the chain, if known.'),
  keepwarm_rpc_endpoint_height: most('Height of the endpoint at its last probe.', 'endpoint'),
  keepwarm_rpc_endpoint_lag: most('Heights behind the head; negative if implausible.', 'endpoint'),
  keepwarm_rpc_endpoint_lag_seconds: most("How long ago the head passed the endpoint's height.", 'endpoint'),
  keepwarm_rpc_endpoint_freshness: gauge(
    '1 for the current freshness of the endpoint, 0 for the others.',
    'endpoint',
    'state',
  ),
  keepwarm_rpc_endpoint_differed_total: counter(
    'Answers that differed from those of other endpoints: lacked, disagreed.',
    'endpoint',
    'answer',
  ),
  keepwarm_rpc_batch_size_max: least('Known maximum number of requests in one message to the endpoint.', 'endpoint'),
  keepwarm_rpc_batches_refused_total: counter('Batches refused by the endpoint.', 'endpoint'),
  keepwarm_rpc_batches_total: counter('Messages that contained several requests.'),
  keepwarm_rpc_batched_requests_total: counter('Requests in those messages.'),
  keepwarm_rpc_batch_resent_total: counter('Requests of batches that were sent again individually.'),
  keepwarm_rpc_coalesced_total: counter("Reads answered by another caller's request."),
  keepwarm_rpc_splits_total: counter('Searches that were refused as too large and split.'),
  keepwarm_rpc_split_parts_total: counter('Parts that searches were split into.'),
  keepwarm_rpc_agreement_calls_total: counter('Calls on which endpoints had to agree: agreed, disagreed.', 'answer'),
  keepwarm_rpc_agreement_more_total: counter('Additional endpoints asked because others failed or disagreed.'),
  keepwarm_rpc_empty_asked_total: counter('Times another endpoint was asked because an answer was empty.'),
  keepwarm_rpc_empty_found_total: counter('Times that endpoint had the answer.'),
  keepwarm_rpc_cache_entries: gauge('Answers in the cache.'),
  keepwarm_rpc_cache_hits_total: counter('Reads answered from the cache.'),
  keepwarm_rpc_cache_kept_total: counter('Answers stored in the cache.'),
};

const GRPC = {
  keepwarm_grpc_calls_total: counter('Calls started.'),
  keepwarm_grpc_calls_in_flight: gauge('Calls in flight.'),
  keepwarm_grpc_calls_ended_total: counter('Calls ended, by gRPC status.', 'code'),
  keepwarm_grpc_messages_sent_total: counter('Messages sent.'),
  keepwarm_grpc_messages_received_total: counter('Messages received.'),
  keepwarm_grpc_messages_unreadable_total: counter('Messages that could not be decompressed or decoded.'),
};

const STARTS = {
  keepwarm_starts_max: most('Connections that may be opened per window.', 'limit'),
  keepwarm_starts_window_seconds: most('Length of the window.', 'limit'),
  keepwarm_starts_used: most('Connections that count against the limit now, including dials in flight.', 'limit'),
  keepwarm_starts_waiting: most('Dials waiting for the limit.', 'limit'),
  keepwarm_starts_granted_total: counter('Dials allowed.', 'limit'),
  keepwarm_starts_penalties_total: counter(
    'Times the provider refused connections, or dropped them before use.',
    'limit',
  ),
  keepwarm_starts_paused_seconds: most('Remaining time of a pause.', 'limit'),
};

const GRPC_POOL = {
  keepwarm_grpc_pool_connections: gauge('Connections, by state: opening, ready, draining.', 'state'),
  keepwarm_grpc_pool_connections_max: gauge('Maximum number of connections.'),
  keepwarm_grpc_pool_connections_opened_total: counter('Connections that became ready.'),
  keepwarm_grpc_pool_connections_ended_total: counter('Connections that ended, by reason.', 'reason'),
  keepwarm_grpc_pool_reconnects_total: counter('Connections opened to replace lost ones.'),
  keepwarm_grpc_pool_revived_total: counter('Draining connections that were put back into use.'),
  keepwarm_grpc_pool_rotations_total: counter("Replacements begun because of a connection's age."),
  keepwarm_grpc_pool_leases: gauge('Leases, by state: held, waiting.', 'state'),
  keepwarm_grpc_pool_leases_ended_total: counter('Leases that ended, by reason.', 'reason'),
  keepwarm_grpc_pool_streams: gauge('Streams and calls, by state: live, waiting.', 'state'),
  keepwarm_grpc_pool_message_rate: gauge('Messages received per second, recently.'),
  keepwarm_grpc_pool_health_checks_total: counter('Health checks of connections.'),
  keepwarm_grpc_pool_health_failures_total: counter('Health checks that failed.'),
  keepwarm_grpc_pool_backoff_seconds: gauge('Remaining wait after failures to connect.'),
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
