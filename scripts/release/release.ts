/**
 * Makes what is uploaded, and uploads it when told to.
 *
 *   npm run release                 builds, packs, writes the bill of materials and checksums into .tmp/release
 *   npm run release -- --publish    and publishes it, with provenance: only from CI that can vouch for itself
 *
 * Nothing is built or changed in the checkout itself, so what is published is what was committed: with `--publish` a
 * checkout with changes is refused.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { root } from '../check.ts';
import { billOfMaterials } from './materials.ts';
import { build, manifestOf, PACKAGES, pack, stage } from './stage.ts';

const OUT = join(root, '.tmp', 'release');

/** What npm shows beside a package, and compares with where it was built: `repository` must be the CI's own. */
const ADDRESSES = {
  repository: (folder: string) =>
    `{ "type": "git", "url": "git+https://HOST/OWNER/NAME.git", "directory": "${folder}" }`,
  homepage: () => '"https://HOST/OWNER/NAME#readme"',
  bugs: () => '{ "url": "https://HOST/OWNER/NAME/issues" }',
};

/**
 * Why nothing may be published from here, in words that say what to do; empty when it may.
 *
 * @param changes what `git status --porcelain` prints
 * @param manifests of the packages to be published, by folder
 */
export function obstacles(
  env: NodeJS.ProcessEnv,
  changes: string,
  manifests: Readonly<Record<string, object>>,
): string[] {
  const found: string[] = [];
  if (changes.trim() !== '')
    found.push('the checkout has changes; commit them, as only what is committed is published');
  for (const [folder, manifest] of Object.entries(manifests)) {
    const missing = Object.entries(ADDRESSES).filter(([field]) => Reflect.get(manifest, field) === undefined);
    if (missing.length === 0) continue;
    const lines = missing.map(([field, value]) => `\n    "${field}": ${value(folder)},`).join('');
    found.push(
      `${folder}/package.json does not say where the sources are, which provenance is compared with; set${lines}`,
    );
  }
  if (env['ACTIONS_ID_TOKEN_REQUEST_URL'] === undefined && env['SIGSTORE_ID_TOKEN'] === undefined) {
    found.push('nobody vouches for this machine: provenance needs CI with an identity token (id-token: write)');
  }
  return found;
}

/** @returns the paths of the packed files, in the order in which they are published */
export async function prepare(out = OUT): Promise<string[]> {
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out, { recursive: true });
  const staged = stage(`release-${process.pid}`);
  try {
    await build(staged);
    const files: string[] = [];
    for (const name of PACKAGES) {
      const packed = await pack(staged, name);
      files.push(join(out, basename(packed)));
      copyFileSync(packed, join(out, basename(packed)));
    }
    writeFileSync(join(out, 'sbom.cdx.json'), billOfMaterials());
    const sums = files.map(
      (file) => `${createHash('sha256').update(readFileSync(file)).digest('hex')}  ${basename(file)}`,
    );
    writeFileSync(join(out, 'SHA256SUMS'), `${sums.join('\n')}\n`);
    return files;
  } finally {
    rmSync(staged, { recursive: true, force: true });
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { publish: { type: 'boolean', default: false } } });
  if (values.publish) {
    const changes = execFileSync('git', ['status', '--porcelain'], { cwd: root, encoding: 'utf8' });
    const folders = PACKAGES.map((name) => `packages/${name}`);
    const manifests = Object.fromEntries(folders.map((folder) => [folder, manifestOf(join(root, folder))]));
    const reasons = obstacles(process.env, changes, manifests);
    for (const reason of reasons) console.error(`release: ${reason}`);
    if (reasons.length > 0) return void (process.exitCode = 1);
  }
  for (const file of await prepare()) {
    console.log(`release: ${file}`);
    if (!values.publish) continue;
    const { status } = spawnSync('npm', ['publish', file, '--provenance', '--access', 'public'], { stdio: 'inherit' });
    if (status !== 0) return void (process.exitCode = 1);
  }
}

if (import.meta.main) await main();
