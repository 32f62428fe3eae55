/** The last two minutes as curves: of all upstreams as the gateway remembers them, of each since the page is open. */
import type { Snapshot, UpstreamTold } from '../../admin/snapshot.ts';

const SAMPLES_MAX = 120;

/** One number per step; `null` where nothing is known. */
export interface Curves {
  /** In seconds since 1970, as uPlot takes it. */
  readonly at: readonly number[];
  readonly rate: readonly (number | null)[];
  readonly p50Ms: readonly (number | null)[];
  readonly p95Ms: readonly (number | null)[];
  readonly p99Ms: readonly (number | null)[];
  /** Per second. */
  readonly errors: readonly (number | null)[];
  readonly reuse: readonly (number | null)[];
  readonly saturation: readonly (number | null)[];
}

interface Sample {
  readonly at: number;
  readonly rate: number;
  readonly p50Ms: number | null;
  readonly p95Ms: number | null;
  readonly p99Ms: number | null;
  readonly errors: number | null;
  readonly reuse: number | null;
  readonly saturation: number | null;
}

export class Samples {
  readonly #of = new Map<string, Sample[]>();

  take(snapshot: Snapshot, at: number): void {
    const seconds = Math.round(at / 1_000);
    const all = sampleOf(snapshot.upstreams, seconds);
    const overall = { ...all, ...seriesAt(snapshot, -1) };
    if (!this.#of.has('')) this.#of.set('', seeded(snapshot, seconds, snapshot.uptimeMs));
    this.#push('', overall);
    for (const upstream of snapshot.upstreams) this.#push(upstream.name, sampleOf([upstream], seconds));
    const names = new Set(snapshot.upstreams.map(({ name }) => name));
    for (const name of this.#of.keys()) if (name !== '' && !names.has(name)) this.#of.delete(name);
  }

  /** @param upstream '' for all of them */
  curves(upstream: string): Curves {
    const samples = this.#of.get(upstream) ?? [];
    const of = <K extends keyof Sample>(name: K) => samples.map((sample) => sample[name]);
    return {
      at: of('at'),
      rate: of('rate'),
      p50Ms: of('p50Ms'),
      p95Ms: of('p95Ms'),
      p99Ms: of('p99Ms'),
      errors: of('errors'),
      reuse: of('reuse'),
      saturation: of('saturation'),
    };
  }

  #push(name: string, sample: Sample): void {
    const samples = this.#of.get(name) ?? [];
    if (samples.at(-1)?.at === sample.at) samples.pop();
    samples.push(sample);
    if (samples.length > SAMPLES_MAX) samples.shift();
    this.#of.set(name, samples);
  }
}

type Ending = Pick<Sample, 'rate' | 'p50Ms' | 'p95Ms' | 'p99Ms'>;

/** A second of the gateway's own series; -1 is the last one. */
function seriesAt({ overall: { series } }: Snapshot, i: number): Ending {
  const calls = series.calls.at(i) ?? 0;
  const known = (values: readonly number[] | undefined) => (calls === 0 ? null : (values?.at(i) ?? null));
  return { rate: calls, p50Ms: known(series.p50Ms), p95Ms: known(series.p95Ms), p99Ms: known(series.p99Ms) };
}

/** What the gateway remembers of the two minutes before the page was opened; before its start there was nothing. */
function seeded(snapshot: Snapshot, seconds: number, uptimeMs: number): Sample[] {
  const length = Math.min(snapshot.overall.series.calls.length, Math.floor(uptimeMs / 1_000), SAMPLES_MAX);
  return Array.from({ length }, (_, i) => ({
    at: seconds - length + i,
    ...seriesAt(snapshot, i - length),
    errors: null,
    reuse: null,
    saturation: null,
  }));
}

/** Of the last seconds; errors are those of the last minute. */
function sampleOf(upstreams: readonly UpstreamTold[], at: number): Sample {
  const sum = (read: (upstream: UpstreamTold) => number) => upstreams.reduce((all, each) => all + read(each), 0);
  const calls = sum(({ latency }) => latency.count);
  const [first] = upstreams;
  const one = upstreams.length === 1 && first !== undefined && first.latency.count > 0 ? first.latency : undefined;
  return {
    at,
    rate: sum(({ callsPerSecond }) => callsPerSecond),
    p50Ms: one?.p50Ms ?? null,
    p95Ms: one?.p95Ms ?? null,
    p99Ms: one?.p99Ms ?? null,
    errors: sum(({ failedLately, status5xxLately }) => failedLately + status5xxLately) / 60,
    reuse: calls === 0 ? null : sum(({ latency, reuseRatio }) => latency.count * reuseRatio) / calls,
    saturation: Math.max(0, ...upstreams.map(({ pool }) => pool.saturation)),
  };
}
