/**
 * OpenTelemetry, where whoever started the process has loaded an SDK before it: `node --import ./otel.mjs`. Otherwise
 * nothing of it is loaded, and it costs nothing.
 */
import type { OpenTelemetry } from 'keepwarm/otel';
import type { Log } from '../logs/log.ts';

/** Under which `@opentelemetry/api` keeps what has been registered, whatever copy of it did so. */
const REGISTERED = Symbol.for('opentelemetry.js.api.1');

/** @returns what makes an upstream's telemetry; nothing without an SDK */
export async function telemetryFor(log: Log): Promise<((upstream: string) => OpenTelemetry) | undefined> {
  if (!(REGISTERED in globalThis)) return undefined;
  try {
    const { openTelemetry } = await import('keepwarm/otel');
    // An upstream's path may hold its key, and callers' paths are theirs.
    return (upstream) => openTelemetry({ paths: false, attributes: { 'keepwarm.upstream': upstream } });
  } catch (error) {
    log.warn('an SDK of OpenTelemetry is registered, and @opentelemetry/api cannot be found beside keepwarm', {
      error,
    });
    return undefined;
  }
}
