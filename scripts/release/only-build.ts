/**
 * Makes of a clone one that only builds: out of its manifests and its lock file goes what tests and benches need and no
 * build reads, most of what `npm ci` would fetch. What is left keeps its version and its checksum.
 *
 *   node scripts/release/only-build.ts     in a clone that is thrown away afterwards, such as that of an image's build
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../check.ts';
import { resolved } from './licences.ts';
import { PACKAGES } from './stage.ts';

/**
 * Beside what the published packages depend on: compilers, what they are given to compile, and types. The pinned
 * Node.js is not among them: an image brings its own, which builds what it will run.
 */
export const NEEDED: ReadonlySet<string> = new Set([
  ...['typescript', '@types/node', 'esbuild', 'preact', 'uplot'],
  ...['@bufbuild/buf', '@bufbuild/protoc-gen-es', 'laserstream-core-proto-js'],
  ...['@bufbuild/protobuf', '@connectrpc/connect', '@opentelemetry/api', 'ioredis', 'socks', 'undici'],
]);

type Names = Readonly<Record<string, string>>;
/** What a manifest and its entry in the lock file have in common, and what only one of them has. */
interface Entry {
  readonly link?: boolean;
  readonly workspaces?: readonly string[];
  readonly dependencies?: Names;
  readonly devDependencies?: Names;
  readonly optionalDependencies?: Names;
  readonly peerDependencies?: Names;
  readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional?: boolean }>>;
}
type Entries = Readonly<Record<string, Entry>>;

/** @param path the workspace it is of; empty for the clone itself */
export function lightened<T extends Entry>(entry: T, path: string): T {
  const needed = (names: Names = {}) => Object.fromEntries(Object.entries(names).filter(([name]) => NEEDED.has(name)));
  const published = PACKAGES.some((name) => path === `packages/${name}`);
  return {
    ...entry,
    ...(entry.dependencies && !published && { dependencies: needed(entry.dependencies) }),
    ...(entry.devDependencies && { devDependencies: needed(entry.devDependencies) }),
  };
}

/** @param lock the entries of a lock file by their paths @returns those that are left */
export function lightenedLock(lock: Entries): Entries {
  const ours = ['', ...(lock['']?.workspaces ?? [])];
  const left = new Map<string, Entry>();
  const visit = (path: string) => {
    const entry = lock[path];
    if (entry === undefined || left.has(path)) return;
    const kept = ours.includes(path) ? lightened(entry, path) : { ...entry, devDependencies: {} };
    left.set(path, ours.includes(path) ? kept : entry);
    const { dependencies, devDependencies, optionalDependencies, peerDependencies = {}, peerDependenciesMeta } = kept;
    const peers = Object.keys(peerDependencies).filter((name) => peerDependenciesMeta?.[name]?.optional !== true);
    const names = Object.keys({ ...dependencies, ...devDependencies, ...optionalDependencies });
    for (const name of [...names, ...peers]) visit(resolved(lock, path, name) ?? '');
  };
  for (const path of ours) visit(path);
  for (const [path, { link }] of Object.entries(lock)) if (link === true) visit(path);
  return Object.fromEntries([...left].sort(([a], [b]) => (a < b ? -1 : 1)));
}

if (import.meta.main) {
  const rewrite = <T>(file: string, change: (content: T) => T) => {
    const content: T = JSON.parse(readFileSync(join(root, file), 'utf8'));
    writeFileSync(join(root, file), `${JSON.stringify(change(content), undefined, 2)}\n`);
    return content;
  };
  const lock = rewrite<{ packages: Entries }>('package-lock.json', (whole) => ({
    ...whole,
    packages: lightenedLock(whole.packages),
  }));
  for (const path of ['', ...(lock.packages['']?.workspaces ?? [])]) {
    rewrite<Entry>(join(path, 'package.json'), (manifest) => lightened(manifest, path));
  }
}
