/**
 * The database: figures by the minute and by the hour. Runs in a thread of its own, as SQLite waits for the disk.
 *
 * Invariants:
 *   (1) A minute is in both tables or in neither: one transaction writes it to the one and adds it to the other.
 *   (2) What was written stays whole whenever the process is killed: write-ahead log, checked by SQLite when it opens.
 *       The last transactions may be missing after a loss of power (`synchronous = NORMAL`), never a part of one.
 *   (3) The file does not grow beyond `bytesMax`: what is oldest goes before what is new is written.
 */
import type { DatabaseSync, SQLOutputValue } from 'node:sqlite';
import { merged, type Row } from './row.ts';

export interface StoreOptions {
  readonly path: string;
  readonly minutesHours: number;
  readonly hoursDays: number;
  readonly bytesMax: number;
}

type Table = 'minutes' | 'hours';

const HOUR_MS = 3_600_000;
const PAGE_BYTES = 4_096;
/** What the write-ahead log may take beside the database; also counted. */
const WAL_BYTES = 512 * 1024;
/** When the file is this full, room is made. */
const FULL_SHARE = 0.9;
/** One in so many rows, the oldest, goes at once. */
const PRUNED_PART = 10;

const COLUMNS = ['at', 'upstream', 'seconds', 'calls', 'errors', 'fresh', 'reused', 'retries', 'limitWaits'] as const;
const ALL = [...COLUMNS, 'saturation', 'latency'] as const;

export class Store {
  readonly #database: DatabaseSync;
  readonly #options: StoreOptions;

  /** @throws SQLite's error: no such folder, read-only, no database, of another version */
  constructor(open: (path: string) => DatabaseSync, options: StoreOptions) {
    this.#options = options;
    this.#database = open(options.path);
    try {
      this.#prepare();
    } catch (error) {
      this.#database.close();
      throw error;
    }
  }

  /** @throws SQLite's error; then nothing of them is written */
  write(rows: readonly Row[], now: number): void {
    this.#makeRoom();
    this.#database.exec('BEGIN IMMEDIATE');
    try {
      for (const row of rows) {
        this.#add('minutes', row);
        this.#add('hours', { ...row, at: Math.floor(row.at / HOUR_MS) * HOUR_MS });
      }
      this.#forget('minutes', now - this.#options.minutesHours * HOUR_MS);
      this.#forget('hours', now - this.#options.hoursDays * 24 * HOUR_MS);
      this.#database.exec('COMMIT');
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
      throw error;
    }
  }

  /** Oldest first. */
  read(table: Table, from: number, upstream: string | undefined): Row[] {
    const where = upstream === undefined ? '' : ' AND upstream = ?';
    const rows = this.#database.prepare(`SELECT ${ALL.join(', ')} FROM ${table} WHERE at >= ?${where} ORDER BY at`);
    return rows.all(from, ...(upstream === undefined ? [] : [upstream])).map(rowOf);
  }

  /** Pages in use. */
  get bytes(): number {
    return (this.#pragma('page_count') - this.#pragma('freelist_count')) * PAGE_BYTES;
  }

  close(): void {
    if (this.#database.isOpen) this.#database.close();
  }

  #prepare(): void {
    const pages = Math.floor((this.#options.bytesMax - WAL_BYTES) / PAGE_BYTES);
    this.#database.exec(`PRAGMA page_size = ${PAGE_BYTES}; PRAGMA busy_timeout = 2000`);
    const version = this.#pragma('user_version');
    if (version > VERSION) throw new Error(`it was made by a newer keepwarm (version ${version}, known ${VERSION})`);
    this.#database.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA max_page_count = ${pages};
      PRAGMA wal_autocheckpoint = 64; PRAGMA journal_size_limit = ${WAL_BYTES};`);
    const columns = `at INTEGER, upstream TEXT, seconds REAL, calls INTEGER, errors INTEGER, fresh INTEGER,
      reused INTEGER, retries INTEGER, limitWaits INTEGER, saturation REAL, latency BLOB`;
    for (const table of ['minutes', 'hours']) {
      this.#database.exec(
        `CREATE TABLE IF NOT EXISTS ${table} (${columns}, PRIMARY KEY (at, upstream)) STRICT, WITHOUT ROWID`,
      );
    }
    this.#database.exec(`PRAGMA user_version = ${VERSION}`);
  }

  /** A minute that has a row already, as the gateway was restarted within it, gets the sum of both. */
  #add(table: Table, row: Row): void {
    const found = this.#database
      .prepare(`SELECT ${ALL.join(', ')} FROM ${table} WHERE at = ? AND upstream = ?`)
      .get(row.at, row.upstream);
    const whole = found === undefined ? row : merged(rowOf(found), row);
    this.#database
      .prepare(`INSERT OR REPLACE INTO ${table} (${ALL.join(', ')}) VALUES (${ALL.map(() => '?').join(', ')})`)
      .run(...ALL.map((name) => whole[name]));
  }

  #forget(table: Table, before: number): void {
    this.#database.prepare(`DELETE FROM ${table} WHERE at < ?`).run(before);
  }

  /** Pages that become free are used again: the file does not shrink, and does not have to. */
  #makeRoom(): void {
    const full = (this.#options.bytesMax - WAL_BYTES) * FULL_SHARE;
    for (let tries = 0; this.bytes > full && tries < 10; tries++) {
      for (const table of ['minutes', 'hours']) {
        const some = `max(1, (SELECT count(*) FROM ${table}) / ${PRUNED_PART})`;
        const oldest = `SELECT at FROM ${table} ORDER BY at LIMIT ${some}`;
        this.#database.exec(`DELETE FROM ${table} WHERE at <= (SELECT max(at) FROM (${oldest}))`);
      }
    }
  }

  #pragma(name: string): number {
    return Number(this.#database.prepare(`PRAGMA ${name}`).get()?.[name] ?? 0);
  }
}

const VERSION = 1;

function rowOf(found: Record<string, SQLOutputValue>): Row {
  const number = (name: string): number => Number(found[name] ?? 0);
  const { upstream, latency } = found;
  return {
    upstream: String(upstream),
    at: number('at'),
    seconds: number('seconds'),
    calls: number('calls'),
    errors: number('errors'),
    fresh: number('fresh'),
    reused: number('reused'),
    retries: number('retries'),
    limitWaits: number('limitWaits'),
    saturation: number('saturation'),
    latency: latency instanceof Uint8Array ? latency : new Uint8Array(),
  };
}
