/** Who the client says it is, and whom it believes: identities that change, pinned keys, secrets told on request. */
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { describe, it, type TestContext } from 'node:test';
import type { TlsOptions as ServerTls, TLSSocket } from 'node:tls';
import { type ClientOptions, createClient, NetError, originOf } from '../../src/index.ts';
import { TlsSetup } from '../../src/net/tls.ts';
import { pinOf } from '../../src/net/tls-pins.ts';
import { type KeyPair, makeAuthority, selfSigned } from '../../src/testing/certificates.ts';
import { answer } from '../../src/testing/faulty-steps.ts';
import { aClient, aServer, fails, leavesNothing, stillWorks } from '../engine/setup.ts';
import { aProxy } from './a-proxy.ts';

leavesNothing();

const authority = makeAuthority();
const certificate = authority.issue();
const clients = makeAuthority('of clients');
const REFUSED = { code: 'TLS', reach: 'unsent', phase: 'tls' } as const;

const pin = ({ cert }: KeyPair): string => `sha256/${pinOf(new X509Certificate(cert))}`;

async function aPair(t: TestContext, tls: ClientOptions['tls'], server: ServerTls = {}, more: ClientOptions = {}) {
  const peer = await aServer(t, { script: answer('ok'), tls: { ...certificate, ...server } });
  const client = aClient(t, { origin: peer.origin, tls: { ca: authority.cert, ...tls }, ...more });
  return { server: peer, client };
}

describe('an identity that is reloaded', () => {
  const first = clients.issue({ names: ['first'] });
  const second = clients.issue({ names: ['second'] });
  const wantsThem = { ca: clients.cert, requestCert: true, rejectUnauthorized: true };

  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    it(`is shown by new connections over ${maxVersion}, and the old ones go on`, async (t) => {
      const { client, server } = await aPair(t, first, { ...wantsThem, maxVersion });
      const names = () => server.connections.map(({ tls }) => tls?.getPeerCertificate().subject.CN);
      await stillWorks({ client });
      client.reloadTls(second);
      await stillWorks({ client });
      assert.deepEqual(names(), ['first'], 'a connection keeps what it began with');
      client.closeIdle();
      await stillWorks({ client });
      assert.deepEqual(names().at(-1), 'second');
      const [life] = client.stats().sockets.live;
      assert.equal(life?.tlsResumed, false, 'no session of the old identity is resumed');
      client.closeIdle();
      await stillWorks({ client });
      assert.equal(client.stats().sockets.live[0]?.tlsResumed, true, 'sessions of the new one are');
      assert.deepEqual(names().at(-1), 'second');
    });
  }

  it('that cannot be used is refused, and all stays as it was', async (t) => {
    const { client, server } = await aPair(t, first, wantsThem);
    for (const identity of [
      { cert: 'no certificate' },
      { cert: second.cert, key: first.key },
      { ...second, pins: ['no pin'] },
      { ...second, pins: [] },
    ]) {
      assert.throws(
        () => client.reloadTls(identity),
        (error) => error instanceof NetError && error.code === 'INVALID' && !/PRIVATE/.test(error.message),
      );
    }
    await stillWorks({ client });
    assert.equal(server.connections[0]?.tls?.getPeerCertificate().subject.CN, 'first');
  });

  it('changes whom it trusts as well', async (t) => {
    const { client } = await aPair(t, {});
    client.reloadTls({ ca: makeAuthority('another').cert });
    await fails(client.get('/'), REFUSED);
    client.reloadTls({ ca: authority.cert });
    await stillWorks({ client });
  });
});

describe('a handshake under way while the identity is reloaded', () => {
  const origin = originOf(new URL('https://localhost'));
  /** A connection of which the test says what happens to it. */
  const aSocket = (isReused: boolean) =>
    Object.assign(new EventEmitter(), {
      isSessionReused: () => isReused,
      getPeerX509Certificate: () => new X509Certificate(certificate.cert),
    }) as unknown as TLSSocket;

  it('gives no session to those that come after', () => {
    const setup = new TlsSetup({});
    const socket = aSocket(false);
    setup.attend(origin, socket);
    setup.reload({ ca: authority.cert });
    socket.emit('session', Buffer.from('old'));
    assert.equal(setup.sessions, 0);
  });

  it('is judged by the keys that are pinned by then, also where it resumed', () => {
    const setup = new TlsSetup({ pins: [pin(certificate)] });
    const [before, under] = [aSocket(true), aSocket(true)];
    setup.attend(origin, before);
    setup.attend(origin, under);
    assert.equal(setup.judge(origin, before), undefined);
    setup.reload({ pins: [pin(authority)] });
    assert.equal(setup.judge(origin, under)?.code, 'TLS');
  });
});

it('sessions are remembered for so many origins, and the one used longest ago is forgotten first', () => {
  const session = Buffer.from('session');
  const [a, b, c] = ['a', 'b', 'c'].map((name) => originOf(new URL(`https://${name}.test`)));
  const setup = new TlsSetup({ sessionsMax: 2 });
  for (const origin of [a!, b!, a!, c!]) setup.remember(origin, session);
  const resumed = [a!, b!, c!].map((origin) => setup.connectOptions(origin, []).session);
  assert.deepEqual([setup.sessions, ...resumed], [2, session, undefined, session]);
  const none = new TlsSetup({ sessionsMax: 0 });
  none.remember(a!, session);
  assert.equal(none.sessions, 0);
});

describe('a pinned key', () => {
  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    it(`of the server is believed over ${maxVersion}, resumed or not`, async (t) => {
      const { client } = await aPair(
        t,
        { pins: ['sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=', pin(certificate)] },
        { maxVersion },
      );
      for (let i = 0; i < 3; i++) {
        await stillWorks({ client });
        assert.equal(client.stats().sockets.live[0]?.tlsResumed, i > 0);
        client.closeIdle();
      }
    });

    it(`that it has not refuses it over ${maxVersion}, every time, before anything is sent`, async (t) => {
      const { client, server } = await aPair(t, { pins: [pin(selfSigned())] }, { maxVersion });
      for (let i = 0; i < 3; i++) {
        const error = await fails(client.get('/'), { ...REFUSED, message: /tls\.pins/ });
        assert(error.message.includes(pin(certificate)), 'the error shows the key there is');
      }
      assert.equal(server.requests.length, 0);
      assert.equal(client.stats().tlsSessions, 0, 'no session of a peer that was not believed is kept');
    });
  }

  it('of the authority is believed where its certificate is in the chain', async (t) => {
    const chain = { cert: `${certificate.cert}\n${authority.cert}` };
    const { client } = await aPair(t, { pins: [pin(authority)] }, chain);
    for (let i = 0; i < 3; i++) {
      await stillWorks({ client });
      client.closeIdle();
    }
  });

  it('of a certificate that merely stands in the list is not', async (t) => {
    const pinned = makeAuthority('pinned');
    const twin = makeAuthority('keepwarm test authority'); // the name of the one that signed, with another key
    for (const stranger of [pinned, twin]) {
      const { client } = await aPair(t, { pins: [pin(stranger)] }, { cert: `${certificate.cert}\n${stranger.cert}` });
      await fails(client.get('/'), { ...REFUSED, message: /tls\.pins/ });
    }
  });

  it('does not stand in for verification', async (t) => {
    const own = selfSigned();
    const { client } = await aPair(t, { pins: [pin(own)] }, own);
    await fails(client.get('/'), { ...REFUSED, systemCode: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
  });

  it('holds in a tunnel, and for the proxy that opens it', async (t) => {
    const { url } = await aProxy(t, { tls: certificate });
    const right = { ca: authority.cert, pins: [pin(certificate)] };
    const wrong = { ca: authority.cert, pins: [pin(selfSigned())] };
    const good = await aPair(t, right, {}, { proxy: { url, tls: right } });
    await stillWorks(good);
    const badOrigin = await aPair(t, wrong, {}, { proxy: { url, tls: right } });
    await fails(badOrigin.client.get('/'), REFUSED);
    const badProxy = await aPair(t, right, {}, { proxy: { url, tls: wrong } });
    await fails(badProxy.client.get('/'), { ...REFUSED, phase: 'proxy' });
  });

  it('is checked when the client is made', () => {
    for (const pins of [[], ['x'], ['sha256/short='], [5]]) {
      assert.throws(() => createClient({ tls: { pins: pins as string[] } }), /tls\.pins/);
    }
  });
});

it('secrets are told to keylog, each with its origin, and to nobody without it', async (t) => {
  const lines: string[] = [];
  const origins = new Set<string>();
  const { client, server } = await aPair(t, {
    keylog: (line, origin) => {
      lines.push(line.toString('latin1'));
      origins.add(origin);
    },
  });
  await stillWorks({ client });
  assert.match(lines.join(''), /^(?:CLIENT|SERVER)_\w+ [0-9a-f]{64} [0-9a-f]+\n/);
  assert.deepEqual([...origins], [server.origin]);
});
