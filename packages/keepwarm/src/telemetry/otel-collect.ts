/**
 * What clients know of themselves, as OpenTelemetry asks for it: at each collection, from `stats()`, and nothing in
 * between. The names are those of keepwarm/prometheus, whose suffixes a collector adds again on its way to Prometheus.
 *
 * Counters of a client that is closed go on counting as what they were last, so that no sum falls.
 */
import type { Attributes, BatchObservableResult, Meter, Observable } from '@opentelemetry/api';
import { METRIC_NAMES, METRICS, type MetricName } from './catalog.ts';
import type { Names } from './otel-names.ts';
import { collectSource, type StatsSource } from './prometheus.ts';
import { type LabelValues, Scrape } from './scrape.ts';
import type { SeriesBounds } from './series-bounds.ts';

/** How a metric of the catalogue is called here. */
export interface OtelName {
  readonly name: string;
  readonly unit: string;
  readonly kind: 'counter' | 'updown' | 'gauge';
}

/** Nothing for histograms, of which only sums could be told, and for what means nothing when several are one. */
export function otelNameOf(metric: MetricName): OtelName | undefined {
  const { type, merge } = METRICS[metric];
  if (type === 'histogram' || metric === 'keepwarm_uptime_seconds') return undefined;
  const kind = type === 'counter' ? 'counter' : merge === 'sum' ? 'updown' : 'gauge';
  const [, stem = '', suffix = ''] = /^keepwarm_(.*?)(?:_(seconds|bytes|ratio))?(?:_total)?$/.exec(metric) ?? [];
  const unit = UNITS[suffix] ?? '';
  // Heights and seconds behind the head would otherwise have one name.
  const isTaken = suffix !== '' && Object.hasOwn(METRICS, `keepwarm_${stem}`);
  return { name: isTaken ? `keepwarm.${stem}_${suffix}` : `keepwarm.${stem}`, unit, kind };
}

/** Of what is counted nothing is said: Prometheus would make `_ratio` of a `1`. */
const UNITS: Readonly<Record<string, string>> = { seconds: 's', bytes: 'By', ratio: '1' };

/** docs/reference/metrics.md repeats this table. */
export const OTEL_GAUGES = {
  'http.client.open_connections': { unit: '{connection}', help: 'Connections that are active or idle.' },
  'http.client.active_requests': { unit: '{request}', help: 'Requests on their way.' },
} as const;

interface Kept {
  readonly metric: MetricName;
  readonly labels: LabelValues;
  value: number;
}

export class Collector {
  readonly #meter: Meter;
  readonly #names: Names;
  readonly #own: Attributes;
  readonly #bounds: SeriesBounds;
  readonly #sources = new Set<StatsSource>();
  readonly #kept = new Map<string, Kept>();
  readonly #instruments = new Map<MetricName, Observable>();
  readonly #connections: Observable;
  readonly #active: Observable;
  #last: Observed = new Map();
  readonly #observe = (to: BatchObservableResult): void => this.#tell(to);

  constructor(meter: Meter, names: Names, own: Attributes, bounds: SeriesBounds) {
    this.#meter = meter;
    this.#names = names;
    this.#own = own;
    this.#bounds = bounds;
    for (const metric of METRIC_NAMES) {
      const named = otelNameOf(metric);
      if (named !== undefined) this.#instruments.set(metric, make(meter, named, METRICS[metric].help));
    }
    const standing = (name: keyof typeof OTEL_GAUGES): Observable => {
      const { unit, help } = OTEL_GAUGES[name];
      return make(meter, { name, unit, kind: 'updown' }, help);
    };
    this.#connections = standing('http.client.open_connections');
    this.#active = standing('http.client.active_requests');
    meter.addBatchObservableCallback(this.#observe, this.#all);
  }

  watch(source: StatsSource): () => void {
    this.#sources.add(source);
    return () => {
      if (this.#sources.delete(source)) this.#keep(source);
    };
  }

  close(): void {
    this.#meter.removeBatchObservableCallback(this.#observe, this.#all);
    this.#sources.clear();
    this.#kept.clear();
  }

  get #all(): Observable[] {
    return [...this.#instruments.values(), this.#connections, this.#active];
  }

  #tell(to: BatchObservableResult): void {
    const scrape = new Scrape(this.#bounds);
    const sockets = new Sockets();
    const round = new Round(to, this.#last);
    for (const { metric, labels, value } of this.#kept.values()) scrape.put(metric, value, labels);
    for (const source of this.#sources) {
      const stats = collectSource(scrape, source);
      if (stats !== undefined) sockets.count(stats.sockets.live);
    }
    for (const [metric, instrument] of this.#instruments) {
      const samples = scrape.samples(metric);
      for (const { labels, value } of samples) round.tell(instrument, value, this.#attributesOf(labels));
    }
    for (const { origin, state, version, count } of sockets.each()) {
      const { server } = this.#names.placeOf(origin);
      const attributes = { ...this.#own, ...server, 'http.connection.state': state };
      round.tell(this.#connections, count, { ...attributes, 'network.protocol.version': version });
    }
    for (const { server, active } of this.#names.places) round.tell(this.#active, active, { ...this.#own, ...server });
    this.#last = round.end();
  }

  #attributesOf(labels: Readonly<Record<string, string>>): Attributes {
    const attributes: Attributes = { ...this.#own };
    for (const [name, value] of Object.entries(labels)) attributes[`keepwarm.${name}`] = value;
    return attributes;
  }

  #keep(source: StatsSource): void {
    const scrape = new Scrape(this.#bounds);
    collectSource(scrape, source);
    for (const metric of this.#instruments.keys()) {
      if (METRICS[metric].type !== 'counter') continue;
      for (const { labels, value } of scrape.samples(metric)) {
        const key = `${metric} ${JSON.stringify(labels)}`;
        const known = this.#kept.get(key);
        if (known === undefined) this.#kept.set(key, { metric, labels, value });
        else known.value += value;
      }
    }
  }
}

function make(meter: Meter, { name, unit, kind }: OtelName, description: string): Observable {
  if (kind === 'counter') return meter.createObservableCounter(name, { unit, description });
  if (kind === 'updown') return meter.createObservableUpDownCounter(name, { unit, description });
  return meter.createObservableGauge(name, { unit, description });
}

/** What was told, by instrument and by attributes as text. */
type Observed = ReadonlyMap<Observable, ReadonlyMap<string, Attributes>>;

/**
 * One collection. An SDK goes on telling what it was told once, so what is no more is told as 0. Counters never are:
 * those of closed clients are kept.
 */
class Round {
  readonly #to: BatchObservableResult;
  readonly #last: Observed;
  readonly #told = new Map<Observable, Map<string, Attributes>>();

  constructor(to: BatchObservableResult, last: Observed) {
    this.#to = to;
    this.#last = last;
  }

  tell(instrument: Observable, value: number, attributes: Attributes): void {
    this.#to.observe(instrument, value, attributes);
    let told = this.#told.get(instrument);
    if (told === undefined) this.#told.set(instrument, (told = new Map()));
    told.set(JSON.stringify(attributes), attributes);
  }

  end(): Observed {
    for (const [instrument, before] of this.#last) {
      const told = this.#told.get(instrument);
      for (const [key, attributes] of before) if (!told?.has(key)) this.#to.observe(instrument, 0, attributes);
    }
    return this.#told;
  }
}

interface SocketCount {
  readonly origin: string;
  readonly state: 'active' | 'idle';
  readonly version: '1.1' | '2';
  count: number;
}

/** Open connections by where they lead and what they do. */
class Sockets {
  readonly #counts = new Map<string, SocketCount>();

  count(live: readonly { readonly origin: string; readonly state: string; readonly protocol?: 'h2' | undefined }[]) {
    for (const { origin, state: is, protocol } of live) {
      const state = is === 'idle' ? 'idle' : 'active';
      const version = protocol === 'h2' ? '2' : '1.1';
      const key = `${origin} ${state} ${version}`;
      const known = this.#counts.get(key);
      if (known === undefined) this.#counts.set(key, { origin, state, version, count: 1 });
      else known.count++;
    }
  }

  each(): Iterable<SocketCount> {
    return this.#counts.values();
  }
}
