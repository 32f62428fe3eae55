import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { after, before, describe, it } from 'node:test';
import { ask, httpServer, Opened, startGateway, type TestGateway } from './fixtures.ts';

const SECRET = 'hunter2';

/** Series by the text they have in the exposition, with their values. */
function seriesOf(text: string): Map<string, number> {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ')))]),
  );
}

describe('the metrics of the gateway', () => {
  const opened = new Opened();
  let gateway: TestGateway;
  let metrics: string;

  before(async () => {
    const upstream = opened.add(
      await httpServer((request, response) => void request.resume().on('end', () => response.end('x'))),
    );
    const node = opened.add(
      await httpServer(async (request, response) => {
        const { id } = JSON.parse(String(Buffer.concat(await request.toArray())));
        response.setHeader('content-type', 'application/json');
        response.end(JSON.stringify({ jsonrpc: '2.0', id, result: '0x10' }));
      }),
    );
    gateway = opened.add(
      await startGateway({
        api: upstream.origin,
        other: 'http://nobody.invalid',
        chain: { jsonrpc: 'evm', endpoints: [{ url: `${node.origin}/v2/${SECRET}` }] },
      }),
    );
    metrics = `http://127.0.0.1:${gateway.adminPort}/metrics`;
    for (let i = 0; i < 5; i++) {
      const headers = { authorization: SECRET };
      await ask(`${gateway.url}/api/${SECRET}?key=${SECRET}`, { method: 'POST', body: SECRET, headers });
    }
    const question = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'eth_blockNumber', params: [] });
    await ask(`${gateway.url}/chain`, {
      method: 'POST',
      body: question,
      headers: { 'content-type': 'application/json' },
    });
    await ask(`${gateway.url}/other/`);
    await ask(`${gateway.url}/nowhere`);
  });
  after(() => opened.closeAll());

  it('are of all upstreams, whatever they are, and of the gateway itself', async () => {
    const { status, headers, body } = await ask(metrics);
    assert.equal(status, 200);
    assert.equal(headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8');
    assert.equal(headers['vary'], 'accept');
    const series = seriesOf(String(body));
    assert.equal(series.get('keepwarm_calls_total{client="api"}'), 5);
    assert.equal(series.get('keepwarm_replies_total{client="api",class="2xx"}'), 5);
    assert.equal(series.get('keepwarm_failures_total{client="other",code="DNS"}'), 1);
    assert.equal(series.get('keepwarm_call_duration_seconds_count{client="api"}'), 5);
    assert.ok(series.get('keepwarm_calls_total{client="chain"}')! >= 1);
    assert.equal(
      [...series.keys()].filter((key) => key.startsWith('keepwarm_endpoint_in_flight{client="chain"')).length,
      1,
    );
    assert.equal(series.get('keepwarm_gateway_ready'), 1);
    assert.equal(series.get('keepwarm_gateway_callers'), 0);
    assert.equal(series.get('keepwarm_gateway_requests_in_flight'), 0);
    assert.equal(series.get('keepwarm_gateway_requests_refused_total'), 1);
    assert.ok(series.get('process_resident_memory_bytes')! > 1e6);
  });

  it('are OpenMetrics for whoever asks for that, as Prometheus does', async () => {
    const accept = 'application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1';
    const { headers, body } = await ask(metrics, { headers: { accept } });
    assert.equal(headers['content-type'], 'application/openmetrics-text; version=1.0.0; charset=utf-8');
    assert.ok(String(body).endsWith('\n# EOF\n'));
  });

  it('tell nothing of paths, queries, fields, bodies and keys in URLs', async () => {
    assert.ok(!String((await ask(metrics)).body).includes(SECRET));
  });

  it('answer to whom the admin listener answers, and to nobody else', async () => {
    assert.equal((await ask(metrics, { headers: { host: 'evil.test' } })).status, 421);
    assert.equal((await ask(metrics, { method: 'POST' })).status, 405);
    const head = await ask(metrics, { method: 'HEAD' });
    assert.equal(head.status, 200);
    assert.equal(head.body.length, 0);
  });

  it('are found in order by promtool, which is what Prometheus itself reads them with', async () => {
    const input = (await ask(metrics)).body;
    const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], { input, encoding: 'utf8' });
    assert.equal(`${stdout}${stderr}`, '');
    assert.equal(status, 0);
  });

  it('count the caller who has a connection open, and the request under way', async () => {
    const slow = await httpServer(() => undefined);
    const { url, adminPort, close, gateway: inner } = await startGateway({ slow: slow.origin });
    const underWay = assert.rejects(ask(`${url}/slow/`));
    while (inner.data.inFlight === 0) await new Promise((resolve) => setImmediate(resolve));
    const series = seriesOf(String((await ask(`http://127.0.0.1:${adminPort}/metrics`)).body));
    assert.equal(series.get('keepwarm_gateway_callers'), 1);
    assert.equal(series.get('keepwarm_gateway_requests_in_flight'), 1);
    assert.equal(series.get('keepwarm_calls_in_flight{client="slow"}'), 1);
    await close();
    await underWay;
    await slow.close();
  });
});
