/** Limits in which requests count for more than one, or each caller has the whole for itself, as a table says. */
import assert from 'node:assert/strict';
import { request } from 'node:http';
import { after, describe, it } from 'node:test';
import { ExactWindow } from 'keepwarm';
import type { LimitsTold } from '../src/admin/endpoints.ts';
import { parseConfig } from '../src/config/config.ts';
import { checkShares } from '../src/config/shares.ts';
import { gatewayProcess } from './command-process.ts';
import { ask, eventually, httpServer, Opened, startGateway, type TestGateway } from './fixtures.ts';
import { Caller, json } from './workers-load.ts';

/** Nothing of it comes back while a test runs. */
const LONG = { windowMs: 3_600_000, waitMs: 0, counts: 'start' };
const ORIGIN = 'http://127.0.0.1:9';

describe('what requests count for in the limit of an upstream', () => {
  const opened = new Opened();
  after(() => opened.closeAll());

  async function anApi() {
    const seen: string[] = [];
    const server = await httpServer(({ method, url }, response) => {
      seen.push(`${method} ${url}`);
      response.end('here');
    });
    return { ...opened.add(server), seen };
  }
  const started = async (upstream: object): Promise<TestGateway> =>
    opened.add(await startGateway({ api: { deadlineMs: 7_200_000, ...upstream } }));
  const statusOf = async ({ url }: TestGateway, path: string, more: object = {}) =>
    (await ask(`${url}/api${path}`, more)).status;
  const statusFrom = (localAddress: string, { port }: TestGateway): Promise<unknown> =>
    new Promise((resolve, reject) => {
      const asked = request({ host: '127.0.0.1', port, path: '/api/', localAddress, agent: false });
      asked.on('response', (response) => resolve(response.resume().statusCode)).on('error', reject);
      asked.end();
    });
  const limits = async ({ adminPort }: TestGateway) =>
    ((await json(`127.0.0.1:${adminPort}`, '/api/limits')) as LimitsTold).rate;

  const weights = { 'GET /depth': 5, '/orders': 2, 'DELETE /orders': 0, '/orders/*/fills': 3 };

  it('is what their row says, below any base path, however they are spelt', async () => {
    const api = await anApi();
    const gateway = await started({ origin: `${api.origin}/v1`, rateLimit: { limit: 10, ...LONG, weights } });
    const used = async () => (await limits(gateway))[0]!.used;
    for (const [method, path, sum] of [
      ['GET', '/depth?symbol=SOL', 5],
      ['POST', '/orders', 7],
      ['DELETE', '/orders/1', 7],
      ['GET', '/other', 8],
    ] as const) {
      assert.equal(await statusOf(gateway, path, { method }), 200);
      assert.equal(await used(), sum, `${method} ${path}`);
    }
    for (const path of ['/%64epth', '//depth', '/depth/', '/orders/7/fills']) {
      assert.equal(await statusOf(gateway, path), 503, path);
    }
    assert.equal(await statusOf(gateway, '/orders'), 200);
    assert.equal(await statusOf(gateway, '/other'), 503);
    assert.equal(await statusOf(gateway, '/orders/1', { method: 'DELETE' }), 200, 'what counts for nothing passes');
    assert.equal(api.seen.filter((each) => each.includes('depth')).length, 1);
  });

  it('is the same at each of several endpoints', async () => {
    const [a, b] = [await anApi(), await anApi()];
    const endpoints = [{ url: `${a.origin}/a/base` }, { url: b.origin }];
    const balance = { picker: 'round-robin' };
    const gateway = await started({ endpoints, balance, rateLimit: { limit: 20, ...LONG, weights } });
    for (let i = 0; i < 4; i++) assert.equal(await statusOf(gateway, '/depth'), 200);
    assert.equal(await statusOf(gateway, '/depth'), 503);
    assert.ok(a.seen.length > 0 && b.seen.length > 0);
  });

  it('is the whole limit for each value of a header, which is shown nowhere', async () => {
    const api = await anApi();
    const rateLimit = {
      limits: [{ name: 'key', limit: 2, windowMs: LONG.windowMs, by: 'header:X-Api-Key' }],
      waitMs: 0,
    };
    const gateway = await started({ origin: api.origin, rateLimit });
    const as = (key: string) => ({ headers: { 'x-api-key': key } });
    for (const key of ['secret-of-a', 'secret-of-b']) {
      for (let i = 0; i < 2; i++) assert.equal(await statusOf(gateway, '/', as(key)), 200);
      const refused = await ask(`${gateway.url}/api/`, as(key));
      assert.equal(refused.status, 503);
      assert.ok(!String(refused.body).includes('secret'));
    }
    assert.deepEqual([await statusOf(gateway, '/'), await statusOf(gateway, '/')], [200, 200]);
    assert.equal(await statusOf(gateway, '/'), 503, 'one that shows none is known by its address');
    assert.equal(await statusFrom('127.0.0.2', gateway), 200);
    const [told] = await limits(gateway);
    assert.equal(told!.keys, 4);
    const metrics = String((await ask(`http://127.0.0.1:${gateway.adminPort}/metrics`)).body);
    assert.ok(!JSON.stringify(told).includes('secret') && !metrics.includes('secret'));
  });

  it('is the whole limit for each address', async () => {
    const api = await anApi();
    const gateway = await started({ origin: api.origin, rateLimit: { limit: 1, ...LONG, by: 'address' } });
    assert.equal(await statusOf(gateway, '/'), 200);
    assert.equal(await statusOf(gateway, '/'), 503);
    assert.equal(await statusFrom('127.0.0.2', gateway), 200);
    assert.equal((await limits(gateway))[0]!.keys, 2);
  });

  it('keeps connections and counts through a reload that changes something else', async () => {
    const api = await anApi();
    const upstream = { origin: api.origin, deadlineMs: 7_200_000, rateLimit: { limit: 6, ...LONG, weights } };
    const gateway = await started(upstream);
    assert.equal(await statusOf(gateway, '/depth'), 200);
    const more = { other: { origin: api.origin } };
    const config = parseConfig(
      { listen: '127.0.0.1:0', admin: '127.0.0.1:0', upstreams: { api: upstream, ...more } },
      '.',
    );
    assert.deepEqual(gateway.gateway.reload(config).kept, ['api']);
    assert.equal(await statusOf(gateway, '/depth'), 503);
  });

  it('holds over every window at the API with workers: 2', async () => {
    const LIMIT = { limit: 40, windowMs: 500 };
    const seen: { readonly at: number; readonly weight: number }[] = [];
    const api = opened.add(
      await httpServer((request, response) => {
        seen.push({ at: performance.now(), weight: request.url === '/depth' ? 5 : 1 });
        request.resume().on('end', () => response.end('here'));
      }),
    );
    const upstream = { origin: api.origin, rateLimit: { ...LIMIT, weights: { '/depth': 5 } } };
    const gateway = opened.add(await gatewayProcess({ api: upstream }, { workers: 2 }));
    const callers = Array.from({ length: 20 }, (_, i) => new Caller(`${gateway.data}/api/${i % 2 ? 'depth' : 'x'}`));
    await eventually(async () => seen.reduce((sum, { weight }) => sum + weight, 0) >= LIMIT.limit * 4);
    await Promise.all(callers.map((caller) => caller.stop()));
    assert.deepEqual(
      callers.flatMap(({ tally }) => tally.failed),
      [],
    );
    const window = new ExactWindow(LIMIT);
    for (const { at, weight } of seen) assert.ok(window.take(weight, at), 'more than the limit in a window');
  });

  for (const [what, rateLimit, message] of [
    [
      'a weight that never fits',
      { weights: { 'GET /a': 41 } },
      /weights\["GET \/a"\] is 41; allowed: .* from 0 to 40$/,
    ],
    [
      'half a weight',
      { weights: { '/a': 1.5 } },
      /rateLimit\.weights\["\/a"\] is 1\.5; allowed: a whole number from 0/,
    ],
    ['a weight in words', { weights: { '/a': 'five' } }, /weights\["\/a"\] is "five"; allowed/],
    ['no pattern', { weights: { 'GET a': 1 } }, /weights\["GET a"\] is no pattern of requests; allowed: /],
    ['a list of weights', { weights: [5] }, /rateLimit\.weights is \[5\]; allowed: an object/],
    ['other callers', { by: 'cookie' }, /rateLimit\.by is "cookie"; allowed: address, header:NAME/],
    [
      'its like in one of several',
      { limits: [{ limit: 1, windowMs: 1, by: 3 }] },
      /limits\[0\]\.by is 3; allowed: text/,
    ],
    ['a figure beside several', { limits: [{ limit: 1, windowMs: 1 }], weights: {} }, /no option rateLimit\.weights/],
  ] as const) {
    it(`is refused with ${what}, by name`, () => {
      const upstream = {
        origin: ORIGIN,
        rateLimit: 'limits' in rateLimit ? rateLimit : { limit: 40, windowMs: 1, ...rateLimit },
      };
      assert.throws(() => parseConfig({ upstreams: { api: upstream } }, '.'), { name: 'ConfigError', message });
    });
  }

  it('is refused where several workers would each count the same caller', () => {
    const upstreams = { api: { origin: ORIGIN, rateLimit: { limit: 9, windowMs: 1, by: 'address' } } };
    checkShares(parseConfig({ upstreams }, '.'));
    assert.throws(() => checkShares(parseConfig({ upstreams, workers: 2 }, '.')), {
      name: 'ConfigError',
      message:
        /^upstreams\.api\.rateLimit\.by is counted by each of 2 workers; allowed: without by, with redis, or with one/,
    });
  });
});
