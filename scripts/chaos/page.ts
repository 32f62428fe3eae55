/** Writes the table of the last full run between its two marks in docs/reference/chaos.md. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../check.ts';
import { HEAD, line } from './report.ts';
import type { RowResult } from './row.ts';

const PAGE = join(root, 'docs/reference/chaos.md');
const TABLE = /(<!-- rows of the last full run -->\n)[\s\S]*?(\n<!-- end of rows -->)/;

export function writePage(results: readonly RowResult[]): void {
  const page = readFileSync(PAGE, 'utf8');
  if (!TABLE.test(page)) throw new Error(`${PAGE} has lost the marks of its table`);
  const table = [HEAD, ...results.map(line)].join('\n');
  writeFileSync(
    PAGE,
    page.replace(TABLE, (_all, begin: string, end: string) => `${begin}${table}${end}`),
  );
}
