/** TLS: who is trusted, what is negotiated, what is remembered, and what happens when the two sides disagree. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import type { TlsOptions } from 'node:tls';
import { describe as failures } from '../../src/engines/http1/failures.ts';
import type { ClientOptions } from '../../src/index.ts';
import { makeAuthority, selfSigned } from '../../src/testing/certificates.ts';
import { answer, type Step } from '../../src/testing/faulty-steps.ts';
import { aClient, aServer, errorOf, fails, leavesNothing, quiet, until } from './setup.ts';

leavesNothing();

const DAY_MS = 86_400_000;
const authority = makeAuthority();
const certificate = authority.issue();
const REFUSED = { code: 'TLS', reach: 'unsent', phase: 'tls' } as const;

interface SecureOptions {
  readonly server?: TlsOptions;
  readonly client?: ClientOptions['tls'];
  readonly options?: ClientOptions;
  readonly script?: Step;
  readonly host?: string;
}

async function aSecurePair(t: TestContext, given: SecureOptions = {}) {
  const { script = answer('ok'), host = 'localhost' } = given;
  const server = await aServer(t, { script, tls: { ...certificate, ...given.server } });
  const origin = `https://${host}:${server.port}`;
  const resolver = async () => ({ addresses: [{ address: '127.0.0.1', family: 4 } as const], ttlMs: 60_000 });
  const tls = { ca: authority.cert, ...given.client };
  return { server, client: aClient(t, { origin, tls, dns: { resolver }, ...given.options }) };
}

describe('a server whose certificate', () => {
  it('was issued by the authority we were given is trusted', async (t) => {
    const { client } = await aSecurePair(t);
    assert.equal(await client.get('/').text(), 'ok');
    assert.equal(await client.post('/', { a: 1 }).text(), 'ok');
    assert.equal(client.stats().reuse.reused, 1);
  });

  it('has expired is refused', async (t) => {
    const now = Date.now();
    const server = authority.issue({ fromMs: now - 9 * DAY_MS, untilMs: now - DAY_MS });
    const {
      client,
      server: { requests },
    } = await aSecurePair(t, { server });
    await fails(client.get('/'), { ...REFUSED, systemCode: 'CERT_HAS_EXPIRED' });
    assert.equal(requests.length, 0, 'nothing is sent to whom we do not trust');
  });

  it('is not good yet is refused', async (t) => {
    const { client } = await aSecurePair(t, { server: authority.issue({ fromMs: Date.now() + DAY_MS }) });
    await fails(client.get('/'), { ...REFUSED, systemCode: 'CERT_NOT_YET_VALID' });
  });

  it('vouches for itself is refused', async (t) => {
    const { client } = await aSecurePair(t, { server: selfSigned() });
    await fails(client.get('/'), { ...REFUSED, systemCode: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
  });

  it('comes from an authority nobody trusts is refused', async (t) => {
    const { client } = await aSecurePair(t, { server: makeAuthority('somebody else').issue() });
    await fails(client.get('/'), { ...REFUSED, systemCode: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' });
  });

  it('is trusted by nobody without our authority', async (t) => {
    const { client } = await aSecurePair(t, { client: { ca: undefined } });
    await fails(client.get('/'), { ...REFUSED, systemCode: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' });
  });

  it('is for another name is refused', async (t) => {
    const { client } = await aSecurePair(t, { server: authority.issue({ names: ['other.test'] }) });
    await fails(client.get('/'), { ...REFUSED, systemCode: 'ERR_TLS_CERT_ALTNAME_INVALID' });
  });

  it('names an address is good for that address, and no other', async (t) => {
    const good = await aSecurePair(t, { host: '127.0.0.1' });
    assert.equal(await good.client.get('/').text(), 'ok');
    const bad = await aSecurePair(t, { host: '127.0.0.1', server: authority.issue({ names: ['127.0.0.2'] }) });
    await fails(bad.client.get('/'), { ...REFUSED, systemCode: 'ERR_TLS_CERT_ALTNAME_INVALID' });
  });

  it('is verified against `servername` where that is set', async (t) => {
    const server = authority.issue({ names: ['inner.test'] });
    const { client } = await aSecurePair(t, { server, client: { servername: 'inner.test' } });
    assert.equal(await client.get('/').text(), 'ok');
  });

  it('is broken is taken without question only when verification is switched off', async (t) => {
    const { client } = await aSecurePair(t, { server: selfSigned({ names: ['x'] }), client: { verify: false } });
    assert.equal(await client.get('/').text(), 'ok');
  });

  it('is refused is refused every time, and the refusals leave no socket', async (t) => {
    const { client } = await aSecurePair(t, { server: selfSigned() });
    const calls = Array.from({ length: 20 }, () => fails(client.get('/'), REFUSED));
    await Promise.all(calls);
    await quiet(client);
    assert.equal(client.stats().sockets.open, 0);
  });
});

describe('the handshake', () => {
  it('names the server it wants (SNI), and no address', async (t) => {
    const named = await aSecurePair(t, { host: 'api.test', server: authority.issue({ names: ['api.test'] }) });
    await named.client.get('/').text();
    assert.equal(named.server.connections[0]?.tls?.servername, 'api.test');
    const bare = await aSecurePair(t, { host: '127.0.0.1' });
    await bare.client.get('/').text();
    assert(!bare.server.connections[0]?.tls?.servername);
  });

  it('offers http/1.1 alone where nothing else may be spoken, and speaks it', async (t) => {
    const both = { ALPNProtocols: ['h2', 'http/1.1'] };
    const { client, server } = await aSecurePair(t, { server: both, options: { http2: 'never' } });
    await client.get('/').text();
    assert.equal(server.connections[0]?.tls?.alpnProtocol, 'http/1.1');
  });

  it('fails when the server speaks only what is too old', async (t) => {
    const { client } = await aSecurePair(t, { server: { maxVersion: 'TLSv1.2' }, client: { minVersion: 'TLSv1.3' } });
    const error = await fails(client.get('/'), REFUSED);
    assert.match(error.systemCode ?? '', /PROTOCOL_VERSION|UNSUPPORTED_PROTOCOL/);
  });

  it('fails with a server of TLS 1.1, whatever it would accept', async (t) => {
    const server = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const;
    const { client } = await aSecurePair(t, { server });
    await fails(client.get('/'), REFUSED);
  });

  for (const hello of ['HTTP/1.1 400 Bad Request\r\n\r\n', '220 smtp.test ESMTP\r\n']) {
    it(`fails with a server that speaks cleartext: ${hello.trim()}`, async (t) => {
      const server = await aServer(t, { connected: (connection) => connection.send(hello) });
      const client = aClient(t, { origin: server.origin.replace('http:', 'https:') });
      await fails(client.get('/'), REFUSED);
    });
  }

  it('that a cleartext client never begins is a broken answer or a lost connection', async (t) => {
    const { server } = await aSecurePair(t);
    const client = aClient(t, { origin: `http://localhost:${server.port}` });
    const error = await errorOf(client.get('/'));
    assert.match(error.code, /^(PROTOCOL|RESET)$/);
  });

  for (const how of ['end', 'reset'] as const) {
    it(`cut short by the server (${how}) is a failure to connect, which may pass`, async (t) => {
      const server = await aServer(t, { connected: (connection) => connection[how]() });
      const client = aClient(t, { origin: server.origin.replace('http:', 'https:') });
      const error = await errorOf(client.get('/'));
      assert.equal(error.code, 'CONNECT');
      assert.equal(error.reach, 'unsent');
      assert.match(error.phase ?? '', /^(connect|tls)$/); // a reset may be there before the handshake has begun
    });
  }

  it('that never ends is given up after connectMs', async (t) => {
    const server = await aServer(t, { connected: () => new Promise(() => undefined) });
    const client = aClient(t, { origin: server.origin.replace('http:', 'https:'), connect: { connectMs: 60 } });
    const expected = { code: 'TIMEOUT', reach: 'unsent', phase: 'tls', limit: 'connectMs', value: 60 } as const;
    await fails(client.get('/'), expected);
  });
});

describe('a server that wants to know who calls', () => {
  const wants = { requestCert: true, rejectUnauthorized: true, ca: authority.cert };

  it('is shown the client certificate', async (t) => {
    const mine = authority.issue({ names: ['caller'], subject: 'caller' });
    const { client, server } = await aSecurePair(t, { server: wants, client: mine });
    assert.equal(await client.get('/').text(), 'ok');
    assert.equal(server.connections[0]?.tls?.getPeerCertificate().subject.CN, 'caller');
  });

  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    it(`and is shown nothing refuses us: TLS, never a lost connection (${maxVersion})`, async (t) => {
      const { client, server } = await aSecurePair(t, { server: { ...wants, maxVersion } });
      const error = await errorOf(client.post('/', { a: 1 }));
      assert.equal(error.code, 'TLS', error.message);
      assert.equal(error.phase, 'tls');
      assert.notEqual(error.reach, 'answered');
      assert.equal(server.received, 0);
    });
  }
});

describe('TLS sessions', () => {
  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    it(`are resumed by the second connection (${maxVersion})`, async (t) => {
      const resumed: boolean[] = [];
      const observer = { socketOpened: ({ tlsResumed }: { tlsResumed: boolean }) => resumed.push(tlsResumed) };
      const { client, server } = await aSecurePair(t, { server: { maxVersion }, options: { observer } });
      await client.get('/').text();
      await until(() => client.stats().tlsSessions === 1, 'the session is remembered');
      client.closeIdle();
      await client.get('/').text();
      assert.deepEqual(resumed, [false, true]);
      assert.equal(server.connections.at(-1)?.tls?.isSessionReused(), true);
      assert.equal(client.stats().sockets.live[0]?.tlsResumed, true);
    });
  }

  it('are not kept when there is no room for them', async (t) => {
    const { client } = await aSecurePair(t, { client: { sessionsMax: 0 } });
    await client.get('/').text();
    client.closeIdle();
    await client.get('/').text();
    assert.equal(client.stats().tlsSessions, 0);
    assert.equal(client.stats().sockets.live[0]?.tlsResumed, false);
  });

  it('of a server that has forgotten them cost a full handshake and no call', async (t) => {
    const { client, server } = await aSecurePair(t);
    await client.get('/').text();
    await until(() => client.stats().tlsSessions === 1, 'the session is remembered');
    const { port } = server;
    await server.close();
    await until(() => client.stats().sockets.open === 0, 'the end is noticed');
    await aServer(t, { port, tls: certificate });
    assert.equal(await client.get('/').text(), 'ok');
  });
});

describe('a connection over TLS', () => {
  it('that is reset at the moment of reuse is replaced for an idempotent call', async (t) => {
    let first = true;
    const script: Step = async (request, connection) => {
      if (request.turn === 2 && first) {
        first = false;
        return connection.reset();
      }
      await answer('ok')(request, connection);
    };
    const { client, server } = await aSecurePair(t, { script });
    await client.get('/').text();
    assert.equal(await client.get('/').text(), 'ok');
    assert.equal(server.received, 3);
  });

  it('carries a large body both ways', async (t) => {
    const script: Step = async (request, connection) => {
      const body = await request.body;
      await connection.send(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n`);
      await connection.send(body);
    };
    const { client } = await aSecurePair(t, { script });
    const sent = Buffer.alloc(3_000_000, 'keepwarm ');
    assert(sent.equals(await client.put('/', sent).bytes()));
  });
});

it('a refusal of the peer is told from a connection that broke: only the latter may pass by itself', () => {
  const lost = (code: string) => failures.reset(Object.assign(new Error(code), { code }), 'unknown', 'head', 1).code;
  assert.equal(lost('ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED'), 'TLS');
  assert.equal(lost('ERR_SSL_DECRYPTION_FAILED_OR_BAD_RECORD_MAC'), 'RESET');
  assert.equal(lost('ALERT'), 'RESET');
});
