import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { after, before, describe, it } from 'node:test';
import { Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { AdminClient } from '../src/admin/client.ts';
import { ACTION_TOOLS, TOOLS } from '../src/mcp/server.ts';
import { EXPLAIN_SLOW_CALL } from '../src/mcp/slow-call.ts';
import { COMMAND_LINE, type GatewayProcess, gatewayProcess } from './command-process.ts';
import { ask, httpServer, Opened, type TestServer } from './fixtures.ts';

const CANARY = 'canary7c2d';
let canaries = 0;
const secret = (): string => `${CANARY}x${++canaries}x0123456789`;

it('takes calls of two workers for two, though their numbers are the same', async (t) => {
  const call = {
    ...{ id: 1, upstream: 'api', at: 0, method: 'GET', origin: 'http://a', attempts: 1, status: 200 },
    ...{ acted: [], failed: [], socketId: 1, reused: true },
  };
  const calls = [1, 2].map((worker) => ({ ...call, worker, totalMs: worker * 10 }));
  const admin = await httpServer((_, response) => response.end(JSON.stringify({ calls })));
  const client = new AdminClient({ address: { host: '127.0.0.1', port: admin.port } });
  t.after(() => Promise.all([client.close(), admin.close()]));
  const around = { admin: client, probesAnywhere: false };
  const told = await EXPLAIN_SLOW_CALL.run(around, { count: 2 }, new AbortController().signal);
  assert.ok('calls' in told && Array.isArray(told.calls));
  assert.deepEqual(
    told.calls.map((each) => each.call.worker),
    [2, 1],
  );
});

describe('keepwarm mcp', () => {
  const opened = new Opened();
  const said: string[] = [];
  let gateway: GatewayProcess;
  let node: TestServer;
  let other: TestServer;
  let reader: Client;
  let operator: Client;

  async function connect(...flags: string[]): Promise<Client> {
    const transport = new StdioClientTransport({
      command: process.execPath,
      args: [...COMMAND_LINE, 'mcp', '--admin', gateway.admin, ...flags],
      env: { ...(process.env as Record<string, string>), ...(gateway.env as Record<string, string>) },
      stderr: 'pipe',
    });
    transport.stderr?.on('data', (text) => said.push(String(text)));
    const client = new Client({ name: 'test', version: '1' });
    await client.connect(transport);
    return opened.add(client);
  }

  async function call(client: Client, name: string, args: Record<string, unknown> = {}) {
    const result = await client.callTool({ name, arguments: args });
    const [first] = result.content;
    const text = first?.type === 'text' ? first.text : '';
    said.push(JSON.stringify(result));
    if (result.isError !== true) assert.deepEqual(JSON.parse(text), result.structuredContent, 'text and data are one');
    // biome-ignore lint/suspicious/noExplicitAny: what a tool answers is checked field by field below
    return { failed: result.isError === true, text, data: result.structuredContent as any, meta: result._meta };
  }

  before(async () => {
    node = opened.add(
      await httpServer((request, response) => {
        const chunks: Buffer[] = [];
        request.on('data', (chunk) => chunks.push(chunk));
        request.on('end', () => {
          if (request.method === 'HEAD') return void response.end();
          if (request.url?.includes('down')) return void response.writeHead(503).end(secret());
          const { id } = JSON.parse(String(Buffer.concat(chunks)));
          response.end(JSON.stringify({ jsonrpc: '2.0', id, result: '0x10' }));
        });
      }),
    );
    const api = opened.add(
      await httpServer((request, response) => {
        request.resume();
        setTimeout(() => response.end(secret()), request.url === '/slow' ? 80 : 0);
      }),
    );
    other = opened.add(await httpServer((_, response) => void response.end('x')));
    gateway = opened.add(
      await gatewayProcess({
        api: { origin: api.origin },
        chain: {
          jsonrpc: 'evm',
          endpoints: [
            {
              url: `${node.origin}/v3/${secret()}?key=${secret()}`,
              name: 'a',
              rateLimit: { limit: 100, windowMs: 1_000 },
            },
            { url: `${node.origin}/down/${secret()}`, name: 'b', headers: { 'x-token': secret() } },
          ],
        },
      }),
    );
    [reader, operator] = await Promise.all([connect(), connect('--allow-actions', '--allow-probe-anywhere')]);
    const headers = { authorization: `Bearer ${secret()}` };
    for (let i = 0; i < 30; i++) await ask(`${gateway.data}/api/${secret()}?q=${secret()}`, { headers });
    await ask(`${gateway.data}/api/slow`);
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'eth_blockNumber', params: [secret()] });
    for (let i = 0; i < 10; i++) await ask(`${gateway.data}/chain`, { method: 'POST', body });
  });
  after(() => opened.closeAll());

  it(
    'lists its tools in one order, each with its schemas and hints, and those that act only where ' + 'allowed',
    async () => {
      const { tools } = await reader.listTools();
      assert.deepEqual(
        tools.map(({ name }) => name),
        TOOLS.map(({ name }) => name),
      );
      for (const { name, description, inputSchema, outputSchema, annotations } of tools) {
        assert.ok(description !== undefined && description.length > 60, name);
        assert.equal(inputSchema['additionalProperties'], false, name);
        assert.equal(outputSchema?.type, 'object', name);
        assert.deepEqual([annotations?.readOnlyHint, annotations?.destructiveHint], [true, false], name);
      }
      const acting = (await operator.listTools()).tools.slice(TOOLS.length);
      assert.deepEqual(
        acting.map(({ name }) => name),
        ACTION_TOOLS.map(({ name }) => name),
      );
      for (const { annotations } of acting) assert.equal(annotations?.readOnlyHint, false);
    },
  );

  it(
    'network-diagnostics tells pools, latency, rate, reuse, HTTP/2, compression, DNS, and a grade with ' + 'reasons',
    async () => {
      const { data, meta } = await call(reader, 'network-diagnostics');
      const api = data.upstreams.find(({ name }: { name: string }) => name === 'api');
      assert.ok(api.callsPerSecond > 0 && api.latency.meanMs > 0 && api.latency.p95Ms >= api.latency.p50Ms);
      assert.ok(api.keepAliveReuse > 0.9);
      assert.deepEqual([api.http2Share, api.compressionRatio, api.pool.waiting], [0, null, 0]);
      assert.match(api.grade, /^[A-F]$/);
      const chain = data.upstreams.find(({ name }: { name: string }) => name === 'chain');
      assert.equal(chain.endpoints.total, 2);
      assert.equal(meta?.['keepwarm/performance-grade'], data.grade);
      assert.equal(meta?.['keepwarm/refresh-interval'], data.refreshMs);
      for (const { what, points, words } of data.reasons) assert.ok(what && points > 0 && words);
      const one = await call(reader, 'network-diagnostics', { upstream: 'api' });
      assert.equal(one.data.upstreams.length, 1);
      const none = await call(reader, 'network-diagnostics', { upstream: 'apo' });
      assert.ok(none.failed && none.text.includes('there are: api, chain'), none.text);
    },
  );

  it('explains the slowest call, and one by its number', async () => {
    const client = reader;
    const { data } = await call(client, 'explain-slow-call', { upstream: 'api' });
    const [slowest] = data.calls;
    assert.ok(slowest.call.totalMs >= 79);
    assert.equal(slowest.parts[0].phase, 'upstreamMs');
    assert.match(slowest.words.join('; '), /the network and the peer took \d+ ms/);
    assert.match(slowest.advice, /beyond us/);
    const { id } = slowest.call;
    const again = await call(client, 'explain-slow-call', { upstream: 'api', id });
    assert.deepEqual(again.data.calls, data.calls);
    assert.match((await call(client, 'explain-slow-call', { id: 99_999_999 })).text, /is not remembered/);
  });

  it('tells the health of endpoints, limits and sockets', async () => {
    const client = reader;
    const health = await call(client, 'endpoint-health');
    assert.deepEqual(
      health.data.endpoints.map(({ name }: { name: string }) => name),
      ['a', 'b'],
    );
    assert.ok(health.data.endpoints[1].failures > 0);
    const limits = await call(client, 'limits', { upstream: 'chain' });
    assert.equal(limits.data.rate[0].limit, 100);
    const sockets = await call(client, 'sockets', { upstream: 'api', state: 'all', order: 'busiest' });
    assert.ok(sockets.data.total >= 1 && sockets.data.sockets[0].leases >= 30);
    const bad = await call(client, 'sockets', { state: 'gone' }).catch((error) => ({
      failed: true,
      text: String(error),
    }));
    assert.ok(bad.failed, 'what the schema does not allow is refused');
  });

  it('probes upstreams only, and other addresses only where that is allowed', async () => {
    const client = reader;
    const { data } = await call(client, 'probe', { upstream: 'chain', endpoint: 'a', count: 3 });
    assert.equal(data.origin, node.origin);
    assert.deepEqual([data.calls.length, data.calls[0].kind, data.calls[1].kind], [5, 'cold', 'warm']);
    const url = `${other.origin}/${secret()}`;
    const refused = await call(client, 'probe', { url });
    assert.match(refused.text, /only upstreams of the gateway may be probed.*--allow-probe-anywhere/);
    assert.match((await call(client, 'probe', { upstream: 'chain' })).text, /several endpoints; name one of: a, b/);
    const anywhere = operator;
    assert.equal((await call(anywhere, 'probe', { url, method: 'GET', count: 1 })).data.origin, other.origin);
    assert.match((await call(anywhere, 'probe', { url: 'file:///etc/passwd' })).text, /must be an http: or https: URL/);
    const dead = await call(anywhere, 'probe', { url: `http://127.0.0.1:1/${secret()}` });
    assert.deepEqual([dead.failed, /CONNECT/.test(dead.text)], [true, true]);
  });

  it('acts where it may, and says what it lacks', async () => {
    const client = operator;
    assert.equal((await call(client, 'cordon', { upstream: 'chain', endpoint: 'b' })).data.done.state, 'cordoned');
    const health = await call(client, 'endpoint-health', { upstream: 'chain' });
    assert.equal(health.data.healthy, false);
    assert.match(health.data.words.join('; '), /chain\/b is cordoned/);
    await call(client, 'uncordon', { upstream: 'chain', endpoint: 'b' });
    assert.equal((await call(client, 'warm-up', { upstream: 'api', count: 3 })).data.done.open, 3);
    assert.ok((await call(client, 'close-idle', { upstream: 'api' })).data.done.closed >= 1);
    assert.ok((await call(client, 'reset-breaker', { upstream: 'api' })).text.length > 0);
    const wrong = await call(client, 'cordon', { upstream: 'chain', endpoint: 'c' });
    assert.ok(wrong.failed && /there (?:is no|are)/.test(wrong.text), wrong.text);
    await assert.rejects(async () => {
      const { failed, text } = await call(reader, 'cordon', { upstream: 'chain', endpoint: 'b' });
      if (failed) throw new Error(text);
    }, /cordon/);
  });

  it('says what to do when no gateway answers', async () => {
    const client = await connect('--admin', '127.0.0.1:1');
    const { failed, text } = await call(client, 'network-diagnostics');
    assert.ok(failed);
    assert.match(text, /no gateway answers at 127\.0\.0\.1:1 .*keepwarm gateway/);
  });

  it('ends when its input does, and writes nothing but the protocol', async () => {
    const child = spawn(process.execPath, [...COMMAND_LINE, 'mcp', '--admin', gateway.admin]);
    let out = '';
    child.stdout.on('data', (text) => (out += text));
    child.stdin.end();
    assert.deepEqual(await once(child, 'close'), [0, null]);
    assert.equal(out, '');
  });

  it('has told no secret in any of this', () => {
    assert.ok(said.length > 20);
    for (const text of said) assert.ok(!text.includes(CANARY), text.slice(0, 2_000));
  });
});
