/**
 * Everything `npm test` proves: the structure checks, then every test file, each in a process of its own.
 *
 *   node scripts/test.ts                 all of it
 *   node scripts/test.ts pool wire/      only test files whose path contains one of these, without structure checks
 *
 * Each structure check counts as one test. The last line reads `N passed, N failed`; the exit code is 1 when anything
 * failed, or when there was nothing to run.
 */
import { globSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, isAbsolute, join, relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { root, structureChecks } from './check.ts';
import { type FileResult, runFile } from './runner.ts';

const PLACES = ['packages/*/test/**/*.test.ts', 'scripts/test/**/*.test.ts'];

/** Two at a time: the smallest machine this is developed on has two cores, and tests that fight for one are flaky. */
const CONCURRENCY = 2;

const { values, positionals: filters } = parseArgs({
  allowPositionals: true,
  options: {
    // Node counts a suite as one test. They take a tenth of these where nothing else runs.
    'test-ms': { type: 'string', default: '300000' },
    'linger-ms': { type: 'string', default: '30000' },
  },
});
const limits = { testMs: Number(values['test-ms']), lingerMs: Number(values['linger-ms']) };

/** What a gateway leaves on a machine is left elsewhere by those that tests start. */
const places = mkdtempSync(join(tmpdir(), 'keepwarm-places-'));
process.env['KEEPWARM_RUNTIME_DIR'] = join(places, 'run');
process.env['KEEPWARM_STATE_DIR'] = places;
// Where Debian puts servers, which an ordinary user's PATH leaves out.
process.env['PATH'] = [process.env['PATH'], '/usr/sbin', '/usr/local/sbin'].join(delimiter);
process.on('exit', () => rmSync(places, { recursive: true, force: true }));

const startedAt = performance.now();
const total = { passed: 0, failed: 0, skipped: 0 };
const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`;
const indented = (text: string) => text.replaceAll(/^(?=.)/gm, '      ');

function checkStructure(): void {
  for (const { name, failure, elapsedMs } of structureChecks()) {
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
  const all = globSync(PLACES, { cwd: root }).sort();
  const chosen = parts.length === 0 ? all : all.filter((path) => parts.some((part) => path.includes(part)));
  return [...named, ...chosen.map((path) => resolve(root, path))];
}

function report({ file, passed, failed, skipped, elapsedMs, failures, output }: FileResult): void {
  total.passed += passed;
  total.failed += failed;
  total.skipped += skipped;
  const counts = [`${passed} passed`, failed > 0 && `${failed} failed`, skipped > 0 && `${skipped} skipped`];
  const line = counts.filter(Boolean).join(', ');
  console.log(`${failed === 0 ? 'ok  ' : 'FAIL'}  ${relative(root, file)}  ${line}  ${seconds(elapsedMs)}`);
  if (failed === 0) return;
  for (const failure of failures) console.log(indented(failure));
  if (output.trim() !== '') console.log(indented(`── what the file printed:\n${output.trimEnd()}`));
}

async function runFiles(files: readonly string[]): Promise<FileResult[]> {
  const results: FileResult[] = [];
  const queue = files.values();
  const worker = async () => {
    for (const file of queue) {
      const result = await runFile(file, limits);
      results.push(result);
      report(result);
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, worker));
  return results;
}

if (filters.length === 0) checkStructure();
const results = await runFiles(testFiles());
const slowest = results.toSorted((a, b) => b.elapsedMs - a.elapsedMs).slice(0, 5);
console.log('\nslowest files:');
for (const { file, elapsedMs } of slowest) console.log(`  ${seconds(elapsedMs).padStart(8)}  ${relative(root, file)}`);

const broken = results.filter(({ failed }) => failed > 0);
if (broken.length > 0)
  console.log(`failed files:\n${broken.map(({ file }) => `  ${relative(root, file)}`).join('\n')}`);
if (results.length === 0) {
  console.log(filters.length === 0 ? 'there is no test file' : `no test file matches ${filters.join(' ')}`);
}
console.log(`total time: ${seconds(performance.now() - startedAt)}\n`);
const skipped = total.skipped > 0 ? `, ${total.skipped} skipped` : '';
console.log(`${total.passed} passed, ${total.failed} failed${skipped}`);
process.exitCode = total.failed > 0 || results.length === 0 || total.passed === 0 ? 1 : 0;
