/**
 * The gateway as a service: the lines of docs/guide/deploy.md, typed as they stand by root, on a machine of its own
 * that systemd has booted. Installed is what npm would upload.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { root } from '../check.ts';
import { Machine, whyNoMachine } from '../docs/machine.ts';
import { section } from '../docs/markdown.ts';
import { Lines } from '../docs/reader.ts';
import { build, pack, stage } from '../release/stage.ts';

const PAGE = 'docs/guide/deploy.md';
const CONFIG = '/etc/keepwarm/keepwarm.yaml';
/** What the gateway was told to do is done soon after the command that told it, which does not wait for that. */
const WAIT_MS = 60_000;

const whyNot = whyNoMachine();
const staged = stage(`service-${process.pid}`);
const folder = mkdtempSync(join(tmpdir(), 'keepwarm-machine-'));
let machine: Machine;

before(async () => {
  if (whyNot !== '') return;
  await build(staged);
  const packed = [await pack(staged, 'keepwarm'), await pack(staged, 'gateway')];
  machine = await Machine.boot(folder);
  const registry = await machine.start(`node scripts/docs/registry.ts ${packed.join(' ')}`, /http:\S+\n/);
  machine.set('npm_config_registry', registry.trim());
});
after(async () => {
  await machine?.close();
  for (const each of [staged, folder]) rmSync(each, { recursive: true, force: true });
});

it(`${PAGE}: systemd starts it once it answers, reloads it and stops it`, async (t) => {
  if (whyNot !== '') return t.skip(whyNot);
  const shown = async (name: string) =>
    (await machine.type(`systemctl show keepwarm --value --property ${name}`)).trim();
  const lines = new Lines(PAGE);
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
  assert.deepEqual(lines.left, []);
});

it(`${PAGE}: the lines of the Dockerfile, without an image, give a gateway that is found healthy`, async (t) => {
  if (whyNot !== '') return t.skip(whyNot);
  const dockerfile = readFileSync(join(root, 'deploy/docker/Dockerfile'), 'utf8').replaceAll(/\\\n\s*/g, '');
  const [first = '', second = ''] = [...dockerfile.matchAll(/^RUN (.*)$/gm)].map(([, line = '']) => line);
  const words = (name: string): string[] =>
    JSON.parse(new RegExp(`^${name} .*?(\\[.*\\])$`, 'm').exec(dockerfile)?.[1] ?? '[]');
  const quoted = (list: readonly string[]): string =>
    list.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ');
  const installed = 'npm ci --ignore-scripts && npm run build && ';
  assert(first.startsWith(installed), 'which is how the staged copy came to be');
  await machine.type('systemctl stop keepwarm; npm uninstall --global keepwarm-gateway');
  await machine.type(`cp -r '${staged}' /src && rm -f /src/*.tgz && cd /src && ${first.slice(installed.length)}`);
  await machine.type('id node || useradd --create-home node'); // whom the base image has
  await machine.type(second);
  const [, environment = ''] = /^ENV (.*)$/m.exec(dockerfile) ?? [];
  const asNode = `runuser --user node -- env ${environment}`;
  assert.match(dockerfile, /^USER node$/m);
  await machine.type('mkdir -p /etc/keepwarm');
  await machine.file(CONFIG, 'listen: 0.0.0.0:4300\nupstreams: { api: { origin: "https://api.example.com" } }\n');
  await machine.start(`${asNode} ${quoted([...words('ENTRYPOINT'), ...words('CMD')])}`, /status page/);
  const healthy = /^HEALTHCHECK .*?CMD (\[.*\])$/m.exec(dockerfile)?.[1] ?? '[]';
  await machine.type(`${asNode} ${quoted(JSON.parse(healthy))}`);
  assert.match(
    await machine.type('ls -A /packed 2>&1 || true'),
    /No such file/,
    'nothing is left of how it came there',
  );
});
