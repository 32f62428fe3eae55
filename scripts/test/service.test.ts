/**
 * The gateway as a service and as an image: the lines of docs/guide/deploy.md, typed as they stand by root, on a
 * machine of its own that systemd has booted. Installed is what npm would upload; the image is built out of the clone.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { root } from '../check.ts';
import { INSIDE, OUTSIDE, provideDocker, whyNoImages } from '../docs/images.ts';
import { groupOf, Machine, sweep, whyNoMachine } from '../docs/machine.ts';
import { section } from '../docs/markdown.ts';
import { Lines } from '../docs/reader.ts';
import { packedOnce } from '../release/packed.ts';

const PAGE = 'docs/guide/deploy.md';
const CONFIG = '/etc/keepwarm/keepwarm.yaml';
/** What the gateway was told to do is done soon after the command that told it, which does not wait for that. */
const WAIT_MS = 60_000;

const whyNot = whyNoMachine();
const lines = new Lines(PAGE);
const folder = mkdtempSync(join(tmpdir(), 'keepwarm-machine-'));
let machine: Machine;
let registry: string;

before(async () => {
  if (whyNot !== '') return;
  const { library, gateway } = await packedOnce();
  machine = await Machine.boot(folder);
  registry = (await machine.start(`node scripts/docs/registry.ts ${library} ${gateway}`, /http:\S+\n/)).trim();
  machine.set('npm_config_registry', registry);
});
after(async () => {
  await machine?.close();
  rmSync(folder, { recursive: true, force: true });
});

it(`${PAGE}: systemd starts it once it answers, reloads it and stops it`, async (t) => {
  if (whyNot !== '') return t.skip(whyNot);
  const shown = async (name: string) =>
    (await machine.type(`systemctl show keepwarm --value --property ${name}`)).trim();
  const page = readFileSync(join(root, PAGE), 'utf8');
  assert(section(page, '## As a service: systemd').includes(lines.left[0]?.text ?? '?'));
  const type = (meant: RegExp) => machine.type(lines.next(meant).text);

  await type(/^sudo npm install --global keepwarm-gateway$/);
  for (const meant of [/install -d/, /keepwarm init/, /chmod/, /install -m/]) await type(meant);

  await type(/^sudo systemctl enable --now keepwarm$/);
  assert.equal(await shown('ActiveState'), 'active');
  assert.equal(await shown('UnitFileState'), 'enabled');
  await machine.type(`node -e "fetch('http://127.0.0.1:4301/livez').then(({ ok }) => process.exit(ok ? 0 : 1))"`);
  const pid = await shown('MainPID');
  assert.match(
    await machine.type(`ps -o user= -p ${pid}; stat -c '%a %U' /run/keepwarm`),
    /^keepwarm\s+700 keepwarm\s/,
  );

  await machine.type(`sed -i 's/^upstreams:$/upstreams:\\n  second: { origin: "https:\\/\\/two.example" }/' ${CONFIG}`);
  await type(/^sudo systemctl reload keepwarm$/);
  const told = () => machine.type('sudo env KEEPWARM_RUNTIME_DIR=/run/keepwarm keepwarm stats --json');
  for (const end = performance.now() + WAIT_MS; !(await told()).includes('second'); await sleep(100)) {
    assert(performance.now() < end, await machine.type('journalctl --unit keepwarm --no-pager'));
  }
  assert.equal(await shown('MainPID'), pid, 'the same process');

  await machine.start(lines.next(/^sudo env \S+ keepwarm top$/).text, /second/);
  await machine.type('systemctl stop keepwarm');
  assert.deepEqual(
    [await shown('ActiveState'), await shown('Result'), await shown('NRestarts')],
    ['inactive', 'success', '0'],
  );
  await machine.type('systemctl start keepwarm && systemctl reload keepwarm && systemctl reload keepwarm');
  assert.equal(await shown('ActiveState'), 'active', 'a reload that follows at once does not end it');
  await machine.type('systemctl stop keepwarm');
});

/** Says which path it was asked for; `/slow` once `/go` was asked for, and `/begun` once `/slow` was. */
const UPSTREAM = `
const begun = Promise.withResolvers(), go = Promise.withResolvers();
require('node:http').createServer(async ({ url }, response) => {
  if (url === '/begun') await begun.promise;
  if (url === '/go') go.resolve();
  if (url === '/slow') begun.resolve(), await go.promise;
  response.end('upstream has ' + url);
}).listen(8080, () => console.log('ready'));
`;

it(`${PAGE}: the image is built; it answers at the published port, as its user, and drains when stopped`, async (t) => {
  const whyNot = whyNoImages();
  if (whyNot !== '') return t.skip(whyNot);
  const type = (line: string) => machine.type(line);
  const got = (url: string) => type(`node -e "fetch('${url}').then((reply) => reply.text()).then(console.log)"`);
  const until = async (line: string, meant: RegExp): Promise<string> => {
    for (const end = performance.now() + WAIT_MS; ; await sleep(100)) {
      let why: unknown;
      const said = await type(line).catch((failed) => void (why = failed));
      if (said !== undefined && meant.test(said)) return said.trim();
      assert(performance.now() < end, `${line}: ${why ?? said}`);
    }
  };
  const [, base = ''] = /^FROM (\S+)/m.exec(readFileSync(join(root, 'deploy/docker/Dockerfile'), 'utf8')) ?? [];
  await provideDocker(machine, `docker.io/library/${base}`, registry);
  await type(lines.next(/^docker build /).text);

  const upstream = `upstreams: { api: { origin: "http://${OUTSIDE}:8080" } }`;
  await machine.file(join(root, 'keepwarm.yaml'), `listen: 0.0.0.0:4300\ndrainMs: ${WAIT_MS}\n${upstream}\n`);
  await machine.start(`node -e "${UPSTREAM}"`, /ready/);
  const run = type(lines.next(/^docker run /).text);
  run.catch(() => undefined); // it is heard at the end
  const name = await until('docker ps -q', /^\S+\s$/);
  const inside = (script: string) => `docker exec ${name} node -e ${quoted([script])}`;

  const [{ Config }] = JSON.parse(await type('docker image inspect keepwarm'));
  const [how, ...healthy] = Config.Healthcheck.Test;
  assert.equal(how, 'CMD');
  await until(`docker exec ${name} ${quoted(healthy)} && echo healthy`, /healthy/);
  assert.equal((await got('http://127.0.0.1:4300/api/info')).trim(), 'upstream has /info');
  await assert.rejects(got(`http://${INSIDE}:4301/livez`), /ECONNREFUSED/, 'the admin listener stays within');
  const first = await type(
    inside('console.log(fs.readFileSync("/proc/1/cmdline", "utf8"), fs.statSync("/proc/1").uid)'),
  );
  assert.match(first, /^node\0.*keepwarm\0gateway\0.* 1000\s$/s, 'the first process is the gateway, not as root');
  await until(inside('console.log(fs.readdirSync("/var/lib/keepwarm"))'), /\w/);

  const slow = got('http://127.0.0.1:4300/api/slow');
  slow.catch(() => undefined);
  await got('http://127.0.0.1:8080/begun');
  const stopped = type(`docker stop -t ${WAIT_MS / 1_000} ${name}`);
  stopped.catch(() => undefined);
  await until(inside('fetch("http://127.0.0.1:4301/readyz").then(({ status }) => console.log(status))'), /503/);
  await got('http://127.0.0.1:8080/go');
  assert.equal((await slow).trim(), 'upstream has /slow', 'what was under way has ended well');
  await stopped;
  await run;
  assert.equal(await type('docker ps -q; ip netns list; grep -c merged /proc/mounts || true'), '0\n', '--rm');
  assert.deepEqual(lines.left, []);
});

it('leaves nothing of its machine behind, should it be killed', async (t) => {
  if (whyNot !== '') return t.skip(whyNot);
  const place = mkdtempSync(join(tmpdir(), 'keepwarm-machine-'));
  t.after(() => rmSync(place, { recursive: true, force: true }));
  const boot = `const { Machine } = await import('${join(root, 'scripts/docs/machine.ts')}');
    await Machine.boot('${place}');
    console.log('up');`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', boot], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit');
  await Promise.race([once(child.stdout, 'data'), ended]);
  const populated = () => readFileSync(join(groupOf(child.pid ?? 0), 'cgroup.events'), 'utf8').includes('populated 1');
  assert(populated(), 'it is up');
  child.kill('SIGKILL');
  await ended;
  for (const end = performance.now() + WAIT_MS; populated(); await sleep(50)) assert(performance.now() < end);
  sweep();
  assert(!existsSync(groupOf(child.pid ?? 0)));
  assert.deepEqual(readdirSync(place), [], 'nothing is mounted here');
});

const quoted = (words: readonly string[]): string =>
  words.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ');
