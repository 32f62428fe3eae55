/**
 * The order of policies: each neighbourhood by what its reason says, proved by what reaches the peer and what `stats()`
 * tells, never by how long anything took.
 */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { ORDER, type PolicyName, stack } from '../../src/clients/order.ts';
import type { Policy } from '../../src/core/call.ts';
import { type ClientOptions, createClient, type NetError } from '../../src/index.ts';
import type { FaultyRequest } from '../../src/testing/faulty-request.ts';
import { startFaultyServer } from '../../src/testing/faulty-server.ts';
import { answer, type Step } from '../../src/testing/faulty-steps.ts';
import { aCall, scripted } from '../../src/testing/scripted-engine.ts';
import { until } from '../engine/setup.ts';

type Reaction = (request: FaultyRequest, seen: number) => Step;

/** A server that reacts by path, what it has seen, and a client whose repeats do not wait. */
async function aPair(t: TestContext, react: Reaction, options: ClientOptions) {
  const seen: string[] = [];
  const script: Step = (request, connection) => {
    const line = `${request.method} ${request.path}`;
    seen.push(line);
    return react(request, seen.filter((each) => each === line).length)(request, connection);
  };
  const server = await startFaultyServer({ script });
  const client = createClient({
    origin: server.origin,
    random: () => 0, // repeats at once
    ...options,
  });
  t.after(async () => {
    await client.close({ deadlineMs: 0 });
    await server.close();
  });
  return { client, server, seen };
}

const busy = answer('busy', { status: 503 });
const kept = answer('kept', { headers: { 'cache-control': 'max-age=60' } });
const to = (location: string, status = 303) => answer('', { status, headers: { location } });

describe('the order of policies', () => {
  it('is the one of the list, whatever order they are given in', async () => {
    const passed: string[] = [];
    const told =
      (name: PolicyName): Policy =>
      (next) =>
      (call) => {
        passed.push(name);
        return next(call);
      };
    const policies = Object.fromEntries(ORDER.toReversed().map((name) => [name, told(name)]));
    await stack(policies, scripted([200]))(aCall());
    assert.deepEqual(passed, ORDER);
  });

  it('redirect over cache: a change forgets what was kept where its redirect leads', async (t) => {
    const { client, seen } = await aPair(t, ({ method }) => (method === 'POST' ? to('/orders') : kept), {
      cache: true,
      redirectsMax: 5,
    });
    for (let i = 0; i < 2; i++) await client.get('/orders').text();
    await client.post('/orders/new', 'x').text();
    assert.deepEqual(seen, ['GET /orders', 'POST /orders/new', 'GET /orders']);
    assert.equal(client.stats().policies.cache?.fresh, 1);
  });

  it('redirect over coalesce: who wants to see redirects does not get the answer of who follows them', async (t) => {
    const slow: Step = async (request, connection) => {
      await connection.wait(20);
      await to('/there', 302)(request, connection);
    };
    const { client } = await aPair(t, ({ path }) => (path === '/here' ? slow : answer('arrived')), {
      coalesce: true,
      limits: { betweenBytesMs: 15_000 },
    });
    const [followed, seen] = await Promise.all([client.fetch('/here'), client.fetch('/here', { redirect: 'manual' })]);
    assert.deepEqual([followed.status, await followed.text(), seen.status], [200, 'arrived', 302]);
  });

  it('cache over coalesce over retry: a crowd at an empty cache costs one call and its repeats', async (t) => {
    const { client, seen } = await aPair(t, (_, times) => (times === 1 ? busy : kept), { cache: true, coalesce: true });
    const crowd = await Promise.all(Array.from({ length: 10 }, () => client.get('/x').text()));
    assert.deepEqual([new Set(crowd), seen.length], [new Set(['kept']), 2]);
    await client.get('/x').text();
    const { cache, coalesce, retry, budget } = client.stats().policies;
    assert.deepEqual([cache?.missed, cache?.fresh, coalesce?.led, coalesce?.joined], [10, 1, 1, 9]);
    assert.deepEqual([retry?.retried, budget?.deposits, seen.length], [1, 1, 2], 'to the budget it is one call');
  });

  it('compress over retry: a body is compressed once, however often it is sent', async (t) => {
    const { client, seen } = await aPair(t, (_, times) => (times < 3 ? busy : answer('ok')), { compress: true });
    await client.put('/x', 'x'.repeat(5_000)).text();
    const { compress, retry } = client.stats().policies;
    assert.deepEqual([seen.length, compress?.bodies, retry?.retried], [3, 1, 2]);
    assert(compress !== undefined && compress.bytesAfter < compress.bytesBefore / 10);
  });

  it('retry over rate limit, concurrency and breaker: each attempt counts in each of them', async (t) => {
    const { client } = await aPair(t, (_, times) => (times < 3 ? busy : answer('ok')), {
      rateLimit: { limit: 100, windowMs: 60_000, name: 'minute' },
      concurrency: { limit: 7 },
      breaker: true,
    });
    assert.equal(await client.get('/x').text(), 'ok');
    const { rateLimit, concurrency, breaker } = client.stats().policies;
    assert.deepEqual([rateLimit?.[0]?.name, rateLimit?.[0]?.granted], ['minute', 3]);
    assert.deepEqual([concurrency?.[0]?.granted, concurrency?.[0]?.dropped, concurrency?.[0]?.inFlight], [3, 2, 0]);
    assert.deepEqual([breaker?.breakers[0]?.failures, breaker?.breakers[0]?.samples], [2, 3]);
  });

  it('rate limit over concurrency over breaker: what is refused at the end gives all its places back', async (t) => {
    const { client, seen } = await aPair(t, () => busy, {
      preset: 'seed', // its breaker opens at once
      retry: false,
      rateLimit: { limit: 3, windowMs: 60_000 },
      concurrency: { algorithm: 'fixed', limit: 1 },
      breaker: { consecutiveMax: 2 },
    });
    for (let i = 0; i < 2; i++)
      await client
        .get('/x')
        .text()
        .catch(() => undefined);
    for (let i = 0; i < 5; i++) await assert.rejects(client.get('/x').text(), { code: 'OPEN', reach: 'unsent' });
    const { rateLimit, concurrency, breaker } = client.stats().policies;
    assert.deepEqual([seen.length, rateLimit?.[0]?.remaining, concurrency?.[0]?.inFlight], [2, 1, 0]);
    assert.deepEqual([concurrency?.[0]?.granted, breaker?.breakers[0]?.refused], [7, 5]);
  });

  it('hedge over endpoints: the copy goes to another endpoint', async (t) => {
    const quick = await aPair(t, () => answer('quick'), {});
    const stuck: Step = async (request, connection) => {
      await until(() => quick.seen.includes('GET /slow'), 'the copy');
      await answer('slow')(request, connection);
    };
    const slow = await aPair(t, ({ path }) => (path === '/slow' ? stuck : answer('quick')), {});
    const client = createClient({
      endpoints: [
        { url: slow.server.origin, name: 'slow' },
        { url: quick.server.origin, name: 'quick', priority: 1 },
      ],
      hedge: { countMin: 5, perSecond: 100, delayMsMin: 1, delayMsMax: 5_000 },
    });
    t.after(() => client.close());
    for (let i = 0; i < 20; i++) await client.get('/').text();
    await client.get('/slow').text();
    const { hedge, endpoints } = client.stats().policies;
    assert((hedge?.hedged ?? 0) >= 1);
    assert.deepEqual(
      endpoints?.endpoints.map(({ name }) => name),
      ['slow', 'quick'],
    );
    assert(quick.seen.includes('GET /slow'), 'the copy went elsewhere');
  });
});

describe('closing a client', () => {
  it('ends whatever waits in a policy, at once', async (t) => {
    const { client } = await aPair(t, () => busy, {
      random: () => 0.999,
      retry: { baseMs: 20_000, attemptsMax: 2 },
      breaker: false,
    });
    const waiting = Promise.resolve(client.get('/x')).then(
      () => 'answered',
      ({ code, reach }: NetError) => `${code} ${reach}`,
    );
    await until(() => client.stats().policies.retry?.waiting === 1, 'the wait');
    client.destroy();
    assert.equal(await waiting, 'CLOSED answered');
    assert.equal(client.stats().policies.retry?.waiting, 0);
  });

  it('ends those who wait for a place as well', async (t) => {
    const { client } = await aPair(t, () => () => undefined, { concurrency: { algorithm: 'fixed', limit: 1 } });
    const calls = [1, 2, 3].map(() =>
      Promise.resolve(client.get('/x')).then(
        () => 'answered',
        ({ code }: NetError) => code,
      ),
    );
    await until(() => client.stats().policies.concurrency?.[0]?.waiting === 2, 'the queue');
    client.destroy();
    assert.deepEqual(await Promise.all(calls), ['CLOSED', 'CLOSED', 'CLOSED']);
  });
});
