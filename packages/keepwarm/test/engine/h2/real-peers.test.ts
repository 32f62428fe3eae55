/** Servers that are not ours: nginx over TLS and cleartext, and anvil, an EVM node that takes HTTP/2 on plain TCP. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import type { ClientOptions } from '../../../src/index.ts';
import { makeAuthority } from '../../../src/testing/certificates.ts';
import { ownPort } from '../../own-port.ts';
import { Anvil } from '../../partners/an-anvil.ts';
import { aClient, leavesNothing, until } from '../setup.ts';

leavesNothing();

const authority = makeAuthority();
const certificate = authority.issue();
const LARGE = 'x'.repeat(1_000_000);

/** nginx in a folder of its own; each session of it carries a hundred calls and then leaves with GOAWAY. */
async function anNginx(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'keepwarm-h2-'));
  chmodSync(folder, 0o755); // a worker that is not root reads from it
  const [secure, plain] = [await ownPort(), await ownPort()];
  writeFileSync(join(folder, 'cert.pem'), certificate.cert);
  writeFileSync(join(folder, 'key.pem'), certificate.key);
  writeFileSync(join(folder, 'large'), LARGE);
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((kind) => `${kind}_temp_path ${folder}/${kind};`)
    .join(' ');
  const configuration = `
    daemon off; worker_processes 1; pid ${folder}/pid; error_log stderr crit;
    events { worker_connections 256; }
    http {
      access_log off; ${temporary} keepalive_requests 100; http2_max_concurrent_streams 16; client_max_body_size 8m;
      server {
        listen 127.0.0.1:${secure} ssl http2; listen 127.0.0.1:${plain} http2;
        ssl_certificate ${folder}/cert.pem; ssl_certificate_key ${folder}/key.pem;
        location / { default_type text/plain; return 200 "$request_method $uri $server_protocol"; }
        location = /large { root ${folder}; }
        location = /empty { return 204; }
        location = /gone { return 404 "gone"; }
      }
    }`;
  writeFileSync(join(folder, 'nginx.conf'), configuration);
  const nginx = spawn('nginx', ['-p', folder, '-c', join(folder, 'nginx.conf'), '-e', 'stderr'], { stdio: 'ignore' });
  t.after(async () => {
    nginx.kill('SIGTERM');
    if (nginx.exitCode === null) await once(nginx, 'exit');
    rmSync(folder, { recursive: true });
  });
  return { secure: `https://localhost:${secure}`, plain: `http://127.0.0.1:${plain}` };
}

async function ready(client: ReturnType<typeof aClient>): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    const { open } = await client.warmUp();
    if (open > 0) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assert.fail('the server did not come up');
}

const trusting: ClientOptions = {
  tls: { ca: authority.cert },
  dns: { resolver: async () => ({ addresses: [{ address: '127.0.0.1', family: 4 } as const], ttlMs: 60_000 }) },
};

describe('nginx', () => {
  for (const scheme of ['secure', 'plain'] as const) {
    it(`${scheme}: calls of every kind, and sessions that leave after a hundred of them`, async (t) => {
      const origin = (await anNginx(t))[scheme];
      const http2 = scheme === 'secure' ? 'prefer' : 'prior-knowledge';
      const client = aClient(t, { origin, http2, pool: { socketsMax: 2 }, ...trusting });
      await ready(client);
      assert.equal(await client.get('/a').text(), 'GET /a HTTP/2.0');
      assert.equal(await client.post('/b', 'y'.repeat(300_000)).text(), 'POST /b HTTP/2.0');
      assert.equal((await client.get('/empty')).status, 204);
      assert.equal((await client.request('/gone', { method: 'GET' })).status, 404);
      assert.equal((await client.head('/large')).headers.get('content-length'), '1000000');
      assert.equal(await client.get('/large').text(), LARGE);
      const paths = Array.from({ length: 1_000 }, (_, i) => `/${i}`);
      const texts = await Promise.all(paths.map((path) => client.post(path, 'z', { idempotent: false }).text()));
      assert.deepEqual(
        texts,
        paths.map((path) => `POST ${path} HTTP/2.0`),
      );
      await until(() => client.stats().sockets.closed >= 5, 'sessions have left');
      assert(client.stats().sockets.history.every(({ closeReason }) => closeReason === 'peer'));
    });
  }
});

describe('anvil', () => {
  it('takes JSON-RPC over HTTP/2 on plain TCP', async (t) => {
    const anvil = await Anvil.start();
    t.after(() => anvil.stop());
    const client = aClient(t, { origin: anvil.url, http2: 'prior-knowledge' });
    const ask = (id: number) =>
      client
        .post('/', { jsonrpc: '2.0', id, method: 'eth_chainId', params: [] })
        .json<{ id: number; result: string }>();
    const answers = await Promise.all(Array.from({ length: 200 }, (_, id) => ask(id)));
    assert.deepEqual(
      answers.map(({ id, result }) => [id, result]),
      Array.from({ length: 200 }, (_, id) => [id, '0x7a69']),
    );
    const { sockets, reuse } = client.stats();
    assert(sockets.open <= 2 && reuse.reused >= 198, `${sockets.open} sessions`);
  });
});
