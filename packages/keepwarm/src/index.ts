/** keepwarm: warm connections to the APIs a service depends on. */

export type { BreakerState } from './algo/breaker.ts';
export type { BudgetOptions } from './algo/budget.ts';
export { ExactWindow, type WindowOptions } from './algo/exact-window.ts';
export { type HistogramCounts, type Quantiles, quantilesOf } from './algo/histogram.ts';
export type { EndpointSnapshot, EndpointState } from './balance/endpoint.ts';
export { type BalanceParts, type EndpointSet, type EndpointSetSnapshot, endpointSet } from './balance/endpoint-set.ts';
export {
  BALANCE_DEFAULTS,
  type BalanceOptions,
  type EndpointOptions,
  HEALTH_CHECK_DEFAULTS,
  type HealthCheckOptions,
} from './balance/options.ts';
export type { EndpointVerdict, Judge } from './balance/outcome.ts';
export type { BodyInput } from './clients/call-body.ts';
export { type CallOptions, Client, type ClientOptions, createClient, type RequestOptions } from './clients/client.ts';
export { httpJudge } from './clients/endpoint-judge.ts';
export type { ClientBalance, ClientEndpoint, EndpointsOptions } from './clients/endpoints.ts';
export { optionsFromEnv } from './clients/env.ts';
export { FACTS, type FactListener, type FactName, type FactOf } from './clients/facts.ts';
export type { FetchInit, FetchInput, RequestLike } from './clients/fetch.ts';
export {
  type AgentStats,
  HTTPClient,
  type HTTPClientOptions,
  type HTTPClientStats,
  type HTTPRequestOptions,
} from './clients/http-client.ts';
export { proxyFor } from './clients/network.ts';
export type { FullReply, Pending } from './clients/pending.ts';
export {
  ConnectionPoolCore,
  type ConnectionPoolOptions,
  type ExecuteOptions,
  type RecordedSockets,
} from './clients/pool-core.ts';
export type { ConnectionPoolMetrics } from './clients/pool-metrics.ts';
export { PRESETS, type Preset, type PresetName } from './clients/presets.ts';
export type { ReadyLimit, ResilienceOptions, ResilienceStats } from './clients/resilience.ts';
export { RpcError, type RpcId } from './clients/rpc.ts';
export type { Sign, Signable } from './clients/signing.ts';
export type { ClientHistograms, ClientStats } from './clients/stats.ts';
export type { Query } from './clients/targets.ts';
export type { Telemetry } from './clients/telemetry.ts';
export type { ConnectionTracker, TrackedEvent, TrackedSocket } from './clients/tracker.ts';
export type { EndpointWarmth, WarmUpEndpoint } from './clients/warm-endpoints.ts';
export type { BodyProducer, Call, Policy, Send } from './core/call.ts';
export type { Clock, Random, Timer } from './core/clock.ts';
export { CODES, type Code, NetError, type NetErrorDetails, type Phase, type Reach } from './core/error.ts';
export type { FieldsInput } from './core/fields.ts';
export type { CloseReason, Observer } from './core/observer.ts';
export { type Origin, originOf } from './core/origin.ts';
export type { BodySink, BodySource, Reply } from './core/reply.ts';
export type { ReplyFields } from './core/reply-fields.ts';
export type { PoolSnapshot, WarmUpResult } from './engines/http1/origin-pool.ts';
export type { Connector } from './net/connector.ts';
export type { Address, Answer as DnsAnswer, DnsStats, Resolver } from './net/dns-options.ts';
export type { Lookup } from './net/lookup-resolver.ts';
export type { ProxyChoice, ProxyOption, ProxyServer } from './net/proxy-options.ts';
export type { SocketLife } from './net/sockets.ts';
export type { TlsIdentity, TlsOptions } from './net/tls.ts';
export type { BreakerOptions, BreakerSnapshot } from './policies/breaker.ts';
export type { CacheOptions } from './policies/cache.ts';
export type { CoalesceOptions } from './policies/coalesce.ts';
export type { CompressOptions } from './policies/compress.ts';
export type { ConcurrencyOptions } from './policies/concurrency.ts';
export type { HedgeOptions } from './policies/hedge.ts';
export type { RateSnapshot } from './policies/rate-keys.ts';
export type { RateLimit, RateLimitOptions } from './policies/rate-options.ts';
export type { RetryOptions } from './policies/retry-options.ts';
