/**
 * `/metrics` of several workers: one series for all of them. Counters go on where a worker is gone: what it had counted
 * when it was last asked is kept, as a counter that falls says that everything began anew.
 */
import { type Family, prometheusMetrics, type Sample } from 'keepwarm/prometheus';
import type { AdminView } from '../../admin/view.ts';
import { type AnyTogether, type Part, together } from './together.ts';

/** Gauges that say the same of each worker, or of which the highest matters. Others are added up. */
const MOST: ReadonlySet<string> = new Set([
  ...['keepwarm_rpc_head_height', 'keepwarm_rpc_endpoint_height', 'keepwarm_rpc_endpoint_lag'],
  ...['keepwarm_endpoints_panic', 'keepwarm_endpoint_weight', 'keepwarm_breaker_consecutive_failures'],
  ...['keepwarm_rate_limit_max', 'keepwarm_rate_limit_keys', 'keepwarm_fleet_limit_max', 'keepwarm_gateway_ready'],
  'keepwarm_gateway_sections',
]);
const LEAST: ReadonlySet<string> = new Set(['keepwarm_rpc_batch_size_max', 'keepwarm_gateway_redis_up']);

type Way = 'sum' | 'most' | 'least';

function wayOf({ name, type, samples }: Family): Way {
  if (type !== 'gauge') return 'sum';
  if (LEAST.has(name)) return 'least';
  const isState = samples.some(({ labels }) => 'state' in labels && !name.startsWith('keepwarm_grpc_'));
  return isState || MOST.has(name) || /_(?:seconds|ratio)$/.test(name) ? 'most' : 'sum';
}

const keyOf = ({ suffix, labels }: Sample): string =>
  JSON.stringify([suffix ?? null, ...Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1))]);

/** All of them as one, in the order of the first. */
export function familiesTogether(all: readonly (readonly Family[])[]): Family[] {
  const groups = Map.groupBy(all.flat(), ({ name }) => name);
  return [...groups.values()].map((families) => {
    const way = wayOf({ ...families[0]!, samples: families.flatMap(({ samples }) => samples) });
    const samples = Map.groupBy(
      families.flatMap((family) => family.samples),
      keyOf,
    );
    return { ...families[0]!, samples: [...samples.values()].map((same) => sampleOf(same, way)) };
  });
}

function sampleOf(same: readonly Sample[], way: Way): Sample {
  const values = same.map(({ value }) => value);
  if (way === 'most') return { ...same[0]!, value: Math.max(...values) };
  if (way === 'least') return { ...same[0]!, value: Math.min(...values) };
  return { ...same[0]!, value: values.reduce((all, value) => all + value, 0) };
}

/** What workers have told last, and what those had counted that are gone. */
export class CrewMetrics {
  readonly #last = new Map<number, readonly Family[]>();
  #gone: readonly Family[] = [];

  /** @param pids of the processes there are, by the number of the worker */
  heard(parts: readonly Part<MetricsPart>[], pids: ReadonlySet<number>): Family[] {
    for (const { told } of parts) this.#last.set(told.pid, told.families);
    for (const [pid, families] of this.#last) {
      if (pids.has(pid)) continue;
      this.#last.delete(pid);
      this.#gone = familiesTogether([this.#gone, families.filter(({ type }) => type !== 'gauge')]);
    }
    return familiesTogether([...this.#last.values(), this.#gone]);
  }
}

export interface MetricsPart {
  readonly pid: number;
  readonly families: readonly Family[];
}

/** The home process has these of its own. */
const HOME: ReadonlySet<string> = new Set([
  ...['process_start_time_seconds', 'keepwarm_gateway_ready'],
  ...['keepwarm_gateway_workers', 'keepwarm_gateway_workers_replaced_total', 'keepwarm_gateway_workers_hung_total'],
]);

export const METRICS_TOGETHER: AnyTogether = together<MetricsPart>({
  path: '/metrics',
  part: async ({ metrics }: AdminView) => {
    const families = await metrics.families();
    return { pid: process.pid, families: families.filter(({ name }) => !HOME.has(name)) };
  },
  whole: async (parts, home, { headers }) => {
    const pids = new Set(home.workers().flatMap(({ pid }) => pid ?? []));
    const told = familiesTogether([home.families(), home.metrics.heard(parts, pids)]);
    const { contentType, body } = prometheusMetrics({}, { more: () => told }).answer([headers['accept']].flat()[0]);
    return { type: contentType, text: body, headers: [['vary', 'accept']] };
  },
});
