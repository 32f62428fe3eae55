/** `workers`: how many processes do the work, and what each of them gets of what there is to share. */
import { availableParallelism } from 'node:os';
import { ConfigError } from './config-error.ts';
import { show } from './values.ts';

export const WORKERS_DEFAULT = 1;
/** More than this many processes on one machine get in each other's way. */
export const WORKERS_MAX = 64;

/** A number, or `auto` for one per core. @throws ConfigError */
export function parseWorkers(value: unknown, path = 'workers'): number {
  if (value === 'auto') return Math.min(availableParallelism(), WORKERS_MAX);
  const count = typeof value === 'string' && /^\d{1,3}$/.test(value) ? Number(value) : value;
  if (typeof count === 'number' && Number.isInteger(count) && count >= 1 && count <= WORKERS_MAX) return count;
  throw new ConfigError(path, `is ${show(value)}; allowed: auto, or a whole number from 1 to ${WORKERS_MAX}`);
}
