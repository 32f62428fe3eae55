/**
 * Somebody who reads a page and types what it says, line by line, at a terminal in a clone of the repository. The clone
 * is a folder of links to this one, and whatever would be outside of it (the home folder, /etc) is in a folder of the
 * reader's own, so that nothing is left behind.
 */
import { type ChildProcessByStdio, execFile, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { root } from '../check.ts';
import { type Command, commandsOf } from './commands.ts';
import { ELSEWHERE, type Elsewhere } from './not-here.ts';

const run = promisify(execFile);

/** The longest a command may take, where nothing else is said. */
const COMMAND_MS = 120_000;
const OUTPUT_MAX = 2 ** 24;

/** What a clone has of its own, and not linked: nothing that was made here. */
const NOT_LINKED = ['.git', '.tmp', 'keepwarm.yaml'];

/** Whether this machine has a program of that name. */
export const installed = (name: string): boolean => spawnSync(name, ['--version']).error === undefined;

type Started = ChildProcessByStdio<null, Readable, Readable>;

export interface Typing {
  /** The longest the command may take, in ms. Default 120 000. */
  readonly commandMs?: number;
  /** Variables of this command alone. */
  readonly env?: NodeJS.ProcessEnv;
}

export class Reader {
  readonly home = mkdtempSync(join(tmpdir(), 'keepwarm-reader-'));
  readonly clone = join(this.home, 'clone');
  readonly #places: Record<string, string>;
  readonly #env: NodeJS.ProcessEnv;
  readonly #started: Started[] = [];

  /** @param places what stands for addresses and folders that pages are written with */
  constructor(places: Readonly<Record<string, string>>, env: NodeJS.ProcessEnv = {}) {
    this.#places = { ...places };
    for (const folder of ['clone', 'bin', 'run', 'state']) mkdirSync(join(this.home, folder));
    for (const name of readdirSync(root).filter((each) => !NOT_LINKED.includes(each))) {
      symlinkSync(join(root, name), join(this.clone, name));
    }
    const main = join(root, 'packages/gateway/src/main.ts');
    this.program('keepwarm', `exec "${process.execPath}" --conditions=keepwarm-source "${main}" "$@"`);
    if (!installed('curl')) this.program('curl', `exec "${process.execPath}" "${root}/scripts/docs/curl.ts" "$@"`);
    writeFileSync(join(this.home, '.curlrc'), 'silent\nshow-error\n');
    this.program('sudo', 'exec "$@"'); // there is nothing here that only root may
    const own = [join(this.home, 'global', 'bin'), join(this.home, 'bin')];
    this.#env = {
      ...process.env,
      ...env,
      HOME: this.home,
      npm_config_prefix: join(this.home, 'global'),
      PATH: [...own, dirname(process.execPath), process.env['PATH']].join(':'),
      XDG_RUNTIME_DIR: join(this.home, 'run'),
      XDG_STATE_HOME: join(this.home, 'state'),
      KEEPWARM_RUNTIME_DIR: undefined, // which the tests set, and no reader has
      KEEPWARM_STATE_DIR: undefined,
      NODE_TEST_CONTEXT: undefined,
      NODE_COMPILE_CACHE: join(root, '.tmp', 'compiled'),
      NO_COLOR: '1',
    };
  }

  /** Where the last line has left off. */
  get #before(): string {
    return `[ -f "${this.home}/.shell" ] && . "${this.home}/.shell"`;
  }

  /** Puts a shell script on the PATH. */
  program(name: string, body: string): void {
    const file = join(this.home, 'bin', name);
    writeFileSync(file, `#!/bin/sh\n${body}\n`);
    chmodSync(file, 0o755);
  }

  /** From now on this stands for an address. */
  place(written: string, here: string): void {
    this.#places[written] = here;
  }

  settle(text: string): string {
    return Object.entries(this.#places).reduce((settled, [from, to]) => settled.replaceAll(from, to), text);
  }

  /** @param name a path in the clone */
  file(name: string, text: string): void {
    mkdirSync(dirname(join(this.clone, name)), { recursive: true });
    writeFileSync(join(this.clone, name), this.settle(text));
  }

  /** Types a line and waits for its end. What it sets and where it goes hold for the next. @returns what it printed */
  async type({ where, text }: Command, { commandMs = COMMAND_MS, env = {} }: Typing = {}): Promise<string> {
    const state = join(this.home, '.shell');
    const lines = [
      this.#before,
      `{ ${this.settle(text)}; } 2>&1 || exit $?`,
      `{ set | grep '^token='; printf 'cd %q\\n' "$PWD"; } > "${state}"`,
    ];
    const options = {
      ...{ cwd: this.clone, env: { ...this.#env, ...env } },
      ...{ timeout: commandMs, maxBuffer: OUTPUT_MAX },
    };
    const { stdout, code } = await run('bash', ['-c', lines.join('\n')], options).catch((failed) => failed);
    if (code !== undefined) throw new Error(`${where}: ${text} ended with ${code}\n${stdout}`);
    return stdout;
  }

  /** Types a line that goes on until it is stopped. @returns what it had printed when it said what is waited for */
  async start({ where, text }: Command, said: RegExp, ...flags: string[]): Promise<string> {
    const dashes = text.startsWith('npm start') && flags.length > 0 ? ['--'] : [];
    const line = `${this.#before}\nexec ${[this.settle(text), ...dashes, ...flags].join(' ')}`;
    const options = { cwd: this.clone, env: this.#env, detached: true };
    const child = spawn('bash', ['-c', line], { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
    this.#started.push(child);
    let printed = '';
    child.stdout.on('data', (chunk) => (printed += chunk));
    child.stderr.on('data', (chunk) => (printed += chunk));
    const ended = once(child, 'exit').then(() => Promise.reject(new Error(`${where}: ${text} ended\n${printed}`)));
    ended.catch(() => undefined);
    while (!said.test(printed)) {
      await Promise.race([once(child.stdout, 'data'), once(child.stderr, 'data'), ended]);
    }
    return printed;
  }

  /** Presses Ctrl-C on whatever was started, and waits until it is gone. */
  async stop(): Promise<void> {
    for (const child of this.#started.splice(0).reverse()) {
      if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) continue;
      const ended = once(child, 'exit');
      process.kill(-child.pid, 'SIGINT'); // the terminal tells all that the line has started
      await ended;
    }
  }

  async close(): Promise<void> {
    await this.stop();
    rmSync(this.home, { recursive: true, force: true });
  }
}

/** The lines of a page, each to be taken once, in their order. */
export class Lines {
  readonly page: string;
  readonly #left: Command[];

  /** @param elsewhere what is not run from here */
  constructor(page: string, elsewhere: readonly Elsewhere[] = ELSEWHERE) {
    this.page = page;
    const others = elsewhere.flatMap((each) => (each.page === page ? [each.command] : []));
    const lines = commandsOf(page, readFileSync(join(root, page), 'utf8'));
    this.#left = lines.filter(({ text }) => !others.includes(text));
  }

  get left(): readonly Command[] {
    return this.#left;
  }

  /** The next line, which must be the one that is meant. */
  next(meant: RegExp): Command {
    const line = this.#left.shift();
    if (line === undefined) throw new Error(`${this.page} has no further command, where ${meant} is meant to be`);
    if (!meant.test(line.text))
      throw new Error(`${line.where}: ${line.text} is not run by any test; expected ${meant}`);
    return line;
  }
}

/** Below the ports that a system gives to whoever asks for any, which would be taken again before they are used. */
const PORTS = { first: 20_000, count: 12_000 };

/** Addresses of this machine that nobody listens at, in place of those that pages are written with. */
export async function freePlaces(...written: string[]): Promise<Record<string, string>> {
  const places: Record<string, string> = {};
  for (const address of written) {
    let place: string | undefined;
    while (place === undefined || Object.values(places).includes(place)) place = await freePlace();
    places[address] = place;
  }
  return places;
}

async function freePlace(): Promise<string | undefined> {
  const port = PORTS.first + Math.floor(Math.random() * PORTS.count);
  const server = createServer();
  const free = await new Promise<boolean>((resolve) => {
    server.once('error', () => resolve(false)).listen(port, '127.0.0.1', () => resolve(true));
  });
  if (free) await new Promise((resolve) => server.close(resolve));
  return free ? `127.0.0.1:${port}` : undefined;
}
