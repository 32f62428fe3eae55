/** Writes the table of the last full run between its two marks in docs/reference/chaos.md. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../check.ts';
import { HEAD, line } from './report.ts';
import type { RowResult } from './row.ts';

const PAGE = join(root, 'docs/reference/chaos.md');
const TABLE = /(<!-- rows of the last full run -->\n)[\s\S]*?(<!-- end of rows -->)/;

/** @throws when the page has no place for the table: better before a run of minutes than after it */
export function checkPage(): string {
  const page = readFileSync(PAGE, 'utf8');
  if (!TABLE.test(page)) throw new Error(`${PAGE} has lost the marks of its table`);
  return page;
}

export function writePage(results: readonly RowResult[]): void {
  const table = [HEAD, ...results.map(line)].join('\n');
  writeFileSync(
    PAGE,
    checkPage().replace(TABLE, (_all, begin: string, end: string) => `${begin}${table}\n${end}`),
  );
}
