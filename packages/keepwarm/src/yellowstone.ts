/**
 * keepwarm/yellowstone: Solana's Geyser streams as Yellowstone serves them. It needs `@bufbuild/protobuf`, which is
 * yours to bring. The messages and the service are compiled from the published definition (see NOTICE).
 */
export { createYellowstone, Yellowstone, type YellowstoneStats } from './adapters/yellowstone/client.ts';
export type {
  OwnConnections,
  SharedConnections,
  YellowstoneNumbers,
  YellowstoneOptions,
} from './adapters/yellowstone/options.ts';
export type { Subscription } from './adapters/yellowstone/request.ts';
export type { YellowstoneStream } from './adapters/yellowstone/stream.ts';
export type { YellowstoneStreamStats } from './adapters/yellowstone/stream-stats.ts';
export type { Data, Gap, GapReason, Message as StreamMessage } from './core/subscribe.ts';
export * from './wire/geyser/generated/geyser_pb.js';
export * as storage from './wire/geyser/generated/solana-storage_pb.js';
