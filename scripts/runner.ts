/**
 * Runs one test file in a process of its own and sees to it that the file ends, one way or another.
 *
 * Beyond what node:test counts as a failure, a file fails here when
 *   (1) its process crashes, or ends before its tests did;
 *   (2) its tests are done but something it left open keeps the process alive;
 *   (3) it falls silent for longer than one test may take: a loop, a hanging import;
 *   (4) it holds no test at all.
 */
import { finished } from 'node:stream/promises';
import { run } from 'node:test';
import { inspect } from 'node:util';

export interface FileLimits {
  /** The longest one test may take, in ms. */
  readonly testMs: number;
  /** How long a file may stay alive in silence once its tests are done, in ms. */
  readonly lingerMs: number;
}

export interface FileResult {
  readonly file: string;
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly elapsedMs: number;
  /** Each failure in full, as text. */
  readonly failures: readonly string[];
  /** The last of what the file printed; of interest only when it failed. */
  readonly output: string;
}

/** Characters of a file's own output that are kept. */
const OUTPUT_MAX = 16_384;

/** Added to `testMs` before a silent file is given up: its own limit should report first, with the test's name. */
const GRACE_MS = 15_000;

/**
 * @param file absolute path
 */
export async function runFile(file: string, { testMs, lingerMs }: FileLimits): Promise<FileResult> {
  const startedAt = performance.now();
  const count = { passed: 0, failed: 0, skipped: 0 };
  const failures: string[] = [];
  const suites: string[] = [];
  const watch = silenceWatch(testMs + GRACE_MS, lingerMs);
  let output = '';
  let ended = false;

  const tests = run({
    files: [file],
    isolation: 'process',
    concurrency: 1,
    timeout: testMs,
    execArgv: ['--conditions=keepwarm-source'],
    signal: watch.signal,
  });
  const print = ({ message }: { message: string }) => {
    output = (output + message).slice(-OUTPUT_MAX);
  };
  const fail = (name: string, reason: string) => {
    count.failed++;
    failures.push(`${name}\n${reason}`);
  };

  tests.on('test:stdout', print);
  tests.on('test:stderr', print);
  tests.on('test:diagnostic', ({ message, level, file }) => {
    // What escaped a test after its end is only told this way.
    if (level === 'error' || (level === 'warn' && file !== undefined)) print({ message: `${message}\n` });
  });
  tests.on('test:enqueue', ({ name, testId }) => name !== file && watch.begun(testId));
  tests.on('test:complete', ({ name, testId }) => name !== file && watch.done(testId));
  // Starts are reported in order, so the names above a failing test are those last started at each level.
  tests.on('test:start', ({ name, nesting }) => {
    suites.length = nesting;
    suites[nesting] = name;
  });
  tests.on('test:pass', ({ name, skip, todo, details }) => {
    if (name === file) fail('no tests', 'The file ran to its end without reporting a test.');
    else if (details.type === 'suite') return;
    else if (skip === undefined && todo === undefined) count.passed++;
    else count.skipped++;
  });
  tests.on('test:fail', ({ name, nesting, details }) => {
    const { error } = details;
    if (name === file) fail('the file itself', watch.verdict ?? `${exit(error)}; what it printed follows.`);
    // A suite fails because a test in it did, which has been counted, or by a failure of its own.
    else if (details.type !== 'suite' || !failedBelow(error)) {
      fail([...suites.slice(0, nesting), name].join(' › '), told(error.cause ?? error));
    }
  });
  tests.on('test:summary', (summary) => {
    if (summary.file !== undefined) ended = true;
  });

  await finished(tests.resume());
  watch.end();
  if (!ended && failures.length === 0) fail('the file itself', 'The process ended before its tests did.');
  return { file, ...count, failures, output, elapsedMs: performance.now() - startedAt };
}

/** Gives the file up, and says why, when it reports nothing for longer than it has reason to. */
function silenceWatch(busyMs: number, lingerMs: number) {
  const abort = new AbortController();
  let seen = 0;
  // By their numbers: of those whose `before` has thrown it is told that they are over, and never that they began.
  const open = new Set<number | undefined>();
  let timer: NodeJS.Timeout | undefined;
  let verdict: string | undefined;
  const heard = () => {
    clearTimeout(timer);
    const lingering = seen > 0 && open.size === 0;
    const limitMs = lingering ? lingerMs : busyMs;
    timer = setTimeout(() => {
      verdict = lingering
        ? `Its tests are done, but ${limitMs} ms later something it left open still keeps it alive.`
        : `It reported nothing for ${limitMs} ms: a loop, or an import that never ends.`;
      abort.abort();
    }, limitMs);
  };
  heard();
  return {
    signal: abort.signal,
    get verdict() {
      return verdict;
    },
    begun(test: number | undefined) {
      seen++;
      open.add(test);
      heard();
    },
    done(test: number | undefined) {
      open.delete(test);
      heard();
    },
    end: () => clearTimeout(timer),
  };
}

const field = (error: Error, name: string): unknown => Reflect.get(error, name);

/** An error in full, without the runner's own frames. The message of a failed assertion holds its values already. */
function told(error: unknown): string {
  const stack = error instanceof Error && error.name === 'AssertionError' ? error.stack : undefined;
  const text = stack ?? inspect(error, { depth: 6 });
  return text.replaceAll(/\n +at .*\bnode:internal\/(?:test_runner|per_context)\/.*/g, '');
}

const failedBelow = (error: Error): boolean => field(error, 'failureType') === 'subtestsFailed';

function exit(error: Error): string {
  const signal = field(error, 'signal');
  return signal == null ? `Its process ended with code ${field(error, 'exitCode')}` : `Its process died of ${signal}`;
}
