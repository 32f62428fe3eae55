/** The limit of a remote API, kept for all callers of an upstream: counted where it matters, at the API. */
import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { ExactWindow } from 'keepwarm';
import type { LimitsTold } from '../src/admin/endpoints.ts';
import { parseConfig } from '../src/config/config.ts';
import { gatewayProcess } from './command-process.ts';
import { ask, eventually, httpServer, Opened, startGateway, until } from './fixtures.ts';
import { Caller, json, snapshotOf } from './workers-load.ts';

const LIMIT = { limit: 40, windowMs: 500 };

interface Refused {
  readonly code: string;
  readonly detail: string;
  readonly limit?: string;
  readonly value?: number;
}

describe('the rate limit of an upstream', () => {
  const opened = new Opened();
  after(() => opened.closeAll());

  /** An API that notes when it was asked. */
  const anApi = async () => {
    const seen: number[] = [];
    const server = await httpServer((request, response) => {
      seen.push(performance.now());
      request.resume().on('end', () => response.end('here'));
    });
    return { ...opened.add(server), seen };
  };

  for (const workers of [1, 3]) {
    it(`holds over every window at the API, and all of it is used, with workers: ${workers}`, async () => {
      const api = await anApi();
      const upstream = { origin: api.origin, rateLimit: { ...LIMIT, name: 'plan' } };
      const gateway = opened.add(await gatewayProcess({ api: upstream }, { workers }));
      const callers = Array.from({ length: 60 }, () => new Caller(`${gateway.data}/api/`));
      await eventually(async () => api.seen.length >= LIMIT.limit * 4);
      const { rate } = (await json(gateway.admin, '/api/limits')) as LimitsTold;
      const metrics = String((await ask(`http://${gateway.admin}/metrics`)).body);
      const { upstreams } = await snapshotOf(gateway.admin);
      await Promise.all(callers.map((caller) => caller.stop()));
      assert.deepEqual(
        callers.flatMap(({ tally }) => tally.failed),
        [],
        'who is over the limit waits',
      );
      assert.equal(
        callers.reduce((sum, { tally }) => sum + tally.ok, 0),
        api.seen.length,
      );
      const window = new ExactWindow(LIMIT);
      for (const at of api.seen)
        assert.ok(window.take(1, at), `more than ${LIMIT.limit} in a window, workers ${workers}`);
      const [plan] = rate;
      assert.deepEqual([rate.length, plan!.upstream, plan!.name, plan!.limit], [1, 'api', 'plan', LIMIT.limit]);
      assert.ok(plan!.used <= LIMIT.limit && plan!.granted >= LIMIT.limit);
      assert.match(metrics, /^keepwarm_rate_limit_max\{client="api",limit="plan"(?:,endpoint="")?\} 40$/m);
      assert.equal(upstreams[0]!.name, 'api');
    });
  }

  it('says which limit a call was refused by, and when to come back', async () => {
    const api = await anApi();
    const rateLimit = { limit: 1, windowMs: 3_600_000, name: 'one in a while', waitMs: 0 };
    const upstream = { origin: api.origin, rateLimit, deadlineMs: 7_200_000 };
    const gateway = opened.add(await startGateway({ api: upstream }));
    assert.equal((await ask(`${gateway.url}/api/`)).status, 200);
    const refused = await ask(`${gateway.url}/api/`);
    const { code, detail, limit, value } = JSON.parse(String(refused.body)) as Refused;
    assert.deepEqual([refused.status, code, limit, value], [503, 'SATURATED', 'rateLimit.waitMs', 0]);
    assert.match(detail, /rate limit "one in a while"/);
    const afterS = Number(refused.headers['retry-after']);
    assert.ok(afterS > 1_800 && afterS <= 3_600, `when the limit has room again, not after ${afterS} s`);
    assert.equal(api.seen.length, 1, 'nothing was sent');
  });

  it('never says to come back at once', async () => {
    const api = await anApi();
    const rateLimit = { limit: 1, windowMs: 300, waitMs: 0 };
    const gateway = opened.add(await startGateway({ api: { origin: api.origin, rateLimit } }));
    const answers = await Promise.all(Array.from({ length: 8 }, () => ask(`${gateway.url}/api/`)));
    const refused = answers.filter(({ status }) => status === 503);
    assert.ok(refused.length > 0);
    for (const { headers } of refused) assert.equal(headers['retry-after'], '1');
  });

  it('is not used up by a caller that leaves while it waits', async () => {
    const api = await anApi();
    const rateLimit = { limit: 1, windowMs: 2_000 };
    const gateway = opened.add(await startGateway({ api: { origin: api.origin, rateLimit } }));
    await ask(`${gateway.url}/api/`);
    const waiting = async () =>
      ((await json(`127.0.0.1:${gateway.adminPort}`, '/api/limits')) as LimitsTold).rate[0]!.waiting;
    const leaver = new AbortController();
    // The deadline is further away than the window: it waits.
    const left = fetch(`${gateway.url}/api/`, { signal: leaver.signal }).catch((error: Error) => error.name);
    await Promise.race([until(async () => (await waiting()) === 1), left]);
    leaver.abort();
    assert.equal(await left, 'AbortError');
    await until(async () => (await waiting()) === 0);
  });

  it('gets stricter when the API asks for it', async () => {
    let asked = 0;
    const api = opened.add(
      await httpServer((_, response) => {
        asked++;
        response.writeHead(429, { 'retry-after': '30' }).end('slow down');
      }),
    );
    const rateLimit = { limit: 100, windowMs: 1_000, waitMs: 0 };
    const gateway = opened.add(await startGateway({ api: { origin: api.origin, rateLimit } }));
    const told = await ask(`${gateway.url}/api/`);
    assert.deepEqual([told.status, String(told.body)], [429, 'slow down'], 'the answer is the API’s');
    assert.equal((await ask(`${gateway.url}/api/`)).status, 503);
    assert.equal(asked, 1);
  });

  for (const [what, rateLimit, message] of [
    ['no window', { limit: 3 }, /limits\[0\]\.windowMs is undefined; allowed: a number from 1/],
    ['no whole limit', { limit: 1.5, windowMs: 1_000 }, /limits\[0\]\.limit is 1\.5; allowed: a whole number from 1/],
    ['another name', { limit: 1, windowMs: 1_000, waitSeconds: 3 }, /no option rateLimit\.waitSeconds; known: /],
    ['a function by name', { limits: [{ limit: 1, windowMs: 1, key: 'ip' }] }, /limits\[0\]\.key is not an option/],
    ['no list', { limits: 3 }, /^upstreams\.api\.rateLimit\.limits is 3; allowed: a list of limits/],
    ['none in it', { limits: [] }, /option rateLimit\.limits is \[\]; allowed: a list of at least one/],
    ['a name that is none', { limit: 1, windowMs: 1, name: 3 }, /^upstreams\.api\.rateLimit\.name is 3; allowed: text/],
    ['a number', 40, /^upstreams\.api\.rateLimit is 40; allowed: an object/],
  ] as const) {
    it(`is refused with ${what}, by name`, () => {
      assert.throws(() => parseConfig({ upstreams: { api: { origin: 'http://127.0.0.1:9', rateLimit } } }, '.'), {
        name: 'ConfigError',
        message,
      });
    });
  }
});
