/** `keepwarm top`: asks once a second and draws; plain lines where nobody looks at a terminal. */
import { AdminError } from '../admin/client.ts';
import { EXIT } from '../command/commands.ts';
import { connectionOf } from '../command/connection.ts';
import { paintFor } from '../command/paint.ts';
import { type Flags, UsageError } from '../command/parse.ts';
import { frame, type Known, type Wishes } from './frame.ts';
import { type Key, keysOf } from './keys.ts';
import { rowsOf, SORTS, type Sort } from './rows.ts';
import { Screen, sizeOf } from './screen.ts';

const INTERVAL_MS = { default: 1_000, min: 250, max: 60_000 };

export async function runTop(flags: Flags, print: (line: string) => void): Promise<number> {
  const intervalMs = intervalOf(flags);
  const sort = sortOf(flags);
  const admin = connectionOf('top', flags);
  const wishes: Wishes = { sort, reversed: false, selected: undefined, paused: false };
  const ask = async (signal?: AbortSignal): Promise<Known> => {
    const [stats, limits] = await Promise.all([admin.stats(0, signal), admin.limits({}, signal)]);
    return { stats, limits };
  };
  try {
    if (flags['json'] === true) print(JSON.stringify(await ask(), undefined, 2));
    else if (!process.stdout.isTTY) await lines(ask, wishes, flags['once'] === true ? 0 : intervalMs, print);
    else if (flags['once'] === true) {
      const { columns, rows } = sizeOf(process.stdout);
      const paint = paintFor(true);
      for (const line of frame(admin.where, await ask(), undefined, wishes, { columns, rows }, paint)) print(line);
    } else await new Top(admin.where, ask, wishes, intervalMs).run();
    return EXIT.ok;
  } finally {
    await admin.close();
  }
}

function intervalOf({ interval }: Flags): number {
  if (interval === undefined) return INTERVAL_MS.default;
  const { min, max } = INTERVAL_MS;
  const ms = Number(interval);
  if (ms >= min && ms <= max) return ms;
  throw new UsageError(`--interval is ${interval}; allowed: ${min} to ${max} (ms)`, 'top');
}

function sortOf({ sort }: Flags): Sort {
  const found = SORTS.find((each) => each === (sort ?? 'rate'));
  if (found !== undefined) return found;
  throw new UsageError(`--sort is ${sort}; allowed: ${SORTS.join(', ')}`, 'top');
}

/** One line per upstream and round, for a file or another program. With an interval of 0: one round. */
async function lines(
  ask: () => Promise<Known>,
  { sort, reversed }: Wishes,
  intervalMs: number,
  print: (line: string) => void,
): Promise<void> {
  const leaving = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => leaving.abort());
  while (!leaving.signal.aborted) {
    const { stats } = await ask();
    const at = new Date().toISOString();
    for (const row of rowsOf(stats, sort, reversed)) {
      const { name, ...figures } = row;
      const told = Object.entries(figures).map(([key, value]) => `${key}=${Math.round(value * 1_000) / 1_000}`);
      print(`${at} ${name} ${told.join(' ')}`);
    }
    if (intervalMs === 0) return;
    await pause(intervalMs, leaving.signal);
  }
}

/** Until the time is over or the signal fires. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const over = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', over);
      resolve();
    };
    const timer = setTimeout(over, ms);
    signal.addEventListener('abort', over);
  });
}

/** The live view. Invariant: however `run` ends, the terminal is as it was. */
class Top {
  readonly #where: string;
  readonly #ask: (signal: AbortSignal) => Promise<Known>;
  readonly #intervalMs: number;
  readonly #screen = new Screen(process.stdin, process.stdout);
  readonly #leaving = new AbortController();
  readonly #paint = paintFor(true);
  #wishes: Wishes;
  #known: Known | undefined;
  #trouble: string | undefined;

  constructor(where: string, ask: (signal: AbortSignal) => Promise<Known>, wishes: Wishes, intervalMs: number) {
    this.#where = where;
    this.#ask = ask;
    this.#wishes = wishes;
    this.#intervalMs = intervalMs;
  }

  async run(): Promise<void> {
    const { signal } = this.#leaving;
    const leave = (): void => this.#leaving.abort();
    for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(name, leave);
    process.stdout.on('resize', this.#draw);
    process.stdin.setEncoding('utf8').on('data', (chunk) => this.#pressed(String(chunk)));
    if (process.stdin.isTTY) process.stdin.once('end', leave); // the terminal is gone; without one it goes on
    this.#screen.enter();
    this.#draw();
    try {
      while (!signal.aborted) {
        if (!this.#wishes.paused) await this.#look(signal);
        await pause(this.#intervalMs, signal);
      }
    } finally {
      this.#screen.leave();
      process.stdout.off('resize', this.#draw);
    }
  }

  /** What goes wrong is shown, and it is tried again: a gateway may be restarted while somebody looks. */
  async #look(signal: AbortSignal): Promise<void> {
    try {
      this.#known = await this.#ask(signal);
      this.#trouble = undefined;
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof AdminError)) throw error;
      this.#trouble = error.message;
    }
    this.#draw();
  }

  readonly #draw = (): void => {
    const { size } = this.#screen;
    this.#screen.draw(frame(this.#where, this.#known, this.#trouble, this.#wishes, size, this.#paint));
  };

  #pressed(chunk: string): void {
    for (const key of keysOf(chunk)) {
      if (key === 'quit') return this.#leaving.abort();
      if (key === 'suspend') this.#suspend();
      else this.#wishes = wished(this.#wishes, key, this.#known);
    }
    this.#draw();
  }

  /** As the shell's job control wants it: given back, stopped, and taken again when it goes on. */
  #suspend(): void {
    this.#screen.leave();
    process.once('SIGCONT', () => {
      this.#screen.enter();
      this.#draw();
    });
    process.kill(process.pid, 'SIGSTOP');
  }
}

export function wished(wishes: Wishes, key: Exclude<Key, 'quit' | 'suspend'>, known: Known | undefined): Wishes {
  const { sort, reversed, paused, selected } = wishes;
  if (key === 'pause') return { ...wishes, paused: !paused };
  if (key === 'reverse') return { ...wishes, reversed: !reversed };
  if (key === 'sort') return { ...wishes, sort: SORTS[(SORTS.indexOf(sort) + 1) % SORTS.length]! };
  const names = known === undefined ? [] : rowsOf(known.stats, sort, reversed).map(({ name }) => name);
  const at = Math.max(0, names.indexOf(selected ?? ''));
  const next = Math.min(names.length - 1, Math.max(0, at + (key === 'up' ? -1 : 1)));
  return { ...wishes, selected: names[next] };
}
