/** keepwarm/otel: metrics and traces of clients, by the names OpenTelemetry has for them. */
export type { Telemetry } from './clients/telemetry.ts';
export {
  OPEN_TELEMETRY_DEFAULTS,
  type OpenTelemetry,
  type OpenTelemetryOptions,
  openTelemetry,
} from './telemetry/otel.ts';
export type { ServedRequest, Serving } from './telemetry/otel-serving.ts';
