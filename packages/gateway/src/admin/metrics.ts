/**
 * What `/metrics` answers: the clients of all upstreams as the library tells them, and the gateway's own few. An
 * upstream is the label `client`. One that a reload replaces begins anew, as Prometheus expects of something restarted.
 */
import { type Family, prometheusMetrics, type StatsSource } from 'keepwarm/prometheus';
import type { AnyUpstream } from '../data/routes.ts';
import type { DataServer } from '../data/server.ts';
import type { GrpcUpstream } from '../grpc/upstream.ts';
import type { RedisTold } from '../redis/connection.ts';
import { upstreamFamilies } from './upstream-metrics.ts';

/** docs/reference/metrics.md repeats this table. */
export const GATEWAY_METRICS = {
  keepwarm_gateway_ready: ['gauge', '1 while the gateway accepts requests, 0 while it drains.'],
  keepwarm_gateway_callers: ['gauge', 'Connections from callers.'],
  keepwarm_gateway_callers_max: ['gauge', 'Maximum number of connections from callers.'],
  keepwarm_gateway_requests_in_flight: ['gauge', 'Requests whose replies have not ended.'],
  keepwarm_gateway_requests_refused_total: [
    'counter',
    'Requests that the gateway answered itself: not routed, or not safe to forward.',
  ],
  keepwarm_gateway_workers: ['gauge', 'Processes that serve callers.'],
  keepwarm_gateway_workers_replaced_total: ['counter', 'Workers that ended and were replaced.'],
  keepwarm_gateway_workers_hung_total: ['counter', 'Workers that were ended because they stopped responding.'],
  keepwarm_gateway_redis_up: ['gauge', '1 while the Redis that counts limits answers, 0 while it does not.'],
  keepwarm_gateway_redis_losses_total: ['counter', 'Times that Redis was lost.'],
  process_start_time_seconds: ['gauge', 'Start time of the process, in seconds since 1970.'],
  process_cpu_seconds_total: ['counter', 'CPU time used by the process.'],
  process_resident_memory_bytes: ['gauge', 'Resident memory of the process.'],
} as const satisfies Readonly<Record<string, readonly [Family['type'], string]>>;

type GatewayMetric = keyof typeof GATEWAY_METRICS;

export interface GatewayMetrics {
  /** @param accept the request's Accept field */
  answer(accept: string | undefined): Promise<{ readonly contentType: string; readonly body: string }>;
  /** The same before it is text. */
  families(): Promise<readonly Family[]>;
}

/** @param upstreams those there are now; `grpc` those of them that speak gRPC */
export function gatewayMetrics(
  data: DataServer,
  upstreams: () => readonly AnyUpstream[],
  grpc: () => readonly GrpcUpstream[] = () => [],
  redis: () => RedisTold | undefined = () => undefined,
): GatewayMetrics {
  let callers = 0;
  const sources = () => [...upstreams().map(entryOf), ...grpc().map(({ name, pool }) => [name, pool] as const)];
  const metrics = prometheusMetrics(() => Object.fromEntries(sources()), {
    more: () => [...families(data, callers), ...redisFamilies(redis()), ...upstreamFamilies(upstreams(), grpc())],
  });
  return {
    async answer(accept) {
      callers = await connectionsOf(data);
      return metrics.answer(accept);
    },
    async families() {
      callers = await connectionsOf(data);
      return metrics.families();
    },
  };
}

const entryOf = (upstream: AnyUpstream): [string, StatsSource] => [
  upstream.name,
  'rpc' in upstream ? upstream.rpc : upstream.client,
];

function families(data: DataServer, callers: number): Family[] {
  const { user, system } = process.cpuUsage();
  const values: Record<Exclude<GatewayMetric, keyof ReturnType<typeof ofRedis>>, number> = {
    keepwarm_gateway_ready: data.draining ? 0 : 1,
    keepwarm_gateway_callers: callers,
    keepwarm_gateway_callers_max: data.server.maxConnections,
    keepwarm_gateway_requests_in_flight: data.inFlight,
    keepwarm_gateway_requests_refused_total: data.refused,
    keepwarm_gateway_workers: 1,
    keepwarm_gateway_workers_replaced_total: 0,
    keepwarm_gateway_workers_hung_total: 0,
    process_start_time_seconds: performance.timeOrigin / 1_000,
    process_cpu_seconds_total: (user + system) / 1e6,
    process_resident_memory_bytes: process.memoryUsage.rss(),
  };
  return familiesOf(values);
}

/** None where no Redis counts. */
export function redisFamilies(redis: RedisTold | undefined): Family[] {
  return redis === undefined ? [] : familiesOf(ofRedis(redis));
}

const ofRedis = ({ state, losses }: RedisTold) => ({
  keepwarm_gateway_redis_up: state === 'up' ? 1 : 0,
  keepwarm_gateway_redis_losses_total: losses,
});

export function familiesOf(values: Partial<Record<GatewayMetric, number>>): Family[] {
  return (Object.keys(values) as GatewayMetric[]).map((name) => {
    const [type, help] = GATEWAY_METRICS[name];
    return { name, type, help, samples: [{ labels: {}, value: values[name] ?? 0 }] };
  });
}

/** None when the listener is closed, which is no reason to tell nothing. */
function connectionsOf({ server }: DataServer): Promise<number> {
  return new Promise((resolve) => {
    server.getConnections((error, count) => resolve(error === null ? count : 0));
  });
}
