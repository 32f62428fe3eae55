/** A curve over time with its figures in words: at the end, or where the pointer is. */
import { useEffect, useRef, useState } from 'preact/hooks';
import uPlot from 'uplot';
import { type ColourName, colour, onScheme } from './colour.ts';

export interface Line {
  readonly label: string;
  readonly colour: ColourName;
  readonly dash?: boolean;
  /** One for each instant; `null` is a gap. */
  readonly values: readonly (number | null)[];
}

interface ChartProps {
  readonly title: string;
  /** In seconds since 1970. */
  readonly at: readonly number[];
  readonly lines: readonly Line[];
  readonly show: (value: number) => string;
  /** How much time is shown, ending with the last instant, in seconds; all there is when left out. */
  readonly windowS?: number;
  /** Each tenfold has the same height, so that one peak does not flatten the rest. */
  readonly tenfold?: boolean;
}

const HEIGHT_PX = 150;

export function Chart({ title, at, lines, show, windowS, tenfold = false }: ChartProps) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(undefined);
  const [hovered, hover] = useState<number | undefined>(undefined);
  const shape = lines.map(({ label, colour: name, dash }) => `${label} ${name} ${dash}`).join();
  const data = dataOf(at, lines);
  const latest = useRef(data);
  latest.current = data;
  useEffect(() => {
    const root = place.current;
    if (root === null) return undefined;
    const make = (): void => {
      plot.current?.destroy();
      const options = optionsOf({ lines, show, windowS, tenfold, width: root.clientWidth }, hover);
      plot.current = new uPlot(options, latest.current, root);
    };
    make();
    const wide = new ResizeObserver(() => {
      if (root.clientWidth > 0) plot.current?.setSize({ width: root.clientWidth, height: HEIGHT_PX });
    });
    wide.observe(root);
    const forget = onScheme(make);
    return () => {
      wide.disconnect();
      forget();
      plot.current?.destroy();
      plot.current = undefined;
    };
  }, [shape, windowS]);
  useEffect(() => plot.current?.setData(data), [at, lines]);
  const i = hovered ?? at.length - 1;
  const figures = lines.map(({ label, colour: name, values }) => {
    const value = hovered === undefined ? lastOf(values) : (values[i] ?? null);
    return { label, name, text: value === null ? '–' : show(value) };
  });
  const said = figures.map(({ label, text }) => `${label} ${text}`).join(', ');
  return (
    <figure class="chart tile">
      <figcaption>
        <h3>{title}</h3>
        <span class="aside">{hovered !== undefined && at[i] !== undefined ? timeOf(at, i) : ''}</span>
        <ul class="legend">
          {figures.map(({ label, name, text }) => (
            <li key={label} class={`mark-${name}`}>
              {label} <b>{text}</b>
            </li>
          ))}
        </ul>
      </figcaption>
      <div class="plot" ref={place} role="img" aria-label={`${title} over time; last: ${said}`} />
    </figure>
  );
}

const dataOf = (at: readonly number[], lines: readonly Line[]): uPlot.AlignedData => [
  [...at],
  ...lines.map(({ values }) => [...values]),
];

const lastOf = (values: readonly (number | null)[]): number | null =>
  values.findLast((value) => value !== null) ?? null;

function timeOf(at: readonly number[], i: number): string {
  const date = new Date((at[i] ?? 0) * 1_000);
  const day = (at.at(-1) ?? 0) - (at[0] ?? 0) > 86_400;
  return day
    ? date.toLocaleString('en-GB', { weekday: 'short', hour: '2-digit', minute: '2-digit' })
    : date.toLocaleTimeString('en-GB');
}

interface Wanted {
  readonly lines: readonly Line[];
  readonly show: (value: number) => string;
  readonly windowS: number | undefined;
  readonly tenfold: boolean;
  readonly width: number;
}

function optionsOf(
  { lines, show, windowS, tenfold, width }: Wanted,
  hover: (i: number | undefined) => void,
): uPlot.Options {
  const axis = { stroke: () => colour('quiet'), ticks: { show: false }, font: '11px system-ui' };
  return {
    width: Math.max(width, 100),
    height: HEIGHT_PX,
    legend: { show: false },
    cursor: { y: false, drag: { setScale: false } },
    scales: {
      x: { range: (_plot, low, high) => [windowS === undefined ? low : high - windowS, high] },
      y: tenfold
        ? { distr: 3, range: (_plot, low, high) => tenfolds(low, high) }
        : { range: (_plot, _low, high) => [0, Math.max(high ?? 0, 1) * 1.08] },
    },
    axes: [
      { ...axis, grid: { show: false }, size: 26, space: 70, values: timeLabels },
      {
        ...axis,
        grid: { stroke: () => colour('edge'), width: 1, ...(tenfold ? { filter: wholeTenfolds } : {}) },
        ...(tenfold ? { filter: wholeTenfolds } : {}),
        size: 58,
        space: 36,
        values: (_plot, ticks) => ticks.map((tick) => (tick === 0 ? '0' : tick === null ? '' : show(tick))),
      },
    ],
    series: [
      {},
      ...lines.map(({ label, colour: name, dash }) => ({
        label,
        stroke: () => colour(name),
        width: 1.6,
        points: { show: isSparse },
        ...(dash === true ? { dash: [4, 4] } : {}),
      })),
    ],
    hooks: { setCursor: [(plot) => hover((plot.cursor.left ?? -1) < 0 ? undefined : (plot.cursor.idx ?? undefined))] },
  };
}

/** From a tenth of what is told to what is a little above the highest. */
function tenfolds(low: number | null, high: number | null): [number, number] {
  const from = 10 ** Math.floor(Math.log10(Math.max(low ?? 1, 0.01)));
  return [from, Math.max(from * 10, (high ?? 1) * 1.2)];
}

/** Of all the marks between 10 and 100, these two. */
const wholeTenfolds = (_plot: uPlot, marks: readonly number[]): (number | null)[] =>
  marks.map((mark) => (Math.abs(Math.log10(mark) % 1) < 1e-9 ? mark : null));

/** A single point makes no line, and would not be seen. */
const isSparse = (plot: uPlot, line: number): boolean =>
  Array.from(plot.data[line] ?? []).filter((value) => value !== null && value !== undefined).length < 3;

/** In 24 hours, and with days where there are several. */
function timeLabels(_plot: uPlot, ticks: number[], _axis: number, _space: number, stepSeconds: number): string[] {
  const zero = (value: number): string => String(value).padStart(2, '0');
  return ticks.map((tick) => {
    const date = new Date(tick * 1_000);
    const minutes = `${zero(date.getHours())}:${zero(date.getMinutes())}`;
    if (stepSeconds >= 86_400) return date.toLocaleDateString('en-GB', { day: 'numeric', month: 'short' });
    return stepSeconds < 60 ? `${minutes}:${zero(date.getSeconds())}` : minutes;
  });
}
