/** Temporary folders and processes that are gone when the run is, even when it is interrupted. */
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Scratch {
  readonly folder: string;
  /** Removes the folder. */
  close(): void;
}

export function scratch(): Scratch {
  const folder = mkdtempSync(join(tmpdir(), 'keepwarm-bench-'));
  const close = (): void => {
    process.off('exit', close);
    rmSync(folder, { recursive: true, force: true });
  };
  process.once('exit', close);
  return { folder, close };
}

/** Ends the process with ours, should it still run by then. */
export function tether(child: ChildProcess): void {
  const end = (): void => void child.kill('SIGKILL');
  process.once('exit', end);
  child.once('exit', () => process.off('exit', end));
}
