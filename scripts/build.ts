/**
 * Builds what is published: JavaScript with declarations in packages/<name>/dist.
 *
 *   npm run build
 *
 * Nothing here needs a build to run or to be tested (docs/decisions/0002). The gateway is compiled against the built
 * library, not its sources, and at the end every entry point is imported the way a user imports it.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { bundlePage } from '../packages/gateway/src/admin/page-bundle.ts';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** In order: the second depends on the first. Named as arguments, only those. */
const PACKAGES = ['keepwarm', 'gateway'].filter((name) => process.argv.length <= 2 || process.argv.includes(name));

interface Manifest {
  readonly name: string;
  readonly bin?: Readonly<Record<string, string>>;
  readonly exports?: Readonly<Record<string, unknown>>;
}

async function build(folder: string): Promise<void> {
  rmSync(join(folder, 'dist'), { recursive: true, force: true });
  compile(folder, ['--emitDeclarationOnly']);
  // Comments are for declarations, where editors show them, and for the sources, which maps lead to: in JavaScript they
  // are a fifth of what is loaded. `--removeComments` takes them out of both, so each is written by itself.
  compile(folder, ['--noCheck', '--removeComments', '--declaration', 'false', '--declarationMap', 'false']);
  // What tsc does not make: what was compiled from definitions, which is JavaScript with declarations already.
  const page = join(folder, 'src', 'page');
  const filter = (path: string) => path !== page && (!path.endsWith('.ts') || path.endsWith('.d.ts'));
  cpSync(join(folder, 'src'), join(folder, 'dist'), { recursive: true, filter });
  if (existsSync(page)) await writePage(page, join(folder, 'dist', 'page'));
  for (const name of ['LICENSE', 'NOTICE', 'README.md']) copyFileSync(join(root, name), join(folder, name));
}

function compile(folder: string, options: readonly string[]): void {
  const tsc = join(root, 'node_modules', '.bin', 'tsc');
  const args = ['-p', join(folder, 'tsconfig.build.json'), ...options];
  const { status } = spawnSync(tsc, args, { cwd: root, stdio: 'inherit' });
  if (status !== 0) throw new Error(`tsc failed for ${folder}`);
}

/** The gateway's page, as files that a browser loads. */
async function writePage(from: string, to: string): Promise<void> {
  mkdirSync(to, { recursive: true });
  for (const [name, content] of await bundlePage(pathToFileURL(`${from}/`))) writeFileSync(join(to, name), content);
}

/** A program that cannot be started, or an entry that cannot be imported, is found here and not by its first user. */
function prove(folder: string): void {
  const manifest: Manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  for (const path of Object.values(manifest.bin ?? {})) {
    const program = join(folder, path);
    if (!readFileSync(program, 'utf8').startsWith('#!')) throw new Error(`${program} has no #! line`);
    chmodSync(program, 0o755);
  }
  const entries = Object.keys(manifest.exports ?? {}).filter((name) => !name.endsWith('.json'));
  const imports = entries
    .map((entry) => manifest.name + entry.slice(1))
    .map((specifier) => `await import('${specifier}'); console.log('build: ${specifier} can be imported');`);
  // One after the other in one process, since to start one for each takes longer than the compiler.
  execFileSync(process.execPath, ['--input-type=module', '--eval', imports.join('\n')], {
    cwd: root,
    stdio: 'inherit',
  });
}

for (const name of PACKAGES) {
  const folder = join(root, 'packages', name);
  await build(folder);
  prove(folder);
  console.log(`build: packages/${name}/dist`);
}
