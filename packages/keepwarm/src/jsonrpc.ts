/** keepwarm/jsonrpc: JSON-RPC nodes, several as one. */

export type {
  ErrorClass,
  Freshness,
  HeadProbe,
  MethodKind,
  MethodTraits,
  RpcAdapter,
  RpcErrorObject,
} from './clients/jsonrpc/adapter.ts';
export { createRpc, type RpcClient } from './clients/jsonrpc/client.ts';
export type { RpcRateLimit } from './clients/jsonrpc/endpoint-limits.ts';
export type { RpcCallOptions, RpcEndpoint, RpcOptions } from './clients/jsonrpc/options.ts';
export { RpcError } from './clients/jsonrpc/rpc-error.ts';
export { NetError } from './core/error.ts';
