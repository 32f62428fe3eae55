/** Proxies as the command obeys them: by the environment, by the configuration, by a flag. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { after, afterEach, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parseConfig, type UpstreamConfig } from '../src/config/config.ts';
import { ConfigError } from '../src/config/config-error.ts';
import { runProbe } from '../src/probe/command.ts';
import { ask, httpServer, Opened, startGateway, type TestServer } from './fixtures.ts';

const VARIABLES = ['http_proxy', 'https_proxy', 'all_proxy', 'no_proxy', 'REQUEST_METHOD'];

/** Opens tunnels, every name leading to loopback. */
async function connectProxy(opened: Opened): Promise<{ readonly url: string; readonly targets: string[] }> {
  const targets: string[] = [];
  const server = createServer();
  server.on('connect', ({ url }, client) => {
    targets.push(url ?? '');
    const origin = connect(Number(url?.split(':').at(-1)), '127.0.0.1', () => {
      client.write('HTTP/1.1 200 OK\r\n\r\n');
      client.pipe(origin).pipe(client);
    });
    client.on('close', () => origin.destroy()).on('error', () => origin.destroy());
    origin.on('error', () => client.destroy());
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  opened.add({
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, targets };
}

describe('a proxy', () => {
  const opened = new Opened();
  let api: TestServer;
  let proxy: Awaited<ReturnType<typeof connectProxy>>;
  /** A name that only the proxy can resolve. */
  let origin: string;

  const clear = (): void => {
    for (const name of VARIABLES) for (const each of [name, name.toUpperCase()]) delete process.env[each];
    proxy?.targets.splice(0);
  };
  before(async () => {
    clear();
    api = opened.add(await httpServer((_request, response) => response.end('hello')));
    proxy = await connectProxy(opened);
    origin = `http://api.test:${api.port}`;
  });
  afterEach(clear);
  after(() => opened.closeAll());

  const hello = async (upstream: string | object): Promise<string> => {
    const gateway = await startGateway({ api: upstream });
    try {
      const { status, body } = await ask(`${gateway.url}/api/`);
      return `${status} ${body.toString().slice(0, 5)}`;
    } finally {
      await gateway.close();
    }
  };

  it('of the environment is what the gateway goes through', async () => {
    process.env['HTTP_PROXY'] = proxy.url;
    assert.equal(await hello(origin), '200 hello');
    assert.equal(proxy.targets[0], `api.test:${api.port}`);
  });

  it('of the environment is not for loopback, nor for what NO_PROXY names', async () => {
    process.env['http_proxy'] = 'http://127.0.0.1:1';
    assert.equal(await hello(api.origin), '200 hello');
    process.env['no_proxy'] = 'test';
    assert.match(await hello(origin), /^502/, 'the name is nowhere without the proxy');
    assert.deepEqual(proxy.targets, []);
  });

  it('of the environment is not believed where a caller may have set it', async () => {
    process.env['HTTP_PROXY'] = proxy.url;
    process.env['REQUEST_METHOD'] = 'GET';
    assert.match(await hello(origin), /^502/);
    assert.deepEqual(proxy.targets, []);
  });

  it('of the configuration goes before the environment', async () => {
    process.env['http_proxy'] = 'http://127.0.0.1:1';
    assert.equal(await hello({ origin, proxy: proxy.url }), '200 hello');
    assert.equal(await hello({ origin, proxy: { url: proxy.url, headers: { 'x-team': 'a' } } }), '200 hello');
    assert.match(await hello({ origin, proxy: 'none' }), /^502/);
  });

  it('that is none is refused when the configuration is read, without its password', () => {
    for (const wrong of ['ftp://me:pa55@p', 5, { uri: 'x' }, { url: 'http://p', remoteDns: 'no' }, { url: 5 }]) {
      assert.throws(
        () => parseConfig({ upstreams: { api: { origin, proxy: wrong } } }, '.'),
        (error) => error instanceof ConfigError && /upstreams\.api/.test(error.message) && !/pa55/.test(error.message),
      );
    }
    process.env['http_proxy'] = 'ftp://me:pa55@p';
    assert.throws(() => parseConfig({ upstreams: { api: { origin } } }, '.'), /http_proxy begins with "ftp:"/);
    const { client } = parseConfig({ upstreams: { api: { origin, socketPath: '/x.sock' } } }, '.').upstreams.get(
      'api',
    ) as UpstreamConfig;
    assert.deepEqual(client, { socketPath: '/x.sock', origin: `${origin}/` });
  });

  it('is what a probe goes through, and says so', async () => {
    const probed = async (flags: Record<string, string | boolean>): Promise<[number, string]> => {
      let out = '';
      const code = await runProbe(origin, { count: '1', ...flags }, (line) => (out += line));
      return [code, out];
    };
    process.env['http_proxy'] = proxy.url;
    const [code, out] = await probed({});
    assert.equal(code, 0);
    assert(out.includes(`through ${proxy.url} (127.0.0.1)`), out);
    assert.equal(JSON.parse((await probed({ json: true }))[1]).proxy, proxy.url);
    assert.equal((await probed({ proxy: 'none' }))[0], 1);
    delete process.env['http_proxy'];
    assert.equal((await probed({ proxy: proxy.url }))[0], 0);
  });

  it('is told when the gateway starts', async () => {
    const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));
    const ports = ['--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0'];
    const child = spawn(
      process.execPath,
      ['--conditions=keepwarm-source', main, 'gateway', ...ports, '--upstream', `api=${origin},own=${api.origin}`],
      {
        env: { ...process.env, http_proxy: proxy.url.replace('://', '://me:pa55@') },
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    let out = '';
    child.stdout.on('data', (chunk: Buffer) => {
      out += chunk;
      if (out.includes('status page')) child.kill('SIGTERM');
    });
    await once(child, 'exit');
    assert(out.includes(`/api/  →  ${origin} through ${proxy.url}\n`), out);
    assert(out.includes(`/own/  →  ${api.origin}\n`), out);
    assert(!out.includes('pa55'));
  });
});
