/**
 * The runtimes that the built package is tried under. Set-up installs them beside this file, apart from the rest, since
 * a second Node.js in the root would take the place of the one that everything else runs on.
 */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

const FOLDER = import.meta.dirname;
const run = promisify(execFile);

/** The longest a runtime may take for all promises together, in ms. */
const RUN_MS = 120_000;

export interface Runtime {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** Promises that do not hold here; docs/reference/packages.md says so. */
  readonly without: readonly string[];
}

const installed = (...path: readonly string[]) => join(FOLDER, 'node_modules', ...path);

/** The names of all promises, as the smoke test has them. */
export const PROMISES: readonly string[] = [
  ...readFileSync(join(FOLDER, 'smoke.mjs'), 'utf8').matchAll(/^ {2}(?:'([^']+)'|(\w+)): async \(\)/gm),
].map(([, quoted, plain]) => quoted ?? plain ?? '');

export const RUNTIMES: readonly Runtime[] = [
  { name: 'Node.js 22', command: installed('node-22', 'bin', 'node'), args: [], without: [] },
  { name: 'Node.js 24', command: process.execPath, args: [], without: [] },
  { name: 'Node.js 26', command: installed('node-26', 'bin', 'node'), args: [], without: [] },
  { name: 'Bun 1.4', command: installed('@oven', 'bun-linux-x64', 'bin', 'bun'), args: [], without: [] },
  {
    name: 'Deno 2.9',
    command: installed('@deno', 'linux-x64-glibc', 'deno'),
    args: ['run', '--allow-all', '--no-config', '--no-lock', '--no-remote', '--no-npm'],
    without: [],
  },
];

/** Binaries of other platforms are not installed; on this one all are wanted. */
export const expected = (runtime: Runtime): boolean =>
  (process.platform === 'linux' && process.arch === 'x64') || existsSync(runtime.command);

/** What a runtime needs to run a program with its dependencies beside it. */
const PROGRAM_ARGS: Readonly<Record<string, readonly string[]>> = {
  'Deno 2.9': ['run', '--allow-all', '--no-lock', '--no-remote', '--node-modules-dir=manual'],
};

/** Runs a command that goes on until it is told to end, when it has printed what is looked for. @returns its status */
export async function until<T>(
  { name, command }: Runtime,
  args: readonly string[],
  environment: NodeJS.ProcessEnv,
  wanted: RegExp,
  look: (found: RegExpExecArray) => Promise<T>,
): Promise<{ readonly seen: T; readonly status: unknown; readonly printed: string }> {
  const child = spawn(command, [...(PROGRAM_ARGS[name] ?? []), ...args], {
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const over = setTimeout(() => child.kill('SIGKILL'), RUN_MS);
  const closed = once(child, 'close');
  let printed = '';
  try {
    const found = await new Promise<RegExpExecArray>((resolve, reject) => {
      const heard = (text: unknown): void => {
        printed += text;
        const match = wanted.exec(printed);
        if (match !== null) resolve(match);
      };
      child.stdout.on('data', heard);
      child.stderr.on('data', heard);
      closed.then(() => reject(new Error(`it ended: ${printed}`)), reject);
    });
    const seen = await look(found);
    child.kill('SIGTERM');
    const [status] = await closed;
    return { seen, status, printed };
  } finally {
    clearTimeout(over);
    child.kill('SIGKILL');
  }
}

export interface Outcome {
  /** By promise: '' when it holds, else why not. */
  readonly promises: Readonly<Record<string, string>>;
  readonly printed: string;
}

/** Runs the smoke test of a built package folder. Never rejects for a promise that does not hold. */
export async function smoke(runtime: Runtime, args: readonly string[]): Promise<Outcome> {
  const all = [...runtime.args, join(FOLDER, 'smoke.mjs'), ...args];
  const { stdout, stderr } = await run(runtime.command, all, { timeout: RUN_MS }).catch((failed) => failed);
  const printed = `${stdout}${stderr}`;
  const promises: Record<string, string> = {};
  for (const [, verdict, name = '', why] of printed.matchAll(/^(ok|FAIL) (.*?)(?:: ((?:.*\n)*?.*))?$/gm)) {
    promises[name] = verdict === 'ok' ? '' : (why ?? 'it failed');
  }
  return { promises, printed };
}
