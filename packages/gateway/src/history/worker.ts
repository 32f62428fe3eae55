/** The thread in which the database is used: it answers one question after the other, and waits for the disk. */
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import { beginOf, type Points, pointsOf } from './points.ts';
import { RANGES, type RangeName } from './ranges.ts';
import type { Row } from './row.ts';
import { Store, type StoreOptions } from './store.ts';

export type Question =
  | { readonly ask: 'open' }
  | { readonly ask: 'write'; readonly rows: readonly Row[]; readonly now: number }
  | { readonly ask: 'read'; readonly range: RangeName; readonly upstream: string | undefined; readonly now: number }
  | { readonly ask: 'close' };

export type Reply =
  | { readonly ok: true; readonly bytes: number; readonly points?: Points }
  | { readonly ok: false; readonly reason: string };

/** Some versions of Node call SQLite experimental, at every start. Nothing else is kept from anybody. */
const { emitWarning } = process;
process.emitWarning = ((warning: string | Error, ...rest: never[]) => {
  if (String(warning).includes('SQLite is an experimental feature')) return;
  (emitWarning as (warning: string | Error, ...rest: never[]) => void)(warning, ...rest);
}) as typeof process.emitWarning;
const { DatabaseSync } = await import('node:sqlite');

const options = workerData as StoreOptions;
let store: Store | undefined;

function opened(): Store {
  const { path } = options;
  if (path !== ':memory:') mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  return new Store((file) => new DatabaseSync(file), options);
}

function answer(question: Question): Reply {
  try {
    if (question.ask === 'close') {
      store?.close();
      return { ok: true, bytes: 0 };
    }
    store ??= opened();
    if (question.ask === 'write') store.write(question.rows, question.now);
    if (question.ask !== 'read') return { ok: true, bytes: store.bytes };
    const range = RANGES[question.range];
    const rows = store.read(range.from, beginOf(range, question.now), question.upstream);
    return { ok: true, bytes: store.bytes, points: pointsOf(rows, range, question.now) };
  } catch (error) {
    // The next question opens it anew: what was wrong may have been put right.
    store?.close();
    store = undefined;
    return { ok: false, reason: error instanceof Error ? error.message : String(error) };
  }
}

parentPort?.on('message', ({ id, question }: { id: number; question: Question }) => {
  parentPort?.postMessage({ id, reply: answer(question) });
  if (question.ask === 'close') parentPort?.close();
});
