/**
 * OpenTelemetry for clients: spans and metrics through whatever SDK the application has registered. Ours are our own
 * sockets, so no instrumentation of undici or `node:http` sees these calls, and none is told of twice.
 */

import { type Attributes, type Meter, metrics, type Tracer, trace as traces } from '@opentelemetry/api';
import type { Telemetry } from '../clients/telemetry.ts';
import { NetError } from '../core/error.ts';
import { checkKnown, checkOptions, show } from '../core/refusal.ts';
import { Collector } from './otel-collect.ts';
import { callFacts, socketFacts } from './otel-events.ts';
import { Meters } from './otel-meters.ts';
import { Names } from './otel-names.ts';
import { Peers } from './otel-peers.ts';
import { attempt, trace, type Watch } from './otel-policies.ts';
import { type ServedRequest, type Serving, serve } from './otel-serving.ts';
import { Spans, type Traced } from './otel-spans.ts';
import type { StatsSource } from './prometheus.ts';
import { SeriesBounds } from './series-bounds.ts';

export interface OpenTelemetryOptions {
  /** `false` for no metrics. Default: that of the provider which is registered when this is made. */
  readonly meter?: Meter | false | undefined;
  /** `false` for no traces, and no context sent upstream. Default: that of the registered provider. */
  readonly tracer?: Tracer | false | undefined;
  /** Which sendings have spans of their own: those after a call's first, or `every`. Default `resent`. */
  readonly attemptSpans?: 'resent' | 'every' | undefined;
  /** Whether spans have the path in `url.full`; never a query, and never of `endpoints`. Default true. */
  readonly paths?: boolean | undefined;
  /** Put on every span and every metric, such as what the client is for. None by default. */
  readonly attributes?: Attributes | undefined;
  /** Of each: origins, methods, templates, sets of labels that are told apart, 1 to 10,000. Default 100. */
  readonly seriesMax?: number | undefined;
}

/** The option `telemetry` of clients. */
export interface OpenTelemetry extends Telemetry {
  /** For programs that pass requests on: one that has come in. Nothing when traces are off. */
  serve(request: ServedRequest): Serving | undefined;
  /** No metrics are told from now on. Clients close by themselves. Twice is harmless. */
  close(): void;
}

export const OPEN_TELEMETRY_DEFAULTS = { attemptSpans: 'resent', paths: true, seriesMax: 100 } as const;

const NAME = 'keepwarm';

/**
 * One for any number of clients: `createClient({ telemetry: openTelemetry() })`.
 *
 * @throws NetError `INVALID` naming the option that is not acceptable
 */
export function openTelemetry(options: OpenTelemetryOptions = {}): OpenTelemetry {
  const { attemptSpans, paths, seriesMax, attributes } = settled(options);
  const names = new Names(seriesMax);
  const meter = options.meter === false ? undefined : (options.meter ?? metrics.getMeter(NAME));
  const tracer = options.tracer === false ? undefined : (options.tracer ?? traces.getTracer(NAME));
  const meters = meter && new Meters(meter, names, attributes);
  const collector = meter && new Collector(meter, names, attributes, new SeriesBounds(seriesMax));
  const spans = tracer && new Spans(tracer, names, { attemptSpans, paths, attributes });
  const calls = new Map<number, Traced>();
  return {
    join(clock) {
      const peers = new Peers(clock);
      const watch: Watch = { clock, names, spans, meters, peers, calls, judged: { traced: undefined } };
      const facts = spans === undefined ? {} : callFacts(calls, peers, watch.judged);
      const observer = { ...socketFacts(peers, meters), ...facts };
      return { observer, policies: { trace: trace(watch), attempt: attempt(watch) } };
    },
    watch: (source: StatsSource) => collector?.watch(source) ?? nothing,
    serve: (request) => tracer && serve(tracer, names, attributes, request),
    close: () => collector?.close(),
  };
}

const nothing = (): void => undefined;

type Settled = Required<Pick<OpenTelemetryOptions, 'attemptSpans' | 'paths' | 'seriesMax' | 'attributes'>>;

function settled(given: OpenTelemetryOptions): { [N in keyof Settled]: NonNullable<Settled[N]> } {
  checkOptions('what openTelemetry was given', given);
  checkKnown(given, ['meter', 'tracer', 'attemptSpans', 'paths', 'attributes', 'seriesMax'], '', ' of openTelemetry');
  const { attemptSpans = 'resent', paths = true, seriesMax = 100, attributes = {} } = given;
  checkOptions('option attributes', attributes);
  if (attemptSpans !== 'resent' && attemptSpans !== 'every')
    throw refused('attemptSpans', attemptSpans, '"resent", "every"');
  if (typeof paths !== 'boolean') throw refused('paths', paths, 'true, false');
  if (!Number.isInteger(seriesMax) || seriesMax < 1 || seriesMax > 10_000) {
    throw refused('seriesMax', seriesMax, 'a whole number from 1 to 10000');
  }
  return { attemptSpans, paths, seriesMax, attributes };
}

function refused(name: string, value: unknown, allowed: string): NetError {
  const message = `option ${name} is ${show(value)}; allowed: ${allowed}`;
  return new NetError('INVALID', message, { reach: 'unsent', limit: name });
}
