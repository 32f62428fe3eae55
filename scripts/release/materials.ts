/**
 * A bill of materials in CycloneDX: everything a user of the published packages receives, bundled parts included.
 * `npm sbom` leaves out of a workspace what stands in the root's node_modules, and knows nothing of what a bundle
 * holds.
 */
import { Buffer } from 'node:buffer';
import { join } from 'node:path';
import { root } from '../check.ts';
import { lockedPackages, shipped } from './licences.ts';
import { type Manifest, manifestOf, PACKAGES } from './stage.ts';

/** As package URLs have it: the `@` of a scope is quoted. */
const urlOf = (name: string, version: string) => `pkg:npm/${name.replace('@', '%40')}@${version}`;

function component(name: string, version: string, licence: string, integrity: string | undefined): object {
  const [algorithm = '', digest = ''] = (integrity ?? '').split('-');
  const content = Buffer.from(digest, 'base64').toString('hex');
  const hashes = algorithm === 'sha512' ? [{ alg: 'SHA-512', content }] : [];
  const purl = urlOf(name, version);
  return { type: 'library', 'bom-ref': purl, name, version, purl, licenses: [{ expression: licence }], hashes };
}

/** The bill as text, the same for the same lock file. */
export function billOfMaterials(): string {
  const lock = lockedPackages();
  const ours: readonly Manifest[] = PACKAGES.map((folder) => manifestOf(join(root, 'packages', folder)));
  const parts = [...shipped(lock)].sort().map((path) => {
    const { version = '', license = 'NOASSERTION', integrity } = lock[path] ?? {};
    return component(path.replace(/^.*node_modules\//, ''), version, license, integrity);
  });
  const own = ours.map(({ name, version }) => component(name, version, 'MIT', undefined));
  const bill = { bomFormat: 'CycloneDX', specVersion: '1.6', version: 1, components: [...own, ...parts] };
  return `${JSON.stringify(bill, undefined, 2)}\n`;
}
