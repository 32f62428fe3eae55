/**
 * Builds what is published: JavaScript with declarations in packages/<name>/dist.
 *
 *   npm run build
 *
 * Nothing here needs a build to run or to be tested (docs/decisions/0002). The gateway is compiled against the built
 * library, not its sources, and at the end every entry point is imported the way a user imports it.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, cpSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** In order: the second depends on the first. */
const PACKAGES = ['keepwarm', 'gateway'];

interface Manifest {
  readonly name: string;
  readonly bin?: Readonly<Record<string, string>>;
  readonly exports?: Readonly<Record<string, unknown>>;
}

function build(folder: string): void {
  rmSync(join(folder, 'dist'), { recursive: true, force: true });
  const tsc = join(root, 'node_modules', '.bin', 'tsc');
  const { status } = spawnSync(tsc, ['-p', join(folder, 'tsconfig.build.json')], { cwd: root, stdio: 'inherit' });
  if (status !== 0) throw new Error(`tsc failed for ${folder}`);
  // What tsc does not make: pages and styles, read at run time from beside the code, and what was compiled from
  // definitions, which is JavaScript with declarations already.
  const filter = (path: string) => !path.endsWith('.ts') || path.endsWith('.d.ts');
  cpSync(join(folder, 'src'), join(folder, 'dist'), { recursive: true, filter });
  for (const page of ['LICENSE', 'NOTICE', 'README.md']) copyFileSync(join(root, page), join(folder, page));
}

/** A program that cannot be started, or an entry that cannot be imported, is found here and not by its first user. */
function prove(folder: string): void {
  const manifest: Manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  for (const path of Object.values(manifest.bin ?? {})) {
    const program = join(folder, path);
    if (!readFileSync(program, 'utf8').startsWith('#!')) throw new Error(`${program} has no #! line`);
    chmodSync(program, 0o755);
  }
  for (const entry of Object.keys(manifest.exports ?? {}).filter((name) => !name.endsWith('.json'))) {
    const specifier = manifest.name + entry.slice(1);
    execFileSync(process.execPath, ['--input-type=module', '--eval', `await import('${specifier}')`], { cwd: root });
    console.log(`build: ${specifier} can be imported`);
  }
}

for (const name of PACKAGES) {
  const folder = join(root, 'packages', name);
  build(folder);
  prove(folder);
  console.log(`build: packages/${name}/dist`);
}
