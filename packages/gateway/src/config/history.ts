/** The block `history`: whether figures are kept over hours and restarts, where, and how many. */
import { isAbsolute, resolve } from 'node:path';
import { ConfigError } from './config-error.ts';
import { flag, number, object, show, text } from './values.ts';

export interface HistoryConfig {
  readonly on: boolean;
  /** The file of the database; nothing for one in the gateway's own folder. */
  readonly path: string | undefined;
  /** How long figures by the minute are kept, in hours. */
  readonly minutesHours: number;
  /** How long figures by the hour are kept, in days. */
  readonly hoursDays: number;
  /** The most the file may take, in bytes; what is oldest goes first. */
  readonly bytesMax: number;
}

/** Two days by the minute show yesterday beside today; 90 days by the hour show a quarter: 2 MB for ten upstreams. */
export const HISTORY_DEFAULTS: HistoryConfig = {
  on: true,
  path: undefined,
  minutesHours: 48,
  hoursDays: 90,
  bytesMax: 64 * 1024 * 1024,
};

export const HISTORY_NAMES: readonly string[] = Object.keys(HISTORY_DEFAULTS);

/** What a database with its tables and one upstream's last hours needs. */
const BYTES_MIN = 1024 * 1024;

/** @throws ConfigError */
export function parseHistory(input: unknown, folder: string): HistoryConfig {
  if (typeof input === 'boolean') return { ...HISTORY_DEFAULTS, on: input };
  const given = object(input, 'history', HISTORY_NAMES);
  const { on, path, minutesHours, hoursDays, bytesMax } = { ...HISTORY_DEFAULTS, ...given };
  if (Number(minutesHours) > Number(hoursDays) * 24) {
    const most = `allowed: at most hoursDays, ${show(hoursDays)} days`;
    throw new ConfigError('history.minutesHours', `is ${show(minutesHours)} hours; ${most}`);
  }
  return {
    on: flag(on, 'history.on'),
    path: path === undefined ? undefined : placeOf(text(path, 'history.path'), folder),
    minutesHours: number(minutesHours, 'history.minutesHours', 1),
    hoursDays: number(hoursDays, 'history.hoursDays', 1),
    bytesMax: number(bytesMax, 'history.bytesMax', BYTES_MIN),
  };
}

function placeOf(path: string, folder: string): string {
  if (path === '') throw new ConfigError('history.path', 'is ""; allowed: the name of a file');
  return path === ':memory:' || isAbsolute(path) ? path : resolve(folder, path);
}
