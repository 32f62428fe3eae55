/**
 * keepwarm/testing/geyser: a Geyser server for tests of whatever subscribes to one. It needs `@bufbuild/protobuf`,
 * which is yours to bring.
 */
export type { AccountInit, TransactionInit } from './chain.ts';
export type { GeyserServerStats } from './counts.ts';
export type { DoorStats } from './door.ts';
export type { ChainOptions, GeyserServerOptions, LimitOptions } from './options.ts';
export { GeyserServer, startGeyserServer } from './server.ts';
