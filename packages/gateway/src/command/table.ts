/** Tables for people: columns as wide as what is in them, numbers to the right. */
import type { Paint, Style } from './paint.ts';

export interface Column<T> {
  readonly title: string;
  readonly of: (row: T) => string;
  /** Numbers stand to the right. */
  readonly right?: true;
  readonly style?: (row: T) => Style | undefined;
}

/** @param none what is said when there are no rows */
export function table<T>(columns: readonly Column<T>[], rows: readonly T[], paint: Paint, none: string): string[] {
  if (rows.length === 0) return [none];
  const cells = rows.map((row) => columns.map(({ of }) => printable(of(row))));
  const widths = columns.map(({ title }, i) => Math.max(title.length, ...cells.map((row) => row[i]!.length)));
  const line = (texts: readonly string[], styleOf: (i: number) => Style | undefined): string =>
    texts
      .map((text, i) => paint(columns[i]!.right ? text.padStart(widths[i]!) : text.padEnd(widths[i]!), styleOf(i)))
      .join('  ')
      .trimEnd();
  const titles = columns.map(({ title }) => title);
  return [line(titles, () => 'dim'), ...rows.map((row, r) => line(cells[r]!, (i) => columns[i]!.style?.(row)))];
}

/** What others have named must not steer the terminal. */
export const printable = (text: string): string => text.replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, '·');

/** A dash for what is not known. */
export function ms(value: number | undefined): string {
  if (value === undefined || value === 0) return '–';
  return value < 10 ? value.toFixed(2) : value < 1_000 ? value.toFixed(1) : `${Math.round(value)}`;
}

export const share = (value: number): string => `${(value * 100).toFixed(value === 1 || value === 0 ? 0 : 1)} %`;

export function length(lengthMs: number): string {
  const seconds = Math.max(0, Math.floor(lengthMs / 1_000));
  const [days, hours, minutes] = [
    Math.floor(seconds / 86_400),
    Math.floor(seconds / 3_600) % 24,
    Math.floor(seconds / 60) % 60,
  ];
  if (days > 0) return `${days} d ${hours} h`;
  if (hours > 0) return `${hours} h ${minutes} min`;
  return minutes > 0 ? `${minutes} min ${seconds % 60} s` : `${seconds} s`;
}
