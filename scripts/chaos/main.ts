/**
 * The chaos matrix: what the network does to a client, what the client's policies make of it, and what must come of
 * both. On loopback, with a faulty peer in a process of its own.
 *
 *   npm run chaos                          the whole matrix, in about seven minutes
 *   npm run chaos -- --bounded             the sizes the tests use
 *   npm run chaos -- --only hedge          rows whose name contains that
 *   npm run chaos -- --json chaos.json     the figures as JSON as well
 *   npm run chaos -- --page                writes its rows into the table of docs/reference/chaos.md
 *
 * The exit code is 1 when a row misses an expectation, or when there was none to run.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { ROWS, runRows } from './matrix.ts';
import { checkPage, writePage } from './page.ts';
import { always, HEAD, json, line } from './report.ts';

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    json: { type: 'string' },
    bounded: { type: 'boolean', default: false },
    page: { type: 'boolean', default: false },
  },
});

const full = !values.bounded;
const rows = ROWS.filter(({ name }) => name.includes(values.only));
if (rows.length === 0) {
  console.error(`no row is called ${values.only}; there are: ${ROWS.map(({ name }) => name).join(', ')}`);
  process.exit(1);
}
if (values.page && !full) {
  console.error('the page shows full runs: leave out --bounded');
  process.exit(1);
}
if (values.page) checkPage();
console.log(HEAD);
const results = await runRows(rows, full, (result) => console.log(line(result)));
console.log(`\nIn every row: ${always()}.`);
if (values.json !== undefined) writeFileSync(values.json, json(results, full));
if (values.page) writePage(ROWS, results);
const missed = results.filter((result) => result.missed.length > 0);
console.log(`${results.length - missed.length} rows as expected, ${missed.length} not`);
if (missed.length > 0) process.exitCode = 1;
