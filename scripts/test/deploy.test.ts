import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { parse, parseAllDocuments } from 'yaml';
import { Readers } from '../../packages/gateway/src/admin/events.ts';
import { GATEWAY_METRICS } from '../../packages/gateway/src/admin/metrics.ts';
import { adminRoutes } from '../../packages/gateway/src/admin/routes.ts';
import { UPSTREAM_METRICS } from '../../packages/gateway/src/admin/upstream-metrics.ts';
import { parseConfig } from '../../packages/gateway/src/config/config.ts';
import { METRICS } from '../../packages/keepwarm/src/telemetry/catalog.ts';
import { root } from '../check.ts';
import { lockedPackages, shipped } from '../release/licences.ts';
import { lightened, lightenedLock, NEEDED } from '../release/only-build.ts';
import { manifestOf } from '../release/stage.ts';

const read = (file: string): string => readFileSync(join(root, 'deploy', file), 'utf8');
const types = new Map([
  ...Object.entries(METRICS).map(([name, { type }]) => [name, type] as const),
  ...Object.entries({ ...GATEWAY_METRICS, ...UPSTREAM_METRICS }).map(([name, [type]]) => [name, type] as const),
]);

interface Panel {
  readonly title: string;
  readonly gridPos: { readonly x: number; readonly w: number };
  readonly targets: readonly { readonly expr: string }[];
}

describe('what is deployed', () => {
  it('draws metrics that exist, each as its type wants it', () => {
    const { panels }: { panels: Panel[] } = JSON.parse(read('grafana/keepwarm.json'));
    const expressions = panels.flatMap(({ targets }) => targets.map(({ expr }) => expr));
    assert.ok(expressions.length > 20);
    for (const expression of expressions) {
      const named = [...expression.matchAll(/\b(?:keepwarm|process)_[a-z0-9_]+/g)].map(([name]) => name);
      assert.ok(named.length > 0, expression);
      for (const name of named) {
        const histogram = name.replace(/_bucket$/, '');
        const type = types.get(name) ?? types.get(histogram);
        assert.ok(type !== undefined, `${name} is no metric`);
        assert.equal(type === 'histogram', name !== histogram, `${name} is a ${type}`);
        if (type !== 'gauge') assert.match(expression, /rate\(/, `${name} only ever grows`);
      }
    }
    for (const { title, gridPos } of panels) assert.ok(gridPos.x + gridPos.w <= 24, title);
  });

  it('has expressions that Prometheus reads, where promtool is here', () => {
    if (spawnSync('which', ['promtool']).status !== 0) return;
    const { panels }: { panels: Panel[] } = JSON.parse(read('grafana/keepwarm.json'));
    const rules = panels.flatMap(({ targets }, i) =>
      targets.map(({ expr }, j) => ({
        record: `panel:${i}:${j}`,
        expr: expr.replaceAll('$__rate_interval', '1m').replaceAll('$upstream', '.*'),
      })),
    );
    const folder = mkdtempSync(join(tmpdir(), 'keepwarm-deploy-'));
    const file = join(folder, 'rules.json');
    writeFileSync(file, JSON.stringify({ groups: [{ name: 'dashboard', rules }] }));
    const { status, stdout, stderr } = spawnSync('promtool', ['check', 'rules', file]);
    rmSync(folder, { recursive: true });
    assert.equal(status, 0, `${stdout}${stderr}`);
  });

  it('runs beside a program in Kubernetes with a configuration the gateway takes, and probes that it answers', () => {
    const documents = parseAllDocuments(read('kubernetes/sidecar.yaml'));
    for (const { errors } of documents) assert.deepEqual(errors, []);
    const [secret, config, deployment] = documents.map((document) => document.toJS());
    assert.deepEqual([secret.kind, config.kind, deployment.kind], ['Secret', 'ConfigMap', 'Deployment']);
    const given = parse(config.data['keepwarm.yaml']);
    const mounts: { mountPath: string }[] = deployment.spec.template.spec.initContainers[0].volumeMounts;
    assert.ok(mounts.some(({ mountPath }) => given.access.tokenFile.startsWith(`${mountPath}/`)));
    const { drainMs } = parseConfig({ ...given, access: { token: secret.stringData.token } }, '.');
    const { terminationGracePeriodSeconds, initContainers } = deployment.spec.template.spec;
    assert.ok(drainMs < terminationGracePeriodSeconds * 1_000);
    const anyone = adminRoutes(new Readers())
      .filter(({ audience }) => audience === 'anyone')
      .map(({ path }) => path);
    for (const probe of ['startupProbe', 'livenessProbe', 'readinessProbe']) {
      assert.ok(anyone.includes(initContainers[0][probe].httpGet.path), probe);
    }
  });

  it('is a unit that systemd understands, where it is here', () => {
    const unit = read('systemd/keepwarm.service');
    assert.match(unit, /ExecStart=.* gateway --config/);
    if (spawnSync('which', ['systemd-analyze']).status !== 0) return;
    const { stderr } = spawnSync('systemd-analyze', [
      'verify',
      '--man=no',
      join(root, 'deploy/systemd/keepwarm.service'),
    ]);
    const own = String(stderr)
      .split('\n')
      .filter((line) => line.includes('keepwarm.service'));
    assert.deepEqual(own, []);
  });

  it('says in its files what the page says', () => {
    const page = readFileSync(join(root, 'docs/guide/deploy.md'), 'utf8');
    const [, build = '?'] = /^#.*: (docker build .*)$/m.exec(read('docker/Dockerfile')) ?? [];
    const [, enable = '?'] = /^#.*(systemctl enable .*)$/m.exec(read('systemd/keepwarm.service')) ?? [];
    for (const command of [build, enable]) assert.ok(page.includes(command), command);
  });

  it('is an image of commands and files that exist', () => {
    const dockerfile = read('docker/Dockerfile');
    const [, into = '?'] = /--pack-destination (\S+)/.exec(dockerfile) ?? [];
    assert.ok(dockerfile.includes(`mkdir ${into} `), 'npm packs into no folder that is not there');
    for (const workspace of ['packages/keepwarm', 'packages/gateway']) {
      assert.ok(dockerfile.includes(`--workspace ${workspace}`));
      assert.ok(readFileSync(join(root, workspace, 'package.json'), 'utf8').includes('"files"'));
    }
    const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
    for (const [, script] of dockerfile.matchAll(/npm run (\w+)/g)) assert.ok(scripts[script!] !== undefined, script);
  });

  it('is an image whose build fetches compilers and what users receive, and none of the partners of tests', () => {
    const lock = lockedPackages();
    const left = lightenedLock(lock);
    const paths = Object.keys(left);
    for (const path of shipped(lock)) assert.deepEqual(left[path], lock[path], path);
    for (const name of NEEDED)
      assert.ok(
        paths.some((path) => path.endsWith(`node_modules/${name}`)),
        name,
      );
    for (const name of ['hardhat', 'viem', 'playwright-core', 'vitepress', 'fastify', '@foundry-rs/anvil']) {
      assert.ok(lock[`node_modules/${name}`] !== undefined && left[`node_modules/${name}`] === undefined, name);
    }
    assert.deepEqual(lightenedLock(left), left, 'of what is left nothing is missing, and nothing more can go');
    const { devDependencies = {}, dependencies } = lightened(
      manifestOf(join(root, 'packages/gateway')),
      'packages/gateway',
    );
    assert.deepEqual(
      [devDependencies, dependencies],
      [left['packages/gateway']?.devDependencies, left['packages/gateway']?.dependencies],
    );
  });
});
