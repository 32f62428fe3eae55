/** A proxy that is not ours: tinyproxy, which forwards, wants credentials, and says no in its own words. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { makeAuthority } from '../../src/testing/certificates.ts';
import { answer } from '../../src/testing/faulty-steps.ts';
import { aClient, aServer, fails, leavesNothing, quiet, stillWorks, until } from '../engine/setup.ts';
import { ownPort } from '../own-port.ts';

leavesNothing();

const authority = makeAuthority();
const AT_PROXY = { reach: 'unsent', phase: 'proxy' } as const;

const listens = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => resolve(true)).on('error', () => resolve(false));
    socket.on('connect', () => socket.destroy());
  });

/** Started with these lines in its configuration; ends with the test. @returns its port */
async function tinyproxy(t: TestContext, ...lines: readonly string[]): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'keepwarm-tinyproxy-'));
  const port = await ownPort();
  const file = join(folder, 'tinyproxy.conf');
  const always = [`Port ${port}`, 'Listen 127.0.0.1', 'Timeout 60', 'MaxClients 50', `LogFile "${folder}/log"`];
  writeFileSync(file, `${[...always, ...lines].join('\n')}\n`);
  const places = [process.env['PATH'], '/usr/bin', '/usr/sbin'].join(delimiter);
  const child = spawn('tinyproxy', ['-d', '-c', file], { stdio: 'ignore', env: { ...process.env, PATH: places } });
  t.after(async () => {
    if (child.exitCode === null) {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    rmSync(folder, { recursive: true });
  });
  await once(child, 'spawn');
  while (!(await listens(port))) {
    assert.equal(child.exitCode, null, 'tinyproxy runs');
    await sleep(10);
  }
  return port;
}

describe('tinyproxy', () => {
  for (const secure of [true, false]) {
    it(`opens tunnels to ${secure ? 'https:' : 'http:'} origins that stay open over 1,000 calls`, async (t) => {
      const certificate = secure ? { tls: authority.issue() } : {};
      const server = await aServer(t, { script: answer('ok'), ...certificate });
      const port = await tinyproxy(t, 'BasicAuth me s3cret');
      const client = aClient(t, {
        origin: secure ? server.origin : `http://localhost:${server.port}`,
        tls: { ca: authority.cert },
        proxy: `http://me:s3cret@127.0.0.1:${port}`,
        pool: { socketsMax: 8 },
      });
      for (let round = 0; round < 50; round++) {
        await Promise.all(Array.from({ length: 20 }, (_, i) => stillWorks({ client }, `/${round}/${i}`)));
      }
      assert.equal(await client.post('/', 'x'.repeat(1_000_000)).text(), 'ok');
      await quiet(client);
      const { sockets, reuse } = client.stats();
      assert.equal(server.connections.length, sockets.open, 'the origin sees as many connections as there are sockets');
      assert(server.accepted <= 8 && reuse.ratio > 0.99, `${server.accepted} connections, reuse ${reuse.ratio}`);
      await client.close();
      await until(() => server.connections.length === 0, 'the end of all tunnels');
    });
  }

  it('wants credentials: that is told once, and not repeated', async (t) => {
    const server = await aServer(t, { script: answer('ok') });
    const port = await tinyproxy(t, 'BasicAuth me s3cret');
    for (const [userinfo, status] of [
      ['', 407],
      ['me:wrong@', 401],
    ] as const) {
      const client = aClient(t, { origin: server.origin, proxy: `http://${userinfo}127.0.0.1:${port}`, retry: {} });
      const error = await fails(client.get('/'), { code: 'STATUS', ...AT_PROXY, message: /wants credentials/ });
      assert.equal(error.status, status);
      assert(!error.message.includes('wrong'));
    }
    assert.equal(server.accepted, 0);
  });

  it('does not allow the port, or cannot reach the origin', async (t) => {
    const server = await aServer(t, { script: answer('ok') });
    const strict = await tinyproxy(t, 'ConnectPort 443');
    const refused = aClient(t, { origin: server.origin, proxy: `http://127.0.0.1:${strict}` });
    const error = await fails(refused.get('/'), { code: 'STATUS', ...AT_PROXY, message: /403.*port 443 only/ });
    assert.equal(error.status, 403);
    const open = await tinyproxy(t);
    const nowhere = aClient(t, { origin: 'http://127.0.0.1:1', proxy: `http://127.0.0.1:${open}` });
    await fails(nowhere.get('/'), { code: 'CONNECT', ...AT_PROXY, message: /50\d/ });
  });
});
