/** What `/metrics` tells of the home process itself: gRPC, which is served here, and the process. */
import { type Family, prometheusMetrics } from 'keepwarm/prometheus';
import { familiesOf, type GATEWAY_METRICS, redisFamilies } from '../admin/metrics.ts';
import { UPSTREAM_METRICS, upstreamFamilies } from '../admin/upstream-metrics.ts';
import type { WorkerTold } from '../admin/worker-told.ts';
import type { GrpcUpstreams } from '../grpc/upstreams.ts';
import type { RedisTold } from '../redis/connection.ts';

/** Counted here, whoever serves them. */
const CALLERS = 'keepwarm_gateway_caller_rate_callers';

export function homeFamilies(
  grpc: GrpcUpstreams,
  draining: boolean,
  workers: readonly WorkerTold[],
  callers: ReadonlyMap<string, number>,
  redis: RedisTold | undefined,
): Family[] {
  const { user, system } = process.cpuUsage();
  const values = {
    keepwarm_gateway_ready: draining ? 0 : 1,
    keepwarm_gateway_workers: workers.filter(({ state }) => state === 'serving').length,
    keepwarm_gateway_workers_replaced_total: workers.reduce((all, { replaced }) => all + replaced, 0),
    keepwarm_gateway_workers_hung_total: workers.reduce((all, { hung }) => all + hung, 0),
    process_start_time_seconds: performance.timeOrigin / 1_000,
    process_cpu_seconds_total: (user + system) / 1e6,
    process_resident_memory_bytes: process.memoryUsage.rss(),
  } satisfies Partial<Record<keyof typeof GATEWAY_METRICS, number>>;
  const own = [...familiesOf(values), ...redisFamilies(redis)];
  const [type, , help] = UPSTREAM_METRICS[CALLERS];
  const samples = [...callers].map(([client, value]) => ({ labels: { client }, value }));
  const remembered: Family = { name: CALLERS, type, help, samples };
  const pools = () => Object.fromEntries(grpc.all.map(({ name, pool }) => [name, pool] as const));
  return [...prometheusMetrics(pools, { more: () => upstreamFamilies([], grpc.all) }).families(), remembered, ...own];
}
