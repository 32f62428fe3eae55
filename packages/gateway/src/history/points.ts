/** Rows as what a screen shows: one number per step, percentiles of all calls in it. */
import { BUCKETS, quantile } from '../figures/rolling.ts';
import type { Range } from './ranges.ts';
import { type Row, unpackInto } from './row.ts';
import type { HistorySeries } from './told.ts';

export interface Points {
  readonly at: readonly number[];
  readonly upstreams: readonly HistorySeries[];
}

/** The first step of a range that ends now. */
export function beginOf({ lengthMs, stepMs }: Range, now: number): number {
  return Math.floor((now - lengthMs) / stepMs) * stepMs + stepMs;
}

export function pointsOf(rows: readonly Row[], range: Range, now: number): Points {
  const begin = beginOf(range, now);
  const steps = Math.floor((now - begin) / range.stepMs) + 1;
  const byUpstream = Map.groupBy(rows, ({ upstream }) => upstream);
  return {
    at: Array.from({ length: steps }, (_, i) => begin + i * range.stepMs),
    upstreams: [...byUpstream].map(([upstream, own]) => series(upstream, own, begin, range.stepMs, steps)),
  };
}

function series(upstream: string, rows: readonly Row[], begin: number, stepMs: number, steps: number): HistorySeries {
  const byStep = Map.groupBy(rows, ({ at }) => Math.floor((at - begin) / stepMs));
  const points = Array.from({ length: steps }, (_, i) => point(byStep.get(i) ?? []));
  const of = (read: (known: Point) => number | null) => points.map((each) => (each === undefined ? null : read(each)));
  return {
    upstream,
    rate: of(({ calls, seconds }) => calls / seconds),
    errors: of(({ errors, seconds }) => errors / seconds),
    p50Ms: of(({ p50Ms }) => p50Ms),
    p95Ms: of(({ p95Ms }) => p95Ms),
    p99Ms: of(({ p99Ms }) => p99Ms),
    reuse: of(({ fresh, reused }) => (fresh + reused === 0 ? null : reused / (fresh + reused))),
    saturation: of(({ saturation }) => saturation),
    retries: of(({ retries, seconds }) => retries / seconds),
    limitWaits: of(({ limitWaits, seconds }) => limitWaits / seconds),
  };
}

interface Point {
  readonly seconds: number;
  readonly calls: number;
  readonly errors: number;
  readonly fresh: number;
  readonly reused: number;
  readonly retries: number;
  readonly limitWaits: number;
  readonly saturation: number;
  /** Nothing where there was no call. */
  readonly p50Ms: number | null;
  readonly p95Ms: number | null;
  readonly p99Ms: number | null;
}

function point(rows: readonly Row[]): Point | undefined {
  if (rows.length === 0) return undefined;
  const sum = (read: (row: Row) => number): number => rows.reduce((all, row) => all + read(row), 0);
  const counts = new Uint32Array(BUCKETS);
  for (const { latency } of rows) unpackInto(counts, latency);
  const count = counts.reduce((all, some) => all + some, 0);
  const at = (q: number): number | null => (count === 0 ? null : quantile(counts, count, q));
  return {
    seconds: Math.max(
      sum(({ seconds }) => seconds),
      1,
    ),
    calls: sum(({ calls }) => calls),
    errors: sum(({ errors }) => errors),
    fresh: sum(({ fresh }) => fresh),
    reused: sum(({ reused }) => reused),
    retries: sum(({ retries }) => retries),
    limitWaits: sum(({ limitWaits }) => limitWaits),
    saturation: Math.max(...rows.map(({ saturation }) => saturation)),
    p50Ms: at(0.5),
    p95Ms: at(0.95),
    p99Ms: at(0.99),
  };
}
