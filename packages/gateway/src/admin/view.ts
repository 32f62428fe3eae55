/** What the routes of the admin listener may see of the gateway, and ask of it. */
import type { GatewayConfig } from '../config/config.ts';
import type { AnyUpstream } from '../data/routes.ts';
import type { DataServer } from '../data/server.ts';
import type { CallLog } from '../figures/call-log.ts';
import type { Feed } from '../figures/feed.ts';
import type { GrpcUpstreams } from '../grpc/upstreams.ts';
import type { History } from '../history/history.ts';
import type { RedisTold } from '../redis/connection.ts';
import type { Reloaded } from '../serving.ts';
import type { Keys } from './keys.ts';
import type { GatewayMetrics } from './metrics.ts';

/** What there is once, however many processes do the work. */
export interface HomeView {
  /** On the clock of `performance.now`. */
  readonly startedAt: number;
  /** Said on the page before anything else. */
  readonly about?: string;
  /** Of the upstreams there are now that do not speak gRPC. */
  readonly names: () => readonly string[];
  readonly keys: Keys;
  readonly feed: Feed;
  readonly history: History;
  readonly grpc: GrpcUpstreams;
  /** Reads the configuration again and takes it over. @throws ConfigError; Refused where there is no file to read */
  readonly reload: () => Reloaded | Promise<Reloaded>;
  /** Takes no new callers; requests under way may end for so long, in ms. @returns how many there are */
  readonly drain: (deadlineMs: number) => number | Promise<number>;
  readonly draining: () => boolean;
  readonly config: () => GatewayConfig;
  /** What counts limits together with other gateways, as far as this process knows; nothing where nothing does. */
  readonly redis: () => RedisTold | undefined;
}

/** What the process has that does the work; where there is one, it has all. */
export interface AdminView extends HomeView {
  readonly data: DataServer;
  /** Those there are now. */
  readonly upstreams: () => readonly AnyUpstream[];
  readonly metrics: GatewayMetrics;
  readonly calls: CallLog;
}
