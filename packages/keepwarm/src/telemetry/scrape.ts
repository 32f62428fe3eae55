/** One client's samples of one scrape: by metric and by labels, each once. */
import { BOUNDS_MS, type Quantiles } from '../algo/histogram.ts';
import { type Label, METRICS, type Metric, type MetricName } from './catalog.ts';
import type { SeriesBounds } from './series-bounds.ts';
import { boundOf, type Labels, type Sample } from './text.ts';

export type LabelValues = Readonly<Partial<Record<Label, string>>>;

interface Series extends Sample {
  value: number;
  other: boolean;
}

export class Scrape {
  readonly #bounds: SeriesBounds;
  readonly #families = new Map<MetricName, Map<string, Series>>();

  constructor(bounds: SeriesBounds) {
    this.#bounds = bounds;
  }

  /** What is not known is not written. */
  put(name: MetricName, value: number | undefined, labels: LabelValues = {}): void {
    if (value !== undefined) this.#put(name, value, labels, {});
  }

  /** 1 for the one that is, 0 for the others. */
  state(name: MetricName, states: readonly string[], state: string, labels: LabelValues): void {
    for (const each of states) this.put(name, each === state ? 1 : 0, { ...labels, state: each });
  }

  histogram(name: MetricName, { count, sumMs, buckets }: Quantiles, labels: LabelValues = {}): void {
    BOUNDS_MS.forEach((ms, i) => {
      this.#put(name, buckets[i] ?? 0, labels, { suffix: '_bucket', le: boundOf(ms / 1_000) });
    });
    this.#put(name, count, labels, { suffix: '_bucket', le: '+Inf' });
    this.#put(name, sumMs / 1_000, labels, { suffix: '_sum' });
    this.#put(name, count, labels, { suffix: '_count' });
  }

  samples(name: MetricName): Sample[] {
    const { type } = METRICS[name];
    const all: Sample[] = [];
    for (const [key, { other, value, ...rest }] of this.#families.get(name) ?? []) {
      const held = other && type !== 'gauge' ? this.#bounds.neverFalling(`${name} ${key}`, value) : value;
      all.push({ ...rest, value: held });
    }
    return all;
  }

  #put(name: MetricName, value: number, given: Labels, part: Pick<Sample, 'suffix'> & { readonly le?: string }): void {
    const { labels, other } = this.#bounds.admit(given);
    const { suffix, le } = part;
    const all = le === undefined ? labels : { ...labels, le };
    const key = JSON.stringify([suffix ?? '', ...Object.entries(all)]);
    let family = this.#families.get(name);
    if (family === undefined) this.#families.set(name, (family = new Map()));
    const known = family.get(key);
    if (known === undefined) {
      family.set(key, { ...(suffix === undefined ? {} : { suffix }), labels: all, value, other });
    } else {
      known.value = merged(METRICS[name], known.value, value);
      known.other ||= other; // something may really be named so
    }
  }
}

function merged({ merge }: Metric, a: number, b: number): number {
  if (merge === 'sum') return a + b;
  return merge === 'max' ? Math.max(a, b) : Math.min(a, b);
}
