/**
 * The examples of the documentation, held to their word.
 *
 * Every block marked `ts` in the pages of the root and of docs/ is type-checked against the library as it is, and run,
 * in the way that the words behind its language say:
 *
 *   run      it is executed, must end by itself, with exit code 0, and may print what it likes; those of a page share a
 *            process, in their order;
 *   serve    it goes on for good: it must print something, and is ended then;
 *   throws   it must end with a NetError that nobody catches;
 *   demo     it is run beside the demo of `npm start`, which answers at the addresses it is written with;
 *   node     it is run against a real node of its chain, by scripts/test/migrations.test.ts;
 *   gateway  it is run beside the gateway of its page, by scripts/test/docs-commands.test.ts;
 *   walk     it is written to a file and run where its page is followed, by scripts/test/packages.test.ts;
 *   types    it only declares something: there is nothing to run;
 *   parsed   it needs a package that is not among ours, and is looked at by `node --check` only.
 *
 * What an example calls is a stand-in on loopback (`docs/world/`), what it reads lies beside it (`docs/fixtures/`).
 *
 *   node --conditions=keepwarm-source scripts/docs-check.ts
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startDemoProcess } from '../packages/gateway/test/demo-process.ts';
import { root } from './check.ts';
import { type Block, blocksOf } from './docs/markdown.ts';
import { settle, startWorld, type World } from './docs/world/world.ts';

export const MARKS: readonly string[] = [
  'run',
  'serve',
  'throws',
  'demo',
  'node',
  'gateway',
  'walk',
  'types',
  'parsed',
];

/** Where the demo is found, by default. */
const DEMO_DATA = 'http://127.0.0.1:4300';
const DEMO_GEYSER = 'http://127.0.0.1:4310';

/** The longest an example may run, in ms. */
const RUN_MS = 90_000;

/** Examples live inside the repository so that they find the packages by name, as a user's code would. */
const FOLDER = join(root, '.tmp', 'docs');
const FIXTURES = join(root, 'scripts', 'docs', 'fixtures');
/** Node's own cache of what it has compiled: most of an example's time is spent on reading the library. */
const COMPILED = join(root, '.tmp', 'compiled');

export const pages = (): string[] =>
  globSync(['*.md', 'docs/**/*.md', 'examples/**/*.md'], { cwd: root })
    .filter((page) => page !== 'CHANGELOG.md')
    .sort();

/** Every block of every page. */
export const blocks = (): Block[] => pages().flatMap((page) => blocksOf(page, readFileSync(join(root, page), 'utf8')));

export const examples = (): Block[] => blocks().filter(({ language }) => /^(?:ts|js)$/.test(language));

export const marked = (mark: string, among: readonly Block[] = examples()): Block[] =>
  among.filter(({ marks }) => marks.includes(mark));

/** The blocks of each page, in the order of pages. */
export const byPage = (among: readonly Block[]): Block[][] =>
  Object.values(Object.groupBy(among, ({ where }) => where.split(':')[0] ?? '')).map((blocks = []) => blocks);

const nameOf = ({ where, language }: Block): string =>
  `${where.replaceAll(/[^\w]+/g, '-')}.${language === 'js' ? 'mjs' : 'ts'}`;

/** What the compiler says about these blocks, with pages and lines for the files it saw; empty when all is well. */
export function typeErrors(blocks: readonly Block[], folder = join(FOLDER, 'types')): string {
  const checked = blocks.filter(({ language }) => language === 'ts');
  rmSync(folder, { recursive: true, force: true });
  cpSync(FIXTURES, folder, { recursive: true });
  for (const block of checked) writeFileSync(join(folder, nameOf(block)), `${block.text}\nexport {};\n`);
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
  const at = new Map(checked.map((block) => [nameOf(block), block.where]));
  return stdout.replaceAll(/^\S*?([\w-]+\.ts)\((\d+),\d+\)/gm, (all, name, line) => {
    const [page, first] = at.get(name)?.split(':') ?? [];
    return page === undefined ? all : `${page}:${Number(first) + Number(line) - 1}`;
  });
}

/** Executes a block as its mark says, in a folder made for it. Resolves with what went wrong, or ''. */
export async function runBlock(block: Block, world: World, folder = join(FOLDER, 'run')): Promise<string> {
  return (await execute(block, folder, settle(world, folder, block.text), world.env)).failure;
}

/** What is said once the last of several blocks has run. */
const ALL_RAN = 'all of them ran';

/**
 * Executes blocks that are marked `run` one after the other in one process: half of what each takes is the start of its
 * own. Where that does not end well each is executed by itself, and what counts is how that ends.
 *
 * @returns what went wrong, or ''
 */
export async function runTogether(blocks: readonly Block[], world: World, folder = FOLDER): Promise<string> {
  const [first] = blocks;
  if (first !== undefined && blocks.length > 1) {
    const place = join(folder, 'together');
    settle(world, place, '');
    for (const [i, block] of blocks.entries()) {
      // What it keeps in a file is its own.
      writeFileSync(join(place, nameOf(block)), settle(world, join(place, String(i)), block.text));
    }
    const lines = blocks.map((block) => `await import('./${nameOf(block)}');`);
    const text = [...lines, `console.log('${ALL_RAN}');`].join('\n');
    const all = { ...first, where: `${first.where} and those below it` };
    const { failure, printed } = await execute(all, place, text, world.env);
    if (failure === '' && printed.includes(ALL_RAN)) return '';
  }
  const failures: string[] = [];
  for (const block of blocks) failures.push(await runBlock(block, world, join(folder, 'alone')));
  return failures.filter((failure) => failure !== '').join('\n');
}

/** Executes blocks one after the other beside one demo, on free ports. Resolves with what went wrong, or ''. */
export async function runBesideDemo(
  blocks: readonly Block[],
  world: World,
  folder = join(FOLDER, 'demo'),
): Promise<string> {
  const demo = await startDemoProcess('--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0');
  const failures: string[] = [];
  try {
    for (const block of blocks) {
      const own = { [DEMO_DATA]: new URL(demo.example).origin, [DEMO_GEYSER]: demo.geyser };
      const here = { ...world, places: { ...world.places, ...own } };
      failures.push(await runBlock(block, here, folder));
    }
  } finally {
    await demo.stop();
  }
  return failures.filter((failure) => failure !== '').join('\n');
}

/** @param text the block's, with the addresses of what stands for its peers */
async function execute(
  block: Block,
  folder: string,
  text: string,
  env: Readonly<Record<string, string>>,
): Promise<{ readonly failure: string; readonly printed: string }> {
  const file = join(folder, nameOf(block));
  mkdirSync(folder, { recursive: true });
  cpSync(FIXTURES, folder, { recursive: true });
  writeFileSync(file, text);
  const child = spawn(process.execPath, ['--conditions=keepwarm-source', file], {
    ...{ cwd: folder, timeout: RUN_MS },
    env: { ...process.env, NODE_COMPILE_CACHE: COMPILED, ...env },
  });
  const goesOn = block.marks.includes('serve') || block.marks.includes('gateway');
  let printed = '';
  child.stdout.on('data', (text) => {
    printed += text;
    if (goesOn) child.kill('SIGKILL'); // it has done what it is for
  });
  child.stderr.on('data', (text) => (printed += text));
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
  rmSync(folder, { recursive: true });
  return { failure: verdict(block, code, signal, printed), printed };
}

/** How an example ended against how its mark says it must. @returns '' when that is the same */
function verdict({ where, marks }: Block, code: number | null, signal: string | null, printed: string): string {
  if (signal === 'SIGKILL') return '';
  const failed = marks.includes('throws');
  if (failed && code !== 0 && printed.includes('NetError')) return '';
  if (!failed && code === 0 && marks.some((mark) => mark === 'run' || mark === 'demo')) return '';
  const end = signal === null ? `ended with code ${code}` : `did not end within ${RUN_MS} ms`;
  return `${where} ${end}\n${printed}`;
}

if (import.meta.main) {
  const all = examples();
  const errors = typeErrors(all);
  if (errors !== '') console.log(errors);
  const world = await startWorld(join(FOLDER, 'world'));
  const alone = ['serve', 'throws'].flatMap((mark) => marked(mark, all));
  const together = byPage(marked('run', all));
  const failures: string[] = [];
  for (const blocks of together) failures.push(await runTogether(blocks, world));
  for (const block of alone) failures.push(await runBlock(block, world));
  const beside = marked('demo', all);
  failures.push(await runBesideDemo(beside, world));
  await world.close();
  const failed = failures.filter((failure) => failure !== '');
  for (const failure of failed) console.log(failure);
  const run = together.flat().length + alone.length + beside.length;
  console.log(`${all.length} examples type-checked, ${run} run, ${failed.length} pages or examples failed`);
  process.exitCode = errors === '' && failed.length === 0 ? 0 : 1;
}
