/**
 * The command as people run it: a process of its own, and a gateway of its own to ask, with its token in a folder of
 * its own.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseCommandLine } from '../src/command/parse.ts';
import { failureOf, run } from '../src/command/run.ts';

const MAIN = new URL('../src/main.ts', import.meta.url).pathname;
export const COMMAND_LINE = ['--conditions=keepwarm-source', MAIN] as const;

export interface Ran {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Runs a command in this process, which takes a hundredth of the time. Its environment is this process's. */
export async function commandHere(args: readonly string[]): Promise<Ran> {
  let out = '';
  try {
    return { code: await run(parseCommandLine(args), (line) => (out += `${line}\n`)), out, err: '' };
  } catch (error) {
    const { code, words } = failureOf(error);
    return { code, out, err: words };
  }
}

/** Runs a command to its end. */
export async function command(args: readonly string[], env: NodeJS.ProcessEnv = {}, input?: string): Promise<Ran> {
  const child = spawn(process.execPath, [...COMMAND_LINE, ...args], { env: { ...process.env, ...env } });
  let [out, err] = ['', ''];
  child.stdout.on('data', (text) => (out += text));
  child.stderr.on('data', (text) => (err += text));
  if (input === undefined) child.stdin.end();
  else child.stdin.end(input);
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, out, err };
}

export interface GatewayProcess {
  readonly child: ChildProcess;
  readonly data: string;
  /** HOST:PORT. */
  readonly admin: string;
  /** What commands that ask it need in their environment. */
  readonly env: NodeJS.ProcessEnv;
  readonly folder: string;
  /** Everything it has printed. */
  printed(): string;
  close(): Promise<void>;
}

/** `keepwarm gateway` over these upstreams, as in the configuration file. */
export async function gatewayProcess(upstreams: object, more: object = {}): Promise<GatewayProcess> {
  const folder = mkdtempSync(join(tmpdir(), 'keepwarm-command-'));
  const config = join(folder, 'keepwarm.json');
  const listeners = { listen: '127.0.0.1:0', admin: '127.0.0.1:0', drainMs: 200, history: false };
  writeFileSync(config, JSON.stringify({ ...listeners, upstreams, ...more }));
  const env = { KEEPWARM_RUNTIME_DIR: folder, KEEPWARM_STATE_DIR: folder, NO_COLOR: '1' };
  const child = spawn(process.execPath, [...COMMAND_LINE, 'gateway', '--config', config], {
    env: { ...process.env, ...env },
  });
  let printed = '';
  child.stdout.on('data', (text) => (printed += text));
  child.stderr.on('data', (text) => (printed += text));
  const ended = once(child, 'close');
  while (!printed.includes('status page:')) {
    await Promise.race([
      once(child.stdout, 'data'),
      ended.then(() => Promise.reject(new Error(`the gateway ended: ${printed}`))),
    ]);
  }
  return {
    child,
    data: /(http:\/\/127\.0\.0\.1:\d+)\//.exec(printed)?.[1] ?? '',
    admin: /status page: http:\/\/([^/]+)\//.exec(printed)?.[1] ?? '',
    env,
    folder,
    printed: () => printed,
    close: async () => {
      child.kill('SIGTERM');
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
