/** Lengths of time as histograms of the conventions: recorded once, when something has ended. */
import { type Attributes, type Context, type Histogram, type Meter, ValueType } from '@opentelemetry/api';
import type { Call } from '../core/call.ts';
import type { DnsFact, SocketClosed } from '../core/observer.ts';
import { type Kind, methodOf, type Names, type Place } from './otel-names.ts';
import type { Outcome } from './otel-outcome.ts';

/** In seconds: those the conventions advise for `http.client.request.duration`, which RPC and DNS share. */
const REQUEST_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];
const CONNECTION_BUCKETS = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300];

/** docs/reference/metrics.md repeats this table. */
export const OTEL_HISTOGRAMS = {
  'http.client.request.duration': 'From a sending of an HTTP request to the end of its response.',
  'rpc.client.call.duration': 'From a call of JSON-RPC or gRPC to the end of its answer.',
  'http.client.connection.duration': 'From the opening of a connection to its end.',
  'dns.lookup.duration': 'Lookups that went to a resolver.',
} as const;
type HistogramName = keyof typeof OTEL_HISTOGRAMS;

export class Meters {
  readonly #names: Names;
  readonly #own: Attributes;
  readonly #request: Histogram;
  readonly #rpc: Histogram;
  readonly #connection: Histogram;
  readonly #lookup: Histogram;

  constructor(meter: Meter, names: Names, own: Attributes) {
    const make = (name: HistogramName, buckets: number[]): Histogram =>
      meter.createHistogram(name, {
        description: OTEL_HISTOGRAMS[name],
        unit: 's',
        valueType: ValueType.DOUBLE,
        advice: { explicitBucketBoundaries: buckets },
      });
    this.#names = names;
    this.#own = own;
    this.#request = make('http.client.request.duration', REQUEST_BUCKETS);
    this.#rpc = make('rpc.client.call.duration', REQUEST_BUCKETS);
    this.#connection = make('http.client.connection.duration', CONNECTION_BUCKETS);
    this.#lookup = make('dns.lookup.duration', REQUEST_BUCKETS);
  }

  /** @param version of HTTP, where it is known */
  attempt(call: Call, { server }: Place, outcome: Outcome, version: string | undefined, ms: number, of: Context): void {
    const attributes: Attributes = { ...this.#own, ...server, 'http.request.method': methodOf(call.method) };
    if (outcome.status !== undefined) attributes['http.response.status_code'] = outcome.status;
    if (version !== undefined) attributes['network.protocol.version'] = version;
    if (outcome.error !== undefined) attributes['error.type'] = outcome.error;
    if (call.template !== undefined) attributes['url.template'] = this.#names.template(call.template);
    this.#request.record(ms / 1_000, attributes, of);
  }

  rpc(kind: Kind, call: Call, place: Place | undefined, outcome: Outcome, ms: number, of: Context): void {
    const attributes: Attributes = {
      ...this.#own,
      ...place?.server,
      'rpc.system.name': kind,
      'rpc.method': this.#names.operation(call.operation ?? ''),
    };
    if (outcome.rpcStatus !== undefined) attributes['rpc.status_code'] = outcome.rpcStatus;
    if (outcome.error !== undefined) attributes['error.type'] = outcome.error;
    this.#rpc.record(ms / 1_000, attributes, of);
  }

  closed({ origin, ageMs }: SocketClosed, version: string): void {
    const { server } = this.#names.placeOf(origin);
    this.#connection.record(ageMs / 1_000, { ...this.#own, ...server, 'network.protocol.version': version });
  }

  resolved({ hostname, elapsedMs, error }: DnsFact): void {
    const attributes: Attributes = { ...this.#own, 'dns.question.name': this.#names.host(hostname) };
    if (error !== undefined) attributes['error.type'] = error.systemCode ?? error.code;
    this.#lookup.record(elapsedMs / 1_000, attributes);
  }
}
