/**
 * Limits made elsewhere, such as those a fleet keeps in Redis. A policy of anybody's may stand there, so its snapshot
 * is known only by its looks: what has not the fields of a fleet's is passed over.
 */
import type { MetricName } from './catalog.ts';
import type { LabelValues, Scrape } from './scrape.ts';

const REDIS_STATES = ['up', 'closed', 'local'];

type Fields = Readonly<Record<string, unknown>>;

export function collectFleet(to: Scrape, ready: object | undefined): void {
  if (ready === undefined) return;
  const { limits, waiting, redis } = ready as Fields;
  const put = (name: MetricName, value: unknown, labels?: LabelValues, unit = 1): void => {
    if (typeof value === 'number') to.put(name, value / unit, labels);
  };
  for (const each of Array.isArray(limits) ? limits : []) {
    if (!isFields(each) || typeof each['name'] !== 'string') continue;
    const labels = { limit: each['name'] };
    put('keepwarm_fleet_limit_max', each['limit'], labels);
    put('keepwarm_fleet_limit_window_seconds', each['windowMs'], labels, 1_000);
    put('keepwarm_fleet_limit_own', each['own'], labels);
    put('keepwarm_fleet_limit_paused_seconds', each['pausedMs'], labels, 1_000);
    put('keepwarm_fleet_limit_granted_total', each['granted'], labels);
    put('keepwarm_fleet_limit_refused_total', each['refused'], labels);
  }
  put('keepwarm_fleet_waiting', waiting);
  if (!isFields(redis)) return;
  if (typeof redis['state'] === 'string') to.state('keepwarm_fleet_redis_state', REDIS_STATES, redis['state'], {});
  put('keepwarm_fleet_redis_asks_total', redis['asks']);
  put('keepwarm_fleet_redis_losses_total', redis['losses']);
}

const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null;
