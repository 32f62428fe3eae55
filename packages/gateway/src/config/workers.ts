/** `workers`: how many processes do the work, and what each of them gets of what there is to share. */
import { availableParallelism } from 'node:os';
import { ConfigError } from './config-error.ts';
import { show } from './values.ts';

export const WORKERS_DEFAULT = 1;
/** More than this many processes on one machine get in each other's way. */
export const WORKERS_MAX = 64;
/**
 * How long a worker may say nothing before it is ended, in ms. A turn of its loop takes milliseconds; what takes
 * longest and is well, a full garbage collection of gigabytes or the parsing of a body of 64 MiB, takes a few seconds,
 * and some times that on a machine that is overloaded or swaps. It is what gunicorn gives its workers too.
 */
export const WORKER_SILENT_MS = 30_000;
/** Two words that did not come. */
export const WORKER_SILENT_MS_MIN = 2_000;

/** A number, or `auto` for one per core. @throws ConfigError */
export function parseWorkers(value: unknown, path = 'workers'): number {
  if (value === 'auto') return Math.min(availableParallelism(), WORKERS_MAX);
  const count = typeof value === 'string' && /^\d{1,3}$/.test(value) ? Number(value) : value;
  if (typeof count === 'number' && Number.isInteger(count) && count >= 1 && count <= WORKERS_MAX) return count;
  throw new ConfigError(path, `is ${show(value)}; allowed: auto, or a whole number from 1 to ${WORKERS_MAX}`);
}
