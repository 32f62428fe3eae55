/**
 * Everything `npm test` proves: the structure checks, then every test file, each in a process of its own.
 *
 *   node scripts/test.ts                 all of it
 *   node scripts/test.ts pool wire/      only test files whose path contains one of these, without structure checks
 *
 * Each structure check counts as one test. The last line reads `N passed, N failed`; the exit code is 1 when anything
 * failed, or when there was nothing to run.
 *
 * With --again=N up to N files that failed are run once more, alone, when all others are done (decision 0026). One that
 * passes then is named as unsteady, with what failed; one that fails again, or one file more than N, fails the run.
 */
import { globSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, isAbsolute, join, relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { root, structureChecks } from './check.ts';
import { type FileResult, runFile } from './runner.ts';

/** The long ones first: what is left when a run comes to its end is short, and nobody waits for one alone. */
const PLACES = ['scripts/test/**/*.test.ts', 'packages/*/test/**/*.test.ts'];

/**
 * The smallest machine this is developed on has two cores, and a file waits about as long as it computes: for timers,
 * and for processes to start and end. Three at a time take a minute less, and make each other wait for the processor in
 * the middle of what they watch: tests that hold alone failed then.
 */
const CONCURRENCY = 2;

const { values, positionals: filters } = parseArgs({
  allowPositionals: true,
  options: {
    // Node counts a suite as one test. They take a tenth of these where nothing else runs.
    'test-ms': { type: 'string', default: '300000' },
    'linger-ms': { type: 'string', default: '30000' },
    again: { type: 'string', default: '0' },
  },
});
const limits = { testMs: Number(values['test-ms']), lingerMs: Number(values['linger-ms']) };

/** What a gateway leaves on a machine is left elsewhere by those that tests start. */
const places = mkdtempSync(join(tmpdir(), 'keepwarm-places-'));
process.env['KEEPWARM_RUNTIME_DIR'] = join(places, 'run');
process.env['KEEPWARM_STATE_DIR'] = places;
// Sources are stripped of their types and compiled once, not by each of a thousand processes: a third of all CPU time.
const COMPILED = join(root, '.tmp', 'compiled');
/** Far more than there are sources; what tests write in folders of their own is compiled in there as well. */
const COMPILED_MAX = 20_000;
if (globSync('*/*', { cwd: COMPILED }).length > COMPILED_MAX) forgetCompiled();
process.env['NODE_COMPILE_CACHE'] ??= COMPILED;
// Where Debian puts servers, which an ordinary user's PATH leaves out.
process.env['PATH'] = [process.env['PATH'], '/usr/sbin', '/usr/local/sbin'].join(delimiter);
process.on('exit', () => rmSync(places, { recursive: true, force: true }));

const startedAt = performance.now();
const total = { passed: 0, failed: 0, skipped: 0 };
const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`;
const indented = (text: string) => text.replaceAll(/^(?=.)/gm, '      ');

/** Under a name of its own first: another run may be writing where it was. */
function forgetCompiled(): void {
  const aside = `${COMPILED}-${process.pid}`;
  try {
    renameSync(COMPILED, aside);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return; // the other run was quicker
    throw error;
  }
  rmSync(aside, { recursive: true, force: true });
}

async function checkStructure(): Promise<void> {
  for await (const { name, failure, elapsedMs } of structureChecks()) {
    total[failure === '' ? 'passed' : 'failed']++;
    console.log(`${failure === '' ? 'ok  ' : 'FAIL'}  ${name}  ${seconds(elapsedMs)}`);
    if (failure !== '') console.log(indented(failure));
  }
}

/** Test files the filters name; an absolute path names itself, wherever it is. */
function testFiles(): string[] {
  const named = filters.filter(isAbsolute);
  const parts = filters.filter((filter) => !isAbsolute(filter));
  if (filters.length > 0 && parts.length === 0) return named;
  const all = PLACES.flatMap((place) => globSync(place, { cwd: root }).sort());
  const chosen = parts.length === 0 ? all : all.filter((path) => parts.some((part) => path.includes(part)));
  return [...named, ...chosen.map((path) => resolve(root, path))];
}

function report({ file, passed, failed, skipped, elapsedMs, failures, output }: FileResult): void {
  const counts = [`${passed} passed`, failed > 0 && `${failed} failed`, skipped > 0 && `${skipped} skipped`];
  const line = counts.filter(Boolean).join(', ');
  console.log(`${failed === 0 ? 'ok  ' : 'FAIL'}  ${relative(root, file)}  ${line}  ${seconds(elapsedMs)}`);
  if (failed === 0) return;
  for (const failure of failures) console.log(indented(failure));
  if (output.trim() !== '') console.log(indented(`── what the file printed:\n${output.trimEnd()}`));
}

/** @param first what one of them does before it takes a file */
async function runFiles(
  files: readonly string[],
  concurrency: number,
  first = async (): Promise<void> => undefined,
): Promise<FileResult[]> {
  const results: FileResult[] = [];
  const queue = files.values();
  const worker = async (_: unknown, at: number) => {
    if (at === 0) await first();
    for (const file of queue) {
      const result = await runFile(file, limits);
      results.push(result);
      report(result);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  return results;
}

const pathsOf = (results: readonly FileResult[]) => results.map(({ file }) => `  ${relative(root, file)}`).join('\n');
const hasFailed = ({ failed }: FileResult) => failed > 0;

// What is checked by reading is checked beside the first tests: a compiler uses one processor for half of its time.
let results = await runFiles(testFiles(), CONCURRENCY, filters.length === 0 ? checkStructure : undefined);
const doubted = results.filter(hasFailed);
if (doubted.length > 0 && doubted.length <= Number(values.again)) {
  console.log(`\nonce more, alone:\n${pathsOf(doubted)}`);
  const again = await runFiles(
    doubted.map(({ file }) => file),
    1,
  );
  results = results.map((first) => again.find(({ file }) => file === first.file) ?? first);
  const unsteady = again.filter((result) => !hasFailed(result));
  if (unsteady.length > 0) console.log(`\nUNSTEADY, failed beside others and passed alone:\n${pathsOf(unsteady)}`);
}
for (const { passed, failed, skipped } of results) {
  total.passed += passed;
  total.failed += failed;
  total.skipped += skipped;
}
const slowest = results.toSorted((a, b) => b.elapsedMs - a.elapsedMs).slice(0, 5);
console.log('\nslowest files:');
for (const { file, elapsedMs } of slowest) console.log(`  ${seconds(elapsedMs).padStart(8)}  ${relative(root, file)}`);

const broken = results.filter(hasFailed);
if (broken.length > 0) console.log(`failed files:\n${pathsOf(broken)}`);
if (results.length === 0) {
  console.log(filters.length === 0 ? 'there is no test file' : `no test file matches ${filters.join(' ')}`);
}
console.log(`total time: ${seconds(performance.now() - startedAt)}\n`);
const skipped = total.skipped > 0 ? `, ${total.skipped} skipped` : '';
console.log(`${total.passed} passed, ${total.failed} failed${skipped}`);
process.exitCode = total.failed > 0 || results.length === 0 || total.passed === 0 ? 1 : 0;
