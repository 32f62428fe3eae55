/** All paths of the admin listener that are answered by workers. */
import { ACTIONS_TOGETHER, READYZ_TOGETHER } from './acts.ts';
import { BREAKERS_TOGETHER, ENDPOINTS_TOGETHER, LIMITS_TOGETHER } from './endpoints.ts';
import { METRICS_TOGETHER } from './metrics.ts';
import { CALLS_TOGETHER, SOCKETS_TOGETHER } from './sockets.ts';
import { STATS_TOGETHER } from './stats.ts';
import type { AnyTogether } from './together.ts';

export const TOGETHER: ReadonlyMap<string, AnyTogether> = new Map(
  [
    STATS_TOGETHER,
    SOCKETS_TOGETHER,
    ENDPOINTS_TOGETHER,
    LIMITS_TOGETHER,
    BREAKERS_TOGETHER,
    CALLS_TOGETHER,
    METRICS_TOGETHER,
    READYZ_TOGETHER,
    ...ACTIONS_TOGETHER,
  ].map((each) => [each.path, each]),
);
