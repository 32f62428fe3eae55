/** Writes history as fast as it can, and says what has been written: to be killed. */
import { DatabaseSync } from 'node:sqlite';
import { Store } from '../src/history/store.ts';
import { aRow } from './history-rows.ts';

const [path = '', from = '0'] = process.argv.slice(2);
const options = { path, minutesHours: 1e6, hoursDays: 1e6, bytesMax: 64 * 1024 * 1024 };
const store = new Store((file) => new DatabaseSync(file), options);
for (let minute = Number(from); ; minute++) {
  store.write([aRow(minute * 60_000, 'a'), aRow(minute * 60_000, 'b')], minute * 60_000);
  process.stdout.write(`${minute}\n`);
}
