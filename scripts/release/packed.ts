/**
 * The published packages, built and packed once for all who look at them: a build takes nine seconds of a processor,
 * and more than one test file needs one. Kept in .tmp/ under a name made of everything a build reads, so that what is
 * found there is what these sources become. Nobody writes to it but who makes it.
 *
 *   nothing ──▶ being made, by the process that its lock names ──▶ made
 *                  └──that process is gone: the next one makes it anew
 */
import { createHash } from 'node:crypto';
import {
  existsSync,
  globSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { root } from '../check.ts';
import { build, PACKAGES, pack, READ, stage } from './stage.ts';

export interface Packed {
  /** The copy they were built in. */
  readonly staged: string;
  /** The files npm would upload. */
  readonly library: string;
  readonly gateway: string;
}

const PREFIX = 'packed-';
/** How often it is looked whether another process has made it, in ms. */
const LOOK_MS = 100;
/** What others were made of, and nobody has touched for so long, is thrown away, in ms. */
const OLD_MS = 3_600_000;

/** @throws with what the build printed, when it failed */
export async function packedOnce(): Promise<Packed> {
  const name = `${PREFIX}${fingerprint()}`;
  const made = await madeOnce(join(root, '.tmp', name), async (): Promise<Packed> => {
    forgetOld();
    const staged = stage(name);
    await build(staged);
    const [library = '', gateway = ''] = await Promise.all(PACKAGES.map((each) => pack(staged, each)));
    return { staged, library, gateway };
  });
  return made as Packed;
}

/**
 * What `make` has resolved with, once; it is kept in the folder, as JSON. Whoever asks first makes it, the others wait.
 *
 * @throws what `make` throws; whoever asks next tries again
 */
export async function madeOnce(folder: string, make: () => Promise<object>): Promise<unknown> {
  const [lock, made] = [`${folder}.lock`, join(folder, 'made.json')];
  mkdirSync(dirname(folder), { recursive: true });
  for (; !existsSync(made); await sleep(LOOK_MS)) {
    if (!taken(lock)) continue;
    try {
      if (existsSync(made)) break; // between the two looks
      const result = JSON.stringify(await make());
      mkdirSync(folder, { recursive: true });
      writeFileSync(`${made}.new`, result);
      renameSync(`${made}.new`, made); // nobody reads half of it
    } finally {
      rmSync(lock, { force: true });
    }
  }
  return JSON.parse(readFileSync(made, 'utf8'));
}

/** Whether this process makes it; one that names a process that is gone is taken away, for the next look. */
function taken(lock: string): boolean {
  try {
    writeFileSync(lock, String(process.pid), { flag: 'wx' });
    return true;
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  }
  if (!isAlive(lock)) rmSync(lock, { force: true });
  return false;
}

function isAlive(lock: string): boolean {
  try {
    const pid = Number(readFileSync(lock, 'utf8'));
    if (pid > 0) process.kill(pid, 0); // who has not written its number yet is there
    return true;
  } catch (error) {
    // Gone with its lock, done meanwhile; or gone without.
    return !(error instanceof Error && 'code' in error && error.code === 'ESRCH');
  }
}

function forgetOld(): void {
  const now = Date.now();
  for (const each of readdirSync(join(root, '.tmp')).filter((name) => name.startsWith(PREFIX))) {
    const place = join(root, '.tmp', each);
    if (now - (statSync(place, { throwIfNoEntry: false })?.mtimeMs ?? now) > OLD_MS) {
      rmSync(place, { recursive: true, force: true });
    }
  }
}

/** Of everything that is copied to be built, and of what it is built with. */
function fingerprint(): string {
  const hash = createHash('sha256');
  const folders = READ.folders.flatMap((folder) =>
    globSync(`${folder}/**/*`, { cwd: root, exclude: (path) => READ.isLeftOut(`/${path}`) }).filter((path) =>
      statSync(join(root, path)).isFile(),
    ),
  );
  for (const file of [...READ.files, 'package-lock.json', ...folders.sort()]) {
    hash
      .update(`${file}\0`)
      .update(readFileSync(join(root, file)))
      .update('\0');
  }
  return hash.digest('hex').slice(0, 16);
}
