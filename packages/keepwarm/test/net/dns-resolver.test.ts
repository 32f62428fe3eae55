/** The system resolver against a real name server on loopback, alone and under the cache. */
import assert from 'node:assert/strict';
import { createHook } from 'node:async_hooks';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { networkInterfaces } from 'node:os';
import { after, describe, it, type TestContext } from 'node:test';
import { systemClock } from '../../src/core/clock.ts';
import { type Address, DNS_DEFAULTS, DnsCache, type DnsOptions, type Family } from '../../src/net/dns.ts';
import { type SystemLookup, systemResolver } from '../../src/net/resolver.ts';
import { a, aaaa, aNameServer, type Said } from './dns-server.ts';
import { address, refused, systemError, texts } from './dns-setup.ts';

const NO_HOSTS = '/nonexistent/hosts';
const never = new AbortController().signal;

/** A name server with this to say, and a resolver that asks it. */
async function aResolver(t: TestContext, script: Record<string, Said>, systemLookup?: SystemLookup) {
  const server = await aNameServer(t);
  for (const [question, said] of Object.entries(script)) server.say(question, said);
  const options = { hostsPath: NO_HOSTS, servers: [server.address], ...(systemLookup && { systemLookup }) };
  return { server, resolver: systemResolver(options) };
}

/** The system's answer, and what it was asked. */
function aSystem(answer: readonly string[] | string) {
  const asked: [string, Family][] = [];
  const lookup: SystemLookup = async (hostname, family) => {
    asked.push([hostname, family]);
    if (typeof answer === 'string') throw systemError(answer);
    return answer.map(address);
  };
  return { asked, lookup };
}

async function code(found: Promise<unknown>): Promise<unknown> {
  return found.then(
    () => assert.fail('it was answered'),
    (error: { code?: unknown }) => error.code,
  );
}

/** Queries that c-ares has been given and has not ended: it has ended one when it calls back. */
const queries = new Set<number>();
const hook = createHook({
  init: (id, type) => void (type === 'QUERYWRAP' && queries.add(id)),
  before: (id) => void queries.delete(id),
}).enable();
after(() => hook.disable());

const sorted = (addresses: readonly Address[]) => texts(addresses)!.toSorted();

describe('name servers', () => {
  it('are asked for both families at once; the lowest TTL counts', async (t) => {
    const script = { 'A a.test': [a('192.0.2.1', 30), a('192.0.2.2', 20)], 'AAAA a.test': [aaaa('2001:db8::1', 40)] };
    const { server, resolver } = await aResolver(t, script);
    const { addresses, ttlMs } = await resolver('a.test', 0, never);
    assert.deepEqual(sorted(addresses), ['192.0.2.1', '192.0.2.2', '2001:db8::1']);
    assert.equal(ttlMs, 20_000);
    const outward = Object.values(networkInterfaces())
      .flatMap((one) => one ?? [])
      .some(({ family, internal, address }) => family === 'IPv6' && !internal && !address.startsWith('fe80'));
    assert.equal(addresses[0]!.family, outward ? 6 : 4, 'IPv6 leads where it leads anywhere');
    assert.deepEqual(server.asked.toSorted(), ['A a.test', 'AAAA a.test']);
  });

  it('are asked for one family where one is wanted', async (t) => {
    const { server, resolver } = await aResolver(t, { 'AAAA a.test': [aaaa('2001:db8::1', 40)] });
    assert.deepEqual(await resolver('a.test', 6, never), { addresses: [address('2001:db8::1')], ttlMs: 40_000 });
    assert.deepEqual(server.asked, ['AAAA a.test']);
  });

  it('may answer with an alias, whose TTL counts as well', async (t) => {
    const alias = { type: 'CNAME', ttl: 5, data: 'b.test' } as const;
    const { resolver } = await aResolver(t, { 'A a.test': [alias, a('192.0.2.1', 300)] });
    assert.deepEqual(await resolver('a.test', 4, never), { addresses: [address('192.0.2.1')], ttlMs: 5_000 });
  });

  for (const said of ['NOERROR', 'NXDOMAIN'] as const) {
    it(`that have no AAAA (${said}) do not fail the A`, async (t) => {
      const { resolver } = await aResolver(t, { 'A a.test': [a('192.0.2.1', 60)], 'AAAA a.test': said });
      assert.deepEqual(await resolver('a.test', 0, never), { addresses: [address('192.0.2.1')], ttlMs: 60_000 });
    });
  }

  for (const said of ['SERVFAIL', 'silence'] as const) {
    it(`that fail the AAAA (${said}) neither fail nor delay the A, which is asked for again soon`, async (t) => {
      const { resolver } = await aResolver(t, { 'A a.test': [a('192.0.2.1', 60)], 'AAAA a.test': said });
      assert.deepEqual(await resolver('a.test', 0, never), { addresses: [address('192.0.2.1')], ttlMs: 5_000 });
      await new Promise((resolve) => setImmediate(resolve));
      assert.equal(queries.size, 0, 'the late query is cancelled');
    });
  }

  it('that say no to one family at once are waited for with the other', async (t) => {
    const { server, resolver } = await aResolver(t, { 'A a.test': 'NOERROR' });
    server.say('AAAA a.test', [aaaa('2001:db8::1', 60)], 120);
    assert.deepEqual(await resolver('a.test', 0, never), { addresses: [address('2001:db8::1')], ttlMs: 60_000 });
  });

  it('that have only IPv6 are enough', async (t) => {
    const { resolver } = await aResolver(t, { 'A a.test': 'NOERROR', 'AAAA a.test': [aaaa('2001:db8::1', 60)] });
    assert.deepEqual(await resolver('a.test', 0, never), { addresses: [address('2001:db8::1')], ttlMs: 60_000 });
  });

  for (const [four, six, expected] of [
    ['NXDOMAIN', 'NXDOMAIN', 'ENOTFOUND'],
    ['NOERROR', 'NOERROR', 'ENODATA'],
    ['NOERROR', 'NXDOMAIN', 'ENODATA'],
    ['SERVFAIL', 'SERVFAIL', 'ESERVFAIL'],
    ['SERVFAIL', 'NXDOMAIN', 'ESERVFAIL'],
    ['REFUSED', 'REFUSED', 'EREFUSED'],
  ] as const) {
    it(`that say ${four} to A and ${six} to AAAA mean ${expected}`, async (t) => {
      const { resolver } = await aResolver(t, { 'A a.test': four, 'AAAA a.test': six });
      assert.equal(await code(resolver('a.test', 0, never)), expected);
    });
  }

  it('that are silent are given up when the caller of the resolver does', async (t) => {
    const { server, resolver } = await aResolver(t, { 'A a.test': 'silence', 'AAAA a.test': 'silence' });
    const controller = new AbortController();
    const found = resolver('a.test', 0, controller.signal);
    while (server.asked.length < 2) await new Promise((resolve) => setImmediate(resolve));
    controller.abort(new Error('enough'));
    await assert.rejects(found);
    assert.deepEqual([server.asked.length, queries.size], [2, 0], 'the queries are cancelled, not tried again');
  });
});

describe('the system', () => {
  for (const said of ['NXDOMAIN', 'NOERROR', 'REFUSED'] as const) {
    it(`is asked when name servers say ${said}`, async (t) => {
      const system = aSystem(['192.0.2.9']);
      const { resolver } = await aResolver(t, { 'A a.test': said, 'AAAA a.test': said }, system.lookup);
      assert.deepEqual(await resolver('a.test', 0, never), { addresses: [address('192.0.2.9')], ttlMs: undefined });
      assert.deepEqual(system.asked, [['a.test', 0]]);
    });
  }

  it('is asked when no name server listens', async () => {
    const socket = createSocket('udp4').bind(0, '127.0.0.1');
    await once(socket, 'listening');
    const dead = `127.0.0.1:${socket.address().port}`;
    socket.close();
    const system = aSystem(['192.0.2.9']);
    const resolver = systemResolver({ hostsPath: NO_HOSTS, servers: [dead], systemLookup: system.lookup });
    assert.deepEqual(texts((await resolver('a.test', 4, never)).addresses), ['192.0.2.9']);
  });

  it('is not asked when name servers say SERVFAIL: it would ask the same', async (t) => {
    const system = aSystem(['192.0.2.9']);
    const { resolver } = await aResolver(t, { 'A a.test': 'SERVFAIL', 'AAAA a.test': 'SERVFAIL' }, system.lookup);
    assert.equal(await code(resolver('a.test', 0, never)), 'ESERVFAIL');
    assert.deepEqual(system.asked, []);
  });

  for (const name of ['db', 'printer.local', 'printer.local.']) {
    it(`alone is asked for ${name}`, async (t) => {
      const system = aSystem(['192.0.2.9']);
      const { server, resolver } = await aResolver(t, {}, system.lookup);
      assert.deepEqual(texts((await resolver(name, 0, never)).addresses), ['192.0.2.9']);
      assert.deepEqual(server.asked, []);
    });
  }

  it('that knows nothing either leaves the name server its word; one that fails in passing does not', async (t) => {
    const { resolver } = await aResolver(t, { 'A a.test': 'NOERROR' }, aSystem('ENOTFOUND').lookup);
    assert.equal(await code(resolver('a.test', 4, never)), 'ENODATA');
    const passing = await aResolver(t, { 'A a.test': 'NXDOMAIN' }, aSystem('EAI_AGAIN').lookup);
    assert.equal(await code(passing.resolver('a.test', 4, never)), 'EAI_AGAIN');
  });

  it('that hangs is left at the abort, and is not asked by more than 64 at once', async (t) => {
    let asked = 0;
    const hang: SystemLookup = () => new Promise(() => asked++);
    const { resolver } = await aResolver(t, {}, hang);
    const controller = new AbortController();
    const found = Array.from({ length: 70 }, (_, n) => resolver(`db${n}`, 0, controller.signal));
    const failures = Promise.allSettled(found);
    await assert.rejects(found[69]!, /64 system lookups are under way/);
    controller.abort(new Error('enough'));
    for (const { status } of await failures) assert.equal(status, 'rejected');
    assert.equal(asked, 64);
  });

  it('that has ended 70 lookups takes the next', async (t) => {
    const { resolver } = await aResolver(t, {}, aSystem(['192.0.2.9']).lookup);
    for (let n = 0; n < 70; n++) await resolver(`db${n}`, 0, never);
  });

  it('is getaddrinfo', async () => {
    const resolver = systemResolver({ hostsPath: NO_HOSTS });
    const { addresses, ttlMs } = await resolver('localhost', 4, never);
    assert.deepEqual([texts(addresses), ttlMs], [['127.0.0.1'], undefined]);
  });
});

describe('under the cache', () => {
  function aCache(t: TestContext, resolver: DnsOptions['resolver'], options: Partial<DnsOptions> = {}) {
    const cache = new DnsCache({ ...DNS_DEFAULTS, resolver, ...options }, systemClock, {});
    t.after(() => cache.close());
    return cache;
  }

  it('a name that flaps keeps its addresses, one that is gone loses them', async (t) => {
    const { server, resolver } = await aResolver(t, { 'A a.test': [a('192.0.2.1')], 'AAAA a.test': 'NOERROR' });
    const cache = aCache(t, resolver, { ttlMsMin: 0, ttlMsMax: 0, staleMs: 0, negativeMs: 0 });
    assert.deepEqual(texts(await cache.lookup('a.test', 0)), ['192.0.2.1']);
    server.say('A a.test', 'SERVFAIL');
    assert.deepEqual(texts(await cache.lookup('a.test', 0)), ['192.0.2.1']);
    server.say('A a.test', [a('192.0.2.2')]);
    assert.deepEqual(texts(await cache.lookup('a.test', 0)), ['192.0.2.2']);
    server.say('A a.test', 'NXDOMAIN');
    server.say('AAAA a.test', 'NXDOMAIN');
    const error = await refused(cache.lookup('a.test', 0), 'DNS', /cannot resolve a\.test: NXDOMAIN/);
    assert.equal(error.systemCode, 'ENOTFOUND');
    assert.deepEqual([cache.stats().lookups, cache.stats().errors], [4, 2]);
  });

  it('a silent name server costs lookupMs, not more', async (t) => {
    const { server, resolver } = await aResolver(t, { 'A a.test': 'silence', 'AAAA a.test': 'silence' });
    const cache = aCache(t, resolver, { lookupMs: 60, negativeMs: 0 });
    await refused(cache.lookup('a.test', 0), 'DNS', /timeout after 60 ms/);
    server.say('A a.test', [a('192.0.2.1')]);
    server.say('AAAA a.test', 'NOERROR');
    const patient = aCache(t, resolver);
    assert.deepEqual(texts(await patient.lookup('a.test', 0)), ['192.0.2.1']);
  });

  it('closing while a name server is silent leaves nothing behind', async (t) => {
    const { server, resolver } = await aResolver(t, { 'A a.test': 'silence', 'AAAA a.test': 'silence' });
    const cache = aCache(t, resolver);
    const found = cache.lookup('a.test', 0);
    while (server.asked.length < 2) await new Promise((resolve) => setImmediate(resolve));
    cache.close();
    await refused(found, 'CLOSED', /closed/);
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(queries.size, 0, 'no query is under way');
  });
});
