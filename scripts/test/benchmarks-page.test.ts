/**
 * Each line of docs/benchmarks.md is typed as it stands, in a copy of the clone. A variable makes it a trial: slices of
 * 10 ms in place of minutes, so that what is proved is that the line works, and no figure.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, it } from 'node:test';
import { scenarios } from '../../packages/bench/src/scenarios.ts';
import { alike, firstOfEachKind } from '../../packages/bench/src/trial.ts';
import { root } from '../check.ts';
import { copyOf, discard } from '../docs/copy.ts';
import { Lines, Reader } from '../docs/reader.ts';

/** The longest of them takes half a minute, and ten times that where a machine is busy. */
const COMMAND_MS = 280_000;
const HISTORY = 'bench/history.jsonl';

const page = new Lines('docs/benchmarks.md', []);
let copy: string;
let reader: Reader;
/** What was measured, by the names of scenarios. */
const measured = new Set<string>();

before(async () => {
  copy = copyOf(`benchmarks-${process.pid}`);
  reader = new Reader({});
  await reader.type({ where: 'before', text: `cd "${copy}"` });
});
after(async () => {
  await reader?.close();
  if (copy !== undefined) discard(copy);
});

interface Section {
  readonly name: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

const cellsOf = (line: string): string[] =>
  line
    .split('|')
    .slice(1, -1)
    .map((cell) => cell.trim());

/** The tables of a run, by their scenarios. */
function sectionsOf(printed: string): Section[] {
  return printed
    .split(/^## /m)
    .slice(1)
    .map((text) => {
      const [name = '', ...lines] = text.split('\n');
      const [head = '', , ...rows] = lines.filter((line) => line.startsWith('|'));
      return { name, head: cellsOf(head), rows: rows.map(cellsOf) };
    });
}

/** Types the next line. @param trial what is measured, where the line names nothing */
async function measure(meant: RegExp, trial = '1'): Promise<Section[]> {
  const options = { commandMs: COMMAND_MS, env: { KEEPWARM_BENCH_TRIAL: trial } };
  const printed = await reader.type(page.next(meant), options);
  assert.match(printed, /A trial .* The figures mean nothing/);
  assert.doesNotMatch(printed, /^! /m, 'nothing failed');
  const sections = sectionsOf(printed);
  for (const { name, head, rows } of sections) {
    measured.add(name);
    assert(rows.length > 0, name);
    const errors = head.findIndex((cell) => /^(?:errors|not served)$/.test(cell));
    for (const row of rows) {
      assert.equal(row.length, head.length, `${name}: ${row.join(' ')}`);
      assert(!row.includes('failed'), `${name}: ${row.join(' ')}`);
      if (errors >= 0) assert.equal(row[errors], '0', `${name}: ${row.join(' ')}`);
    }
  }
  return sections;
}
const TRIED = { errors: 0, failure: undefined, trial: true };

const names = (found: readonly { readonly name: string }[]): string[] => found.map(({ name }) => name);

/** What all lines but the first name or are given. */
const NAMED = ['http-100B-50', 'memory-http', 'memory-tls', 's2', 'layers-100B-50'];

it('docs/benchmarks.md: npm run bench, with those that no other line measures', async () => {
  const everything = scenarios([], false);
  const others = new Set([...scenarios([...NAMED, 'h2'], false), ...scenarios([], true)].map(alike));
  const wanted = names(firstOfEachKind(everything).filter((each) => !others.has(alike(each))));
  assert.deepEqual(names(await measure(/^npm run bench$/, wanted.join(','))), wanted);
});

it('docs/benchmarks.md: --quick', async () => {
  assert.deepEqual(names(await measure(/--quick$/)), names(scenarios([], true)));
});

it('docs/benchmarks.md: --only, with a name, with two, with a part of many', async () => {
  assert.deepEqual(names(await measure(/--only http-100B-50$/)), ['http-100B-50']);
  assert.deepEqual(names(await measure(/--only memory --only s2$/)), ['memory-http', 'memory-tls', 's2']);
  assert.deepEqual(names(await measure(/--only h2$/)), names(scenarios(['h2'], false)));
});

it('docs/benchmarks.md: --json', async () => {
  await measure(/--json rows.json$/, 'layers-100B-50');
  const rows = JSON.parse(readFileSync(join(copy, 'rows.json'), 'utf8'));
  assert(rows.length > 1);
  for (const row of rows) {
    const { scenario, errors, failure, trial } = row;
    assert.deepEqual({ scenario, errors, failure, trial }, { ...TRIED, scenario: 'layers-100B-50' });
  }
});

it('docs/benchmarks.md: --record', async () => {
  const own = [HISTORY, 'README.md'].map((file) => readFileSync(join(root, file), 'utf8'));
  await measure(/--record$/, 'http-100B-50');
  const lines = readFileSync(join(copy, HISTORY), 'utf8').trimEnd().split('\n');
  assert.equal(lines.length, (own[0] ?? '').split('\n').length, 'one line more');
  const run = JSON.parse(lines.at(-1) ?? '');
  assert.equal(run.trial, true);
  assert(run.results.length > 5);
  const readme = readFileSync(join(copy, 'README.md'), 'utf8');
  assert(readme.includes(`${run.date.slice(0, 10)}, ${run.commit}`), 'the table was renewed');
  assert.deepEqual(
    [HISTORY, 'README.md'].map((file) => readFileSync(join(root, file), 'utf8')),
    own,
    'of the copy, not ours',
  );
});

it('docs/benchmarks.md: --sources', async () => {
  assert.deepEqual(names(await measure(/--sources$/, 'layers-100B-50')), ['layers-100B-50']);
});

it('docs/benchmarks.md: --list has what the page says, and what was measured', async () => {
  const listed = new Set((await reader.type(page.next(/--list$/))).split('\n'));
  const text = readFileSync(join(root, 'docs/benchmarks.md'), 'utf8');
  for (const [, name = ''] of text.matchAll(/--only (\S+)/g)) {
    assert(
      [...listed].some((each) => each.includes(name)),
      name,
    );
  }
  for (const name of measured) assert(listed.has(name), name);
  const everything = scenarios([], false);
  const kinds = everything.filter(({ name }) => measured.has(name)).map(alike);
  assert.deepEqual(new Set(kinds), new Set(everything.map(alike)), 'a scenario of each kind was measured');
  assert.deepEqual(page.left, [], 'every line was typed');
});

it('refuses to record a trial where figures are kept', async () => {
  const line = { where: 'root', text: `cd "${root}" && npm run bench -- --record` };
  const env = { KEEPWARM_BENCH_TRIAL: '1' };
  await assert.rejects(reader.type(line, { env }), /--record keeps what was measured/);
});
