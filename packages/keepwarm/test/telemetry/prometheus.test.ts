import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { createClient, NetError } from 'keepwarm';
import { createGrpcPool } from 'keepwarm/grpc';
import { createRpc, evm } from 'keepwarm/jsonrpc';
import { type Family, prometheusMetrics } from 'keepwarm/prometheus';
import type { ClientStats } from '../../src/clients/stats.ts';
import { METRIC_NAMES } from '../../src/telemetry/catalog.ts';
import {
  anEndpoint,
  anyStats,
  aSession,
  fleetLimit,
  grpcStats,
  hostile,
  later,
  quantilesOf,
  rpcStats,
  someStats,
} from './a-stats.ts';
import { type ReadFamily, readExposition, readValue } from './exposition.ts';

const written = (stats: ClientStats): Map<string, ReadFamily> =>
  readExposition(prometheusMetrics({ stats: () => stats }).render());

/** Every series of counters and histograms, by name and labels. */
function countsOf(families: Map<string, ReadFamily>): Map<string, number> {
  const counts = [...families.values()].filter(({ type }) => type !== 'gauge').flatMap(({ samples }) => samples);
  return new Map(counts.map(({ name, labels, value }) => [JSON.stringify([name, labels]), value]));
}

describe('metrics of a client', () => {
  it('are the numbers of its snapshot, in base units', () => {
    const told = written(
      someStats({
        calls: { total: 9, inFlight: 2, failed: 3, byClass: [0, 0, 4, 0, 0, 0], byCode: { RESET: 3 } },
        latency: quantilesOf(0.7, 20, 60_000),
        phases: { dns: quantilesOf(2), tcp: quantilesOf(3, 3), tls: quantilesOf(5, 5, 5) },
        reuse: { ratio: 0.75, fresh: 1, reused: 3, http2: 0, hops: 1 },
        policies: { hedge: { delayMs: 250, count: 9, hedged: 2, won: 1, denied: 0, armed: 1 } },
      }),
    );
    assert.equal(readValue(told, 'keepwarm_uptime_seconds'), 1.5);
    assert.equal(readValue(told, 'keepwarm_calls_total'), 9);
    assert.equal(readValue(told, 'keepwarm_replies_total', { class: '2xx' }), 4);
    assert.equal(readValue(told, 'keepwarm_failures_total', { code: 'RESET' }), 3);
    assert.equal(readValue(told, 'keepwarm_leases_total', { use: 'reused' }), 3);
    assert.equal(readValue(told, 'keepwarm_hedge_delay_seconds'), 0.25);
    const phases = ['dns', 'tcp', 'tls'].map((phase) =>
      readValue(told, 'keepwarm_connect_duration_seconds_sum', { phase }),
    );
    assert.deepEqual(phases, [0.002, 0.006, 0.015]);
    const bucket = (le: string) => readValue(told, 'keepwarm_call_duration_seconds_bucket', { le });
    assert.deepEqual(['0.0005', '0.001', '0.01', '0.025', '1.0', '30.0', '+Inf'].map(bucket), [0, 1, 1, 2, 2, 2, 3]);
    assert.equal(readValue(told, 'keepwarm_call_duration_seconds_sum'), 60.0207);
  });

  it('say nothing of what is off', () => {
    const told = written(someStats());
    assert.ok(![...told.keys()].some((name) => /breaker|cache|rate_limit|endpoint|rpc|grpc|hedge/.test(name)));
  });

  it('read back as the same numbers, whatever the snapshot and however hostile its names', () => {
    fc.assert(
      fc.property(anyStats, fc.constantFrom('text', 'openmetrics'), (stats, format) => {
        const read = readExposition(prometheusMetrics({ stats: () => stats }).render(format), format);
        const sum = (name: string) => (read.get(name)?.samples ?? []).reduce((all, { value }) => all + value, 0);
        const total = format === 'text' ? '_total' : '';
        assert.equal(readValue(read, 'keepwarm_calls_total'), stats.calls.total);
        assert.equal(
          sum(`keepwarm_failures${total}`),
          Object.values(stats.calls.byCode).reduce((a, b) => a + b, 0),
        );
        assert.equal(readValue(read, 'keepwarm_call_duration_seconds_count'), stats.latency.count);
        assert.equal(
          sum('keepwarm_pool_idle'),
          stats.pools.reduce((all, { idle }) => all + idle, 0),
        );
        const { breaker, endpoints } = stats.policies;
        assert.equal(
          sum(`keepwarm_breaker_opened${total}`),
          (breaker?.breakers ?? []).reduce((a, b) => a + b.opened, 0),
        );
        assert.equal(sum('keepwarm_breaker_state'), breaker?.breakers.length ?? 0);
        assert.equal(sum('keepwarm_endpoint_state'), endpoints?.endpoints.length ?? 0);
      }),
    );
  });

  it('keep every name as it is, quotes, backslashes and line ends included', () => {
    fc.assert(
      fc.property(hostile, (name) => {
        fc.pre(name.length > 0 && name.length <= 200);
        const endpoints = { panic: false, endpoints: [anEndpoint(name, { successes: 7 })] };
        const labels = { endpoint: name.toWellFormed(), answer: 'success' };
        const told = prometheusMetrics({ [`c${name}`]: { stats: () => someStats({ policies: { endpoints } }) } });
        const read = readExposition(told.render());
        const client = `c${name}`.toWellFormed();
        assert.equal(readValue(read, 'keepwarm_endpoint_outcomes_total', { client, ...labels }), 7);
      }),
    );
  });

  it('never count backwards from one scrape to the next', () => {
    fc.assert(
      fc.property(fc.array(anyStats, { minLength: 2, maxLength: 5 }), (steps) => {
        let stats = { ...steps[0]!, policies: {} };
        const metrics = prometheusMetrics({ stats: () => stats });
        let before = countsOf(readExposition(metrics.render()));
        for (const step of steps.slice(1)) {
          stats = { ...later(stats, step), policies: {} };
          const now = countsOf(readExposition(metrics.render()));
          for (const [series, value] of before) assert.ok(now.get(series)! >= value, `${series} fell`);
          before = now;
        }
      }),
    );
  });

  it('add up two pools of one origin, and the HTTP/2 sessions to it', () => {
    const pool = {
      origin: 'https://a.test',
      section: '',
      opening: 0,
      inFlight: 1,
      idle: 2,
      waiting: 0,
      socketsMax: 50,
    };
    const pools = [
      { ...pool, saturation: 0.02 },
      { ...pool, saturation: 0.4 },
    ];
    const live = [aSession('https://a.test', 3, 20), aSession('https://a.test', 4, 30)];
    const told = written(someStats({ pools, sockets: { open: 2, closed: 0, totalMax: 100, live, history: [] } }));
    const labels = { origin: 'https://a.test' };
    assert.equal(readValue(told, 'keepwarm_pool_idle', labels), 4);
    assert.equal(readValue(told, 'keepwarm_pool_saturation_ratio', labels), 0.4);
    assert.equal(readValue(told, 'keepwarm_http2_sessions', labels), 2);
    assert.equal(readValue(told, 'keepwarm_http2_streams', labels), 7);
    assert.equal(readValue(told, 'keepwarm_http2_rtt_seconds', labels), 0.03);
  });
});

describe('metrics of other clients', () => {
  it('are those of the HTTP client beneath, and of each endpoint with its own limit, height and batches', () => {
    const told = readExposition(prometheusMetrics({ stats: () => rpcStats }).render());
    const labels = { endpoint: 'near' };
    assert.equal(readValue(told, 'keepwarm_endpoints_panic'), 1);
    assert.equal(readValue(told, 'keepwarm_rate_limit_remaining', { ...labels, limit: 'cu' }), 6);
    assert.equal(readValue(told, 'keepwarm_rate_limit_reset_seconds', { ...labels, limit: 'cu' }), 0.5);
    assert.equal(readValue(told, 'keepwarm_rpc_endpoint_lag', labels), 10);
    assert.equal(readValue(told, 'keepwarm_rpc_endpoint_freshness', { ...labels, state: 'lagging' }), 1);
    assert.equal(readValue(told, 'keepwarm_rpc_endpoint_freshness', { ...labels, state: 'fresh' }), 0);
    assert.equal(readValue(told, 'keepwarm_rpc_head_height'), 100);
    assert.equal(readValue(told, 'keepwarm_rpc_batched_requests_total'), 70);
    assert.equal(readValue(told, 'keepwarm_rpc_cache_hits_total'), 2);
  });

  it('are the calls of gRPC by status, those that never occurred included, so that the first one is seen', () => {
    const told = readExposition(prometheusMetrics({ stats: () => grpcStats }).render());
    const ended = ['OK', 'UNAVAILABLE', 'INTERNAL'].map((code) =>
      readValue(told, 'keepwarm_grpc_calls_ended_total', { code }),
    );
    assert.deepEqual(ended, [3, 1, 0]);
    assert.equal(readValue(told, 'keepwarm_grpc_messages_received_total'), 9);
  });

  it('are the connections, leases and starts of a pool of gRPC connections', async () => {
    const pool = createGrpcPool({ target: 'http://127.0.0.1:9', connectionsMax: 7 });
    const told = readExposition(prometheusMetrics({ monitors: pool }).render());
    await pool.close();
    const client = 'monitors';
    assert.equal(readValue(told, 'keepwarm_grpc_pool_connections', { client, state: 'ready' }), 0);
    assert.equal(readValue(told, 'keepwarm_grpc_pool_connections_max', { client }), 7);
    assert.equal(readValue(told, 'keepwarm_grpc_pool_leases_ended_total', { client, reason: 'reassigned' }), 0);
    assert.equal(readValue(told, 'keepwarm_starts_max', { client, limit: 'http://127.0.0.1:9' }), 60);
    assert.equal(readValue(told, 'keepwarm_starts_used', { client, limit: 'http://127.0.0.1:9' }), 60, 'full at first');
  });

  it('are the limits of a fleet as this process knows them, and nothing of limits nobody knows', () => {
    const text = prometheusMetrics({ stats: () => someStats({ policies: { readyLimit: fleetLimit } }) }).render();
    const told = readExposition(text);
    assert.equal(readValue(told, 'keepwarm_fleet_limit_own', { limit: 'calls' }), 12);
    assert.equal(readValue(told, 'keepwarm_fleet_limit_granted_total', { limit: 'calls' }), 99);
    assert.equal(readValue(told, 'keepwarm_fleet_redis_state', { state: 'local' }), 1);
    assert.equal(readValue(told, 'keepwarm_fleet_redis_losses_total'), 3);
    assert.ok(!text.includes('hunter2'));
    const others: object[] = [
      {},
      { limits: 'x' },
      { limits: [1, null, { name: 7 }], redis: null },
      { waiting: 'many' },
    ];
    for (const readyLimit of others) {
      const names = [...written(someStats({ policies: { readyLimit } })).keys()];
      assert.ok(!names.some((name) => name.includes('fleet')), JSON.stringify(readyLimit));
    }
  });
});

describe('the number of series', () => {
  const of = (names: readonly string[], successes = 1): ClientStats => {
    const endpoints = names.map((name) => anEndpoint(name, { successes }));
    return someStats({ policies: { endpoints: { panic: false, endpoints } } });
  };
  const numbered = (count: number): string[] => Array.from({ length: count }, (_, i) => `e${i}`);
  const outcome = (told: Map<string, ReadFamily>, endpoint: string) =>
    readValue(told, 'keepwarm_endpoint_outcomes_total', { endpoint, answer: 'success' });

  it('stays within its bound with 1,000 endpoints, and nothing of them is lost', () => {
    const told = written(of(numbered(1_000)));
    const outcomes = told.get('keepwarm_endpoint_outcomes_total')!.samples;
    assert.equal(outcomes.length, 101 * 3);
    assert.equal(
      outcomes.reduce((all, { value }) => all + value, 0),
      1_000,
    );
    assert.equal(outcome(told, 'other'), 900);
  });

  it('is the same while names come and go: who has a series keeps it, and others do not get one', () => {
    let stats = of(['a', 'b', 'c']);
    const metrics = prometheusMetrics({ stats: () => stats }, { seriesMax: 2 });
    const read = () => readExposition(metrics.render());
    assert.deepEqual([outcome(read(), 'a'), outcome(read(), 'c'), outcome(read(), 'other')], [1, undefined, 1]);
    stats = of(['c', 'b', 'd'], 5);
    const told = read();
    assert.deepEqual([outcome(told, 'a'), outcome(told, 'b'), outcome(told, 'c')], [undefined, 5, undefined]);
    assert.equal(outcome(told, 'other'), 10);
    stats = of(['a', 'b', 'd'], 6);
    assert.deepEqual([outcome(read(), 'a'), outcome(read(), 'other')], [6, 10], 'what c counted is not taken back');
  });

  it('begins anew with a client that takes the place of another', () => {
    let source = { stats: () => of(['a', 'b'], 9) };
    const metrics = prometheusMetrics(() => ({ api: source }), { seriesMax: 1 });
    metrics.render();
    source = { stats: () => of(['b', 'a']) };
    const told = readExposition(metrics.render());
    const labels = { client: 'api', answer: 'success' };
    assert.equal(readValue(told, 'keepwarm_endpoint_outcomes_total', { ...labels, endpoint: 'b' }), 1);
    assert.equal(readValue(told, 'keepwarm_endpoint_outcomes_total', { ...labels, endpoint: 'other' }), 1);
  });

  it('cuts names that have no end', () => {
    const told = written(of(['x'.repeat(1e6)]));
    assert.equal(outcome(told, `${'x'.repeat(199)}…`), 1);
  });

  it('refuses a bound that is none', () => {
    for (const seriesMax of [0, -1, 1.5, Number.NaN, 10_001]) {
      const made = () => prometheusMetrics({}, { seriesMax });
      assert.throws(
        made,
        (error) => error instanceof NetError && error.code === 'INVALID' && /seriesMax/.test(error.message),
      );
    }
  });
});

describe('the format of an answer', () => {
  const metrics = prometheusMetrics({ stats: () => someStats() });
  const versionOf = (accept?: string) => /version=[\d.]+/.exec(metrics.answer(accept).contentType)?.[0];

  it('is OpenMetrics for those who like it at least as well, and text for all others', () => {
    const prometheus = 'application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1';
    for (const accept of [
      prometheus,
      'application/openmetrics-text',
      'Application/OpenMetrics-Text; version="1.0.0"',
    ]) {
      assert.equal(versionOf(accept), 'version=1.0.0', accept);
    }
    const others = ['*/*', 'text/plain', '', ',;,;q=', 'application/openmetrics-text;q=0', 'text/html', undefined];
    const older = ['application/openmetrics-text;version=0.0.1', 'application/openmetrics-text;q=0.2,text/plain;q=0.5'];
    for (const accept of [...others, ...older, 'application/openmetrics-text;q=x', 'x,'.repeat(1e5)]) {
      assert.equal(versionOf(accept), 'version=0.0.4', accept);
    }
  });

  it('tells units where the format has them', () => {
    const read = readExposition(metrics.render('openmetrics'), 'openmetrics');
    assert.equal(read.get('keepwarm_call_duration_seconds')?.unit, 'seconds');
  });

  it('takes families of others after ours, and refuses those that would spoil the answer', () => {
    const mine: Family = {
      name: 'my_things_total',
      type: 'counter',
      help: 'a "b" \\ \n c',
      samples: [{ labels: {}, value: 3 }],
    };
    const withMore = (family: Family) => prometheusMetrics({ stats: () => someStats() }, { more: () => [family] });
    for (const format of ['text', 'openmetrics'] as const) {
      const read = readExposition(withMore(mine).render(format), format);
      assert.equal(readValue(read, 'my_things_total'), 3);
      assert.equal([...read.values()].at(-1)?.help, mine.help);
    }
    const bad = ['my things_total', 'my_things', 'keepwarm_calls_total', '9_total', ''];
    for (const name of bad) assert.throws(() => withMore({ ...mine, name }).render(), { code: 'INVALID' }, name);
    const labels = { 'a-b': 'x' };
    assert.throws(() => withMore({ ...mine, samples: [{ labels, value: 1 }] }).render(), { code: 'INVALID' });
  });

  it('is empty without clients', () => {
    assert.equal(prometheusMetrics({}).render(), '');
    assert.equal(prometheusMetrics({}).render('openmetrics'), '# EOF\n');
  });
});

describe('metrics of real clients', () => {
  it('are of all kinds in one answer, which promtool finds in order, and hold no secret', async () => {
    const server = createServer(async (request, response) => {
      const body = String(Buffer.concat(await request.toArray()));
      const id = body === '' ? 1 : JSON.parse(body).id;
      response.setHeader('content-type', 'application/json').end(JSON.stringify({ jsonrpc: '2.0', id, result: '0x1' }));
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const policies = { breaker: true, retry: true, hedge: true, concurrency: true, cache: true, coalesce: true };
    const rateLimit = { limit: 50, windowMs: 1_000 };
    const api = createClient({ origin, ...policies, compress: true, rateLimit, headers: { authorization: 'hunter2' } });
    const rpc = createRpc({ adapter: evm, endpoints: [{ url: `${origin}/v2/hunter2`, rateLimit }], cache: true });
    const pool = createGrpcPool({ target: `${origin}/hunter2`, token: 'hunter2' });
    try {
      await api.get('/hunter2?key=hunter2').json();
      await api.get('/x', { section: 'one' }).json();
      await rpc.call('eth_blockNumber', []);
      const live = [aSession(origin, 1, 20)];
      const hedge = { delayMs: 250, count: 9, hedged: 2, won: 1, denied: 0, armed: 1 };
      const others = {
        grpc: { stats: () => grpcStats },
        chain: { stats: () => rpcStats },
        fleet: {
          stats: () => ({
            ...someStats({ policies: { readyLimit: fleetLimit, hedge } }),
            sockets: { ...api.stats().sockets, live },
          }),
        },
      };
      const metrics = prometheusMetrics({ api, rpc, pool, ...others });
      const input = metrics.render();
      const told = readExposition(input);
      readExposition(metrics.render('openmetrics'), 'openmetrics');
      assert.equal(readValue(told, 'keepwarm_calls_total', { client: 'api' }), 2);
      assert.equal(readValue(told, 'keepwarm_pool_idle', { client: 'api', origin, section: 'one' }), 1);
      assert.ok(!input.includes('hunter2'));
      assert.deepEqual(
        METRIC_NAMES.filter((name) => !told.has(name)),
        [],
        'every metric there is',
      );
      const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], { input, encoding: 'utf8' });
      assert.deepEqual([status, `${stdout}${stderr}`], [0, '']);
    } finally {
      await api.close();
      await rpc.close();
      await pool.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  });
});
