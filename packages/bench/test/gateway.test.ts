import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { latencyTable } from '../src/gateway.ts';
import { idleTable, measureIdle } from '../src/gateway-idle.ts';
import { startProxy } from '../src/gateway-proxies.ts';
import { CALL_BODY, reply } from '../src/server/replies.ts';
import { type BenchServer, PATHS } from '../src/server/server.ts';
import { startServer } from '../src/server/start.ts';

describe('the benchmark of the gateway', () => {
  let server: BenchServer;
  before(async () => {
    server = await startServer('node');
  });
  after(() => server.close());

  for (const name of ['keepwarm gateway', 'http-proxy', '@fastify/http-proxy']) {
    it(`has ${name} pass on a call and its reply, and knows what it cost`, async () => {
      const proxy = await startProxy(name, server.http);
      try {
        const answer = await fetch(proxy.origin + proxy.path, { method: 'POST', body: CALL_BODY });
        assert.equal(answer.status, 200);
        assert.equal(await answer.text(), reply('100B'));
        assert.ok(proxy.path.endsWith(PATHS['100B']));
        if (process.platform === 'linux') assert.ok(proxy.cpuMicros() > 0 && proxy.rssBytes() > 0);
      } finally {
        await proxy.close();
      }
    });
  }

  it('holds idle connections, and finds each of them served afterwards', async () => {
    const plan = { connections: 20, warmCalls: 40, settleMs: 10 };
    const row = await measureIdle('gateway-idle', 'keepwarm gateway', server.http, plan);
    assert.equal(row.failure, undefined);
    assert.equal(row.errors, 0);
    assert.match(idleTable([row]).rows[0]!.join(' '), /^keepwarm gateway 20 /);
  });

  it('tells of a proxy that could not be started instead of leaving it out', () => {
    const figures = { ratePerSecond: 0, callsPerSecond: 0, p50Ms: 0, p99Ms: 0, addedP50Ms: 0, addedP99Ms: 0 };
    const row = { scenario: 'x', client: 'nginx proxy', ...figures, errors: 0, samples: 0, failure: 'not installed' };
    assert.deepEqual(latencyTable([row]).rows[0]!.slice(0, 2), ['nginx proxy', '–']);
  });
});
