/** keepwarm/jsonrpc: JSON-RPC nodes, several as one. */

export { evm } from './adapters/evm/index.ts';
export { solana } from './adapters/solana/index.ts';
export {
  type PerformanceMonitor,
  type PoolEndpoint,
  RpcConnectionPool,
  type RpcConnectionPoolOptions,
  type RpcConnectionPoolStats,
} from './adapters/solana/rpc-connection-pool.ts';
export type {
  ErrorClass,
  Freshness,
  HeadProbe,
  MethodKind,
  MethodTraits,
  RpcAdapter,
  RpcErrorObject,
  WriteProof,
} from './clients/jsonrpc/adapter.ts';
export type { AgreeOptions } from './clients/jsonrpc/agree-options.ts';
export type {
  AnswerTable,
  AnswerTraits,
  Emptiness,
  HeightRange,
  RangeTraits,
  TooMuch,
} from './clients/jsonrpc/answer-traits.ts';
export { createRpc, type RpcClient } from './clients/jsonrpc/client.ts';
export type { EndpointLimit, EndpointLimiter, EndpointShare, RpcRateLimit } from './clients/jsonrpc/endpoint-limits.ts';
export { FRESHNESS_DEFAULTS, type FreshnessOptions } from './clients/jsonrpc/freshness-options.ts';
export {
  BATCHING_DEFAULTS,
  type BatchingOptions,
  RPC_CACHE_DEFAULTS,
  type RpcCacheOptions,
  type RpcCallOptions,
  type RpcEndpoint,
  type RpcOptions,
  type RpcRequest,
  SPLITTING_DEFAULTS,
  type SplittingOptions,
} from './clients/jsonrpc/options.ts';
export { RpcError } from './clients/jsonrpc/rpc-error.ts';
export type { Sameness } from './clients/jsonrpc/sameness.ts';
export type { RpcEndpointStats, RpcStats } from './clients/jsonrpc/stats.ts';
export {
  createSubscriptions,
  type SubscribeOptions,
  type Subscriptions,
  type SubscriptionsStats,
} from './clients/jsonrpc/subscribe.ts';
export type { SubscriptionEndpointSnapshot } from './clients/jsonrpc/subscribe-endpoint.ts';
export {
  SUBSCRIPTION_DEFAULTS,
  type SubscriptionEndpoint,
  type SubscriptionLimits,
  type SubscriptionsOptions,
} from './clients/jsonrpc/subscribe-options.ts';
export type {
  SubscriptionTable,
  SubscriptionTraits,
  SubscriptionWords,
} from './clients/jsonrpc/subscription-traits.ts';
export type { Ask, Continuity, Found, Missing, Place } from './core/continuity.ts';
export { NetError } from './core/error.ts';
export type { Data, Gap, GapReason, Message } from './core/subscribe.ts';
export { WEBSOCKET_DEFAULTS, type WebSocketLimits } from './engines/websocket/options.ts';
export { type Eip1193Provider, eip1193 } from './interop/jsonrpc/eip1193.ts';
export { type EthersRequest, ethersRequest } from './interop/jsonrpc/ethers.ts';
export { type KitAsked, kitTransport } from './interop/jsonrpc/kit.ts';
export { type Web3Options, web3Options } from './interop/jsonrpc/web3.ts';
export type { RateShare } from './policies/rate-share.ts';
export { SHARE_DEFAULTS, type ShareOptions } from './policies/share.ts';
export { exactText, parseExact } from './wire/jsonrpc/numbers.ts';
