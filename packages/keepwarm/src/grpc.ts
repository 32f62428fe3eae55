/** keepwarm/grpc: calls of gRPC over HTTP/2 sessions of our own. */

export {
  type ConnectionCapInput,
  createConnectionCap,
  createStreamRate,
  type GrpcStreamRate,
  type StreamRateInput,
  withConnectionCap,
} from './clients/grpc/budgets.ts';
export { createGrpcClient, GrpcClient } from './clients/grpc/client.ts';
export {
  type ConnectionRateInput,
  createConnectionRate,
  type GrpcConnectionRate,
} from './clients/grpc/connection-rate.ts';
export type { GrpcCaller, Messages } from './clients/grpc/kinds.ts';
export { type GrpcMethod, rawMethod } from './clients/grpc/method.ts';
export {
  MonitorAdapter,
  type MonitorOptions,
  type MonitorResume,
  type MonitorState,
  type MonitorStream,
} from './clients/grpc/monitor-adapter.ts';
export type { GrpcCallOptions, GrpcClientOptions, GrpcNumbers } from './clients/grpc/options.ts';
export { Outbox, type OutboxOptions } from './clients/grpc/outbox.ts';
export { createGrpcPool, GrpcPool } from './clients/grpc/pool.ts';
export { grpcPoolFromEnv, grpcPoolOptionsFromEnv } from './clients/grpc/pool-env.ts';
export type {
  GrpcConnectionEnd,
  GrpcConnectionFact,
  GrpcConnectionLeft,
  GrpcLeaseEnd,
  GrpcLeaseLost,
  GrpcLeaseMoved,
  GrpcPoolObserver,
} from './clients/grpc/pool-facts.ts';
export type { GrpcLease } from './clients/grpc/pool-lease.ts';
export type { GrpcLeaseOptions } from './clients/grpc/pool-lease-options.ts';
export { PoolLogger, type PoolLoggerOptions, poolLines } from './clients/grpc/pool-logger.ts';
export type { GrpcPoolNumbers, GrpcPoolOptions, GrpcProbe } from './clients/grpc/pool-options.ts';
export type {
  GrpcConnectionStats,
  GrpcLeaseStats,
  GrpcPoolBlock,
  GrpcPoolHealth,
  GrpcPoolStats,
} from './clients/grpc/pool-stats.ts';
export type { GrpcStats } from './clients/grpc/record.ts';
export type { GrpcReply } from './clients/grpc/reply.ts';
export type { GrpcStream } from './clients/grpc/stream.ts';
export { NetError } from './core/error.ts';
export type { GrpcCoding } from './engines/grpc/coding.ts';
export { GrpcError, type GrpcErrorDetails } from './engines/grpc/error.ts';
export { type GrpcJsMethod, grpcJsMethod, type TsProtoMethod, tsProtoMethod } from './interop/grpc/ts-proto.ts';
export type { ConnectionCap, ConnectionCapSnapshot, Place } from './pool/connection-cap.ts';
export type { ConnectionRate } from './pool/connection-rate.ts';
export type { ConnectionLimiter, ConnectionRateSnapshot, Start, StartGate } from './pool/start-gate.ts';
export { framed, MessageFault, MessageReader, PREFIX_BYTES } from './wire/grpc/message.ts';
export { Metadata, type MetadataInput, type MetadataValue } from './wire/grpc/metadata.ts';
export { STATUS, type StatusName } from './wire/grpc/status.ts';
