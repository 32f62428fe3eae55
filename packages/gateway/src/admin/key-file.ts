/**
 * The token where the command line of the same person finds it: a file that nobody else can read, named after the admin
 * address, in a folder that nobody else can write to. It is there while the gateway runs.
 */
import { lstatSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { type Address, showAddress } from '../config/address.ts';
import type { Log } from '../logs/log.ts';

/** Where commands look, and the gateway writes. */
export function runtimeFolder(environment: NodeJS.ProcessEnv = process.env): string {
  const { KEEPWARM_RUNTIME_DIR: ours, XDG_RUNTIME_DIR: system } = environment;
  if (ours) return ours;
  return system ? join(system, 'keepwarm') : join(homedir(), '.keepwarm', 'run');
}

/** One name for the addresses by which this machine reaches the same listener. */
const NEAR: ReadonlySet<string> = new Set(['localhost', '0.0.0.0', '::', '::1']);

export function keyFile(folder: string, { host, port }: Address): string {
  const address = showAddress({ host: NEAR.has(host) ? '127.0.0.1' : host, port });
  return join(folder, `admin-${address.replaceAll(/[^\w.-]/g, '-')}.token`);
}

/** What the gateway at this address wrote; nothing when there is no such file, or it is not ours to read. */
export function readKey(folder: string, address: Address): string | undefined {
  try {
    return readFileSync(keyFile(folder, address), 'utf8').trim();
  } catch {
    return undefined; // whoever asks says what to do instead
  }
}

/** @throws Error when the folder cannot be had, or others could change what is in it */
function writeKey(folder: string, address: Address, token: string): { remove(): void } {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const { uid, mode } = lstatSync(folder);
  const me = process.getuid?.();
  if (me !== undefined && (uid !== me || (mode & 0o022) !== 0)) {
    throw new Error(`${folder} can be written to by others; allowed: a folder of your own with mode 0700`);
  }
  const file = keyFile(folder, address);
  const draft = `${file}.${process.pid}`;
  rmSync(draft, { force: true });
  writeFileSync(draft, `${token}\n`, { mode: 0o600, flag: 'wx' });
  renameSync(draft, file);
  return {
    remove: () => {
      if (readKey(folder, address) === token) rmSync(file, { force: true });
    },
  };
}

export type LeftKey = ReturnType<typeof writeKey>;

/** A gateway nobody can act on is one that serves: what is wrong is said, and it goes on. */
export function leaveKey(folder: string | undefined, admin: Address, token: string, log: Log): LeftKey | undefined {
  if (folder === undefined) return undefined;
  try {
    return writeKey(folder, admin, token);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    log.warn('the command line has no token: its actions need KEEPWARM_ADMIN_TOKEN', { reason });
    return undefined;
  }
}
