/** The block `callerRate` of an upstream: how many requests each caller may make in any window. */
import { ConfigError } from './config-error.ts';
import { number, object, show, text, whole } from './values.ts';

export interface CallerRateConfig {
  /** Requests of one caller in any window of `windowMs`; exact, not on average. */
  readonly limit: number;
  /** In ms. Default 1 s. */
  readonly windowMs: number;
  /** Who is one caller: an `address` (of IPv6 its /64), or whoever shows the same value in this header. */
  readonly by: 'address' | { readonly header: string };
  /** Callers remembered; with more that are active, newcomers share one limit. Default 10,000. */
  readonly keysMax: number;
}

export const CALLER_RATE_DEFAULTS = { windowMs: 1_000, by: 'address', keysMax: 10_000 } as const;

const NAMES = ['limit', ...Object.keys(CALLER_RATE_DEFAULTS)];
const HEADER = /^header:([!#$%&'*+\-.^_`|~0-9A-Za-z]+)$/;

/** @throws ConfigError */
export function parseCallerRate(input: unknown, path: string): CallerRateConfig | undefined {
  if (input === undefined) return undefined;
  const given = object(input, path, NAMES);
  return {
    limit: whole(given['limit'], `${path}.limit`, 1),
    windowMs: number(given['windowMs'] ?? CALLER_RATE_DEFAULTS.windowMs, `${path}.windowMs`, 1),
    by: parseBy(given['by'] ?? CALLER_RATE_DEFAULTS.by, `${path}.by`),
    keysMax: whole(given['keysMax'] ?? CALLER_RATE_DEFAULTS.keysMax, `${path}.keysMax`, 1),
  };
}

/** @throws ConfigError */
export function parseBy(input: unknown, path: string): CallerRateConfig['by'] {
  const value = text(input, path);
  if (value === 'address') return value;
  const header = HEADER.exec(value)?.[1];
  if (header !== undefined) return { header: header.toLowerCase() };
  throw new ConfigError(path, `is ${show(value)}; allowed: address, header:NAME`);
}
