/** What the routes of the admin listener may see of the gateway, and ask of it. */
import type { GatewayConfig } from '../config/config.ts';
import type { AnyUpstream } from '../data/routes.ts';
import type { DataServer } from '../data/server.ts';
import type { CallLog } from '../figures/call-log.ts';
import type { Feed } from '../figures/feed.ts';
import type { Reloaded } from '../gateway.ts';
import type { GrpcUpstreams } from '../grpc/upstreams.ts';
import type { History } from '../history/history.ts';
import type { Keys } from './keys.ts';
import type { GatewayMetrics } from './metrics.ts';

export interface AdminView {
  /** On the clock of `performance.now`. */
  readonly startedAt: number;
  readonly data: DataServer;
  /** Those there are now. */
  readonly upstreams: () => readonly AnyUpstream[];
  readonly metrics: GatewayMetrics;
  readonly keys: Keys;
  readonly feed: Feed;
  readonly calls: CallLog;
  readonly history: History;
  readonly grpc: GrpcUpstreams;
  /** Reads the configuration again and takes it over. @throws ConfigError; Refused where there is no file to read */
  readonly reload: () => Reloaded;
  /** Takes no new callers; requests under way may end for so long, in ms. */
  readonly drain: (deadlineMs: number | undefined) => void;
  readonly config: () => GatewayConfig;
}
