/** The cells as a table for people, as JSON for programs, and on their page. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../check.ts';
import { EXPLAINED } from './explained.ts';
import { type Cell, PROTOCOLS } from './matrix.ts';
import { ROWS } from './rows.ts';

const MARKS = /(<!-- cells of the last run -->\n)([\s\S]*?)(<!-- end of cells -->)/;

const where = ({ row, server, protocol, way }: Cell): string => `${row.name}, ${server.name} ${protocol}, ${way.name}`;

export const wrong = (cell: Cell): string => `WRONG  ${where(cell)}: ${cell.failure}`;

/** Rows of a Markdown table, and the notes its numbers refer to; reads as well in a terminal. */
export function table(cells: readonly Cell[]): string {
  const servers = [...new Set(cells.map(({ server }) => server.name))];
  const columns = servers.flatMap((server) => PROTOCOLS.map((protocol) => ({ server, protocol })));
  const head = ['behaviour', 'promise', ...columns.map(({ server, protocol }) => `${server} ${protocol}`)];
  const lines = ROWS.map((row) => {
    const inColumn = columns.map(({ server, protocol }) =>
      mark(cells.filter((cell) => cell.row === row && cell.server.name === server && cell.protocol === protocol)),
    );
    return [row.name, row.promise, ...inColumn];
  });
  const rows = [head, head.map(() => '---'), ...lines].map((each) => `| ${each.join(' | ')} |`);
  const notes = EXPLAINED.map(({ why }, index) => `${index + 1}. ${why}`);
  return [...rows, ...(notes.length === 0 ? [] : ['', ...notes]), ''].join('\n');
}

/** `green` when all ways are; otherwise which are not, and the number of the note. */
function mark(cells: readonly Cell[]): string {
  const others = cells.filter(({ outcome }) => outcome !== 'green');
  if (others.length === 0) return 'green';
  return others
    .map(({ way, explained, outcome }) =>
      outcome === 'wrong' ? `**${way.name} wrong**` : `${way.name} [${EXPLAINED.indexOf(explained!) + 1}]`,
    )
    .join(', ');
}

export function json(cells: readonly Cell[]): string {
  const plain = cells.map(({ row, server, protocol, way, outcome, failure, explained }) => ({
    row: row.name,
    server: server.name,
    version: server.version,
    protocol,
    way: way.name,
    outcome,
    ...(failure === undefined ? {} : { failure }),
    ...(explained === undefined ? {} : { why: explained.why }),
  }));
  return `${JSON.stringify({ node: process.version, cells: plain }, null, 2)}\n`;
}

export const PAGE = join(root, 'docs/reference/conformance.md');

/** What stands between the marks of the page. @throws when it has lost them */
export function shown(): string {
  const found = MARKS.exec(readFileSync(PAGE, 'utf8'));
  if (found === null) throw new Error(`${PAGE} has lost the marks of its table`);
  return found[2]!;
}

export function writePage(cells: readonly Cell[]): void {
  shown();
  const versions = [...new Map(cells.map(({ server }) => [server.name, server.version]))];
  const ran = `Last run with ${versions.map(([name, version]) => `${name} ${version}`).join(', ')}.\n\n`;
  const page = readFileSync(PAGE, 'utf8');
  writeFileSync(
    PAGE,
    page.replace(MARKS, (_all, begin: string, _old, end: string) => `${begin}${ran}${table(cells)}${end}`),
  );
}
