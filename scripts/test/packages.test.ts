/** The packages as they would be published: built, packed, unpacked into an empty folder, and looked at from there. */
import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { SourceMap } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, delimiter, dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { root } from '../check.ts';
import { section } from '../docs/markdown.ts';
import { followQuickStart } from '../docs/newcomer.ts';
import { walk } from '../docs/walk.ts';
import { WALKS } from '../docs/walks.ts';
import { startWorld, type World } from '../docs/world/world.ts';
import { expected, PROMISES, RUNTIMES, smoke, until } from '../matrix/runtimes.ts';
import { type Servers, startServers } from '../matrix/servers.ts';
import { allowed, licenceFaults } from '../release/licences.ts';
import { billOfMaterials } from '../release/materials.ts';
import { packedOnce } from '../release/packed.ts';
import { obstacles } from '../release/release.ts';
import { weigh } from '../release/size.ts';
import { lend, manifestOf, subpathsOf, unpack } from '../release/stage.ts';
import { SURFACE_PAGE, surface } from '../release/surface.ts';

const PAGE = readFileSync(join(root, 'docs', 'reference', 'packages.md'), 'utf8');
const LIBRARY = join(root, 'packages', 'keepwarm');
const manifest = manifestOf(LIBRARY);
const subpaths = subpathsOf(manifest);

interface Row {
  readonly needs: readonly string[];
  readonly kilobytes: number;
}

/** What the page says of each subpath: whom it needs, and what it weighs at most. */
const rows = new Map<string, Row>(
  [...section(PAGE, '## Subpaths').matchAll(/^\| `([^`]+)` \|[^|]*\|([^|]*)\| *(\d+) *\|/gm)].map(
    ([, name = '', needs = '', kilobytes]) => [
      name,
      { needs: [...needs.matchAll(/`([^`]+)`/g)].map(([, peer = '']) => peer), kilobytes: Number(kilobytes) },
    ],
  ),
);
const specifierOf = (subpath: string) => `keepwarm${subpath.slice(1)}`;
const rowOf = (subpath: string): Row => rows.get(specifierOf(subpath)) ?? { needs: [], kilobytes: 0 };

/** Where a stranger has installed the library and nothing else. */
const home = mkdtempSync(join(tmpdir(), 'keepwarm-packages-'));
let staged: string;
let packed: string;
let packedGateway: string;
let files: string[];

before(async () => {
  ({ staged, library: packed, gateway: packedGateway } = await packedOnce());
  files = unpack(packed, home, 'keepwarm');
  for (const name of ['@types/node', 'undici-types']) lend(name, home);
});
after(() => rmSync(home, { recursive: true, force: true }));

/** What the compiler says about a module of a user who checks the declarations of libraries as well. */
function typeErrors(name: string, text: string): string {
  const folder = join(home, name);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'index.ts'), text);
  const compilerOptions = {
    ...{ strict: true, noEmit: true, skipLibCheck: false, exactOptionalPropertyTypes: true },
    ...{ module: 'nodenext', target: 'es2024', lib: ['es2024', 'esnext.disposable'], types: ['node'] },
  };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions }));
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  return spawnSync(join(root, 'node_modules', '.bin', 'tsc'), ['-p', folder], { encoding: 'utf8' }).stdout;
}

/** What a strict compiler says of a program as it stands in a folder. @param module as in tsconfig.json */
async function strictErrors(folder: string, module: string): Promise<string> {
  lend('@types/node', folder);
  const flags = ['--strict', '--skipLibCheck', '--noEmit', '--target', 'es2023', '--types', 'node', '--module', module];
  const sources = globSync('*.ts', { cwd: folder });
  if (sources.length === 0) return '';
  const tsc = join(root, 'node_modules', '.bin', 'tsc');
  const ran = promisify(execFile)(tsc, [...flags, ...sources], { cwd: folder });
  return (await ran.catch((failed: { stdout: string }) => failed)).stdout;
}

/** Every `node` on the PATH that is too old for the command. */
function olderNodes(): string[] {
  const places = new Set((process.env['PATH'] ?? '').split(delimiter).map((folder) => join(folder, 'node')));
  return [...places].filter((node) => {
    const { stdout } = spawnSync(node, ['--version'], { encoding: 'utf8' });
    return Number(/^v(\d+)\./.exec(stdout ?? '')?.[1] ?? 99) < 22;
  });
}

/** Runs a module in the stranger's folder. */
function evaluate(text: string) {
  const args = ['--input-type=module', '--eval', text];
  return spawnSync(process.execPath, args, { cwd: home, encoding: 'utf8' });
}

describe('the packed library', () => {
  it('holds code with declarations and sources, the licence, and nothing else', () => {
    const strange = files.filter(
      (file) =>
        !/^(?:dist|src)\/.*(?:\.js|\.ts)(?:\.map)?$/.test(file) &&
        !/^(?:dist|src)\/wire\/geyser\/generated\/version$/.test(file) &&
        !['package.json', 'README.md', 'LICENSE', 'NOTICE'].includes(file),
    );
    assert.deepEqual(strange, []);
    for (const file of ['LICENSE', 'NOTICE', 'README.md']) assert(files.includes(file), file);
    assert.deepEqual(
      files.filter((file) => /\.test\.|(?:^|\/)\.|secret|\.env/.test(file)),
      [],
    );
  });

  it('says that nothing happens by importing it, and depends on nothing', () => {
    const own = manifestOf(join(home, 'node_modules', 'keepwarm'));
    assert.equal(Reflect.get(own, 'sideEffects'), false);
    assert.deepEqual(own.dependencies ?? {}, {});
    for (const peer of Object.keys(own.peerDependencies ?? {})) {
      assert.equal(own.peerDependenciesMeta?.[peer]?.optional, true, `${peer} is an optional peer`);
    }
  });

  it('has each subpath on its page', () => {
    assert.deepEqual([...rows.keys()].sort(), subpaths.map(specifierOf).sort());
  });

  it('can be imported without its peers; what needs one says which', () => {
    const list = JSON.stringify(subpaths.map(specifierOf));
    const { stdout } = evaluate(`
      const found = {};
      for (const name of ${list}) found[name] = await import(name).then(() => '', (error) => error.message);
      console.log(JSON.stringify(found));`);
    const found: Record<string, string> = JSON.parse(stdout);
    for (const subpath of subpaths) {
      const { needs } = rowOf(subpath);
      const message = found[specifierOf(subpath)] ?? 'missing';
      if (message === '') continue;
      assert(
        needs.some((peer) => message.includes(`'${peer}'`)),
        `${specifierOf(subpath)}: ${message}`,
      );
    }
  });

  it('can be required by CommonJS, without a word of Node.js about it', () => {
    const free = subpaths.filter((subpath) => rowOf(subpath).needs.length === 0).map(specifierOf);
    const text = `for (const name of ${JSON.stringify(free)}) require(name);
      console.log(typeof require('keepwarm').createClient);`;
    for (const { name, command } of RUNTIMES.filter((each) => expected(each) && each.name.startsWith('Node'))) {
      const args = ['--input-type=commonjs', '--eval', text];
      const { stdout, stderr } = spawnSync(command, args, { cwd: home, encoding: 'utf8' });
      assert.deepEqual([stdout, stderr], ['function\n', ''], name);
    }
  });

  it('has declarations that hold for whoever checks them, without its peers too', () => {
    const free = subpaths.filter((subpath) => rowOf(subpath).needs.length === 0);
    assert(free.length >= 10);
    const text = free.map((subpath, i) => `export * as s${i} from '${specifierOf(subpath)}';\n`).join('');
    assert.equal(typeErrors('free', text), '');
  });

  it('gets what it is called with checked: a wrong option does not compile', () => {
    const text = "import { createClient } from 'keepwarm';\ncreateClient({ pool: { socketsMax: 'many' } });\n";
    assert.match(typeErrors('wrong', text), /TS2322/);
  });

  it('is as small as its page says', async () => {
    for (const subpath of subpaths) {
      const bytes = await weigh(`export * from '${specifierOf(subpath)}';`, home, manifest);
      const { kilobytes } = rowOf(subpath);
      const say = `${specifierOf(subpath)} weighs ${(bytes / 1000).toFixed(1)} kB, stated are at most ${kilobytes}`;
      assert(bytes <= kilobytes * 1000, say);
      assert(bytes >= kilobytes * 700 - 1000, `${say}; state less`);
    }
    assert(readFileSync(join(root, 'README.md'), 'utf8').includes(`${rowOf('.').kilobytes} kB`), 'README says so too');
  });

  it('loads code without comments; declarations have them, and maps of both lead to the sources', () => {
    const place = join(home, 'node_modules', 'keepwarm');
    const text = (file: string) => readFileSync(join(place, file), 'utf8');
    const programs = files.filter((file) => /^dist\/.*\.js$/.test(file));
    const told = programs.filter((file) => /^ *(?:\/\*|\/\/ (?!\S+\.js$))/m.test(text(file)));
    assert.deepEqual(told, [], 'nothing but which module begins where');
    assert.match(text('dist/clients/client.d.ts'), /^ +\/\*\*/m);
    const program = programs.find((file) => text(file).includes('\nfunction sleep('));
    for (const [file, line] of [
      [program ?? 'nowhere', 'function sleep('],
      ['dist/core/sleep.d.ts', 'export declare function sleep('],
    ] as const) {
      const map = new SourceMap(JSON.parse(text(`${file}.map`)));
      const at = text(file)
        .split('\n')
        .findIndex((each) => each.startsWith(line));
      const entry = map.findEntry(at, line.length - 1);
      assert('originalSource' in entry, `${file} has no entry at line ${at + 1}`);
      const source = join(dirname(file), entry.originalSource);
      assert.match(text(source).split('\n')[entry.originalLine]!, /^export function sleep\(/);
    }
  });

  it('is loaded in a few files, whichever entry one begins with', () => {
    const code = `
      import { registerHooks } from 'node:module';
      let files = 0;
      const load = (url, context, next) => (url.startsWith('file:') && files++, next(url, context));
      registerHooks({ load });
      await import('keepwarm');
      await import('keepwarm/jsonrpc');
      console.log(files);
    `;
    const { stdout, stderr } = evaluate(code);
    const count = Number(stdout);
    assert(count >= 2 && count <= 40, `${stdout}${stderr}`);
  });

  it('leaves nothing in a bundle that does not use it', async () => {
    assert(await weigh("import 'keepwarm'; console.log(1);", home, manifest).then((bytes) => bytes < 100));
  });

  it('is right for bundlers and runtimes (publint)', () => {
    const { status, stdout } = spawnSync(join(root, 'node_modules', '.bin', 'publint'), ['--strict', packed], {
      encoding: 'utf8',
    });
    assert.equal(status, 0, stdout);
  });

  it('resolves its types under every setting for modules (attw)', () => {
    const attw = join(root, 'node_modules', '.bin', 'attw');
    const { status, stdout } = spawnSync(attw, [packed, '--profile', 'esm-only', '--format', 'ascii'], {
      encoding: 'utf8',
    });
    assert.equal(status, 0, stdout);
  });

  it('has the interface that was reviewed; `npm run api` writes it anew', () => {
    const now = surface(join(staged, 'packages', 'keepwarm')).split('\n');
    const then = new Set(readFileSync(SURFACE_PAGE, 'utf8').split('\n'));
    const both = new Set(now);
    const changes = [...now.filter((line) => !then.has(line)), ...[...then].filter((line) => !both.has(line))];
    assert.deepEqual(changes.slice(0, 20), []);
  });
});

describe('the packed command', () => {
  it('is right for runtimes, holds no sources, and starts where its dependencies are installed', async () => {
    const names = unpack(packedGateway, home, 'keepwarm-gateway');
    assert.deepEqual(
      names.filter((name) => !/^(?:dist\/|schema\/|package\.json$|README\.md$|LICENSE$|NOTICE$)/.test(name)),
      [],
    );
    assert(
      names.some((name) => /^dist\/page\/.*\.js$/.test(name)) && names.includes('NOTICE'),
      'the page, and its notice',
    );
    const publint = spawnSync(join(root, 'node_modules', '.bin', 'publint'), [packedGateway], { encoding: 'utf8' });
    assert.equal(publint.status, 0, publint.stdout);

    const gateway = manifestOf(join(home, 'node_modules', 'keepwarm-gateway'));
    for (const name of Object.keys(gateway.dependencies ?? {})) if (name !== 'keepwarm') lend(name, home);
    const program = join(home, 'node_modules', 'keepwarm-gateway', gateway.bin?.['keepwarm'] ?? '');
    const { status, stdout, stderr } = spawnSync(process.execPath, [program, '--help'], { encoding: 'utf8' });
    assert.equal(status, 0, stderr);
    assert.match(stdout, /gateway/);

    // Only what is built is read by an older Node.js at all; where none is here, one is pretended (old-node.test.ts).
    for (const older of olderNodes()) {
      const { status, stdout, stderr } = spawnSync(older, [program, '--help'], { encoding: 'utf8' });
      assert.match(stderr, /^keepwarm: needs Node\.js 22\.19 or a newer 22, or 24 or newer; this is \S+, at \S+\n$/);
      assert.deepEqual([status, stdout], [4, '']);
    }
  });

  for (const runtime of RUNTIMES.filter((each) => expected(each) && !each.name.startsWith('Node'))) {
    it(`serves under ${runtime.name} as the page says, and ends when it is told to`, async (t) => {
      const { h1, close } = await startServers(join(home, 'ca.pem'));
      t.after(close);
      const program = join(home, 'node_modules', 'keepwarm-gateway', 'dist', 'main.js');
      const listeners = ['--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0'];
      const args = [program, 'gateway', '--upstream', `api=${h1}`, ...listeners];
      const { seen, status, printed } = await until(
        runtime,
        args,
        { KEEPWARM_RUNTIME_DIR: join(home, 'run'), KEEPWARM_STATE_DIR: join(home, 'state') },
        /(http:\S+\/api\/)[\s\S]*status page: (http:\S+)/,
        async ([, api, page]) => {
          const body: unknown = await (await fetch(`${api}a`, { method: 'POST', body: 'text' })).json();
          const stats = await fetch(`${page}api/stats?sockets=0`);
          return { body, stats: stats.status, page: (await (await fetch(`${page}`)).text()).slice(0, 15) };
        },
      );
      const body = { path: '/a', version: '1.1', body: 'text' };
      assert.deepEqual(seen, { body, stats: 200, page: '<!doctype html>' }, printed);
      assert.equal(status, 0, printed);
    });
  }
});

describe('the documentation alone', { concurrency: 2 }, () => {
  /** What each page promises, in so many figures; none of them is a time, or hangs on one. */
  const promised: Readonly<Record<string, readonly RegExp[]>> = {
    'use-exchange-bot': [/order 2: placed, says the question[\s\S]*order 3: not placed[\s\S]*order 4: placed/],
    'use-monitors': [/^(?:monitor-[1-7]: 20 updates\n){7}/m, /1 of 1/],
    'use-operator': [/the network and the peer took \d+ ms/, /for a free connection/, /failed with CONNECT/],
    'use-rpc-service': [/600 reads, 0 failed[\s\S]*600 reads, 0 failed/],
    'use-tool-server': [/^acme had 10 answers/m, /^globex healthy/m],
  };
  let world: World;
  before(async () => {
    world = await startWorld(join(home, 'world'));
  });
  after(() => world.close());

  it('takes a newcomer from nothing to something of each kind: the quick start', async () => {
    const printed = await followQuickStart(staged, packed, world);
    assert.match(printed.get('monitor.js') ?? '', /^(?:slot \d+\n){5}$/);
    assert.match(printed.get('fleet.js') ?? '', /up\n$/);
    assert.match(printed.get('client.test.js') ?? '', /survives a connection that is lost[\s\S]*pass 1/);
    assert.match(printed.get('curl') ?? '', /"price"/);
    assert.equal(printed.size, 6);
  });

  it('has a page for each of the five uses', () => assert.equal(WALKS.length, 5));

  for (const page of WALKS) {
    it(`takes a newcomer from an empty folder to a working program: ${page}`, async () => {
      const printed = await walk(page, { keepwarm: packed, gateway: packedGateway }, world.places, async (folder) => {
        for (const module of ['nodenext', 'preserve']) assert.equal(await strictErrors(folder, module), '', module);
      });
      for (const promise of promised[basename(page, '.md')] ?? [/^$/]) assert.match(printed, promise);
    });
  }
});

describe('runtimes', () => {
  let servers: Servers;
  before(async () => {
    servers = await startServers(join(home, 'ca.pem'));
  });
  after(() => servers.close());

  for (const runtime of RUNTIMES.filter(expected)) {
    it(`${runtime.name} does as the page says`, async () => {
      const library = join(home, 'node_modules', 'keepwarm');
      const { h1, h2, proxy } = servers;
      const { promises, printed } = await smoke(runtime, [library, h1, h2, proxy, join(home, 'ca.pem')]);
      const broken = PROMISES.filter((name) => promises[name] !== '');
      assert.deepEqual(broken, runtime.without, printed);
      const row = new RegExp(
        `^\\| ${runtime.name.replace('.', '\\.')} \\| ${broken.length === 0 ? 'yes' : 'no'} \\|`,
        'm',
      );
      assert.match(section(PAGE, '## Runtimes'), row);
    });
  }
});

describe('a release', () => {
  it('is published from a clean checkout, with a repository, by CI that can vouch for itself, and else not', () => {
    const env = { ACTIONS_ID_TOKEN_REQUEST_URL: 'https://ci.example' };
    const addresses = {
      repository: { url: 'git+https://example.com/a/b.git' },
      homepage: 'https://example.com',
      bugs: {},
    };
    assert.deepEqual(obstacles(env, '', { 'packages/keepwarm': addresses }), []);
    const reasons = obstacles({}, ' M README.md', { 'packages/keepwarm': addresses, 'packages/gateway': { bugs: {} } });
    assert.equal(reasons.length, 3, reasons.join('\n'));
    assert.match(reasons[1] ?? '', /^packages\/gateway\/package.json .* set\n {4}"repository": \{.*\n {4}"homepage": /);
    assert.doesNotMatch(reasons[1] ?? '', /"bugs"/, 'what is there is not asked for');
  });

  it('says what to set when nothing is', () => {
    const script = join(root, 'scripts', 'release', 'release.ts');
    const { status, stderr, stdout } = spawnSync(process.execPath, [script, '--publish'], {
      encoding: 'utf8',
      env: {},
    });
    assert.equal(status, 1);
    assert.equal(stdout, '', 'nothing was built');
    const named = Reflect.get(manifest, 'repository') !== undefined;
    if (!named) assert.match(stderr, /release: packages\/keepwarm\/package.json does not say where the sources are/);
    assert.match(stderr, /release: nobody vouches for this machine/);
  });

  it('knows what it brings along', () => {
    const text = billOfMaterials();
    const names: string[] = JSON.parse(text).components.map(({ name }: { readonly name: string }) => name);
    for (const name of ['keepwarm', 'yaml', 'pino', 'uplot', 'ioredis'])
      assert(names.includes(name), `${name}: ${names.join(' ')}`);
    assert(!names.includes('typescript') && !names.includes('socks'), 'neither tools nor peers');
  });
});

describe('licences', () => {
  it('are permissive for all that users receive, and known for all that tests run', () => {
    assert.deepEqual(licenceFaults(), []);
  });

  it('are told when they are not', () => {
    const lock = {
      'node_modules/a': { license: 'GPL-3.0-only' },
      'node_modules/b': {},
      'node_modules/c': { link: true },
    };
    assert.deepEqual(licenceFaults(lock), ['a: GPL-3.0-only', 'b: no licence is stated']);
    const list = new Set(['MIT', 'ISC']);
    assert(allowed('(MIT OR GPL-2.0-only)', list) && allowed('(MIT AND ISC)', list));
    assert(!allowed('(MIT AND GPL-2.0-only)', list) && !allowed('GPL-2.0-only OR AGPL-3.0-only', list));
  });
});
