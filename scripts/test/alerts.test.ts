/** The alert rules: metrics that exist, read by Prometheus itself, and silent while all is well. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { parse } from 'yaml';
import { GATEWAY_METRICS } from '../../packages/gateway/src/admin/metrics.ts';
import { UPSTREAM_METRICS } from '../../packages/gateway/src/admin/upstream-metrics.ts';
import { METRICS } from '../../packages/keepwarm/src/telemetry/catalog.ts';
import { root } from '../check.ts';

const FILE = join(root, 'deploy', 'prometheus', 'alerts.yaml');

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string; readonly description: string };
}

const { groups } = parse(readFileSync(FILE, 'utf8')) as {
  readonly groups: readonly { readonly rules: readonly Rule[] }[];
};
const rules = groups.flatMap((group) => group.rules);
const types = new Map([
  ...Object.entries(METRICS).map(([name, { type }]) => [name, type] as const),
  ...Object.entries({ ...GATEWAY_METRICS, ...UPSTREAM_METRICS }).map(([name, [type]]) => [name, type] as const),
]);

function run(...args: string[]): void {
  const { status, stdout, stderr } = spawnSync('promtool', args, { encoding: 'utf8' });
  assert.equal(status, 0, `${stdout}${stderr}`);
}

describe('alert rules', () => {
  it('ask for metrics that exist, and for counters by their growth', () => {
    assert.ok(rules.length > 10);
    for (const { alert, expr } of rules) {
      const named = [...expr.matchAll(/\bkeepwarm_[a-z0-9_]+/g)].map(([name]) => name);
      assert.ok(named.length > 0 || /\bup\b/.test(expr), alert);
      for (const name of named) assert.ok(types.has(name), `${alert}: ${name} is no metric`);
      const [counter] = named.filter((name) => types.get(name) === 'counter');
      // What is suspected and has not come back is a difference, not a rate.
      if (counter !== undefined && !expr.includes('leaks')) assert.match(expr, /rate\(|increase\(/, alert);
    }
  });

  it('say what it is and what to do', () => {
    for (const { alert, labels, annotations } of rules) {
      assert.match(alert, /^Keepwarm[A-Z]/);
      assert.match(labels.severity, /^(?:critical|warning|info)$/, alert);
      assert.ok(annotations.summary.length > 20 && annotations.description.length > 40, alert);
    }
  });

  it('are read by Prometheus', () => run('check', 'rules', FILE));

  it('fire when something is wrong, and only then', () => {
    const folder = mkdtempSync(join(tmpdir(), 'keepwarm-alerts-'));
    const at = { instance: 'here', job: 'keepwarm' };
    const labelled = (labels: object): string =>
      `{${Object.entries({ ...at, ...labels })
        .map(([key, value]) => `${key}="${value}"`)
        .join(',')}}`;
    const series = (bad: boolean) => [
      { series: `up${labelled({})}`, values: '1x20' },
      { series: `keepwarm_gateway_ready${labelled({})}`, values: '1x20' },
      {
        series: `keepwarm_breaker_state${labelled({ client: 'api', key: 'https://a', state: 'open' })}`,
        values: bad ? '1x20' : '0x20',
      },
      {
        series: `keepwarm_failures_total${labelled({ client: 'api', code: 'CONNECT' })}`,
        values: bad ? '0+60x20' : '0+1x20',
      },
      { series: `keepwarm_calls_total${labelled({ client: 'api' })}`, values: '0+600x20' },
      {
        series: `keepwarm_endpoint_state${labelled({ client: 'api', endpoint: 'a', state: 'healthy' })}`,
        values: bad ? '0x20' : '1x20',
      },
      // Where there is a way, nothing is told.
      {
        series: `keepwarm_gateway_unreachable_seconds${labelled({ client: 'api', origin: 'https://b' })}`,
        values: bad ? '1+60x20' : '_x20',
      },
    ];
    const fires = (bad: boolean, alert: string, labels: object, value: string) => {
      const rule = rules.find((each) => each.alert === alert)!;
      const filled = (text: string) =>
        text
          .replaceAll(/\{\{ \$labels\.(\w+) \}\}/g, (_, name) => String((labels as Record<string, string>)[name]))
          .replaceAll(/\{\{ \$value \| humanizePercentage \}\}/g, value);
      const exp_labels = { severity: rule.labels.severity, ...at, ...labels };
      const { summary, description } = rule.annotations;
      const exp_annotations = { summary: filled(summary), description: filled(description) };
      return {
        eval_time: '10m',
        alertname: alert,
        exp_alerts: bad ? [{ exp_labels, exp_annotations }] : [],
      };
    };
    const test = (bad: boolean) => ({
      interval: '1m',
      input_series: series(bad),
      alert_rule_test: [
        fires(bad, 'KeepwarmBreakerOpen', { client: 'api', key: 'https://a' }, ''),
        fires(bad, 'KeepwarmCallsFail', { client: 'api' }, '10%'),
        fires(bad, 'KeepwarmNoEndpoint', { client: 'api' }, ''),
        fires(bad, 'KeepwarmUnreachable', { client: 'api', origin: 'https://b' }, ''),
        fires(false, 'KeepwarmDown', {}, ''),
      ],
    });
    try {
      const file = join(folder, 'test.json');
      const tests = [test(true), test(false)];
      writeFileSync(file, JSON.stringify({ rule_files: [FILE], evaluation_interval: '1m', tests }));
      run('test', 'rules', file);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
