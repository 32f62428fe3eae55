/** The matrix as a table for people, and as JSON for programs. */
import type { Figures } from './figures.ts';
import { ALWAYS, type Row, type RowResult } from './row.ts';

const percent = (share: number): string => `${Number((share * 100).toFixed(2))} %`;

/** Three significant digits. */
const short = (value: number): string => (Number.isFinite(value) ? String(Number(value.toPrecision(3))) : 'never');

function figuresIn(figures: Figures | undefined): string {
  if (figures === undefined) return '–';
  const { calls, readsOk, extra, connects, p99Ms, ends, more } = figures;
  const failures = Object.entries(ends).filter(([end]) => end !== 'ok');
  const parts = [
    `${calls} calls`,
    `${percent(readsOk)} of reads ok`,
    ...failures.map(([end, count]) => `${count} ${end}`),
    `extra ${percent(extra)}`,
    `${connects} connections`,
    `p99 ${short(p99Ms)} ms`,
    ...Object.entries(more).map(([name, value]) => `${name} ${short(value)}`),
  ];
  return parts.join(', ');
}

/** Rows of a Markdown table, which reads as well in a terminal. */
export const HEAD = '| row | fault | policies | expected | outcome | last full run |\n|---|---|---|---|---|---|';

/** The cells that stand whatever comes out. */
export function promised(row: Row): string {
  return [row.name, row.fault, row.policies, row.expected.map(({ words }) => words).join('; ')].join(' | ');
}

export function line({ row, figures, missed }: RowResult): string {
  const outcome = missed.length === 0 ? 'as expected' : `**missed**: ${missed.join('; ')}`;
  return `| ${[promised(row), outcome, figuresIn(figures)].join(' | ')} |`;
}

/** What every row must give besides its own. */
export const always = (): string => ALWAYS.map(({ words }) => words).join('; ');

export function json(results: readonly RowResult[], full: boolean): string {
  const rows = results.map(({ row, figures, missed, elapsedMs }) => ({
    name: row.name,
    fault: row.fault,
    policies: row.policies,
    expected: [...row.expected, ...ALWAYS].map(({ words }) => words),
    missed,
    elapsedMs: Math.round(elapsedMs),
    figures,
  }));
  // JSON has no infinity; what never came about is left without a number.
  return `${JSON.stringify({ full, node: process.version, rows }, null, 2)}\n`;
}
