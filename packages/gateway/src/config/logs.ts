/** The block `logs`: what is written while the gateway runs, how much of it, and in which form. */
import { ConfigError } from './config-error.ts';
import { milliseconds, object, show } from './values.ts';

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;
export const LOG_FORMATS = ['auto', 'json', 'text'] as const;
export const LOG_CALLS = ['none', 'failed', 'all'] as const;

export interface LogsConfig {
  /** The least that is written. */
  readonly level: (typeof LOG_LEVELS)[number];
  /** `json`: one object per line. `text`: short lines for people. `auto`: text on a terminal, JSON elsewhere. */
  readonly format: (typeof LOG_FORMATS)[number];
  /** Which calls get a line each. */
  readonly calls: (typeof LOG_CALLS)[number];
  /** How often a line sums up each upstream, in ms; 0 for never. */
  readonly summaryMs: number;
}

/** A line per call costs more than the call: only those that failed get one, and no more than a few a second. */
export const LOGS_DEFAULTS: LogsConfig = { level: 'info', format: 'auto', calls: 'failed', summaryMs: 0 };

const LOGS_NAMES: readonly string[] = Object.keys(LOGS_DEFAULTS);

/** More often is a flood, not a summary. */
const SUMMARY_MS_MIN = 1_000;

/** @throws ConfigError */
export function parseLogs(input: unknown): LogsConfig {
  const given = { ...LOGS_DEFAULTS, ...object(input, 'logs', LOGS_NAMES) };
  const summaryMs = milliseconds(given.summaryMs, 'logs.summaryMs', 0);
  if (summaryMs > 0 && summaryMs < SUMMARY_MS_MIN) {
    throw new ConfigError('logs.summaryMs', `is ${summaryMs}; allowed: 0 for none, or at least ${SUMMARY_MS_MIN}`);
  }
  return {
    level: choice(given.level, 'logs.level', LOG_LEVELS),
    format: choice(given.format, 'logs.format', LOG_FORMATS),
    calls: choice(given.calls, 'logs.calls', LOG_CALLS),
    summaryMs,
  };
}

function choice<T extends string>(value: unknown, path: string, allowed: readonly T[]): T {
  const found = allowed.find((each) => each === value);
  if (found === undefined) throw new ConfigError(path, `is ${show(value)}; allowed: ${allowed.join(', ')}`);
  return found;
}
