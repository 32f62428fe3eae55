/**
 * The conformance table: servers that are not ours, through each way into the library.
 *
 *   npm run conformance                    every cell, and the table
 *   npm run conformance -- --only nginx    servers whose name contains that
 *   npm run conformance -- --json FILE     all cells as JSON besides
 *   npm run conformance -- --page          writes the table into docs/reference/conformance.md
 *
 * The exit code is 1 when a cell is neither green nor explained.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { runMatrix } from './matrix.ts';
import { json, table, writePage, wrong } from './report.ts';

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    json: { type: 'string' },
    page: { type: 'boolean', default: false },
  },
});
if (values.page && values.only !== '') {
  console.error('the page shows all servers: leave out --only');
  process.exit(1);
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));

const cells = await runMatrix(true, values.only, (cell) => {
  if (cell.outcome === 'wrong') console.log(wrong(cell));
});
if (cells.length === 0) {
  console.error(`no server is called ${values.only}`);
  process.exit(1);
}
console.log(table(cells));
if (values.json !== undefined) writeFileSync(values.json, json(cells));
if (values.page) writePage(cells);
const count = (outcome: string): number => cells.filter((cell) => cell.outcome === outcome).length;
console.log(`\n${count('green')} green, ${count('explained')} explained, ${count('wrong')} wrong`);
if (count('wrong') > 0) process.exitCode = 1;
