/**
 * Set-up on a machine of our making: a small repository in a temporary folder, and a PATH on which npm and apt-get are
 * scripts that note what they were asked and do as a test wants. Nothing is downloaded or installed.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { root } from '../check.ts';

const LOCK = { packages: { '': { devDependencies: { left: '1.0.0' } }, 'node_modules/left': { version: '1.0.0' } } };
const MANIFEST = { devDependencies: { left: '1.0.0' }, scripts: { setup: 'not compared' } };

/** Installs what the lock file names, as far as set-up looks. */
const NPM_CI = `mkdir -p node_modules/node node_modules/.bin
cp package-lock.json node_modules/.package-lock.json
echo '{"version":"24.0.0"}' > node_modules/node/package.json`;
const PROGRAM_NODE = `printf '#!/bin/sh\\necho v24.0.0\\n' > node_modules/.bin/node; chmod +x node_modules/.bin/node`;

/** How npm is asked for all packages. */
const CI = 'npm ci --include=dev --include=optional --fetch-retries=5 --loglevel=error';

/** Partners of which no test here misses any. */
const OTHERS = ['nginx', 'haproxy', 'nghttpx', 'caddy', 'promtool', 'grpc', 'systemctl', 'buildah', 'ip'];

let home: string;

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'keepwarm-setup-'));
  mkdirSync(join(home, 'scripts'));
  mkdirSync(join(home, 'bin'));
  copyFileSync(join(root, 'scripts/setup.mjs'), join(home, 'scripts/setup.mjs'));
  json('package.json', MANIFEST);
  json('package-lock.json', LOCK);
  program('npm', `${NPM_CI}\n${PROGRAM_NODE}`);
  for (const name of ['cp', 'mkdir', 'chmod', 'env', 'true']) {
    const place = ['/usr/bin', '/bin'].find((folder) => existsSync(join(folder, name))) ?? '';
    symlinkSync(join(place, name), join(home, 'bin', name));
  }
  program('sudo', 'shift; exec "$@"');
});
afterEach(() => rmSync(home, { recursive: true }));

const json = (path: string, value: unknown) => {
  mkdirSync(dirname(join(home, path)), { recursive: true });
  writeFileSync(join(home, path), JSON.stringify(value));
};

/** Puts a shell script on the PATH that notes its name and arguments before it runs. */
function program(name: string, body = ''): void {
  const path = join(home, 'bin', name);
  writeFileSync(path, `#!/bin/sh\necho "${name} $*" >> "${join(home, 'asked')}"\n${body}\n`);
  chmodSync(path, 0o755);
}

/** Runs set-up and tells how it went and what it asked of npm and apt-get. */
function setup(...args: string[]) {
  writeFileSync(join(home, 'asked'), '');
  const { stdout, status } = spawnSync(process.execPath, [join(home, 'scripts/setup.mjs'), ...args], {
    encoding: 'utf8',
    env: { PATH: join(home, 'bin') },
  });
  const asked = readFileSync(join(home, 'asked'), 'utf8').split('\n');
  return { stdout, status, asked: asked.filter((line) => /^(?:npm|apt-get (?!--version))/.test(line)) };
}

describe('set-up', () => {
  it('installs on a fresh clone, and then finds nothing to do', () => {
    const first = setup();
    assert.deepEqual([first.status, first.asked], [0, [CI]]);
    const second = setup();
    assert.deepEqual([second.status, second.asked, second.stdout], [0, [], '']);
  });

  it('installs again when the lock file asks for another version', () => {
    setup();
    json('package-lock.json', { packages: { ...LOCK.packages, 'node_modules/left': { version: '1.0.1' } } });
    const { stdout, asked } = setup();
    assert.match(stdout, /node_modules\/left is 1\.0\.0, wanted 1\.0\.1/);
    assert.deepEqual(asked, [CI]);
  });

  it('lets npm say what is wrong when package.json asks for what the lock file does not know', () => {
    setup();
    program('npm', 'exit 1');
    json('package.json', { devDependencies: { left: '1.0.0', right: '1.0.0' } });
    const { stdout, status } = setup();
    assert.match(stdout, /package\.json and its lock differ[\s\S]*npm ci failed/);
    assert.equal(status, 1);
  });

  it('looks neither at optional packages nor at what else package.json holds', () => {
    setup();
    const other = { 'node_modules/other-platform': { version: '1.0.0', optional: true } };
    json('package-lock.json', { packages: { ...LOCK.packages, ...other } });
    json('package.json', { ...MANIFEST, scripts: {} });
    assert.deepEqual(setup().asked, []);
  });

  it('runs the install script of the pinned Node.js by name where scripts are switched off', () => {
    program('npm', `case "$1" in ci) ${NPM_CI};; rebuild) ${PROGRAM_NODE};; esac`);
    const { status, asked } = setup();
    assert.deepEqual(asked, [CI, 'npm rebuild node --ignore-scripts=false --fetch-retries=5 --loglevel=error']);
    assert.equal(status, 0);
  });

  it('fails when the pinned Node.js does not run', () => {
    program('npm', NPM_CI);
    const { stdout, status } = setup();
    assert.match(stdout, /Node\.js 24\.0\.0 does not run here/);
    assert.equal(status, 1);
  });
});

describe('set-up of compiled definitions', () => {
  const DEFINITION = 'node_modules/laserstream-core-proto-js';
  const compiled = () => join(home, 'packages/keepwarm/src/wire/geyser/generated');
  /** Instead of buf: writes what it was given to compile into the folder that its template names. */
  const compiles = `out=$(printf %s "$5" | sed 's/.*"out":"\\([^"]*\\)".*/\\1/')
mkdir -p "$out"; echo "$3" > "$out/from"`;

  beforeEach(() => {
    symlinkSync('/usr/bin/sed', join(home, 'bin', 'sed'));
    setup();
    json(`${DEFINITION}/package.json`, { version: '1.0.0' });
    json('node_modules/@bufbuild/protoc-gen-es/package.json', { version: '2.0.0' });
    mkdirSync(dirname(compiled()), { recursive: true });
    writeFileSync(join(home, 'node_modules/.bin/node'), `#!/bin/sh\necho compiled\n${compiles}\n`);
  });

  it('compiles what is missing, once, and again when a version has changed', () => {
    assert.match(setup().stdout, /compiled/);
    assert.equal(readFileSync(join(compiled(), 'from'), 'utf8').trim(), DEFINITION);
    assert.doesNotMatch(setup().stdout, /compiled/);
    json(`${DEFINITION}/package.json`, { version: '1.0.1' });
    assert.match(setup().stdout, /compiled/);
    json('node_modules/@bufbuild/protoc-gen-es/package.json', { version: '2.0.1' });
    assert.match(setup().stdout, /compiled/);
    assert.doesNotMatch(setup().stdout, /compiled/);
  });

  it('leaves what there was alone when compiling fails, says so, and tries again next time', () => {
    setup();
    json(`${DEFINITION}/package.json`, { version: '1.0.1' });
    writeFileSync(join(home, 'node_modules/.bin/node'), '#!/bin/sh\nexit 1\n');
    const { stdout, status } = setup();
    assert.match(stdout, /laserstream-core-proto-js could not be compiled/);
    assert.equal(status, 1);
    assert.deepEqual(readdirSync(dirname(compiled())), ['generated']);
    assert.match(readFileSync(join(compiled(), 'version'), 'utf8'), /1\.0\.0/);
    assert.equal(setup().status, 1);
  });
});

describe('set-up of other runtimes', () => {
  it('installs them beside a lock file of their own, with the partners, on the platform they are for', () => {
    for (const name of [...OTHERS, 'wrk', 'redis-server', 'tinyproxy', 'chromium']) program(name);
    setup();
    json('scripts/matrix/package-lock.json', { packages: { 'node_modules/node-22': { version: '22.0.0' } } });
    const wanted = process.platform === 'linux' && process.arch === 'x64';
    const { asked } = setup('--with-partners');
    assert.deepEqual(
      asked.map((line) => line.split(' ').slice(0, 3).join(' ')),
      wanted ? ['npm ci --prefix'] : [],
    );
    json('scripts/matrix/node_modules/.package-lock.json', {
      packages: { 'node_modules/node-22': { version: '22.0.0' } },
    });
    assert.deepEqual(setup('--with-partners').asked, []);
  });
});

describe('set-up of what does not need each other', () => {
  const names = [...OTHERS, 'wrk', 'redis-server', 'tinyproxy'];

  it('goes on side by side', () => {
    for (const name of names) program(name);
    symlinkSync('/bin/sleep', join(home, 'bin', 'sleep'));
    const begun = join(home, 'begun');
    // Packages come to an end once a partner has begun, or never.
    const waits = `i=0; while [ ! -e "${begun}" ]; do [ $i = 600 ] && exit 1; i=$((i+1)); sleep 0.1; done`;
    program('npm', [waits, NPM_CI, PROGRAM_NODE].join('\n'));
    program('apt-get', `case "$*" in *install*) > "${begun}"; cp "${home}/bin/true" "${home}/bin/chromium";; esac`);
    const { status, stdout } = setup('--with-partners');
    assert.deepEqual([status, existsSync(join(home, 'node_modules'))], [0, true], stdout);
  });

  it('comes to its end when another fails, and both are told', () => {
    for (const name of names) program(name);
    program('npm', 'exit 1');
    const { status, stdout } = setup('--with-partners');
    assert.match(stdout, /npm ci failed/);
    assert.match(stdout, /apt-get install chromium/);
    assert.equal(status, 1);
  });
});

describe('set-up of the partners', () => {
  /** Servers may be installed where set-up looks beyond the PATH; some come in packages of other names. */
  const others = () => {
    for (const name of OTHERS) program(name);
  };

  it('asks for nothing when all are there', () => {
    for (const name of ['wrk', 'redis-server', 'tinyproxy', 'promtool', 'chromium']) program(name);
    others();
    setup();
    const { status, asked, stdout } = setup('--with-partners');
    assert.deepEqual([status, asked, stdout], [0, [], '']);
  });

  it('installs those that are missing, without a refresh of the package list that is not needed', () => {
    others();
    setup();
    const missing = 'wrk redis-server tinyproxy chromium';
    program('apt-get', `case "$*" in *install*) cd "${home}/bin"; for p in ${missing}; do cp npm $p; done;; esac`);
    const { status, asked } = setup('--with-partners');
    assert.equal(asked.length, 1, asked.join('\n'));
    assert.match(asked[0] ?? '', new RegExp(`^apt-get -qq .* install --yes --no-install-recommends ${missing}$`));
    assert.equal(status, 0);
  });

  it('refreshes the package list when the packages are not found', () => {
    others();
    setup();
    const install = `cd "${home}/bin"; cp npm wrk; cp npm redis-server; cp npm tinyproxy; cp npm chromium`;
    program(
      'apt-get',
      `case "$*" in *update*) > "${home}/new";; *install*) [ -e "${home}/new" ] || exit 1; ${install};; esac`,
    );
    const { status, asked } = setup('--with-partners');
    assert.deepEqual(
      asked.map((line) => /install|update/.exec(line)?.[0]),
      ['install', 'update', 'install'],
    );
    assert.equal(status, 0);
  });

  it('installs what there is when one package is not, waits its turn, and says which one is left', () => {
    others();
    setup();
    const install = 'for p in wrk redis-server tinyproxy; do case "$*" in *" $p") cp npm $p;; esac; done';
    program('apt-get', `cd "${home}/bin"; case "$*" in *update*|*chromium*) exit 100;; *) ${install};; esac`);
    const { status, stdout, asked } = setup('--with-partners');
    assert.equal(status, 1);
    assert.match(stdout, /chromium is missing/);
    assert.match(stdout, /apt-get could not install it.*apt-get install chromium\n/);
    assert.doesNotMatch(stdout, /wrk is missing/);
    assert(asked.every((line) => /-o Acquire::Retries=\d+ -o DPkg::Lock::Timeout=\d+ /.test(line)));
  });

  it('says what will fail, why, and what to do, when it cannot install', () => {
    others();
    setup();
    const { status, stdout } = setup('--with-partners');
    assert.match(stdout, /wrk is missing\. Without it fail: .*bench/);
    assert.match(stdout, /chromium is missing\. Without it fail: .*browser/);
    assert.match(
      stdout,
      /there is no apt-get on this system\. By hand: apt-get install wrk redis-server tinyproxy chromium/,
    );
    assert.equal(status, 1);
  });
});
