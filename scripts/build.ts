/**
 * Builds what is published: JavaScript with declarations in packages/<name>/dist.
 *
 *   npm run build
 *
 * Nothing here needs a build to run or to be tested (docs/decisions/0002). The gateway is compiled against the built
 * library, not its sources, and at the end every entry point is imported the way a user imports it.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build as esbuild } from 'esbuild';
import { bundlePage } from '../packages/gateway/src/admin/page-bundle.ts';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** In order: the second depends on the first. Named as arguments, only those. */
const PACKAGES = ['keepwarm', 'gateway'].filter((name) => process.argv.length <= 2 || process.argv.includes(name));

/** Folders of what was compiled from definitions, in the sources of a package that has some. */
const GENERATED = ['wire/geyser/generated'];

interface Manifest {
  readonly name: string;
  readonly bin?: Readonly<Record<string, string>>;
  readonly exports?: Readonly<Record<string, string | { readonly default: string }>>;
}

const manifestOf = (folder: string): Manifest => JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));

async function build(folder: string): Promise<void> {
  const dist = join(folder, 'dist');
  rmSync(dist, { recursive: true, force: true });
  const manifest = manifestOf(folder);
  // A program finds its threads and its page by where its files lie; a library is found by its entries alone.
  const modules = manifest.bin === undefined ? join(dist, '.modules') : dist;
  // Comments are for declarations, where editors show them, and for the sources, which maps lead to: in JavaScript they
  // are a fifth of what is loaded. `--removeComments` takes them out of both, so each is written by itself.
  compile(folder, [
    ...['--noCheck', '--removeComments', '--outDir', modules],
    ...['--declaration', 'false', '--declarationMap', 'false'],
  ]);
  if (modules !== dist) await bundle(folder, modules, manifest);
  // Declarations come last: where they are, the JavaScript is.
  compile(folder, ['--emitDeclarationOnly']);
  copyCompiled(folder, dist, '.d.ts');
  const page = join(folder, 'src', 'page');
  if (existsSync(page)) await writePage(page, join(dist, 'page'));
  for (const name of ['LICENSE', 'NOTICE', 'README.md']) copyFileSync(join(root, name), join(folder, name));
}

/** What tsc does not make: what was compiled from definitions, which is JavaScript with declarations already. */
function copyCompiled(folder: string, to: string, ending: string): void {
  const filter = (path: string) => statSync(path).isDirectory() || path.endsWith(ending);
  for (const each of GENERATED) {
    const from = join(folder, 'src', each);
    if (existsSync(from)) cpSync(from, join(to, each), { recursive: true, filter });
  }
}

/**
 * The library's JavaScript: a file for each entry point, and what several need in files they share. Module by module,
 * its hundreds of files cost every process that imports it twice the time and a third more heap (decision 0035).
 */
async function bundle(folder: string, modules: string, { exports = {} }: Manifest): Promise<void> {
  copyCompiled(folder, modules, '.js');
  const programs = Object.values(exports).flatMap((entry) => (typeof entry === 'object' ? entry.default : []));
  await esbuild({
    absWorkingDir: modules,
    entryPoints: programs.map((path) => path.replace('./dist', modules)),
    outbase: modules,
    outdir: join(folder, 'dist'),
    chunkNames: 'shared/[hash]',
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'esnext', // it is what tsc made it
    packages: 'external',
    sourcemap: true,
    sourcesContent: false,
    logLevel: 'warning',
  });
  rmSync(modules, { recursive: true });
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
  const manifest = manifestOf(folder);
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
