/**
 * keepwarm/yellowstone: Solana's Geyser streams as Yellowstone serves them. It needs `@bufbuild/protobuf`, which is yours
 * to bring. The messages and the service are compiled from the published definition (see NOTICE).
 */
export * from './wire/geyser/generated/geyser_pb.js';
export * as storage from './wire/geyser/generated/solana-storage_pb.js';
