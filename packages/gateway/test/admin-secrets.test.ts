import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { parseConfig, readConfig } from '../src/config/config.ts';
import { Gateway } from '../src/gateway.ts';
import { logTo } from '../src/logs/log.ts';
import { ask, httpServer, Opened } from './fixtures.ts';

/** One for each place that can hold a secret; all of them have this in them. */
const CANARY = 'canary5e1f';
let canaries = 0;
const secret = (): string => `${CANARY}x${++canaries}x0123456789`;

describe('secrets', () => {
  const opened = new Opened();
  const folder = mkdtempSync(join(tmpdir(), 'keepwarm-secrets-'));
  after(async () => {
    await opened.closeAll();
    rmSync(folder, { recursive: true, force: true });
  });

  it('are in no answer, event, metric, page or log, wherever they are put', async () => {
    const nodes = [0, 0].map(() => secret());
    const node = opened.add(
      await httpServer((request, response) => {
        const chunks: Buffer[] = [];
        request.on('data', (chunk) => chunks.push(chunk));
        request.on('end', () => {
          if (request.url?.includes(nodes[1]!)) return void response.writeHead(503).end(secret());
          const { id, method } = JSON.parse(String(Buffer.concat(chunks)));
          const failure = { jsonrpc: '2.0', id, error: { code: -32000, message: secret() } };
          response.end(JSON.stringify(method === 'eth_call' ? failure : { jsonrpc: '2.0', id, result: '0x10' }));
        });
      }),
    );
    const api = opened.add(
      await httpServer((request, response) => {
        request.resume();
        response.writeHead(request.method === 'GET' ? 200 : 500, { 'set-cookie': secret(), 'x-key': secret() });
        response.end(secret());
      }),
    );
    const proxy = `http://${secret()}:${secret()}@127.0.0.1:1`;
    const token = secret();
    const given = {
      listen: '127.0.0.1:0',
      admin: '127.0.0.1:0',
      access: { token },
      history: { path: join(folder, 'history.sqlite') },
      upstreams: {
        api: { origin: `${api.origin}/${secret()}` },
        far: {
          origin: 'http://192.0.2.1',
          proxy: { url: proxy, headers: { 'x-proxy-key': secret() } },
          deadlineMs: 300,
        },
        nobody: { origin: `http://127.0.0.1:1/${secret()}` },
        chain: {
          jsonrpc: 'evm',
          freshness: { intervalMs: 50 },
          breaker: { consecutiveMax: 2, failingMs: 0 },
          proxy: 'none',
          endpoints: [
            { url: `${node.origin}/v3/${nodes[0]}?key=${secret()}`, headers: { authorization: `Bearer ${secret()}` } },
            { url: `${node.origin}/v3/${nodes[1]}`, headers: { 'x-api-key': secret() } },
            { url: `http://127.0.0.1:1/${secret()}?api_key=${secret()}` },
          ],
        },
      },
    };
    const lines: string[] = [];
    const write = (text: string): void => void lines.push(text);
    const log = logTo({ write }, { level: 'debug', format: 'json' });
    const bad = () => {
      writeFileSync(join(folder, 'bad.yaml'), `upstreams: { api: { origin: "\${SOME_SECRET}" } }`);
      process.env['SOME_SECRET'] = `ftp://me:${secret()}@host/`;
      return readConfig(join(folder, 'bad.yaml'));
    };
    const logs = { level: 'debug', calls: 'all' };
    const gateway = new Gateway(parseConfig({ ...given, logs }, '.'), { log, readConfig: bad });
    opened.add({ close: () => gateway.stop(0) });
    const addresses = await gateway.start();
    const data = `http://127.0.0.1:${addresses.data.port}`;
    const admin = `http://127.0.0.1:${addresses.admin.port}`;
    const events: string[] = [];
    gateway.feed.listen((event) => void events.push(JSON.stringify(event)));

    const headers = { authorization: `Bearer ${secret()}`, cookie: secret(), 'x-api-key': secret() };
    for (const method of ['GET', 'POST', 'PUT']) {
      await ask(`${data}/api/${secret()}?q=${secret()}#${secret()}`, { method, headers, body: secret() });
      await ask(`${data}/nobody/${secret()}?q=${secret()}`, { method, headers, body: secret() });
    }
    await ask(`${data}/far/${secret()}`, { headers });
    await ask(`${data}/${secret()}/`, { headers });
    for (let i = 0; i < 12; i++) {
      const params = [{ to: secret(), data: secret() }];
      const method = i % 3 === 0 ? 'eth_call' : 'eth_getBalance';
      await ask(`${data}/chain`, {
        method: 'POST',
        headers,
        body: JSON.stringify({ jsonrpc: '2.0', id: secret(), method, params }),
      });
    }

    const operator = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    const routes: { method: string; path: string; audience: string }[] = JSON.parse(
      String((await ask(`${admin}/api`)).body),
    ).routes;
    const answers: string[] = [];
    const took = async (path: string, options: object = {}): Promise<void> => {
      const { body, rawHeaders, status } = await ask(admin + path, options);
      answers.push(`${status}\n${rawHeaders.join('\n')}\n${body}`);
    };
    await gateway.history.read('1h', undefined);
    for (const { method, path } of routes.filter(
      (each) => each.path !== '/api/events' && !each.path.endsWith('/drain'),
    )) {
      if (method === 'GET') {
        await took(path, { headers: operator });
        await took(`${path}?${secret()}=${secret()}`.replace(CANARY, 'asked'), { headers: operator }).catch(
          () => undefined,
        );
      } else {
        await took(path, { method, headers: operator, body: JSON.stringify({ upstream: 'chain' }) });
        await took(path, { method, headers: { ...operator, authorization: `Bearer ${secret()}` }, body: '{}' });
      }
    }
    for (const path of ['/', '/main.js', '/api/sockets?state=all', '/api/calls?only=notable']) await took(path);

    assert.ok(answers.length > 30 && events.length > 10 && lines.length > 10);
    for (const text of [...events, ...lines]) assert.ok(!text.includes(CANARY), text.slice(0, 2_000));
    for (const text of answers) assert.ok(!text.includes(CANARY), text.slice(0, 4_000));
    delete process.env['SOME_SECRET'];
  });
});
