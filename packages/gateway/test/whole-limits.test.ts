/** A rate limit beside `sections`: over all of them, beside what each has for itself. */
import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import type { LimitsTold } from '../src/admin/endpoints.ts';
import { parseConfig } from '../src/config/config.ts';
import { limitsOf } from '../src/config/rate-tables.ts';
import { checkShares, configOfWorker } from '../src/config/shares.ts';
import { Gateway } from '../src/gateway.ts';
import { SILENT } from '../src/logs/log.ts';
import { openRedis } from '../src/redis/connection.ts';
import { OwnRedis } from './a-redis.ts';
import { busiest } from './a-redis-gateway.ts';
import { ask, httpServer, Opened, startGateway, type TestGateway, until } from './fixtures.ts';
import { Caller, json } from './workers-load.ts';

const WHOLE = { limit: 20, windowMs: 400 };
const NAME = 'all sections: 20 per 400 ms';

describe('a rate limit beside sections', () => {
  const opened = new Opened();
  after(() => opened.closeAll());

  async function anApi(answer: { status?: number; headers?: Record<string, string> } = {}) {
    const seen: number[] = [];
    const by = new Map<string, number>();
    const server = await httpServer((request, response) => {
      const tenant = String(request.url).slice(1);
      seen.push(performance.now());
      by.set(tenant, (by.get(tenant) ?? 0) + 1);
      request.resume().on('end', () => response.writeHead(answer.status ?? 200, answer.headers).end('here'));
    });
    return { ...opened.add(server), seen, by, answer };
  }

  const upstream = (origin: string, sections: object = {}, more: object = {}) => ({
    api: { origin, rateLimit: WHOLE, ...more, sections: { by: 'path', strip: false, ...sections } },
  });
  const limitsIn = async ({ adminPort }: TestGateway, name = 'api') =>
    ((await json(`127.0.0.1:${adminPort}`, `/api/limits?upstream=${encodeURIComponent(name)}`)) as LimitsTold).rate;

  it('holds for all of them together, while each has its own, and none starves', async () => {
    const api = await anApi();
    const named = { small: { rateLimit: { limit: 2, windowMs: 400 } } };
    const gateway = opened.add(await startGateway(upstream(api.origin, { named })));
    const tenants = ['small', 'greedy', 'greedy', 'greedy', 'greedy', 'modest'];
    const callers = tenants.flatMap((tenant) =>
      Array.from({ length: 5 }, () => new Caller(`${gateway.url}/api/${tenant}`)),
    );
    await until(() => ['small', 'modest', 'greedy'].every((tenant) => (api.by.get(tenant) ?? 0) >= 10));
    await until(() => api.seen.length >= 150);
    await Promise.all(callers.map((caller) => caller.stop()));
    assert.ok(busiest(api.seen, WHOLE.windowMs) <= WHOLE.limit, `${busiest(api.seen, WHOLE.windowMs)} in a window`);
    assert.deepEqual(
      callers.flatMap(({ tally }) => tally.failed),
      [],
    );
    const [modest, greedy] = [api.by.get('modest')!, api.by.get('greedy')!];
    assert.ok(modest * 4 > greedy, `of equal parts ${modest} and ${greedy}`);
    const [whole] = await limitsIn(gateway);
    assert.deepEqual([whole!.name, whole!.limit, whole!.granted], [NAME, 20, api.seen.length]);
    const own = await limitsIn(gateway, 'api/small');
    assert.deepEqual(
      own.map(({ name, granted }) => [name, granted]),
      [['2 per 400 ms', api.by.get('small')]],
    );
    assert.deepEqual(await limitsIn(gateway, 'api/greedy'), []);
  });

  it('counts on through a reload that changes sections, and begins anew when it is changed itself', async () => {
    const api = await anApi();
    const day = { limit: 5, windowMs: 86_400_000, waitMs: 0 };
    const config = (sections: object, rateLimit: object = day) =>
      parseConfig(
        {
          ...{ listen: '127.0.0.1:0', admin: '127.0.0.1:0', drainMs: 500 },
          upstreams: upstream(api.origin, sections, { rateLimit }),
        },
        '.',
      );
    const gateway = opened.add(await startGateway(upstream(api.origin, { named: { a: {} } }, { rateLimit: day })));
    const status = async (tenant: string) => (await ask(`${gateway.url}/api/${tenant}`)).status;
    for (const tenant of ['a', 'b', 'common']) assert.equal(await status(tenant), 200);
    gateway.gateway.reload(config({ named: { a: { deadlineMs: 9_000 }, c: {} } }));
    assert.deepEqual([await status('a'), await status('c')], [200, 200]);
    const refused = await ask(`${gateway.url}/api/d`);
    assert.equal(refused.status, 503);
    const problem = JSON.parse(String(refused.body)) as { readonly detail: string };
    assert.match(problem.detail, /all sections: 5 per 86400000 ms/);
    // Who is let go, and made anew, finds it used up as well.
    gateway.gateway.reload(config({}));
    assert.deepEqual([await status('a'), await status('x')], [503, 503]);
    assert.equal((await limitsIn(gateway))[0]!.granted, 5);
    gateway.gateway.reload(config({}, { ...day, limit: 6 }));
    assert.equal(await status('a'), 200);
  });

  it('is paused for all when the upstream asks for it, unless a limit of the section is', async () => {
    const api = await anApi({ status: 429, headers: { 'retry-after': '30' } });
    const named = { own: { rateLimit: { limit: 100, windowMs: 1_000 } } };
    const more = { rateLimit: { ...WHOLE, waitMs: 0 } };
    const gateway = opened.add(await startGateway(upstream(api.origin, { named }, more)));
    const status = async (tenant: string) => (await ask(`${gateway.url}/api/${tenant}`)).status;
    assert.equal(await status('own'), 429);
    assert.equal(await status('a'), 429, 'the limit of another section is paused');
    for (const tenant of ['a', 'b', 'new']) assert.equal(await status(tenant), 503, tenant);
    assert.equal(api.seen.length, 2);
    assert.ok((await limitsIn(gateway))[0]!.pausedMs > 20_000);
  });

  it('is counted in Redis where limits are, and told once', async () => {
    const redisServer = await OwnRedis.start();
    opened.add({ close: () => redisServer.stop() });
    const api = await anApi();
    const each = { rateLimit: { limit: 15, windowMs: 400 } };
    const redis = { url: `redis://127.0.0.1:${redisServer.port}`, redisMs: 2_000, prefix: 'whole' };
    const settings = { listen: '127.0.0.1:0', admin: '127.0.0.1:0', history: false, redis };
    const config = parseConfig({ ...settings, upstreams: upstream(api.origin, { each }) }, '.');
    const gateways = await Promise.all(
      [1, 2].map(async () => {
        const connection = await openRedis(config.redis, SILENT, 1);
        const gateway = new Gateway(config, { redis: connection });
        opened.add({ close: () => gateway.stop(0).then(() => connection?.close()) });
        return gateway.start();
      }),
    );
    const callers = gateways.flatMap(({ data }) =>
      ['a', 'b', 'c', 'd', 'a', 'b'].map((tenant) => new Caller(`http://127.0.0.1:${data.port}/api/${tenant}`)),
    );
    await until(() => api.seen.length >= 100);
    await Promise.all(callers.map((caller) => caller.stop()));
    assert.ok(busiest(api.seen, WHOLE.windowMs) <= WHOLE.limit, `${busiest(api.seen, WHOLE.windowMs)} in a window`);
    const rates = await Promise.all(
      gateways.map(async ({ admin }) => (await json(`127.0.0.1:${admin.port}`, '/api/limits')) as LimitsTold),
    );
    const whole = rates.flatMap(({ rate }) => rate.filter(({ name }) => name === NAME));
    assert.deepEqual(
      whole.map(({ upstream: name }) => name),
      ['api', 'api'],
    );
    assert.equal(
      whole.reduce((sum, { granted }) => sum + granted, 0),
      api.seen.length,
    );
  });
});

describe('the configuration of a limit over all sections', () => {
  const parsed = (upstream: object, more: object = {}) => {
    const config = parseConfig({ upstreams: { api: { origin: 'http://127.0.0.1:9', ...upstream } }, ...more }, '.');
    const api = config.upstreams.get('api');
    assert.ok(api !== undefined && 'client' in api && api.sections !== undefined);
    return { config, api, sections: api.sections };
  };

  it('stands behind those of each section, with how they are kept under what the section says', () => {
    const each = { rateLimit: { limit: 3, windowMs: 1_000, waitMs: 5 } };
    const rateLimit = { limits: [{ limit: 9, windowMs: 1_000, name: 'plan' }], waitMs: 7, counts: 'start' };
    const { api, sections } = parsed({
      rateLimit,
      sections: { by: 'path', each, named: { free: { rateLimit: false } } },
    });
    const plan = { limit: 9, windowMs: 1_000, name: 'plan', whole: true };
    const own = { limit: 3, windowMs: 1_000 };
    const both = { waitMs: 5, counts: 'start', limits: [own, plan] };
    assert.deepEqual([api.client.rateLimit, sections.each.client.rateLimit], [both, both]);
    const free = { waitMs: 7, counts: 'start', limits: [plan] };
    assert.deepEqual(sections.named.get('free')!.client.rateLimit, free);
  });

  it('is not divided by workers, as its places move', () => {
    const each = { rateLimit: { limit: 4, windowMs: 1_000 } };
    const { config } = parsed(
      { rateLimit: { limit: 1, windowMs: 1_000 }, sections: { by: 'path', each } },
      { workers: 2 },
    );
    checkShares(config);
    const worker = configOfWorker(config, { slot: 0, count: 2 }).upstreams.get('api')!;
    assert.ok('client' in worker);
    assert.deepEqual(
      limitsOf(worker.sections!.each.client).map(({ limit }) => limit),
      [2, 1],
    );
  });

  const by = { limit: 1, windowMs: 1, by: 'address' };
  const named = { limit: 1, windowMs: 1, name: 'plan' };
  const wrong: readonly [what: string, upstream: object, message: RegExp][] = [
    ['keys', { rateLimit: by }, /^upstreams\.api\.rateLimit\.by cannot be counted over all sections; allowed: .*each/],
    ['keys in a list', { rateLimit: { limits: [named, by] } }, /^upstreams\.api\.rateLimit\.limits\[1\]\.by cannot/],
    [
      'no figures',
      { rateLimit: { limit: 0, windowMs: 1 } },
      /^upstreams\.api cannot be used: option rateLimit\.limits\[0\]/,
    ],
    [
      'the name of a section’s own',
      { rateLimit: named, sections: { by: 'path', each: { rateLimit: { limits: [named] } } } },
      /^upstreams\.api\.rateLimit\.name is plan, as a limit of all sections is/,
    ],
  ];
  for (const [what, upstream, message] of wrong) {
    it(`is refused with ${what}, by name`, () => {
      assert.throws(() => parsed({ sections: { by: 'path' }, ...upstream }), { name: 'ConfigError', message });
    });
  }

  it('is no matter of JSON-RPC, which has no sections', () => {
    const chain = { jsonrpc: 'evm', endpoints: [{ url: 'http://127.0.0.1:9' }], sections: { by: 'path' } };
    const message = /^upstreams\.chain\.sections are for an upstream with an origin; allowed: an upstream for each/;
    assert.throws(() => parseConfig({ upstreams: { chain } }, '.'), { name: 'ConfigError', message });
  });
});
