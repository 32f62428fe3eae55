/** Whoever gives up, and whenever: on no way to an origin is anything left open, and no secret of it told. */
import assert from 'node:assert/strict';
import { registerHooks } from 'node:module';
import { connect } from 'node:net';
import { type Duplex, duplexPair } from 'node:stream';
import { describe, it, type TestContext } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import type { ClientOptions } from '../../src/index.ts';
import { makeAuthority } from '../../src/testing/certificates.ts';
import { answer } from '../../src/testing/faulty-steps.ts';
import { aClient, aServer, errorOf, fails, leavesNothing, quiet, stillWorks, until } from '../engine/setup.ts';
import { aProxy } from './a-proxy.ts';
import { aSocksProxy } from './a-socks-proxy.ts';

leavesNothing();

const authority = makeAuthority();
const certificate = authority.issue({ names: ['api.test', 'localhost'] });
const tls = { ca: authority.cert };

/** The ways there are, each with what is open on it besides the server's own connections. */
async function theWays(t: TestContext, port: number) {
  const plain = await aProxy(t);
  const secure = await aProxy(t, { tls: certificate });
  const socks = await aSocksProxy(t);
  const streams = new Set<Duplex>();
  const connector = (): Duplex => {
    const [ours, theirs] = duplexPair();
    const socket = connect(port, '127.0.0.1');
    theirs.pipe(socket).pipe(theirs);
    streams.add(ours);
    ours.on('close', () => {
      streams.delete(ours);
      socket.destroy();
    });
    socket.on('error', () => ours.destroy()).on('close', () => ours.destroy());
    return ours;
  };
  const ways: [string, ClientOptions, () => number][] = [
    ['an http: proxy', { proxy: plain.url }, () => plain.open.size],
    ['an https: proxy', { proxy: { url: secure.url, tls } }, () => secure.open.size],
    ['a SOCKS proxy', { proxy: `socks5://127.0.0.1:${socks.port}` }, () => socks.open.size],
    ['a connector', { connector }, () => streams.size],
  ];
  return ways;
}

describe('a client closed at any moment', () => {
  for (const secure of [true, false]) {
    it(`leaves nothing open on the way to ${secure ? 'https:' : 'http:'} origins`, async (t) => {
      const server = await aServer(t, { script: answer('ok'), ...(secure ? { tls: certificate } : {}) });
      const origin = `http${secure ? 's' : ''}://api.test:${server.port}`;
      for (const [what, way, open] of await theWays(t, server.port)) {
        for (let turns = 0; turns < 40; turns++) {
          const client = aClient(t, { origin, tls, ...way });
          const calls = [client.get('/').text(), client.get('/').text()];
          const settled = Promise.allSettled(calls);
          for (let i = 0; i < turns; i++) await turn();
          client.destroy();
          for (const result of await settled) {
            if (result.status === 'rejected') assert.equal(result.reason.code, 'CLOSED', `${what}, turn ${turns}`);
          }
          await quiet(client);
        }
        await until(() => open() === 0, `the end of all connections by ${what}`);
      }
      // A server that holds half-open connections is not told of a TLS handshake's end: only the ways are counted.
      if (!secure) await until(() => server.connections.length === 0, 'the end of all connections');
    });
  }

  it('whose origin is not believed closes the way to it', async (t) => {
    const stranger = makeAuthority('of nobody').issue({ names: ['api.test'] });
    const server = await aServer(t, { script: answer('ok'), tls: stranger });
    for (const [what, way, open] of await theWays(t, server.port)) {
      const client = aClient(t, { origin: `https://api.test:${server.port}`, tls, ...way });
      const refusals = Array.from({ length: 10 }, () => errorOf(client.get('/')));
      for (const error of await Promise.all(refusals))
        assert.deepEqual([error.code, error.phase], ['TLS', 'tls'], what);
      await until(() => open() === 0, `the end of all connections by ${what}`);
    }
    assert.equal(server.requests.length, 0);
  });

  it('by its peer, at any moment, is told so or does not notice', async (t) => {
    const server = await aServer(t, { script: answer('ok'), tls: certificate });
    for (const [what, way, open] of await theWays(t, server.port)) {
      const client = aClient(t, { origin: `https://api.test:${server.port}`, tls, ...way, retry: {} });
      for (let turns = 0; turns < 30; turns++) {
        const call = Promise.allSettled([client.get('/').text()]);
        for (let i = 0; i < turns; i++) await turn();
        for (const connection of server.connections) connection.reset();
        const [result] = await call;
        if (result?.status === 'rejected')
          assert.match(result.reason.code, /^(?:CONNECT|RESET)$/, `${what}: ${result.reason}`);
      }
      await stillWorks({ client });
      client.destroy();
      await until(() => open() === 0, `the end of all connections by ${what}`);
    }
  });
});

it('without the package socks, a SOCKS proxy says what to install', async (t) => {
  const missing = Object.assign(new Error('Cannot find package'), { code: 'ERR_MODULE_NOT_FOUND' });
  const hooks = registerHooks({
    resolve: (specifier, context, next) => {
      if (specifier === 'socks') throw missing;
      return next(specifier, context);
    },
  });
  t.after(() => hooks.deregister());
  const socks = await aSocksProxy(t);
  const proxy = `socks5://me:pa55@127.0.0.1:${socks.port}`;
  const client = aClient(t, { origin: 'http://api.test', proxy });
  const told = { code: 'INVALID', reach: 'unsent', phase: 'proxy', message: /npm install socks/ } as const;
  const error = await fails(client.get('/'), told);
  assert.equal(error.cause, missing);
  assert.doesNotMatch(error.message, /pa55/);
  await until(() => socks.open.size === 0, 'the end of the connection');
});
