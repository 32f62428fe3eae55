/** The Akamai client against a server that verifies: signatures, nonces, clocks, limits, problems. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import EdgeGrid from 'akamai-edgegrid';
import { type AkamaiOptions, createAkamai, FAST_PURGE_LIMITS, problemOf } from '../../src/akamai.ts';
import { createClient } from '../../src/index.ts';
import { makeAuthority } from '../../src/testing/certificates.ts';
import { type EdgeGridServerOptions, startEdgeGridServer } from '../../src/testing/edgegrid/server.ts';
import { theAgents } from '../interop/node-setup.ts';

const KEYS = { clientToken: 'akab-c', clientSecret: 'secret=', accessToken: 'akab-a' };

async function aPair(t: TestContext, options: AkamaiOptions = {}, serving: Partial<EdgeGridServerOptions> = {}) {
  const server = await startEdgeGridServer({ ...KEYS, ...serving });
  const akamai = createAkamai({ credentials: { ...KEYS, host: server.origin }, env: {}, ...options });
  t.after(async () => {
    await akamai.close();
    await server.close();
  });
  return { akamai, server };
}

interface Echo {
  readonly method: string;
  readonly target: string;
  readonly bytes: number;
}

describe('the Akamai client', () => {
  it('signs all methods, with queries, bodies and headers of all kinds', async (t) => {
    const headersToSign = ['X-Test1', 'X-Test2'];
    const credentials = { ...KEYS, headersToSign, host: 'unused' };
    const { server } = await aPair(t, { credentials }, { headersToSign });
    const akamai = createAkamai({ credentials: { ...credentials, host: server.origin } });
    t.after(() => akamai.close());
    const headers = { 'X-Test2': ' two   words ', 'x-test1': 'one' };
    const replies = [
      await akamai.get('/ok/a', { query: { contractId: 'ctr_1', q: 'ü &' }, headers }).json<Echo>(),
      await akamai.post('/ok/b', { name: 'größe' }, { headers }).json<Echo>(),
      await akamai.post('/ok/b', 'x'.repeat(200_000)).json<Echo>(),
      await akamai.post('/ok/b').json<Echo>(),
      await akamai.put('/ok/c', { a: 1 }).json<Echo>(),
      await akamai.patch('/ok/d', [1]).json<Echo>(),
      await akamai.delete('/ok/e').json<Echo>(),
    ];
    assert.equal((await akamai.head('/ok')).status, 200);
    assert.deepEqual(server.refused, []);
    assert.deepEqual(
      replies.map(({ method, bytes }) => [method, bytes]),
      [
        ['GET', 0],
        ['POST', 18],
        ['POST', 200_000],
        ['POST', 0],
        ['PUT', 7],
        ['PATCH', 3],
        ['DELETE', 0],
      ],
    );
    assert.equal(server.connections, 1);
  });

  it('signs the account it works on, for one call, for a section, or for all', async (t) => {
    const { akamai, server } = await aPair(t, { accountSwitchKey: 'B-1:2' });
    const target = async (call: PromiseLike<Echo>) => (await call).target;
    assert.equal(await target(akamai.get('/ok').json()), '/ok?accountSwitchKey=B-1%3A2');
    const query = new URLSearchParams('a=1');
    assert.equal(await target(akamai.get('/ok', { query }).json()), '/ok?a=1&accountSwitchKey=B-1%3A2');
    assert.equal(query.toString(), 'a=1');
    assert.equal(await target(akamai.get('/ok?b=2', { accountSwitchKey: 'C' }).json()), '/ok?b=2&accountSwitchKey=C');
    assert.equal(await target(akamai.get('/ok', { accountSwitchKey: false }).json()), '/ok');
    assert.deepEqual(server.refused, []);
  });

  it('signs a repeated call and a redirect anew: no nonce is used twice', async (t) => {
    const { akamai, server } = await aPair(t, { retry: { attemptsMax: 3, baseMs: 1 }, breaker: false });
    assert.equal((await akamai.get('/fail?status=503')).status, 503);
    assert.equal(server.accepted, 3);
    assert.equal((await akamai.get('/redirect?to=/ok/there').json<Echo>()).target, '/ok/there');
    assert.equal((await akamai.post('/redirect?to=/ok/post', { a: 1 }).json<Echo>()).bytes, 7);
    assert.deepEqual(server.refused, []);
  });

  it('tells what is refused as the problem it is', async (t) => {
    const { server } = await aPair(t);
    const credentials = { ...KEYS, clientSecret: 'another', host: server.origin };
    const akamai = createAkamai({ credentials });
    t.after(() => akamai.close());
    const error: unknown = await akamai
      .get('/ok')
      .json()
      .catch((thrown: unknown) => thrown);
    const problem = problemOf(error);
    assert.equal(problem?.title, 'Not authorized');
    assert.equal(problem?.detail, 'The signature does not match');
    assert(!JSON.stringify(error).includes('another'));
    assert.equal(problemOf(new Error('no problem')), undefined);
  });

  it('is refused by a host whose clock is elsewhere, and by one that has seen the nonce', async (t) => {
    const { akamai, server } = await aPair(t, { nonce: () => 'always the same' });
    assert.equal((await akamai.get('/ok')).status, 200);
    assert.equal((await akamai.get('/ok')).status, 401);
    assert.deepEqual(server.refused, ['Nonce was used before']);
  });

  it('keeps within limits on requests and on the objects of Fast Purge', async (t) => {
    const objects = { burst: 10_000, perSecond: 200 };
    const rateLimit = { ...FAST_PURGE_LIMITS, waitMs: 1 };
    const { akamai } = await aPair(
      t,
      { rateLimit, retry: false },
      { requests: { burst: 100, perSecond: 50 }, objects },
    );
    const purge = (count: number) =>
      akamai.post('/ccu/v3/delete/url/production', JSON.stringify({ objects: Array(count).fill('/a') })).full();
    for (let i = 0; i < 10; i++) assert.equal((await purge(1_000)).status, 200);
    await assert.rejects(purge(1), { code: 'DEADLINE', reach: 'unsent' });
    assert.equal((await akamai.get('/ok')).status, 200, 'a request without objects is not held up by them');
  });

  it('counts the objects of Fast Purge in bodies that are compressed as well', async (t) => {
    for (const coding of ['gzip', 'br', 'zstd'] as const) {
      const { akamai } = await aPair(t, { compress: { coding }, rateLimit: { ...FAST_PURGE_LIMITS, waitMs: 1 } });
      const body = JSON.stringify({ objects: Array(6_000).fill('/a') });
      const purge = () => akamai.post('/ok/purge', body).full();
      assert.equal((await purge()).status, 200);
      await assert.rejects(purge(), { code: 'DEADLINE', reach: 'unsent' });
      assert.equal(akamai.section('default').client.stats().policies.compress?.bodies, 2);
    }
  });

  it('refuses a batch of which nothing would be sent', async (t) => {
    const { akamai, server } = await aPair(t);
    for (const concurrency of [0, 1.5, Number.NaN]) {
      await assert.rejects(akamai.batch([{ path: '/ok' }], { concurrency }), { code: 'INVALID' });
    }
    assert.equal(server.connections, 0);
  });

  it('sends a batch over one HTTP/2 connection, each call with its own outcome', async (t) => {
    const authority = makeAuthority();
    const { key, cert } = authority.issue();
    const { akamai, server } = await aPair(t, { tls: { ca: authority.cert } }, { tls: { key, cert } });
    await akamai.section('default').warmUp();
    const items = Array.from({ length: 200 }, (_, i) => ({ path: i === 50 ? '/fail?status=404' : `/ok/${i}` }));
    const outcomes = await akamai.batch<Echo>([...items, { path: 'no path' }]);
    assert.equal(outcomes.length, 201);
    for (const [i, outcome] of outcomes.entries()) {
      if (i === 200) assert.equal(outcome.status, 'rejected');
      else assert(outcome.status === 'fulfilled' && outcome.value.status === (i === 50 ? 404 : 200));
    }
    const health = akamai.healthCheck();
    assert.equal(server.connections, 1);
    assert.equal(health.sections['default']?.http2Sessions.open, 1);
    assert.equal(health.healthy, true);
    assert.deepEqual(server.refused, []);
  });

  it('one section’s storm is nobody else’s: 50 sections, one of them with everything stuck', async (t) => {
    const { server } = await aPair(t);
    const env: Record<string, string> = {};
    for (let i = 0; i < 50; i++) {
      env[`AKAMAI_C${i}_HOST`] = server.origin;
      env[`AKAMAI_C${i}_CLIENT_TOKEN`] = KEYS.clientToken;
      env[`AKAMAI_C${i}_CLIENT_SECRET`] = KEYS.clientSecret;
      env[`AKAMAI_C${i}_ACCESS_TOKEN`] = KEYS.accessToken;
    }
    const akamai = createAkamai({ section: 'c0', env, pool: { socketsMax: 5 }, limits: { queueMs: 60_000 } });
    t.after(() => akamai.close({ deadlineMs: 0 }));
    const ended = new AbortController();
    const storm = Array.from({ length: 500 }, () => akamai.get('/slow?ms=60000', { signal: ended.signal }).full());
    const others = Array.from({ length: 49 }, (_, i) => akamai.section(`c${i + 1}`));
    for (let round = 0; round < 4; round++) {
      await Promise.all(others.map((section) => section.get('/ok').json()));
    }
    const { sections } = akamai.healthCheck();
    assert.equal(sections['c0']?.connectionPool.waiting, 495);
    for (const { name } of others) {
      assert.equal(sections[name]?.connectionPool.waiting, 0);
      assert.equal(sections[name]?.connectionPool.idle, 1, 'four calls one after the other: one connection');
    }
    ended.abort();
    for (const { status } of await Promise.allSettled(storm)) assert.equal(status, 'rejected');
  });

  it('agrees with the vendor’s own client, which runs on keepwarm by its agents', async (t) => {
    const authority = makeAuthority();
    const { key, cert } = authority.issue();
    const { akamai, server } = await aPair(t, { tls: { ca: authority.cert } }, { tls: { key, cert } });
    const { httpsAgent } = theAgents(t, createClient({ tls: { ca: authority.cert }, pool: { socketsMax: 2 } }));
    const theirs = (path: string, method: string, body?: unknown) =>
      new Promise<Echo>((resolve, reject) => {
        const edge = new EdgeGrid(KEYS.clientToken, KEYS.clientSecret, KEYS.accessToken, server.origin);
        edge.auth({ path, method, body, httpsAgent } as Parameters<EdgeGrid['auth']>[0]);
        edge.send((error, response) => (error ? reject(error) : resolve(response?.data as Echo)));
      });
    for (const body of [undefined, { a: 1 }, { long: 'x'.repeat(150_000) }]) {
      const method = body === undefined ? 'GET' : 'POST';
      const path = '/ok/papi/v1/contracts?contractId=1&q=a%20b';
      const own = await akamai.request(path, { method, body }).json<Echo>();
      const { target, bytes } = await theirs(path, method, body);
      assert.deepEqual([target, bytes], [own.target, own.bytes]);
    }
    assert.deepEqual(server.refused, []);
  });
});
