/** What is told of connections and of those who hold them: facts and figures somebody acts upon. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { makeAuthority } from '../../src/testing/certificates.ts';
import { answer, inOrder, send, silence } from '../../src/testing/faulty-steps.ts';
import { PausedClock } from './paused-clock.ts';
import { aClient, aPair, aServer, leavesNothing, quiet, until } from './setup.ts';

leavesNothing();

const HALF = 'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf';

describe('a connection', () => {
  it('that is closed says how old it was', async (t) => {
    const clock = new PausedClock();
    const ages: number[] = [];
    const observer = { socketClosed: ({ ageMs }: { ageMs: number }) => ages.push(ageMs) };
    const { client } = await aPair(t, answer('ok'), { clock, observer });
    const before = clock.now();
    await client.get('/').text();
    clock.pause(10_000);
    client.closeIdle();
    assert.equal(ages.length, 1);
    assert(ages[0]! >= 10_000 && ages[0]! <= clock.now() - before, `${ages[0]} ms`);
  });

  it('says when it is lent and when it is free, not when it goes from one call straight to the next', async (t) => {
    const facts: string[] = [];
    const observer = {
      leased: ({ fresh }: { fresh: boolean }) => void facts.push(fresh ? 'fresh' : 'reused'),
      released: () => void facts.push('released'),
      socketClosed: (fact: { leases: number; bytesIn: number; bytesOut: number }) =>
        void facts.push(`${fact.leases} ${fact.bytesIn > 100} ${fact.bytesOut > 1_000}`),
    };
    const { client } = await aPair(t, answer('ok'.repeat(50)), { observer, pool: { socketsMax: 1 } });
    await client.post('/', 'x'.repeat(1_000)).text();
    await Promise.all([client.get('/').text(), client.get('/').text()]);
    client.closeIdle();
    assert.deepEqual(facts, ['fresh', 'released', 'reused', 'reused', 'released', '3 true true']);
  });

  it('is counted with its handshake where there was one', async (t) => {
    const authority = makeAuthority();
    const plain = await aPair(t, answer('ok'));
    const server = await aServer(t, { script: answer('ok'), tls: authority.issue() });
    const secure = aClient(t, { origin: `https://localhost:${server.port}`, tls: { ca: authority.cert } });
    for (const client of [plain.client, secure]) await client.get('/').text();
    const counts = [plain.client, secure].map((client) => client.stats().phases);
    assert.deepEqual(
      counts.map(({ dns, tcp, tls }) => [dns.count, tcp.count, tls.count]),
      [
        [1, 1, 0],
        [1, 1, 1],
      ],
    );
  });

  it('counts to the saturation of its pool, as does whoever waits for one', async (t) => {
    const { client, server } = await aPair(t, silence, { pool: { socketsMax: 2 }, deadlineMs: 60_000 });
    const caller = new AbortController();
    const calls = Array.from({ length: 3 }, () => client.get('/', { signal: caller.signal }).catch(() => undefined));
    await until(() => server.received === 2, 'both connections are taken');
    assert.equal(client.stats().pools[0]!.saturation, 1.5);
    caller.abort();
    await Promise.all(calls);
    await quiet(client);
    assert.equal(client.stats().pools[0]!.saturation, 0);
  });
});

describe('a suspected leak', () => {
  it('names no path of an endpoint, which is often a key', async (t) => {
    const clock = new PausedClock();
    const paths: string[] = [];
    const server = await aServer(t, { script: inOrder(send(HALF)) });
    const client = aClient(t, {
      endpoints: [{ url: `${server.origin}/v1/hunter2` }],
      leak: { afterMs: 60_000 },
      observer: { leakSuspected: ({ path }) => paths.push(path) },
      clock,
    });
    const reply = await client.get('/info');
    clock.pause(61_000);
    await until(() => paths.length === 1, 'the leak is suspected');
    assert.deepEqual(paths, ['']);
    reply.discard();
  });

  it('shows where the call was made, however deep, and leaves the traces of others as they were', async (t) => {
    const clock = new PausedClock();
    const stacks: (string | undefined)[] = [];
    const observer = { leakSuspected: ({ stack }: { stack: string | undefined }) => stacks.push(stack) };
    const { client } = await aPair(t, send(HALF), { leak: { afterMs: 60_000, stacks: true }, observer, clock });
    const { stackTraceLimit } = Error;
    const deep = (left: number): PromiseLike<{ discard(): void }> => (left > 0 ? deep(left - 1) : client.get('/'));
    const reply = await deep(20);
    assert.equal(Error.stackTraceLimit, stackTraceLimit);
    clock.pause(61_000);
    await until(() => stacks.length === 1, 'the leak is suspected');
    assert((stacks[0]!.match(/\bdeep\b/g) ?? []).length > 20, stacks[0]);
    reply.discard();
  });
});

describe('pools', () => {
  it('of origins that were met once are forgotten beyond a thousand, and those with connections kept', async (t) => {
    const server = await aServer(t, { script: answer('ok') });
    const client = aClient(t, { dns: { resolver: () => Promise.reject(new Error('no such name')) } });
    await client.get(`${server.origin}/`).text();
    for (let i = 0; i < 1_005; i += 67) {
      const names = Array.from({ length: 67 }, (_, nth) => `http://h${i + nth}.test/`);
      await Promise.all(names.map((name) => assert.rejects(async () => client.get(name), { code: 'DNS' })));
    }
    const { pools } = client.stats();
    assert(pools.length < 1_000, `${pools.length} are kept`);
    assert.equal(pools.find(({ origin }) => origin === server.origin)?.idle, 1);
  });
});
