/** Lines the gateway writes while it runs: objects for machines, short ones for people. Never a secret: see `scrub`. */
import { pino } from 'pino';
import type { LogsConfig } from '../config/logs.ts';
import { scrub, scrubbed } from './scrub.ts';

export interface Log {
  debug(message: string, fields?: object): void;
  info(message: string, fields?: object): void;
  warn(message: string, fields?: object): void;
  error(message: string, fields?: object): void;
  /** All that was said has been written. */
  flush(): void;
}

const nothing = (): void => undefined;

export const SILENT: Log = { debug: nothing, info: nothing, warn: nothing, error: nothing, flush: nothing };

/** The same with some fields on each line. */
export function logWith(log: Log, fields: object): Log {
  if (log === SILENT) return SILENT;
  const write =
    (name: 'debug' | 'info' | 'warn' | 'error') =>
    (message: string, more: object = {}) =>
      log[name](message, { ...fields, ...more });
  return { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error'), flush: log.flush };
}

/** Where lines go: standard error, or what a test reads. */
export interface LogTarget {
  write(text: string): unknown;
  readonly isTTY?: boolean;
}

/** Level by which a line is written or not. */
const RANKS = { debug: 20, info: 30, warn: 40, error: 50, silent: Number.POSITIVE_INFINITY } as const;

export function logTo(target: LogTarget, { level, format }: Pick<LogsConfig, 'level' | 'format'>): Log {
  if (level === 'silent') return SILENT;
  const text = format === 'text' || (format === 'auto' && target.isTTY === true);
  return text ? textLog(target, RANKS[level]) : jsonLog(target, level);
}

/** One object per line, with `level`, `time` (ISO 8601) and `msg`. */
function jsonLog(target: LogTarget, level: Exclude<LogsConfig['level'], 'silent'>): Log {
  const stream = { write: (line: string) => void target.write(line) };
  const logger = pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    stream,
  );
  const write =
    (name: 'debug' | 'info' | 'warn' | 'error') =>
    (message: string, fields: object = {}) =>
      logger[name](scrub(fields), scrubbed(message));
  return { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error'), flush: nothing };
}

function textLog(target: LogTarget, least: number): Log {
  const write =
    (name: 'debug' | 'info' | 'warn' | 'error') =>
    (message: string, fields: object = {}) => {
      if (RANKS[name] < least) return;
      const time = new Date().toISOString().slice(11, 19);
      // One line for one thing: nothing that is quoted begins another.
      const line = `${time} ${name.padEnd(5)} ${scrubbed(message)}${shown(scrub(fields))}`;
      // What a peer or a caller has named is no order to a terminal, either.
      target.write(`${line.replaceAll(/\s*[\r\n\u2028\u2029]+\s*/g, ' | ').replaceAll(/\p{Cc}/gu, '\ufffd')}\n`);
    };
  return { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error'), flush: nothing };
}

/** As `name=value`, of one depth: `error.code=RESET`. */
function shown(fields: object, before = ''): string {
  let text = '';
  for (const [name, value] of Object.entries(fields)) {
    if (value === undefined) continue;
    if (Array.isArray(value)) text += ` ${before}${name}=${value.join(',') || 'none'}`;
    else if (typeof value === 'object' && value !== null) text += shown(value, `${before}${name}.`);
    else text += ` ${before}${name}=${typeof value === 'number' ? Math.round(value * 10) / 10 : String(value)}`;
  }
  return text;
}
