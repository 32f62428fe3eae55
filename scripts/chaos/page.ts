/** Writes the rows of a full run between the two marks in docs/reference/chaos.md; rows that did not run stay. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../check.ts';
import { HEAD, line } from './report.ts';
import type { Row, RowResult } from './row.ts';

const PAGE = join(root, 'docs/reference/chaos.md');
const TABLE = /(<!-- rows of the last full run -->\n)([\s\S]*?)(<!-- end of rows -->)/;

/** @throws when the page has no place for the table: better before a run of minutes than after it */
export function checkPage(): string {
  const page = readFileSync(PAGE, 'utf8');
  if (!TABLE.test(page)) throw new Error(`${PAGE} has lost the marks of its table`);
  return page;
}

/** @param rows all there are, in their order */
export function writePage(rows: readonly Row[], results: readonly RowResult[]): void {
  const page = checkPage();
  const old = TABLE.exec(page)![2]!.split('\n');
  const written = rows.flatMap(({ name }) => {
    const result = results.find(({ row }) => row.name === name);
    return result === undefined ? old.filter((each) => each.startsWith(`| ${name} |`)) : [line(result)];
  });
  const table = [HEAD, ...written].join('\n');
  writeFileSync(
    PAGE,
    page.replace(TABLE, (_all, begin: string, _old, end: string) => `${begin}${table}\n${end}`),
  );
}
