/** keepwarm/prometheus: what clients know of themselves, as Prometheus reads it. */
export {
  type NamedSources,
  PROMETHEUS_DEFAULTS,
  type PrometheusMetrics,
  type PrometheusOptions,
  prometheusMetrics,
  type StatsSource,
} from './telemetry/prometheus.ts';
export type { Family, Labels, MetricsFormat, MetricType, Sample } from './telemetry/text.ts';
