/** What several workers tell, put together. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Family } from 'keepwarm/prometheus';
import type { RpcEndpointTold } from '../src/admin/rpc-told.ts';
import { rateOf } from '../src/figures/rates.ts';
import { BUCKETS, Rolling, summaryOf } from '../src/figures/rolling.ts';
import { packed, type Row, unpackInto } from '../src/history/row.ts';
import { rowsTogether } from '../src/workers/rows.ts';
import { endpointOf } from '../src/workers/together/endpoints.ts';
import { CrewMetrics, familiesTogether } from '../src/workers/together/metrics.ts';

const counter = (name: string, value: number, labels = {}): Family => ({
  ...{ name, type: 'counter', help: '', samples: [{ labels, value }] },
});
const gauge = (name: string, value: number, labels = {}): Family => ({
  ...counter(name, value, labels),
  type: 'gauge',
});
const figureOf = (families: readonly Family[], name: string): number | undefined =>
  families.find((each) => each.name === name)?.samples[0]?.value;

describe('metrics of several workers', () => {
  it('are one series each: counts add up, states and times are the highest', () => {
    const [of, and] = [{ client: 'a' }, { client: 'b' }];
    const told = familiesTogether([
      [counter('calls_total', 3, of), gauge('keepwarm_sockets_open', 2), gauge('keepwarm_uptime_seconds', 9)],
      [counter('calls_total', 4, of), gauge('keepwarm_sockets_open', 5), gauge('keepwarm_uptime_seconds', 7)],
      [counter('calls_total', 1, and), gauge('keepwarm_breaker_state', 1, { state: 'open' })],
      [gauge('keepwarm_breaker_state', 1, { state: 'open' }), gauge('keepwarm_rpc_batch_size_max', 5)],
      [gauge('keepwarm_rpc_batch_size_max', 2)],
    ]);
    assert.deepEqual(told[0]!.samples, [
      { labels: of, value: 7 },
      { labels: and, value: 1 },
    ]);
    const values = ['keepwarm_sockets_open', 'keepwarm_uptime_seconds', 'keepwarm_breaker_state'];
    assert.deepEqual(
      [...values, 'keepwarm_rpc_batch_size_max'].map((name) => figureOf(told, name)),
      [7, 9, 1, 2],
    );
  });

  it('never fall because a worker is gone: what it had counted is kept, what it had open is not', () => {
    const metrics = new CrewMetrics();
    const told = (pid: number, calls: number, open: number) => ({
      ...{
        worker: pid,
        told: { pid, families: [counter('calls_total', calls), gauge('keepwarm_sockets_open', open)] },
      },
    });
    const read = (families: readonly Family[]) =>
      ['calls_total', 'keepwarm_sockets_open'].map((name) => figureOf(families, name));
    assert.deepEqual(read(metrics.heard([told(1, 100, 4), told(2, 50, 3)], new Set([1, 2]))), [150, 7]);
    assert.deepEqual(read(metrics.heard([told(2, 60, 3)], new Set([1, 2]))), [160, 7], 'one does not answer in time');
    assert.deepEqual(read(metrics.heard([told(2, 60, 3)], new Set([2]))), [160, 3], 'it is gone');
    assert.deepEqual(read(metrics.heard([told(2, 61, 3), told(3, 5, 1)], new Set([2, 3]))), [166, 4], 'another came');
  });
});

describe('percentiles of several workers', () => {
  it('are taken from all that was counted: one fast and one slow worker have no percentile in common', () => {
    const [fast, slow, all] = [new Rolling(1_000, 4), new Rolling(1_000, 4), new Rolling(1_000, 4)];
    for (let i = 0; i < 980; i++) for (const each of [fast, all]) each.record(1, 500);
    for (let i = 0; i < 20; i++) for (const each of [slow, all]) each.record(400, 500);
    const sums = new Uint32Array(BUCKETS);
    for (const each of [fast, slow]) unpackInto(sums, packed(each.counts(500)[0]!));
    assert.deepEqual(summaryOf(sums), all.summary(500, 0));
    assert.ok(summaryOf(sums).p95Ms < 2 && summaryOf(sums).p99Ms > 300);
  });

  it('go into the history by the minute, with what else was counted', () => {
    const latency = packed(new Uint32Array(BUCKETS).fill(1, 10, 12));
    const row = (upstream: string, calls: number, saturation: number): Row => ({
      ...{ upstream, at: 0, seconds: 60, calls, errors: 1, fresh: 2, reused: 3, retries: 0, limitWaits: 0 },
      ...{ saturation, latency },
    });
    const [api, other] = rowsTogether([[row('api', 5, 0.5), row('other', 1, 0)], [row('api', 7, 0.25)]]);
    const { latency: bytes, ...rest } = api!;
    const { latency: _, ...whole } = row('api', 12, 0.5);
    assert.deepEqual(rest, { ...whole, errors: 2, fresh: 4, reused: 6 });
    const sums = new Uint32Array(BUCKETS);
    unpackInto(sums, bytes);
    assert.deepEqual([sums[10], sums[11], other!.calls], [2, 2, 1]);
  });
});

describe('an endpoint of several workers', () => {
  const endpoint = (more: Partial<RpcEndpointTold>): RpcEndpointTold => ({
    ...{ name: 'one', origin: 'http://one', priority: 0, state: 'healthy', latencyMs: 10, inFlight: 1, successes: 90 },
    ...{ failures: 0, busy: 0, ejections: 0, load: 10, ejectedUntilMs: undefined, pausedUntilMs: undefined },
    ...{ freshness: 'fresh', height: 100, lag: 0, rateLimit: [], trail: [1, 2, 3] },
    ...more,
  });

  it('is as most of them see it; who see it otherwise are counted', () => {
    const told = endpointOf([
      endpoint({}),
      endpoint({ height: 102, trail: [5], latencyMs: 40, successes: 30 }),
      endpoint({ state: 'ejected', failures: 60, successes: 0, ejectedUntilMs: 7, freshness: 'lagging', lag: 3 }),
    ]);
    assert.deepEqual([told.state, told.workersByState], ['healthy', { healthy: 2, ejected: 1 }]);
    assert.deepEqual([told.successes, told.failures, told.inFlight], [120, 60, 3]);
    assert.deepEqual([told.freshness, told.height, told.lag, told.ejectedUntilMs], ['fresh', 102, 3, 7]);
    assert.deepEqual(told.trail, [2, 4, 11], 'seconds add up from the latest on');
    assert.equal(told.latencyMs, (10 * 90 + 40 * 30 + 10 * 60) / 180);
    const even = endpointOf([endpoint({}), endpoint({ state: 'ejected' })]);
    assert.equal(even.state, 'ejected', 'in doubt the worse');
    assert.equal(endpointOf([endpoint({}), endpoint({})]).workersByState, undefined);
  });

  it('has limits whose parts add up to the whole', () => {
    const rate = (used: number, remaining: number, nextMs: number) => ({
      ...{ name: 'plan', limit: 10, windowMs: 1_000, keys: 1, used, remaining, resetMs: used * 10, nextMs },
      ...{ waiting: 1, pausedMs: 0, granted: used, refused: 0 },
    });
    assert.deepEqual(rateOf([rate(3, 1, 0), rate(4, 0, 20)]), {
      ...rate(7, 1, 0),
      ...{ resetMs: 40, waiting: 2 },
    });
  });
});
