/**
 * The gateway as a service: the lines of docs/guide/deploy.md, typed as they stand by root, on a machine of its own
 * that systemd has booted. Installed is what npm would upload.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
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

it(`${PAGE}: systemd starts it once it answers, reloads it and stops it`, async (t) => {
  const why = whyNoMachine();
  if (why !== '') return t.diagnostic(`not typed here: ${why}`);
  const staged = stage(`service-${process.pid}`);
  const folder = mkdtempSync(join(tmpdir(), 'keepwarm-machine-'));
  let booted: Machine | undefined;
  t.after(async () => {
    await booted?.close();
    for (const each of [staged, folder]) rmSync(each, { recursive: true, force: true });
  });
  await build(staged);
  const packed = [await pack(staged, 'keepwarm'), await pack(staged, 'gateway')];
  const machine = await Machine.boot(folder);
  booted = machine;
  const shown = async (name: string) =>
    (await machine.type(`systemctl show keepwarm --value --property ${name}`)).trim();
  const lines = new Lines(PAGE);
  const page = readFileSync(join(root, PAGE), 'utf8');
  assert(section(page, '## As a service: systemd').includes(lines.left[0]?.text ?? '?'));
  const type = (meant: RegExp) => machine.type(lines.next(meant).text);

  const registry = await machine.start(`node scripts/docs/registry.ts ${packed.join(' ')}`, /http:\S+\n/);
  machine.set('npm_config_registry', registry.trim());
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
