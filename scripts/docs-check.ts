/**
 * The examples of the documentation, held to their word.
 *
 * Every block marked `ts` in the pages of the root and of docs/ is type-checked against the library as it is. A block
 * marked `ts run` is executed as well, with `https://api.example.com` standing for a server on loopback that answers
 * every request with a small JSON object; it must end by itself, with exit code 0, and may print what it likes. A block
 * marked `ts demo` is executed beside the demo of `npm start`, which answers at the addresses it is written with.
 *
 *   node scripts/docs-check.ts
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { startDemoProcess } from '../packages/gateway/test/demo-process.ts';
import { root } from './check.ts';
import { type Block, blocksOf } from './docs/markdown.ts';

/** The origin that examples are written with; reserved by RFC 2606 § 3, so that no example ever reaches a stranger. */
const EXAMPLE_ORIGIN = 'https://api.example.com';

/** Where the demo is found, by default. */
const DEMO_DATA = 'http://127.0.0.1:4300';
const DEMO_GEYSER = 'http://127.0.0.1:4310';

/** The longest an example may run, in ms. */
const RUN_MS = 90_000;

/** Examples live inside the repository so that they find the packages by name, as a user's code would. */
const FOLDER = join(root, '.tmp', 'docs');

export const pages = (): string[] => globSync(['*.md', 'docs/**/*.md'], { cwd: root }).sort();

export const examples = (): Block[] =>
  pages()
    .flatMap((page) => blocksOf(page, readFileSync(join(root, page), 'utf8')))
    .filter(({ language }) => language === 'ts');

const nameOf = ({ where }: Block): string => `${where.replaceAll(/[^\w]+/g, '-')}.ts`;

/** What the compiler says about these blocks, with pages and lines for the files it saw; empty when all is well. */
export function typeErrors(blocks: readonly Block[], folder = join(FOLDER, 'types')): string {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const block of blocks) writeFileSync(join(folder, nameOf(block)), `${block.text}\nexport {};\n`);
  const tsconfig = {
    extends: join(root, 'tsconfig.json'),
    compilerOptions: { noUnusedLocals: false, noUnusedParameters: false },
    include: ['*.ts'],
  };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(tsconfig));
  const tsc = join(root, 'node_modules', '.bin', 'tsc');
  const { stdout, status } = spawnSync(tsc, ['--noEmit', '--pretty', 'false', '-p', folder], { encoding: 'utf8' });
  rmSync(folder, { recursive: true });
  if (status === 0) return '';
  const at = new Map(blocks.map((block) => [nameOf(block), block.where]));
  return stdout.replaceAll(/^\S*?([\w-]+\.ts)\((\d+),\d+\)/gm, (all, name, line) => {
    const [page, first] = at.get(name)?.split(':') ?? [];
    return page === undefined ? all : `${page}:${Number(first) + Number(line) - 1}`;
  });
}

/** Executes a block, in a folder made for it, against a server on loopback. Resolves with what went wrong, or ''. */
export async function runBlock(block: Block, folder = join(FOLDER, 'run')): Promise<string> {
  const server = createServer((request, response) => {
    request.resume().on('end', () => {
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ ok: true, method: request.method, path: request.url }));
    });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  try {
    return await execute(block, folder, { [EXAMPLE_ORIGIN]: `http://127.0.0.1:${port}` });
  } finally {
    server.close();
    server.closeAllConnections();
  }
}

/** Executes blocks one after the other beside one demo, on free ports. Resolves with what went wrong, or ''. */
export async function runBesideDemo(blocks: readonly Block[], folder = join(FOLDER, 'demo')): Promise<string> {
  const demo = await startDemoProcess('--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0');
  const places = { [DEMO_DATA]: new URL(demo.example).origin, [DEMO_GEYSER]: demo.geyser };
  const failures: string[] = [];
  try {
    for (const block of blocks) failures.push(await execute(block, folder, places));
  } finally {
    await demo.stop();
  }
  return failures.filter((failure) => failure !== '').join('\n');
}

/** @param places what stands for the addresses an example is written with */
async function execute(block: Block, folder: string, places: Readonly<Record<string, string>>): Promise<string> {
  const file = join(folder, nameOf(block));
  mkdirSync(folder, { recursive: true });
  const text = Object.entries(places).reduce((text, [from, to]) => text.replaceAll(from, to), block.text);
  writeFileSync(file, text);
  const child = spawn(process.execPath, ['--conditions=keepwarm-source', file], { timeout: RUN_MS, cwd: root });
  let printed = '';
  child.stdout.on('data', (text) => (printed += text));
  child.stderr.on('data', (text) => (printed += text));
  const [code, signal] = await once(child, 'close');
  rmSync(folder, { recursive: true });
  if (code === 0) return '';
  const end = signal === null ? `ended with code ${code}` : `did not end within ${RUN_MS} ms`;
  return `${block.where} ${end}\n${printed}`;
}

if (import.meta.main) {
  const blocks = examples();
  const errors = typeErrors(blocks);
  if (errors !== '') console.log(errors);
  const runnable = blocks.filter(({ marks }) => marks.includes('run'));
  const failures: string[] = [];
  for (const block of runnable) failures.push(await runBlock(block));
  const beside = blocks.filter(({ marks }) => marks.includes('demo'));
  failures.push(await runBesideDemo(beside));
  const failed = failures.filter((failure) => failure !== '');
  for (const failure of failed) console.log(failure);
  console.log(
    `${blocks.length} examples type-checked, ${runnable.length + beside.length} run, ${failed.length} failed`,
  );
  process.exitCode = errors === '' && failed.length === 0 ? 0 : 1;
}
