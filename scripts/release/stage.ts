/**
 * The published packages as a stranger gets them: built in a copy, packed by npm, unpacked into an empty folder.
 *
 * The copy stands in .tmp/ of the repository, so that what a package is built with is found, and the checkout's own
 * `dist` folders, which somebody may be using, stay as they are.
 */
import { execFile, execFileSync } from 'node:child_process';
import { copyFileSync, cpSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { root } from '../check.ts';

const run = promisify(execFile);

/** In the order in which they are built: the second depends on the first. */
export const PACKAGES = ['keepwarm', 'gateway'] as const;
export type PackageFolder = (typeof PACKAGES)[number];

/** What a build reads, in the root of the repository. */
export const READ = {
  files: ['package.json', 'tsconfig.json', 'LICENSE', 'NOTICE', 'README.md'],
  folders: ['scripts', ...PACKAGES.map((name) => join('packages', name))],
  isLeftOut: (path: string): boolean => /\/(?:dist|test|node_modules)$/.test(path),
} as const;

export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly exports?: Readonly<Record<string, string | Readonly<Record<string, string>>>>;
  readonly bin?: Readonly<Record<string, string>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional?: boolean }>>;
}

export const manifestOf = (folder: string): Manifest => JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));

/** What can be imported of the library, as `.` or `./jsonrpc`. */
export const subpathsOf = ({ exports = {} }: Manifest): string[] =>
  Object.keys(exports).filter((path) => !path.endsWith('.json'));

/** Everything a build reads, in a folder of its own. */
export function stage(name: string): string {
  const folder = join(root, '.tmp', name);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(join(folder, 'node_modules'), { recursive: true });
  for (const file of READ.files) copyFileSync(join(root, file), join(folder, file));
  for (const part of READ.folders) {
    cpSync(join(root, part), join(folder, part), { recursive: true, filter: (path) => !READ.isLeftOut(path) });
  }
  symlinkSync(join(root, 'node_modules', '.bin'), join(folder, 'node_modules', '.bin'));
  for (const name of PACKAGES) {
    const place = join(folder, 'packages', name);
    symlinkSync(place, join(folder, 'node_modules', manifestOf(place).name));
    const own = join(root, 'packages', name, 'node_modules');
    if (existsSync(own)) symlinkSync(own, join(place, 'node_modules'));
  }
  return folder;
}

/** Builds a staged copy. @returns what the build printed @throws with what it printed, when it failed */
export async function build(staged: string, names: readonly PackageFolder[] = PACKAGES): Promise<string> {
  const args = [join(staged, 'scripts', 'build.ts'), ...names];
  const { stdout, stderr, code } = await run(process.execPath, args, { cwd: staged }).catch((failed) => failed);
  if (code !== undefined) throw new Error(`the build failed\n${stdout}${stderr}`);
  return stdout;
}

/** Packs one package of a built copy. @returns the path of the file npm would upload */
export async function pack(staged: string, name: PackageFolder): Promise<string> {
  const args = ['pack', '--silent', '--ignore-scripts', '--pack-destination', staged];
  const { stdout } = await run('npm', args, { cwd: join(staged, 'packages', name) });
  return join(staged, stdout.trim());
}

/** Unpacks a packed file where Node looks for `name` from `folder`. @returns the names of its files */
export function unpack(file: string, folder: string, name: string): string[] {
  const place = join(folder, 'node_modules', name);
  rmSync(place, { recursive: true, force: true });
  mkdirSync(place, { recursive: true });
  execFileSync('tar', ['xzf', file, '-C', place, '--strip-components', '1']);
  const listed = execFileSync('tar', ['tzf', file], { encoding: 'utf8' });
  return listed.split('\n').flatMap((line) => (line === '' ? [] : [line.replace(/^package\//, '')]));
}

/** Makes an installed package visible from `folder` as well, with nothing that stands beside it. */
export function lend(name: string, folder: string): void {
  const place = join(folder, 'node_modules', name);
  mkdirSync(dirname(place), { recursive: true });
  const from = [root, ...PACKAGES.map((part) => join(root, 'packages', part))];
  const found = from.map((path) => join(path, 'node_modules', name)).find((path) => existsSync(path));
  if (found === undefined) throw new Error(`${name} is not installed`);
  if (!existsSync(place)) symlinkSync(found, place);
}
