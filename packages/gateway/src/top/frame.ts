/**
 * One frame of `keepwarm top` as lines, for any size of terminal: never wider, never higher. A pure function of what is
 * known and what was pressed.
 */
import type { LimitsTold } from '../admin/endpoints.ts';
import type { RpcTold } from '../admin/rpc-told.ts';
import type { Snapshot } from '../admin/snapshot.ts';
import { troublesOf } from '../admin/trouble.ts';
import type { Paint, Style } from '../command/paint.ts';
import { length, ms, printable, share } from '../command/table.ts';
import { type Row, rowsOf, type Sort } from './rows.ts';

export interface Known {
  readonly stats: Snapshot;
  readonly limits: LimitsTold;
}

export interface Wishes {
  readonly sort: Sort;
  readonly reversed: boolean;
  /** The name of the upstream whose endpoints and limits are shown; the first one otherwise. */
  readonly selected: string | undefined;
  readonly paused: boolean;
}

export interface Size {
  readonly columns: number;
  readonly rows: number;
}

type Segment = readonly [text: string, style?: Style | undefined];
type Line = readonly Segment[];

const SPARKS = '▁▂▃▄▅▆▇█';
/** Lines of the head, with the blank one after it. */
const HEAD_ROWS = 4;
const NAME_WIDTH = 16;

/**
 * @param where the address that is asked
 * @param trouble why it cannot be asked now; what is shown then is what was known last
 */
export function frame(
  where: string,
  known: Known | undefined,
  trouble: string | undefined,
  wishes: Wishes,
  size: Size,
  paint: Paint,
): string[] {
  const lines = known === undefined ? waiting(where, trouble) : whole(where, known, trouble, wishes, size);
  const fitted = lines.slice(0, size.rows - 1);
  while (fitted.length < size.rows - 1) fitted.push([]);
  return [...fitted, keys(wishes)].map((line) => drawn(line, size.columns, paint));
}

const waiting = (where: string, trouble: string | undefined): Line[] => [
  [['keepwarm top', 'bold'], [`  ${where}`]],
  [[trouble ?? 'asking …', trouble === undefined ? 'dim' : 'red']],
];

function whole(
  where: string,
  known: Known,
  trouble: string | undefined,
  wishes: Wishes,
  { columns, rows }: Size,
): Line[] {
  const { stats, limits } = known;
  const all = rowsOf(stats, wishes.sort, wishes.reversed);
  const at = Math.max(
    0,
    all.findIndex(({ name }) => name === wishes.selected),
  );
  const below = detail(known, all[at]?.name, limits);
  const room = rows - HEAD_ROWS - 3;
  // What is selected is always in view; details get what the upstreams leave, but at least a third.
  const places = Math.max(1, Math.min(all.length, room - Math.min(below.length, Math.floor(room / 3)) - 1));
  const from = Math.min(Math.max(0, at - places + 1), Math.max(0, all.length - places));
  const shownRows = all.slice(from, from + places);
  const more = all.length - places;
  return [
    ...head(where, stats, trouble, columns),
    [],
    title(wishes),
    ...shownRows.map((row) => upstreamLine(row, row.name === all[at]?.name)),
    ...(more > 0 ? [[[`  and ${more} more`, 'dim'] as const]] : []),
    ...(all.length === 0 ? [[['no upstream speaks HTTP here', 'dim'] as const]] : []),
    [],
    ...below,
  ];
}

function head(where: string, stats: Snapshot, trouble: string | undefined, columns: number): Line[] {
  const { overall, requests, state, uptimeMs, readiness } = stats;
  const { callsPerSecond, latency, series } = overall;
  const counts = series.calls.slice(-Math.max(10, columns - 12));
  const status: Segment =
    trouble === undefined ? [state, state === 'ready' ? 'green' : 'yellow'] : [`disconnected: ${trouble}`, 'red'];
  return [
    [['keepwarm top', 'bold'], [`  ${where}  `], status, [`  up ${length(uptimeMs)}  `], [printable(readiness), 'dim']],
    [
      [`${callsPerSecond.toFixed(1)} calls/s`, 'bold'],
      [`   p50 ${ms(latency.p50Ms)}  p95 ${ms(latency.p95Ms)}  p99 ${ms(latency.p99Ms)} ms`],
      [`   in flight ${requests.inFlight}   refused ${requests.refused}`],
    ],
    [
      ['calls/s ', 'dim'],
      [sparks(counts), 'cyan'],
      [` ${Math.max(0, ...counts)}`, 'dim'],
    ],
  ];
}

export function sparks(values: readonly number[]): string {
  const most = Math.max(...values, 1);
  return values.map((value) => SPARKS[Math.min(7, Math.floor((value / most) * 7.999))]).join('');
}

const TITLES = ['rate/s', 'p50', 'p95', 'p99', 'err/m', 'reuse', 'open', 'busy', 'wait', 'sat'] as const;
const WIDTHS = [8, 7, 7, 7, 6, 6, 5, 5, 5, 6] as const;
/** Which title stands for which order. */
const SORTED: Partial<Record<Sort, string>> = { rate: 'rate/s', p99Ms: 'p99', errors: 'err/m', saturation: 'sat' };

function title({ sort, reversed }: Wishes): Line {
  const mark = reversed ? '▴' : '▾';
  const named = (text: string, on: boolean): string => (on ? `${mark}${text}` : text);
  const cells = TITLES.map((text, i) => named(text, SORTED[sort] === text).padStart(WIDTHS[i]!));
  return [[`  ${named('upstream', sort === 'name').padEnd(NAME_WIDTH)}${cells.join('')}`, 'dim']];
}

function upstreamLine(row: Row, selected: boolean): Line {
  const { name, rate, p50Ms, p95Ms, p99Ms, errors, reuse, open, inFlight, waiting, saturation } = row;
  const cell = (text: string, i: number, style?: Style): Segment => [text.padStart(WIDTHS[i]!), style];
  return [
    [selected ? '▸ ' : '  ', 'cyan'],
    [clipped(name, NAME_WIDTH).padEnd(NAME_WIDTH), selected ? 'bold' : undefined],
    cell(rate.toFixed(1), 0),
    ...[p50Ms, p95Ms, p99Ms].map((value, i) => cell(ms(value), i + 1)),
    cell(`${errors}`, 4, errors > 0 ? 'red' : 'dim'),
    cell(reuse === 0 ? '–' : percent(reuse), 5),
    cell(`${open}`, 6),
    cell(`${inFlight}`, 7),
    cell(`${waiting}`, 8, waiting > 0 ? 'yellow' : undefined),
    cell(percent(saturation), 9, saturation > 0.8 ? 'yellow' : undefined),
  ];
}

const percent = (value: number): string => `${Math.round(value * 100)}%`;

const STATE_STYLES: Readonly<Record<string, Style>> = {
  healthy: 'green',
  'slow-start': 'cyan',
  probing: 'yellow',
  cordoned: 'yellow',
  ejected: 'red',
};

function detail({ stats }: Known, name: string | undefined, limits: LimitsTold): Line[] {
  const upstream = stats.upstreams.find((each) => each.name === name);
  const endpoints = upstream?.jsonrpc?.endpoints ?? [];
  const rate = limits.rate.filter(({ upstream }) => upstream === name);
  const lines: Line[] = (upstream === undefined ? [] : troublesOf(upstream)).map(({ grave, words }) => [
    [`  ${words}`, grave ? 'red' : 'yellow'],
  ]);
  if (endpoints.length > 0) {
    const titles = `${'latency'.padStart(10)}${'load'.padStart(9)}${'busy'.padStart(6)}${'failed'.padStart(8)}`;
    const last = `${'lag'.padStart(6)}${'differ'.padStart(8)}`;
    lines.push([[`  ${`endpoints of ${name}`.padEnd(22)}${'state'.padEnd(12)}${titles}${last}`, 'dim']]);
  }
  for (const { name: endpoint, state, latencyMs, load, inFlight, failures, lag, differed } of endpoints) {
    const [latency, busy, failed] = [ms(latencyMs).padStart(10), `${inFlight}`.padStart(6), `${failures}`.padStart(8)];
    const figures = `${latency}${ms(load).padStart(9)}${busy}${failed}`;
    lines.push([
      [`  ${clipped(endpoint, 20).padEnd(22)}`],
      [state.padEnd(12), STATE_STYLES[state]],
      [`${figures}${(lag === undefined ? '–' : `${lag}`).padStart(6)}`],
      [`${(differed?.lacked ?? 0) + (differed?.disagreed ?? 0)}`.padStart(8), differed?.disagreed ? 'red' : undefined],
    ]);
  }
  lines.push(...answerLine(upstream?.jsonrpc));
  if (rate.length > 0) lines.push([[`  limits of ${name}`, 'dim']]);
  for (const { endpoint, name: limit, used, limit: most, windowMs, waiting, pausedMs } of rate) {
    const which = endpoint === undefined ? limit : `${endpoint} ${limit}`;
    const full = used >= most;
    lines.push([
      [`  ${clipped(which, 20).padEnd(22)}`],
      [gauge(used / most, 20), full ? 'yellow' : 'green'],
      [`  ${used} of ${most} in ${windowMs} ms (${share(Math.min(1, used / most))})`],
      ...(waiting > 0 ? [[`  ${waiting} wait`, 'yellow'] as const] : []),
      ...(pausedMs > 0 ? [[`  paused ${ms(pausedMs)} ms`, 'red'] as const] : []),
    ]);
  }
  return lines;
}

/** What a pool of nodes did with answers that it does not take as they come; nothing before the first. */
function answerLine(nodes: RpcTold | undefined): Line[] {
  if (nodes === undefined) return [];
  const { agreed, disagreed, emptyAsked, emptyFound, split, splitParts } = nodes.answers;
  const words = [
    ...(agreed > 0 ? [`${agreed} agreed upon`] : []),
    ...(emptyAsked > 0 ? [`${emptyAsked} empty, asked elsewhere, ${emptyFound} found`] : []),
    ...(split > 0 ? [`${split} searches split in ${splitParts}`] : []),
  ];
  if (words.length + disagreed === 0) return [];
  const doubted: Line = disagreed > 0 ? [[`   ${disagreed} DISAGREED`, 'red']] : [];
  return [[[`  answers: ${words.join(', ') || 'none agreed upon'}`], ...doubted]];
}

function gauge(value: number, width: number): string {
  const full = Math.round(Math.min(1, Math.max(0, value)) * width);
  return '█'.repeat(full) + '░'.repeat(width - full);
}

const keys = ({ sort, paused }: Wishes): Line => [
  [` q quit   ↑↓ select   s sort: ${sort}   r reverse   space ${paused ? 'go on (paused)' : 'pause'} `, 'inverse'],
];

function clipped(text: string, width: number): string {
  const clean = printable(text);
  return clean.length <= width ? clean : `${clean.slice(0, width - 1)}…`;
}

function drawn(line: Line, columns: number, paint: Paint): string {
  let left = columns;
  let text = '';
  for (const [part, style] of line) {
    const fitting = part.slice(0, left);
    left -= fitting.length;
    text += paint(fitting, style);
  }
  return text;
}
