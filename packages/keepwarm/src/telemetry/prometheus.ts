/**
 * Clients' snapshots as Prometheus reads them. Pulled, never counted beside: a scrape asks each client for `stats()`
 * and writes what it says, so that a metric and a snapshot cannot disagree.
 */

import type { GrpcPoolStats } from '../clients/grpc/pool-stats.ts';
import type { GrpcStats } from '../clients/grpc/record.ts';
import type { RpcStats } from '../clients/jsonrpc/stats.ts';
import type { ClientStats } from '../clients/stats.ts';
import { NetError } from '../core/error.ts';
import { checkFunction, checkKnown, checkOptions, show } from '../core/refusal.ts';
import { formatFor } from './accept.ts';
import { METRIC_NAMES, METRICS } from './catalog.ts';
import { collectClient } from './collect-client.ts';
import { collectGrpcPool, collectStarts } from './collect-grpc-pool.ts';
import { collectPolicies } from './collect-policies.ts';
import { collectGrpc, collectRpc } from './collect-rpc.ts';
import { Scrape } from './scrape.ts';
import { SeriesBounds } from './series-bounds.ts';
import { CONTENT_TYPES, type Family, type MetricsFormat, renderFamilies, type Sample } from './text.ts';

/** A client, a pool of JSON-RPC nodes or of gRPC connections, or whatever has the same `stats()`. */
export interface StatsSource {
  stats(): ClientStats | RpcStats | GrpcStats | GrpcPoolStats;
}

/** Several clients by their names, which become the label `client`. */
export type NamedSources = Readonly<Record<string, StatsSource>>;

export interface PrometheusOptions {
  /**
   * Of each client, combinations of origin and section, keys, endpoints and limits that are told apart; what comes
   * later is summed up as `other`. From 1 to 10,000. Default 100.
   */
  readonly seriesMax?: number | undefined;
  /** Metrics of your own, written after ours. None by default. */
  readonly more?: (() => Iterable<Family>) | undefined;
}

export interface PrometheusMetrics {
  /** @param format `text` (0.0.4), the default, or `openmetrics` (1.0.0) */
  render(format?: MetricsFormat): string;
  /** The same before it is text: for whoever adds up what several processes say. */
  families(): readonly Family[];
  /** The answer to a scrape. @param accept the request's Accept field */
  answer(accept?: string): { readonly contentType: string; readonly body: string };
}

export const PROMETHEUS_DEFAULTS = { seriesMax: 100 } as const;

/**
 * @param sources one client; several by name; or a function that tells which there are now
 * @throws NetError `INVALID` naming the option that is not acceptable
 */
export function prometheusMetrics(
  sources: StatsSource | NamedSources | (() => NamedSources),
  options: PrometheusOptions = {},
): PrometheusMetrics {
  checkOptions('what prometheusMetrics was given', options);
  checkKnown(options, ['seriesMax', 'more'], '', ' of prometheusMetrics');
  const { seriesMax = PROMETHEUS_DEFAULTS.seriesMax, more } = options;
  checkFunction('more', more);
  if (!Number.isInteger(seriesMax) || seriesMax < 1 || seriesMax > 10_000) {
    const message = `option seriesMax is ${show(seriesMax)}; allowed: a whole number from 1 to 10000`;
    throw new NetError('INVALID', message, { reach: 'unsent', limit: 'seriesMax' });
  }
  // A client that takes another's place under its name begins anew; one that is gone is forgotten with its bounds.
  const bounds = new WeakMap<StatsSource, SeriesBounds>();
  const boundsOf = (source: StatsSource): SeriesBounds => {
    const known = bounds.get(source) ?? new SeriesBounds(seriesMax);
    bounds.set(source, known);
    return known;
  };
  const families = (): Family[] => {
    const scrapes = entriesOf(sources).map(([name, source]) => [name, scrape(source, boundsOf(source))] as const);
    return [...familiesOf(scrapes), ...(more?.() ?? [])];
  };
  const render = (format: MetricsFormat = 'text'): string => renderFamilies(families(), format);
  return {
    render,
    families,
    answer(accept) {
      const format = formatFor(accept);
      return { contentType: CONTENT_TYPES[format], body: render(format) };
    },
  };
}

function scrape(source: StatsSource, bounds: SeriesBounds): Scrape {
  const to = new Scrape(bounds);
  collectSource(to, source);
  return to;
}

/** @returns what it says of HTTP, where it does */
export function collectSource(to: Scrape, source: StatsSource): ClientStats | undefined {
  const stats = source.stats();
  if ('leases' in stats) {
    collectGrpcPool(to, stats);
    return undefined;
  }
  const http = 'http' in stats ? stats.http : stats;
  collectClient(to, http);
  collectPolicies(to, http.policies);
  if ('batching' in stats) collectRpc(to, stats);
  else if ('messages' in stats) {
    collectGrpc(to, stats);
    if (stats.connectionRate !== undefined) collectStarts(to, stats.connectionRate);
  }
  return http;
}

function entriesOf(
  sources: StatsSource | NamedSources | (() => NamedSources),
): (readonly [string | undefined, StatsSource])[] {
  const found = typeof sources === 'function' ? sources() : sources;
  return isSource(found) ? [[undefined, found]] : Object.entries(found);
}

function isSource(found: StatsSource | NamedSources): found is StatsSource {
  return typeof found.stats === 'function';
}

/** All samples of one name stand together, whatever clients they are of. */
function familiesOf(scrapes: readonly (readonly [string | undefined, Scrape])[]): Family[] {
  return METRIC_NAMES.map((name) => {
    const { type, help } = METRICS[name];
    const samples = scrapes.flatMap(([client, each]) => each.samples(name).map((sample) => named(sample, client)));
    return { name, type, help, samples };
  });
}

function named(sample: Sample, client: string | undefined): Sample {
  return client === undefined ? sample : { ...sample, labels: { client: client.toWellFormed(), ...sample.labels } };
}
