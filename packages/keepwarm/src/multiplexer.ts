/**
 * keepwarm/multiplexer: many subscribers to Geyser on one stream upstream, in bytes, without a codec.
 * What `keepwarm/yellowstone` and the gateway share monitors with.
 */
export {
  type OpenUpstream,
  openWith,
  type Streaming,
  SUBSCRIBE_PATH,
  type UpstreamLink,
} from './adapters/yellowstone/mux/link.ts';
export type { Monitor, MonitorOptions, MonitorStats, MonitorUpdate } from './adapters/yellowstone/mux/monitor.ts';
export { Multiplexer, type MultiplexerParts, type MultiplexerStats } from './adapters/yellowstone/mux/multiplexer.ts';
export {
  type FiltersMax,
  type GapPolicy,
  MULTIPLEXER_OPTIONS,
  type MultiplexerNumbers,
  type MultiplexerOptions,
  type QueuePolicy,
} from './adapters/yellowstone/mux/options.ts';
export { type MonitorMessage, updatesOf } from './adapters/yellowstone/mux/reading.ts';
export type { TrunkState } from './adapters/yellowstone/mux/trunk.ts';
