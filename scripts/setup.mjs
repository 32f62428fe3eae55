/**
 * Installs what a fresh clone is missing, and nothing when all is there. Every script of package.json starts with it.
 *
 *   node scripts/setup.mjs                   packages and the pinned Node.js, from the npm registry npm is set up for
 *   node scripts/setup.mjs --with-partners   also the real servers and tools the tests talk to, from apt-get, and other
 *                                            runtimes the built package is tried under, from npm
 *
 * Plain JavaScript without imports of ours: it runs before anything is installed, on whatever Node.js is there (≥ 18).
 * It fetches nothing itself; only npm and apt-get do, each from where its owner pointed it. What does not need what
 * another installs is installed beside it: most of the time one waits for a network, a disk or one of the processors.
 */
import { spawn, spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { arch, argv, env, getuid, pid, platform, report, stdout } from 'node:process';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const bins = join(root, 'node_modules', '.bin');

/** Programs the tests and benches start, the Debian package of each, and what fails without it. */
const PARTNERS = [
  { program: 'nginx', debian: 'nginx-light', without: 'tests against a real server of another make; bench numbers' },
  { program: 'haproxy', debian: 'haproxy', without: 'its columns of the conformance table, and the test of it' },
  { program: 'nghttpx', debian: 'nghttp2-proxy', without: 'its columns of the conformance table, and the test of it' },
  { program: 'caddy', debian: 'caddy', without: 'its columns of the conformance table, and the test of it' },
  { program: 'wrk', debian: 'wrk', without: 'the C yardstick of the bench and the test that runs it' },
  { program: 'redis-server', debian: 'redis-server', without: 'tests of limits that several processes share' },
  { program: 'tinyproxy', debian: 'tinyproxy', without: 'tests of tunnels through a proxy that is not ours' },
  { program: 'promtool', debian: 'prometheus', without: 'the test that has Prometheus read our metrics' },
  // A package of Python's: what is looked for is its folder.
  { program: 'grpc', debian: 'python3-grpcio', without: 'tests of gRPC against C-core' },
  { program: 'chromium', debian: 'chromium', without: 'tests that look at the status page in a real browser' },
  // Elsewhere there are none to be had, and the test of them says so.
  ...(platform === 'linux'
    ? [
        { program: 'systemctl', debian: 'systemd', without: 'the test that runs the gateway as a service' },
        { program: 'buildah', debian: 'buildah', without: 'the test that builds the image of the gateway and runs it' },
        { program: 'ip', debian: 'iproute2', without: 'the network of that image, and the test of it' },
      ]
    : []),
];

/** The published definition of Geyser, and where what is compiled from it goes. Git knows neither. */
const DEFINITION = 'laserstream-core-proto-js';
const COMPILED = join(root, 'packages', 'keepwarm', 'src', 'wire', 'geyser', 'generated');

/** Where Debian and Homebrew put servers that an ordinary user's PATH leaves out, and Debian what Python imports. */
const MORE_PLACES = ['/usr/sbin', '/usr/local/sbin', '/opt/homebrew/bin', '/usr/lib/python3/dist-packages'];

/** What has been told, and ends what it happens in; what runs beside it comes to its own end. */
class Failed extends Error {}

const say = (line) => stdout.write(`setup: ${line}\n`);
const fail = (line) => {
  say(line);
  throw new Failed(line);
};
const json = (...path) => JSON.parse(readFileSync(join(root, ...path), 'utf8'));

/** Ran to the end with exit code 0? Output goes to our own, or is swallowed when only the answer counts. */
const ran = (command, args, { quiet = false, environment = env } = {}) =>
  new Promise((resolve) => {
    const output = quiet ? 'ignore' : 'inherit';
    const stdio = ['ignore', output, output];
    const child = spawn(command, args, { cwd: root, env: environment, stdio, shell: platform === 'win32' });
    child.once('error', () => resolve(false)).once('exit', (code) => resolve(code === 0));
  });

/** npm with a PATH free of our own Node.js, which an install is about to replace underneath it. */
function npm(...args) {
  const places = (env.PATH ?? '').split(delimiter).filter((place) => place !== bins);
  return ran('npm', [...args, '--fetch-retries=5', '--loglevel=error'], {
    environment: { ...env, PATH: places.join(delimiter) },
  });
}

const sameEntries = (a = {}, b = {}) =>
  Object.keys(a).length === Object.keys(b).length && Object.entries(a).every(([name, range]) => b[name] === range);

/**
 * What is stale about node_modules, or undefined. Compared is what npm itself wrote down at its last install, so an
 * `npm install` by hand counts as well. Entries marked optional are binaries of other platforms.
 */
function stalePackages() {
  const record = join(root, 'node_modules', '.package-lock.json');
  if (!existsSync(record)) return 'no packages are installed';
  const { packages: wanted } = json('package-lock.json');
  const { packages: installed } = json('node_modules', '.package-lock.json');
  for (const [path, want] of Object.entries(wanted)) {
    if (path === '' || !path.includes('node_modules/')) {
      const manifest = json(path, 'package.json');
      for (const kind of ['dependencies', 'devDependencies', 'peerDependencies', 'optionalDependencies']) {
        if (!sameEntries(manifest[kind], want[kind])) return `${join(path, 'package.json')} and its lock differ`;
      }
    } else if (!want.optional && !want.link) {
      const have = installed[path];
      if (have?.version !== want.version) return `${path} is ${have?.version ?? 'missing'}, wanted ${want.version}`;
    }
  }
  return undefined;
}

async function installPackages() {
  const stale = stalePackages();
  if (stale === undefined) return;
  say(`${stale}; running npm ci`);
  // Named, since NODE_ENV=production or a setting of the user's would leave these out.
  if (!(await npm('ci', '--include=dev', '--include=optional'))) fail('npm ci failed; its message above says why');
}

/**
 * The package `node` fetches the binary for this platform in an install script. Where scripts are switched off
 * (`ignore-scripts`), that one step is run by name; it also makes the link in node_modules/.bin that was left out.
 */
async function installNode() {
  const binary = join(bins, platform === 'win32' ? 'node.cmd' : 'node');
  if (existsSync(binary)) return;
  const { version } = json('node_modules', 'node', 'package.json');
  say(`fetching Node.js ${version} (npm rebuild node)`);
  if (!(await npm('rebuild', 'node', '--ignore-scripts=false')))
    fail('npm rebuild node failed; its message above says why');
  const found = spawnSync(binary, ['--version'], { encoding: 'utf8', shell: platform === 'win32' });
  if (found.stdout?.trim() !== `v${version}`) {
    fail(`Node.js ${version} does not run here: ${found.error?.message ?? found.stderr}`);
  }
}

const versionOf = (...name) => json('node_modules', ...name, 'package.json').version;

/**
 * Messages of Geyser as JavaScript with declarations, where they are missing or of another version: a stamp beside them
 * says which. The compiler and its plugin are installed packages: nothing is fetched. The folder is made aside and then
 * put in its place, so that nobody ever reads half of it.
 */
async function compileDefinition() {
  if (!existsSync(join(root, 'node_modules', DEFINITION))) return; // not in this lock file, so nobody needs it
  const stamp = `${DEFINITION} ${versionOf(DEFINITION)}, protoc-gen-es ${versionOf('@bufbuild', 'protoc-gen-es')}\n`;
  const stampPath = join(COMPILED, 'version');
  if (existsSync(stampPath) && readFileSync(stampPath, 'utf8') === stamp) return;
  const aside = `${COMPILED}.${pid}`;
  const plugin = join(root, 'node_modules', '@bufbuild', 'protoc-gen-es', 'bin', 'protoc-gen-es');
  const local = [join(bins, platform === 'win32' ? 'node.cmd' : 'node'), plugin];
  const plugins = [{ local, out: aside, opt: ['target=js+dts', 'import_extension=js'] }];
  const template = JSON.stringify({ version: 'v2', plugins });
  const buf = join(root, 'node_modules', '@bufbuild', 'buf', 'bin', 'buf');
  // Named by its path, since links in node_modules/.bin are left out where install scripts are switched off.
  if (!(await ran(local[0], [buf, 'generate', join('node_modules', DEFINITION), '--template', template]))) {
    rmSync(aside, { recursive: true, force: true });
    fail(`${DEFINITION} could not be compiled; the message of buf above says why`);
  }
  writeFileSync(join(aside, 'version'), stamp);
  rmSync(COMPILED, { recursive: true, force: true });
  renameSync(aside, COMPILED);
}

/** Other runtimes the built package is tried under, in a folder of their own beside a lock file of their own. */
async function installMatrix() {
  const folder = join(root, 'scripts', 'matrix');
  if (!existsSync(join(folder, 'package-lock.json')) || platform !== 'linux' || arch !== 'x64') return;
  const record = join(folder, 'node_modules', '.package-lock.json');
  const installed = existsSync(record) ? JSON.parse(readFileSync(record, 'utf8')).packages : {};
  const wanted = Object.entries(json('scripts', 'matrix', 'package-lock.json').packages).filter(
    ([path]) => path !== '',
  );
  if (wanted.every(([path, { version }]) => installed[path]?.version === version)) return;
  say(
    `installing ${wanted.map(([path, { version }]) => `${path.replace('node_modules/', '')} ${version}`).join(', ')}`,
  );
  const args = ['ci', '--prefix', folder, '--include=optional', '--ignore-scripts'];
  if (!(await npm(...args))) fail('npm ci failed in scripts/matrix; its message above says why');
}

/** One after the other, the rest too when one fails. @returns whether all of them did well */
async function eachOf(names, did) {
  let all = true;
  for (const name of names) all = (await did(name)) && all;
  return all;
}

function isInstalled({ program }) {
  return [...(env.PATH ?? '').split(delimiter), ...MORE_PLACES].some((place) => {
    try {
      accessSync(join(place, program), constants.X_OK);
      return true;
    } catch {
      return false; // not in this place; the next one may have it
    }
  });
}

/** The command that installs Debian packages here, or the reason why there is none. */
async function aptGet() {
  if (!(await ran('apt-get', ['--version'], { quiet: true }))) return { reason: 'there is no apt-get on this system' };
  // RUNLEVEL=1 keeps Debian from starting a server just because it was installed. Mirrors fail now and then, and a
  // machine that has just started often installs something itself.
  const patience = ['-o', 'Acquire::Retries=5', '-o', 'DPkg::Lock::Timeout=300'];
  const settings = ['DEBIAN_FRONTEND=noninteractive', 'RUNLEVEL=1', 'apt-get', '-qq', ...patience];
  if (getuid?.() === 0) return { command: ['env', ...settings] };
  if (await ran('sudo', ['-n', 'true'], { quiet: true })) return { command: ['sudo', '-n', 'env', ...settings] };
  return { reason: 'apt-get needs root, and sudo would ask for a password' };
}

async function installPartners() {
  const missing = PARTNERS.filter((partner) => !isInstalled(partner));
  if (missing.length === 0) return;
  const packages = missing.map(({ debian }) => debian);
  const { command, reason } = await aptGet();
  let why = reason;
  if (command !== undefined) {
    const [program, ...args] = command;
    const install = (names, settings) =>
      ran(program, [...args, 'install', '--yes', '--no-install-recommends', ...names], settings);
    say(`installing ${packages.join(', ')} (apt-get)`);
    // The package list is refreshed only when the one at hand did not lead to the packages. A list of which one part
    // could not be had is still a list; and of packages of which one is not there, the others are wanted all the same.
    why = 'apt-get installed it where it is not found';
    if (!(await install(packages, { quiet: true }))) {
      await ran(program, [...args, 'update']);
      if (!(await install(packages)) && !(await eachOf(packages, (name) => install([name]))))
        why = 'apt-get could not install it; its message above says why';
    }
  }
  const left = missing.filter((partner) => !isInstalled(partner));
  if (left.length === 0) return;
  for (const { program, without } of left) say(`${program} is missing. Without it fail: ${without}.`);
  say(`${why}. By hand: apt-get install ${left.map(({ debian }) => debian).join(' ')}`);
  fail('the tests need all of these; "node_modules/.bin/node scripts/test.ts FILTER" runs those that do not');
}

/**
 * Binaries npm leaves out without a word: it takes the Node.js it runs on for the one they will run on, and drops what
 * is optional and wants a newer one. Ours is newer.
 */
async function installLeftOut() {
  const libc = report?.getReport().header.glibcVersionRuntime === undefined ? 'musl' : 'glibc';
  const fits = (allowed, ours) => allowed === undefined || allowed.includes(ours);
  const missing = Object.entries(json('package-lock.json').packages).filter(
    ([path, { optional, engines, os, cpu, libc: libcs }]) =>
      optional &&
      engines?.node &&
      fits(os, platform) &&
      fits(cpu, arch) &&
      fits(libcs, libc) &&
      !existsSync(join(root, path)),
  );
  if (missing.length === 0) return;
  const names = missing.map(
    ([path, { version }]) => `${path.slice(path.lastIndexOf('node_modules/') + 13)}@${version}`,
  );
  say(`installing ${names.join(', ')} for our own Node.js`);
  await npm('install', '--no-save', '--ignore-scripts', ...names); // who needs one will say so
}

async function installOurs() {
  await installPackages();
  await installNode();
  await installLeftOut();
  await compileDefinition();
}

const others = argv.includes('--with-partners') ? [installMatrix(), installPartners()] : [];
for (const { reason } of await Promise.allSettled([installOurs(), ...others])) {
  if (reason === undefined) continue;
  if (!(reason instanceof Failed)) console.error(reason);
  process.exitCode = 1;
}
