/**
 * Pins processes to cores, so that client and server never share one and the scheduler moves neither.
 * Works on Linux with `taskset` and two allowed cores; elsewhere nothing is pinned, and the report says so.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

export type Role = 'client' | 'server';

export interface Command {
  readonly file: string;
  readonly args: readonly string[];
}

/** `0-2,5` as the kernel writes it → 0, 1, 2, 5. */
export function coresOf(list: string): number[] {
  return list.split(',').flatMap((part) => {
    const [first, last = first] = part.split('-').map(Number);
    return Array.from({ length: last - first + 1 }, (_, index) => first + index);
  });
}

function findCores(): { client: number; server: number } | undefined {
  if (process.platform !== 'linux') return undefined;
  if (spawnSync('taskset', ['--version'], { stdio: 'ignore' }).status !== 0) return undefined;
  const allowed = /^Cpus_allowed_list:\s*(\S+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '';
  const [client, server] = coresOf(allowed);
  return server === undefined ? undefined : { client, server };
}

/** The two cores of this run; undefined where nothing can be pinned. */
export const cores = findCores();

export function pinned(role: Role, file: string, args: readonly string[]): Command {
  if (cores === undefined) return { file, args };
  return { file: 'taskset', args: ['-c', String(cores[role]), file, ...args] };
}
