/** The history a configuration asks for. */
import type { GatewayConfig } from '../config/config.ts';
import type { AnyUpstream } from '../data/routes.ts';
import type { Feed } from '../figures/feed.ts';
import type { Log } from '../logs/log.ts';
import type { History } from './history.ts';
import { RANGES, type RangeName } from './ranges.ts';

export function historyOf(
  _config: GatewayConfig,
  _upstreams: () => readonly AnyUpstream[],
  _stateFolder: string | undefined,
  _feed: Feed,
  _log: Log,
): History {
  return OFF;
}

const OFF: History = {
  state: { state: 'off' },
  read: (range: RangeName) =>
    Promise.resolve({ history: { state: 'off' }, range, stepMs: RANGES[range].stepMs, at: [], upstreams: [] }),
  close: () => Promise.resolve(),
};
