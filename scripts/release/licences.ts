/**
 * Under which licences the code stands that we use, as package-lock.json knows it.
 *
 * What reaches a user, as a dependency of a published package or inside its files, must be permissive without a doubt.
 * What only tests or builds may be anything that asks nothing of those who merely run it; exceptions are named.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../check.ts';
import { manifestOf, PACKAGES } from './stage.ts';

const PERMISSIVE = new Set(['MIT', 'ISC', '0BSD', 'BSD-2-Clause', 'BSD-3-Clause', 'Apache-2.0', 'BlueOak-1.0.0']);
/** Of data, and of code that is only run. */
const FOR_TOOLS = new Set(['CC0-1.0', 'CC-BY-3.0', 'CC-BY-4.0', 'MPL-2.0', 'Python-2.0', 'Unlicense', 'Zlib']);

/** Development only, and each for a reason. */
const EXCEPTIONS: Readonly<Record<string, string>> = {
  '@triton-one/yellowstone-grpc-napi-linux-x64-gnu': 'a binary of a package that says Apache-2.0',
  '@triton-one/yellowstone-grpc-napi-linux-x64-musl': 'a binary of a package that says Apache-2.0',
  eyes: 'its LICENSE file is the MIT licence',
  'text-encoding-utf-8': 'its LICENSE.md is the Unlicense',
  'rpc-websockets': 'LGPL-3.0-only; comes with @solana/web3.js, which tests and benches run unmodified',
};

interface Locked {
  readonly version?: string;
  readonly integrity?: string;
  readonly license?: string;
  readonly link?: boolean;
  readonly dependencies?: Readonly<Record<string, string>>;
}

type Lock = Readonly<Record<string, Locked>>;

export const lockedPackages = (): Lock => JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages;

/** `A OR B` needs one that is allowed, `A AND B` both. */
export function allowed(licence: string, list: ReadonlySet<string>): boolean {
  const plain = licence.replace(/^\((.*)\)$/, '$1');
  if (plain.includes(' OR ')) return plain.split(' OR ').some((part) => allowed(part, list));
  return plain.split(' AND ').every((part) => list.has(part.trim()));
}

/** Where Node would find `name` from a package's folder, as a path of the lock file. */
export function resolved(lock: Readonly<Record<string, unknown>>, from: string, name: string): string | undefined {
  for (let place = from; ; place = place.replace(/(?:^|\/)(?:node_modules\/)?(?:@[^/]+\/)?[^/]+$/, '')) {
    const path = [place, 'node_modules', name].filter((part) => part !== '').join('/');
    if (lock[path] !== undefined) return path;
    if (place === '') return undefined;
  }
}

/** Bundled into the gateway's page by esbuild: in what is published, though npm calls them development. */
const BUNDLED: Readonly<Record<string, readonly string[]>> = { gateway: ['preact', 'uplot'] };

/** Paths in the lock file of everything a user of the published packages receives. */
export function shipped(lock: Lock = lockedPackages()): Set<string> {
  const found = new Set<string>();
  const visit = (path: string) => {
    if (found.has(path)) return;
    found.add(path);
    for (const name of Object.keys(lock[path]?.dependencies ?? {})) {
      const place = resolved(lock, path, name);
      if (place !== undefined) visit(place);
    }
  };
  for (const folder of PACKAGES) {
    const { dependencies = {} } = manifestOf(join(root, 'packages', folder));
    for (const name of [...Object.keys(dependencies), ...(BUNDLED[folder] ?? [])]) {
      const place = resolved(lock, `packages/${folder}`, name);
      if (place !== undefined && lock[place]?.link !== true) visit(place);
    }
  }
  return found;
}

const nameOf = (path: string) => path.replace(/^.*node_modules\//, '');

/** Every package whose licence does not fit its use, and why. */
export function licenceFaults(lock: Lock = lockedPackages()): string[] {
  const reaching = shipped(lock);
  const tools = new Set([...PERMISSIVE, ...FOR_TOOLS]);
  return Object.entries(lock).flatMap(([path, { license, link }]) => {
    if (link === true || !path.includes('node_modules/')) return [];
    const name = nameOf(path);
    const known = license ?? licenceOnDisk(path);
    const ships = reaching.has(path);
    if (known !== undefined && allowed(known, ships ? PERMISSIVE : tools)) return [];
    if (!ships && EXCEPTIONS[name] !== undefined) return [];
    return [`${name}: ${known ?? 'no licence is stated'}${ships ? ', and users receive it' : ''}`];
  });
}

/** Some say it only in a form that npm does not copy into the lock file. */
function licenceOnDisk(path: string): string | undefined {
  try {
    const manifest = JSON.parse(readFileSync(join(root, path, 'package.json'), 'utf8'));
    return manifest.license?.type ?? manifest.licenses?.[0]?.type;
  } catch {
    return undefined; // an optional package of another platform is not here to be read
  }
}
