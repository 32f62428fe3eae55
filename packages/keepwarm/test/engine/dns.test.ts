/** Names that do not resolve, addresses that do not answer, and how a call finds the one that does. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import type { ClientOptions } from '../../src/index.ts';
import type { Answer, Resolver } from '../../src/net/dns-options.ts';
import { answer } from '../../src/testing/faulty-steps.ts';
import { aBlackHole } from './black-hole.ts';
import { PausedClock } from './paused-clock.ts';
import { aClient, aServer, fails, leavesNothing, quiet, until } from './setup.ts';

leavesNothing();

const of = (...addresses: string[]): Answer => ({
  addresses: addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
  ttlMs: 1_000,
});

/** A resolver that does one thing after another; the last one for ever. */
function scripted(...steps: (Answer | Error | 'hang')[]): Resolver & { asked: number } {
  const resolver = async (): Promise<Answer> => {
    const step = steps[Math.min(resolver.asked++, steps.length - 1)]!;
    if (step === 'hang') return new Promise(() => undefined);
    if (step instanceof Error) throw step;
    return step;
  };
  resolver.asked = 0;
  return resolver;
}

const failure = (code: string): Error => Object.assign(new Error(`queryA ${code} name.test`), { code });

function named(t: TestContext, port: number, resolver: Resolver, options: ClientOptions = {}) {
  return aClient(t, { origin: `http://name.test:${port}`, ...options, dns: { resolver, ...options.dns } });
}

const DNS = { code: 'DNS', reach: 'unsent', phase: 'dns' } as const;

describe('a name', () => {
  for (const code of ['ENOTFOUND', 'ESERVFAIL', 'EAI_AGAIN', 'ETIMEOUT']) {
    it(`whose resolver says ${code} fails the call, naming name and reason`, async (t) => {
      const client = named(t, 1, scripted(failure(code)));
      await fails(client.get('/'), { ...DNS, systemCode: code, message: /name\.test/ });
      await quiet(client);
    });
  }

  it('that has no address fails the call', async (t) => {
    await fails(named(t, 1, scripted(of())).get('/'), { ...DNS, systemCode: 'ENODATA' });
  });

  it('whose resolver answers nonsense fails the call', async (t) => {
    await fails(named(t, 1, scripted(of('not an address'))).get('/'), DNS);
  });

  it('whose resolver throws something odd fails the call', async (t) => {
    await fails(named(t, 1, scripted(new TypeError('odd'))).get('/'), { ...DNS, message: /odd/ });
  });

  it('whose resolver hangs fails the call after lookupMs', async (t) => {
    const client = named(t, 1, scripted('hang'), { dns: { lookupMs: 40 } });
    await fails(client.get('/'), { ...DNS, limit: 'lookupMs', value: 40 });
  });

  it('whose resolver hangs for longer than the caller has ends at the deadline', async (t) => {
    const client = named(t, 1, scripted('hang'), { dns: { lookupMs: 150 } });
    await fails(client.get('/', { deadlineMs: 40 }), { code: 'DEADLINE', reach: 'unsent', phase: 'queue' });
  });

  it('that flaps fails no call once it has been known', async (t) => {
    const server = await aServer(t, { script: answer('ok') });
    const resolver = scripted(of('127.0.0.1'), failure('ESERVFAIL'), of('127.0.0.1'), failure('EAI_AGAIN'));
    const client = named(t, server.port, resolver, { dns: { ttlMsMin: 0, ttlMsMax: 1, staleMs: 0 } });
    for (let i = 0; i < 8; i++) {
      assert.equal(await client.get('/').text(), 'ok');
      client.closeIdle();
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    assert(resolver.asked > 1);
  });

  it('that fails fails every call that waits for it, and one of another name is not held up', async (t) => {
    const server = await aServer(t, { script: answer('ok') });
    const resolver: Resolver = async (hostname) => {
      if (hostname === 'good.test') return of('127.0.0.1');
      throw failure('ENOTFOUND');
    };
    const client = aClient(t, { dns: { resolver } });
    const bad = Array.from({ length: 20 }, () => fails(client.get(`http://bad.test:${server.port}/`), DNS));
    assert.equal(await client.get(`http://good.test:${server.port}/`).text(), 'ok');
    await Promise.all(bad);
  });
});

describe('an address', () => {
  it('that refuses fails the call with CONNECT, naming what was tried', async (t) => {
    const server = await aServer(t, {});
    const { port } = server;
    await server.close();
    const client = named(t, port, scripted(of('127.0.0.1', '127.0.0.2')));
    const error = await fails(client.get('/'), {
      code: 'CONNECT',
      reach: 'unsent',
      phase: 'connect',
      systemCode: 'ECONNREFUSED',
    });
    assert.match(error.message, /127\.0\.0\.1.*127\.0\.0\.2|127\.0\.0\.2.*127\.0\.0\.1/);
  });

  it('that refuses is passed over at once for one that does not', async (t) => {
    const server = await aServer(t, { script: answer('ok'), host: '127.0.0.3' });
    const client = named(t, server.port, scripted(of('127.0.0.1', '127.0.0.2', '127.0.0.3')), {
      connect: { attemptDelayMs: 60_000 },
    });
    assert.equal(await client.get('/').text(), 'ok');
    assert.equal(client.stats().sockets.live[0]?.address, '127.0.0.3');
  });

  it('that swallows everything is overtaken by the next (happy eyeballs), and left no socket', async (t) => {
    const server = await aServer(t, { script: answer('ok') });
    await aBlackHole(t, '127.0.0.2', server.port);
    const client = named(t, server.port, scripted(of('127.0.0.2', '127.0.0.1')), { connect: { attemptDelayMs: 20 } });
    assert.equal(await client.get('/').text(), 'ok');
    assert.equal(client.stats().sockets.live[0]?.address, '127.0.0.1');
    assert.equal(client.stats().sockets.open, 1);
  });

  it('of a family that is not wanted is not tried', async (t) => {
    const server = await aServer(t, { script: answer('ok') });
    const client = named(t, server.port, scripted(of('::1', '127.0.0.1')), {
      connect: { family: 4, attemptDelayMs: 60_000 },
    });
    assert.equal(await client.get('/').text(), 'ok');
  });

  it('that swallows everything is given up after connectMs', async (t) => {
    const port = await aBlackHole(t);
    const client = aClient(t, { origin: `http://127.0.0.1:${port}`, connect: { connectMs: 60 } });
    const expected = { code: 'TIMEOUT', reach: 'unsent', phase: 'connect', limit: 'connectMs', value: 60 } as const;
    const calls = Array.from({ length: 10 }, () => fails(client.get('/'), expected));
    await Promise.all(calls);
    await quiet(client);
    assert.equal(client.stats().sockets.open, 0);
  });

  it('that swallows everything ends the call at its own limit for waiting, if that is shorter', async (t) => {
    const port = await aBlackHole(t);
    const clock = new PausedClock();
    const connect = { connectMs: 200_000 };
    const client = aClient(t, { origin: `http://127.0.0.1:${port}`, connect, clock, deadlineMs: 600_000 });
    const expected = { code: 'TIMEOUT', reach: 'unsent', phase: 'queue', limit: 'queueMs', value: 60_000 } as const;
    const impatient = fails(client.get('/', { queueMs: 60_000 }), expected);
    clock.pause(60_000);
    await impatient;
    const late = fails(client.get('/', { deadlineMs: 60_000 }), { code: 'DEADLINE', reach: 'unsent', phase: 'queue' });
    clock.pause(60_000);
    await late;
    clock.pause(200_000); // the connection that nobody waits for is given up as well
  });

  it('that swallows everything does not hold up closing', async (t) => {
    const port = await aBlackHole(t);
    const client = aClient(t, { origin: `http://127.0.0.1:${port}` });
    const call = fails(client.get('/'), { code: 'CLOSED', reach: 'unsent', phase: 'closing' });
    await until(() => client.stats().pools[0]?.opening === 1, 'it connects');
    client.destroy();
    await call;
  });
});
