/**
 * Starts of connections remembered in a file, so that a process that is killed and started again goes on counting.
 *
 * A line is written before a dial begins, and one when it is settled; the system keeps them whatever becomes of the
 * process. (A machine that loses its power may lose the last of them: it takes longer to come back than a dial.) One
 * process at a time: several that share a limit want a limit they share.
 *
 *   + <run>.<id> <wall ms>     granted            - <run>.<id>     cancelled
 *   = <run>.<id> <wall ms>     settled
 *
 * Invariants:
 *   (1) `granted` has been written when it returns, or has thrown.
 *   (2) The file holds what may still count and at most LINES_MAX lines more: it is written anew beyond that, whole or
 *       not at all.
 *   (3) A line that cannot be read, such as one cut off by a full disk, is passed over; the others count.
 */
import { appendFileSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import type { StartRecord, StartStore } from './start-store.ts';

export interface StartFileOptions {
  /** Where; its folder must exist. */
  readonly path: string;
  /** For how long a start is remembered, in ms: window, lateness and length of an attempt together. */
  readonly keepMs: number;
}

/** Lines beyond which the file is written anew. */
const LINES_MAX = 1_000;

interface Entry {
  readonly grantedAt: number;
  settledAt: number | undefined;
}

export class StartFile implements StartStore {
  readonly #options: StartFileOptions;
  readonly #entries = new Map<string, Entry>();
  #run = 0;
  #lines = 0;

  constructor(options: StartFileOptions) {
    this.#options = options;
  }

  /** @throws what the system says of a file that is there and cannot be read */
  read(): readonly StartRecord[] {
    this.#entries.clear();
    for (const line of this.#text().split('\n')) this.#take(line);
    for (const key of this.#entries.keys()) this.#run = Math.max(this.#run, Number(key.split('.', 1)[0]));
    this.#run++;
    return [...this.#entries.values()];
  }

  granted(id: number, wallMs: number): void {
    if (this.#lines >= LINES_MAX) this.#rewrite(wallMs);
    this.#write(`+ ${this.#run}.${id} ${wallMs}`);
  }

  settled(id: number, wallMs: number): void {
    this.#write(`= ${this.#run}.${id} ${wallMs}`);
  }

  cancelled(id: number): void {
    this.#write(`- ${this.#run}.${id}`);
  }

  #write(line: string): void {
    // What went before may have been cut off: a line of its own begins with a line's end.
    appendFileSync(this.#options.path, `\n${line}\n`);
    this.#lines++;
    this.#take(line);
  }

  #take(line: string): void {
    const [, word, key = '', at = ''] = /^([+=-]) (\d+\.\d+)(?: (\d+(?:\.\d+)?))?$/.exec(line) ?? [];
    const entry = this.#entries.get(key);
    if (word === '+' && at !== '') this.#entries.set(key, { grantedAt: Number(at), settledAt: undefined });
    else if (word === '=' && at !== '' && entry !== undefined) entry.settledAt = Number(at);
    else if (word === '-') this.#entries.delete(key);
  }

  #text(): string {
    try {
      return readFileSync(this.#options.path, 'latin1');
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return ''; // there was no run before
      throw error;
    }
  }

  #rewrite(wallMs: number): void {
    let text = '';
    this.#lines = 0;
    for (const [key, { grantedAt, settledAt }] of this.#entries) {
      if (wallMs - (settledAt ?? grantedAt) >= this.#options.keepMs) {
        this.#entries.delete(key);
        continue;
      }
      text += settledAt === undefined ? `+ ${key} ${grantedAt}\n` : `+ ${key} ${grantedAt}\n= ${key} ${settledAt}\n`;
    }
    const { path } = this.#options;
    writeFileSync(`${path}.new`, text);
    renameSync(`${path}.new`, path);
  }
}
