/** Ways through SOCKS proxies, by the package `socks`, to a proxy of ours. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { inspect } from 'node:util';
import type { ClientOptions } from '../../src/index.ts';
import { makeAuthority } from '../../src/testing/certificates.ts';
import { answer } from '../../src/testing/faulty-steps.ts';
import { aClient, aServer, fails, leavesNothing, stillWorks, until } from '../engine/setup.ts';
import { aProxy, type ProxyScript } from './a-proxy.ts';
import { aSocksProxy, type SocksScript } from './a-socks-proxy.ts';

leavesNothing();

const authority = makeAuthority();
const certificate = authority.issue({ names: ['api.test'] });
const AT_PROXY = { reach: 'unsent', phase: 'proxy' } as const;

interface Given {
  readonly scheme?: string;
  readonly secure?: boolean;
  readonly script?: SocksScript;
  readonly userinfo?: string;
  readonly options?: ClientOptions;
  readonly remoteDns?: boolean;
}

async function aWay(t: TestContext, given: Given = {}) {
  const { scheme = 'socks5', secure = true, userinfo = '', remoteDns } = given;
  const server = await aServer(t, { script: answer('ok'), ...(secure ? { tls: certificate } : {}) });
  const socks = await aSocksProxy(t, given.script);
  const resolver = async () => ({ addresses: [{ address: '127.0.0.1', family: 4 } as const], ttlMs: 60_000 });
  const client = aClient(t, {
    origin: `${secure ? 'https' : 'http'}://api.test:${server.port}`,
    tls: { ca: authority.cert },
    proxy: { url: `${scheme}://${userinfo}127.0.0.1:${socks.port}`, remoteDns },
    ...(remoteDns === false || scheme === 'socks4' ? { dns: { resolver } } : {}),
    ...given.options,
  });
  return { server, socks, client };
}

describe('a SOCKS proxy', () => {
  for (const secure of [true, false]) {
    for (const scheme of ['socks', 'socks5', 'socks5h', 'socks4a']) {
      it(`of ${scheme}: leads to ${secure ? 'https:' : 'http:'} origins, whose names it resolves`, async (t) => {
        const { client, server, socks } = await aWay(t, { scheme, secure });
        for (let i = 0; i < 20; i++) await stillWorks({ client }, `/${i}`);
        assert.equal(await client.post('/', 'x'.repeat(300_000)).text(), 'ok');
        assert.deepEqual(socks.requests, [`api.test:${server.port}`]);
        assert.deepEqual(socks.versions, [scheme === 'socks4a' ? 4 : 5]);
        assert.equal(server.accepted, 1);
        const [life] = client.stats().sockets.live;
        assert.match(life?.proxy ?? '', /^socks.*:\/\/127\.0\.0\.1:\d+$/);
        assert(life !== undefined && life.bytesIn > 0 && life.bytesOut > 300_000);
      });
    }
  }

  it('gets an address where it cannot, or is not to, resolve names', async (t) => {
    for (const [scheme, remoteDns] of [
      ['socks4', undefined],
      ['socks5', false],
    ] as const) {
      const { client, server, socks } = await aWay(t, { scheme, ...(remoteDns === undefined ? {} : { remoteDns }) });
      await stillWorks({ client });
      assert.deepEqual(socks.requests, [`127.0.0.1:${server.port}`]);
      assert.deepEqual(socks.versions, [scheme === 'socks4' ? 4 : 5]);
    }
  });

  it('is shown credentials when it wants them, and nobody else is', async (t) => {
    const script = { credentials: 'me:p@ss:word' };
    const good = await aWay(t, { script, userinfo: 'me:p%40ss%3Aword@' });
    await stillWorks(good);
    const { client } = await aWay(t, { script, userinfo: 'me:wr0ng@' });
    const error = await fails(client.get('/'), { code: 'STATUS', ...AT_PROXY, message: /socks5:\/\/127\.0\.0\.1/ });
    const all = inspect([error, error.stack, client.stats(), client], { depth: 10 });
    assert(!all.includes('wr0ng'), 'no password in what is shown');
  });

  for (const [reply, code] of [
    [1, 'CONNECT'],
    [2, 'STATUS'],
    [4, 'CONNECT'],
    [5, 'CONNECT'],
  ] as const) {
    it(`that answers ${reply} is believed`, async (t) => {
      const { client, socks } = await aWay(t, { script: { reply } });
      await fails(client.get('/'), { code, ...AT_PROXY });
      await until(() => socks.open.size === 0, 'the end of the connection');
    });
  }

  it('that is silent is given up after connectMs, and leaves nothing', async (t) => {
    const { client, socks } = await aWay(t, { script: { mute: true }, options: { connect: { connectMs: 60 } } });
    await fails(client.get('/'), { code: 'TIMEOUT', ...AT_PROXY, limit: 'connectMs', value: 60 });
    await until(() => socks.open.size === 0, 'the end of the connection');
  });

  for (const [what, accepted] of [
    ['speaks something else', (socket) => void socket.write('SSH-2.0-OpenSSH_9.2\r\n')],
    ['closes', (socket) => void socket.end()],
    ['resets', (socket) => void socket.resetAndDestroy()],
  ] satisfies [string, ProxyScript['accepted']][] as [string, ProxyScript['accepted']][]) {
    it(`that ${what} is CONNECT, and nothing is left`, async (t) => {
      const other = await aProxy(t, { accepted: (socket) => accepted?.(socket) });
      const client = aClient(t, { origin: 'http://api.test', proxy: `socks5://127.0.0.1:${other.port}` });
      await fails(client.get('/'), { code: 'CONNECT', ...AT_PROXY });
      await until(() => other.open.size === 0, 'the end of the connection');
    });
  }
});
