/** How it goes, now and over hours and days: of all upstreams, or of one. */
import { useState } from 'preact/hooks';
import type { HistorySeries, HistoryTold } from '../../history/told.ts';
import { useLive, usePolled } from '../data/hooks.ts';
import type { Curves } from '../data/samples.ts';
import { Chart, type Line } from './chart.tsx';
import type { ColourName } from './colour.ts';
import { clock, millis, percent, rate } from './format.ts';

/** What the page calls a range, what the gateway calls it, and how much of that is shown. */
const RANGES = [
  { label: '2 min', range: undefined, lastMs: 120_000 },
  { label: '15 min', range: '1h', lastMs: 900_000 },
  { label: '1 h', range: '1h', lastMs: 3_600_000 },
  { label: '24 h', range: '24h', lastMs: 86_400_000 },
  { label: '7 d', range: '7d', lastMs: 604_800_000 },
] as const;
type RangeShown = (typeof RANGES)[number];

/** @param upstream left out for all of them */
export function CurvesOf({ upstream }: { readonly upstream?: string }) {
  const [chosen, choose] = useState<RangeShown>(RANGES[0]);
  return (
    <section aria-label="Figures over time">
      <div class="bar">
        <h2 class="section">Over time</h2>
        <fieldset class="filters" aria-label="How far back">
          {RANGES.map((range) => (
            <button
              type="button"
              key={range.label}
              aria-pressed={range === chosen ? 'true' : 'false'}
              onClick={() => choose(range)}
            >
              {range.label}
            </button>
          ))}
        </fieldset>
      </div>
      {chosen.range === undefined ? (
        <Now upstream={upstream ?? ''} />
      ) : (
        <Past chosen={chosen} range={chosen.range} upstream={upstream} />
      )}
    </section>
  );
}

function Now({ upstream }: { readonly upstream: string }) {
  const live = useLive();
  const curves = live.samples.curves(upstream);
  return <Charts curves={curves} latency={percentiles(curves)} windowS={120} />;
}

/** It comes back by itself: nobody has to do anything but what the reason says. */
function notKept({ reason, retryAt }: HistoryTold['history']): string {
  const why = reason === undefined ? '' : `: ${reason}`;
  return `History cannot be kept${why}${retryAt === undefined ? '' : `. It is tried again after ${clock(retryAt)}`}`;
}

interface PastProps {
  readonly chosen: RangeShown;
  readonly range: string;
  readonly upstream: string | undefined;
}

function Past({ chosen, range, upstream }: PastProps) {
  const name = upstream === undefined ? '' : `&upstream=${encodeURIComponent(upstream)}`;
  const { value, problem } = usePolled<HistoryTold>(`api/history?range=${range}${name}`, 10_000);
  if (value === undefined || value.range !== range) return <p class="empty panel">{problem ?? 'Looking …'}</p>;
  const { history, upstreams } = value;
  if (history.state !== 'on') {
    return <p class="empty panel">{history.state === 'off' ? 'History is switched off' : notKept(history)}</p>;
  }
  const from = value.at.findIndex((at) => at >= Date.now() - chosen.lastMs);
  const cut = <T,>(values: readonly T[]): readonly T[] => values.slice(Math.max(from, 0));
  const at = cut(value.at).map((ms) => ms / 1_000);
  const series = upstreams.map((each) => ({ ...each, rate: cut(each.rate) }));
  if (series.every((each) => each.rate.every((known) => known === null))) {
    return (
      <p class="empty panel">Figures are kept minute by minute; the first is told when the first minute is over.</p>
    );
  }
  const curves = together(at, upstreams, cut);
  const [one] = upstreams;
  const latency = upstreams.length === 1 && one !== undefined ? percentiles(curves) : perUpstream(upstreams, cut);
  return <Charts curves={curves} latency={latency} many={upstreams.length > 1} />;
}

const LATENCY = 'Latency, caller’s request to end of reply';

interface ChartsProps {
  readonly curves: Curves;
  readonly latency: readonly Line[];
  readonly many?: boolean;
  readonly windowS?: number;
}

function Charts({ curves, latency, many = false, windowS }: ChartsProps) {
  const same = { at: curves.at, ...(windowS === undefined ? {} : { windowS }) };
  return (
    <div class="charts">
      <Chart
        title="Calls per second"
        {...same}
        show={rate}
        lines={[
          { label: 'calls', colour: 'warm', values: curves.rate },
          { label: 'errors', colour: 'bad', values: curves.errors },
        ]}
      />
      <Chart title={many ? 'Latency, p95 of each upstream' : LATENCY} {...same} show={millis} lines={latency} tenfold />
      <Chart
        title="Reuse and saturation"
        {...same}
        show={percent}
        lines={[
          { label: 'reuse', colour: 'warm', values: curves.reuse },
          { label: 'saturation', colour: 'tls', values: curves.saturation },
        ]}
      />
    </div>
  );
}

const percentiles = ({ p50Ms, p95Ms, p99Ms }: Curves): readonly Line[] => [
  { label: 'p50', colour: 'warm', values: p50Ms },
  { label: 'p95', colour: 'tls', values: p95Ms },
  { label: 'p99', colour: 'quiet', values: p99Ms },
];

type Cut = <T>(values: readonly T[]) => readonly T[];

const COLOURS: readonly ColourName[] = ['warm', 'tls', 'tcp', 'dns', 'good', 'quiet'];

/** Percentiles of several upstreams cannot be added up: each has its own line, the busiest first. */
function perUpstream(upstreams: readonly HistorySeries[], cut: Cut): readonly Line[] {
  const busy = ({ rate }: HistorySeries) => rate.reduce<number>((all, value) => all + (value ?? 0), 0);
  return upstreams
    .toSorted((a, b) => busy(b) - busy(a))
    .slice(0, COLOURS.length)
    .map((each, i) => ({ label: each.upstream, colour: COLOURS[i] ?? 'quiet', values: cut(each.p95Ms) }));
}

/** Rates add up; reuse is a mean weighted by rates; of saturation the highest counts. */
function together(at: readonly number[], upstreams: readonly HistorySeries[], cut: Cut): Curves {
  const each = (read: (series: HistorySeries, i: number) => number | null): (readonly (number | null)[])[] =>
    upstreams.map((series) => cut(series.rate.map((_, i) => read(series, i))));
  const folded = (read: (series: HistorySeries, i: number) => number | null, fold: (known: number[]) => number) => {
    const columns = each(read);
    return at.map((_, i) => {
      const known = columns.flatMap((column) => column[i] ?? []);
      return known.length === 0 ? null : fold(known);
    });
  };
  const sum = (values: number[]): number => values.reduce((all, value) => all + value, 0);
  const rates = folded(({ rate }, i) => rate[i] ?? null, sum);
  const reused = folded(({ rate, reuse }, i) => (reuse[i] == null ? null : reuse[i] * (rate[i] ?? 0)), sum);
  const reusing = folded(({ rate, reuse }, i) => (reuse[i] == null ? null : (rate[i] ?? 0)), sum);
  const [one] = upstreams;
  const none = at.map(() => null);
  return {
    at,
    rate: rates,
    errors: folded(({ errors }, i) => errors[i] ?? null, sum),
    p50Ms: one === undefined ? none : cut(one.p50Ms),
    p95Ms: one === undefined ? none : cut(one.p95Ms),
    p99Ms: one === undefined ? none : cut(one.p99Ms),
    reuse: reused.map((value, i) => (value === null || !reusing[i] ? null : value / reusing[i])),
    saturation: folded(
      ({ saturation }, i) => saturation[i] ?? null,
      (known) => Math.max(...known),
    ),
  };
}
