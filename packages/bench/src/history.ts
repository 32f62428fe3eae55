/** What `--record` leaves behind: one line in `bench/history.jsonl`, and the table between the README's two marks. */
import { execFileSync } from 'node:child_process';
import { appendFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ratioFigure } from './calls.ts';
import { type CallRow, isCallRow, type MemoryRow, type Row } from './rows.ts';
import { figure, render, type Table } from './table.ts';

const root = new URL('../../../', import.meta.url);
export const HISTORY_FILE = fileURLToPath(new URL('bench/history.jsonl', root));
export const README_FILE = fileURLToPath(new URL('README.md', root));

const BEGIN = '<!-- bench:begin -->';
const END = '<!-- bench:end -->';

export interface Run {
  /** ISO date and time. */
  readonly date: string;
  readonly commit: string;
  readonly node: string;
  readonly cpu: string;
  readonly server: 'nginx' | 'node';
  readonly pinned: boolean;
  readonly rows: readonly Row[];
  /** Its figures mean nothing. */
  readonly trial?: true;
}

/** The commit the sources stand at, with `+` when they differ from it. */
export function commit(): string {
  const git = (...args: string[]): string =>
    execFileSync('git', args, { cwd: fileURLToPath(root), stdio: 'pipe' })
      .toString()
      .trim();
  try {
    return git('rev-parse', '--short=12', 'HEAD') + (git('status', '--porcelain', 'packages') === '' ? '' : '+');
  } catch {
    return 'unknown'; // a copy without its history
  }
}

export const cpu = (): string => cpus()[0]?.model.trim() ?? 'unknown';

/** One JSON line: of every row what later runs are compared by. */
export function historyLine({ rows, ...run }: Run): string {
  const results = rows.map((row) =>
    isCallRow(row)
      ? {
          scenario: row.scenario,
          client: row.client,
          callsPerSecond: row.callsPerSecond,
          cpuMicros: row.cpuMicros,
          errors: row.errors,
          ratios: Object.fromEntries(Object.entries(row.ratios).map(([client, ratio]) => [client, ratio.median])),
        }
      : row,
  );
  return JSON.stringify({ ...run, results });
}

export async function record(run: Run, historyFile = HISTORY_FILE, readmeFile = README_FILE): Promise<void> {
  await mkdir(dirname(historyFile), { recursive: true });
  await appendFile(historyFile, `${historyLine(run)}\n`);
  const readme = await readFile(readmeFile, 'utf8');
  await writeFile(readmeFile, withTable(readme, readmeBlock(run)));
}

/** @throws where the marks are missing, so that a run is not thought to be shown when it is not */
export function withTable(readme: string, block: string): string {
  const begin = readme.indexOf(BEGIN);
  const end = readme.indexOf(END);
  if (begin === -1 || end < begin) throw new Error(`the README has no ${BEGIN} … ${END} to write the table between`);
  return `${readme.slice(0, begin + BEGIN.length)}\n${block}\n${readme.slice(end)}`;
}

/** The scenarios the README shows, as far as they were measured. */
const COLUMNS: readonly (readonly [scenario: string, title: string])[] = [
  ['http-100B-1', '100 B, 1 in flight'],
  ['http-100B-50', '100 B, 50'],
  ['tls-100B-50', '100 B over TLS, 50'],
  ['http-10KB-50', '10 KB, 50'],
  ['http-1MB-10', '1 MB, 10'],
];

export function readmeBlock(run: Run): string {
  const calls = run.rows.filter(isCallRow);
  const shown = COLUMNS.filter(([scenario]) => calls.some((row) => row.scenario === scenario));
  const clients = [
    ...new Set(calls.filter((row) => shown.some(([name]) => name === row.scenario)).map((row) => row.client)),
  ];
  const find = (client: string, scenario: string): CallRow | undefined =>
    calls.find((row) => row.client === client && row.scenario === scenario);
  const table: Table = {
    head: ['calls/s (× undici.request)', ...shown.map(([, title]) => title), 'CPU µs/call, 100 B, 50'],
    rows: clients.map((client) => [
      client,
      ...shown.map(([scenario]) => cell(find(client, scenario))),
      figure(find(client, 'http-100B-50')?.cpuMicros ?? Number.NaN),
    ]),
  };
  const server = run.server === 'nginx' ? 'nginx' : 'A Node server';
  const place = run.pinned ? `${server} on one core, the client on another` : `${server}, nothing pinned`;
  const caption = `${place}, loopback; Node ${run.node}, ${run.cpu}, ${run.date.slice(0, 10)}, ${run.commit}.`;
  const advice =
    'Medians of interleaved slices; `~` marks a difference within the noise. Trust the ratios more than the rates.';
  return [render(table), '', `${caption} ${advice}`, ...memoryLines(run.rows)].join('\n');
}

function cell(row: CallRow | undefined): string {
  if (row === undefined || row.slices === 0) return '–';
  const ratio = row.ratios['undici.request'];
  const mark = row.client === 'undici.request' || ratio === undefined ? '' : ` (${ratioFigure(ratio)}×)`;
  return `${figure(row.callsPerSecond)}${mark}${row.errors === 0 ? '' : `, ${row.errors} errors`}`;
}

function memoryLines(rows: readonly Row[]): string[] {
  const memory = rows.filter(
    (row): row is MemoryRow => row.scenario.startsWith('memory-') && row.failure === undefined,
  );
  if (memory.length === 0) return [];
  const kilobytes = (client: string, scenario: string): string => {
    const row = memory.find((each) => each.client === client && each.scenario === scenario);
    return row === undefined ? '–' : `${figure(row.heapBytes / 1_024)} / ${figure(row.rssBytes / 1_024)}`;
  };
  const clients = [...new Set(memory.map(({ client }) => client))];
  const table: Table = {
    head: ['KB per idle connection (heap / RSS)', 'cleartext', 'TLS'],
    rows: clients.map((client) => [client, kilobytes(client, 'memory-http'), kilobytes(client, 'memory-tls')]),
  };
  return ['', render(table)];
}
