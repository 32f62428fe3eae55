/** Policies of an upstream with an origin: what may be sent again, and who may be given what another was answered. */
import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import type { LimitsTold } from '../src/admin/endpoints.ts';
import { parseConfig } from '../src/config/config.ts';
import { configOfWorker } from '../src/config/shares.ts';
import { Upstream } from '../src/data/upstream.ts';
import { rehearse } from '../src/workers/rehearsal.ts';
import { ask, httpServer, Opened, rawServer, startGateway, until } from './fixtures.ts';
import { json, snapshotOf } from './workers-load.ts';

const ORIGIN = 'http://127.0.0.1:9';
const RETRY = { baseMs: 1, throttledBaseMs: 1, capMs: 5 };
const parse = (more: object, workers = 1) =>
  parseConfig({ workers, upstreams: { api: { origin: ORIGIN, ...more } } }, '.');
const clientOf = (more: object) => {
  const api = parse(more).upstreams.get('api')!;
  assert.ok('client' in api);
  return api;
};

describe('policies of an upstream', () => {
  const opened = new Opened();
  after(() => opened.closeAll());

  /** Reads a request to its end and hangs up, the first `deaths` times. */
  const aDyingServer = async (deaths: number) => {
    const seen: string[] = [];
    const server = await rawServer((socket) => {
      let text = '';
      socket.on('data', (chunk) => {
        text += chunk.toString('latin1');
        const head = text.indexOf('\r\n\r\n');
        if (head < 0) return;
        const length = Number(/content-length: (\d+)/i.exec(text)?.[1] ?? 0);
        const whole = /transfer-encoding: chunked/i.test(text)
          ? text.endsWith('0\r\n\r\n')
          : text.length >= head + 4 + length;
        if (!whole) return;
        seen.push(text.slice(0, text.indexOf(' ')));
        text = '';
        if (seen.length <= deaths) socket.destroy();
        else socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok');
      });
    });
    return { ...opened.add(server), seen };
  };

  it('sends a GET again whose connection died, and no POST', async () => {
    const server = await aDyingServer(2);
    const gateway = opened.add(
      await startGateway({ api: { origin: server.origin, retry: RETRY, pool: { idleMin: 0 } } }),
    );
    const got = await ask(`${gateway.url}/api/`);
    assert.deepEqual([got.status, String(got.body), server.seen], [200, 'ok', ['GET', 'GET', 'GET']]);
    const dying = await aDyingServer(1);
    const other = opened.add(await startGateway({ api: { origin: dying.origin, retry: RETRY, pool: { idleMin: 0 } } }));
    const posted = await ask(`${other.url}/api/`, { method: 'POST', body: 'pay' });
    const { code, reach } = JSON.parse(String(posted.body)) as { code: string; reach: string };
    assert.deepEqual([posted.status, code, reach, dying.seen], [502, 'RESET', 'unknown', ['POST']]);
  });

  it('sends a PUT again whose body it has, and none that was streamed', async () => {
    const server = await aDyingServer(1);
    const gateway = opened.add(
      await startGateway({ api: { origin: server.origin, retry: RETRY, pool: { idleMin: 0 } } }),
    );
    assert.equal((await ask(`${gateway.url}/api/`, { method: 'PUT', body: 'small' })).status, 200);
    assert.deepEqual(server.seen, ['PUT', 'PUT']);
    const dying = await aDyingServer(1);
    const other = opened.add(await startGateway({ api: { origin: dying.origin, retry: RETRY, pool: { idleMin: 0 } } }));
    const headers = { 'transfer-encoding': 'chunked' };
    assert.equal((await ask(`${other.url}/api/`, { method: 'PUT', body: 'of no known length', headers })).status, 502);
    assert.deepEqual(dying.seen, ['PUT']);
  });

  it('hands over the last answer when all attempts are used up, and tells of the budget', async () => {
    let asked = 0;
    const server = opened.add(await httpServer((_, response) => response.writeHead(503).end(`no ${++asked}`)));
    const api = { origin: server.origin, retry: { ...RETRY, attemptsMax: 3 }, budget: { perSecond: 50 } };
    const gateway = opened.add(await startGateway({ api }));
    const got = await ask(`${gateway.url}/api/`);
    assert.deepEqual([got.status, String(got.body), asked], [503, 'no 3', 3]);
    const { budgets } = (await json(`127.0.0.1:${gateway.adminPort}`, '/api/limits')) as LimitsTold;
    assert.equal(budgets.length, 1);
  });

  it('repeats nothing unasked but what a connection lost that had been waiting', async () => {
    const server = await aDyingServer(2);
    const gateway = opened.add(await startGateway({ api: { origin: server.origin, pool: { idleMin: 0 } } }));
    assert.equal((await ask(`${gateway.url}/api/`)).status, 502);
    assert.deepEqual(server.seen, ['GET', 'GET']);
  });

  it('gives nobody what was kept for other credentials, in whatever field they came', async () => {
    let asked = 0;
    const server = opened.add(
      await httpServer(({ headers }, response) => {
        asked++;
        response.setHeader('cache-control', 'max-age=3600'); // and no Vary: the API is careless
        response.end(`${headers.authorization ?? headers.cookie ?? headers['x-api-key'] ?? 'nobody'}`);
      }),
    );
    const gateway = opened.add(await startGateway({ api: { origin: server.origin, cache: true } }));
    const people: Record<string, string>[] = [
      { authorization: 'Bearer a' },
      { authorization: 'Bearer b' },
      { cookie: 'a=1' },
      { 'x-api-key': 'k' },
      {},
    ];
    for (let i = 0; i < 3; i++) {
      for (const headers of people) {
        const { body, status } = await ask(`${gateway.url}/api/mine`, { headers });
        assert.deepEqual([status, String(body)], [200, Object.values(headers)[0] ?? 'nobody']);
      }
    }
    assert.equal(asked, people.length, 'each of them once');
    await ask(`${gateway.url}/api/mine`, { method: 'POST', body: 'changed' });
    await ask(`${gateway.url}/api/mine`, { headers: people[0]! });
    assert.equal(asked, people.length + 2, 'what was changed is asked for anew');
  });

  it('makes one call of those who ask for the same with the same credentials, and of no others', async () => {
    const held: (() => void)[] = [];
    const server = opened.add(
      await httpServer(({ headers, method }, response) => {
        held.push(() => response.end(`${method} ${headers.authorization}`));
      }),
    );
    const gateway = opened.add(await startGateway({ api: { origin: server.origin, coalesce: true } }));
    const asking = ['a', 'b'].flatMap((who) =>
      Array.from({ length: 10 }, () => ask(`${gateway.url}/api/`, { headers: { authorization: who } })),
    );
    await until(() => held.length === 2);
    const admin = `127.0.0.1:${gateway.adminPort}`;
    await until(async () => (await snapshotOf(admin)).upstreams[0]!.calls.inFlight === 20);
    for (const end of held.splice(0)) end();
    const answers = (await Promise.all(asking)).map(({ body }) => String(body));
    assert.deepEqual(answers, [...Array(10).fill('GET a'), ...Array(10).fill('GET b')]);
    const posts = ['1', '2'].map((body) => ask(`${gateway.url}/api/`, { method: 'POST', body }));
    await until(() => held.length === 2);
    for (const end of held) end();
    await Promise.all(posts);
  });

  it('gives a cookie that is set to one caller alone', async () => {
    const held: (() => void)[] = [];
    const server = opened.add(
      await httpServer((_, response) => {
        const session = `session=${held.length}`;
        response.writeHead(200, { 'set-cookie': session, 'cache-control': 'max-age=60' });
        held.push(() => response.end(session));
        if (held.length > 1) response.end(session);
      }),
    );
    const both = { coalesce: true, cache: true };
    const gateway = opened.add(await startGateway({ api: { origin: server.origin, ...both } }));
    const asking = Array.from({ length: 5 }, () => ask(`${gateway.url}/api/`));
    const admin = `127.0.0.1:${gateway.adminPort}`;
    await until(async () => (await snapshotOf(admin)).upstreams[0]!.calls.inFlight === 5);
    held[0]!();
    const cookies = (await Promise.all(asking)).map(({ headers }) => String(headers['set-cookie']));
    assert.equal(new Set(cookies).size, 5);
  });

  it('holds calls back by a concurrency limit, and says so', async () => {
    const held: (() => void)[] = [];
    const server = opened.add(await httpServer((_, response) => void held.push(() => response.end('x'))));
    const concurrency = { algorithm: 'fixed', limit: 2, waitersMax: 0 };
    const gateway = opened.add(await startGateway({ api: { origin: server.origin, concurrency } }));
    const first = [ask(`${gateway.url}/api/`), ask(`${gateway.url}/api/`)];
    await until(() => held.length === 2);
    const { status, headers, body } = await ask(`${gateway.url}/api/`);
    const { code, limit } = JSON.parse(String(body)) as { code: string; limit: string };
    assert.deepEqual([status, code, limit], [503, 'SATURATED', 'concurrency.waitersMax']);
    assert.ok(headers['retry-after']);
    for (const end of held) end();
    await Promise.all(first);
    const told = (await json(`127.0.0.1:${gateway.adminPort}`, '/api/limits')) as LimitsTold;
    assert.deepEqual([told.concurrency[0]!.limit, told.concurrency[0]!.refused], [2, 1]);
  });

  it('takes the figures of a preset, with what forwarding needs over them', async () => {
    for (const [preset, breaker, hedge] of [
      ['trading', true, true],
      ['batch', false, false],
      ['api', true, false],
      ['seed', true, false],
    ] as const) {
      const upstream = new Upstream('api', clientOf({ preset }));
      const policies = upstream.client.policyStats();
      assert.deepEqual([policies.breaker !== undefined, policies.hedge !== undefined], [breaker, hedge], preset);
      assert.ok(policies.retry && policies.budget, preset);
      await upstream.close(0);
    }
    const own = new Upstream('api', clientOf({ preset: 'trading', retry: false }));
    assert.deepEqual([own.client.policyStats().retry, own.client.policyStats().hedge], [undefined, undefined]);
    await own.close(0);
  });

  it('is divided between workers where it is a number of calls', () => {
    const config = parse(
      { preset: 'seed', hedge: true, concurrency: { limit: 5, limitMin: 4 }, budget: { perSecond: 9 } },
      3,
    );
    const parts = [0, 1, 2].map((slot) => {
      const api = configOfWorker(config, { slot, count: 3 }).upstreams.get('api')!;
      assert.ok('client' in api);
      const { concurrency, budget, hedge, pool } = api.client;
      assert.ok(typeof concurrency === 'object' && typeof hedge === 'object');
      assert.deepEqual([budget!.perSecond, hedge.perSecond], [3, 1 / 3]);
      return [concurrency.limit, concurrency.limitMin, concurrency.limitMax, pool!.socketsMax, pool!.socketsTotalMax];
    });
    assert.deepEqual(parts, [
      [2, 1, 67, 9, 34],
      [2, 1, 67, 8, 33],
      [1, 1, 66, 8, 33],
    ]);
    for (const preset of ['api', 'trading', 'batch', 'seed']) rehearse(parse({ preset }, 3));
  });

  for (const [what, more, message] of [
    ['company in numbers', { coalesce: 3 }, /option coalesce is 3; allowed: true, false, or an object/],
    ['a policy that is none', { retry: 3 }, /option retry is 3; allowed: true, false, or an object/],
    [
      'a figure out of range',
      { retry: { attemptsMax: 0 } },
      /option retry\.attemptsMax is 0; allowed: whole, 1 to 100/,
    ],
    ['a figure that is none', { cache: { entryMax: 3 } }, /cache\.entryMax; did you mean entriesMax\?/],
    [
      'a preset there is not',
      { preset: 'fast' },
      /option preset is "fast"; allowed: "api", "trading", "batch", "seed"/,
    ],
    ['hedges of calls that are sent once', { hedge: true }, /option hedge needs retry/],
    ['a budget for nothing', { budget: { share: 1 } }, /^upstreams\.api\.budget is for what is sent again/],
    ['a function in words', { cache: { only: 'GET' } }, /option cache\.only is "GET"; allowed: a function/],
    [
      'answers for anybody',
      { cache: { ignore: ['authorization'] } },
      /^upstreams\.api\.cache\.ignore lists "authorization"/,
    ],
    [
      'company of anybody',
      { coalesce: { ignore: ['X-Api-Key'] } },
      /coalesce\.ignore lists "X-Api-Key"; a field that may say/,
    ],
  ] as const) {
    it(`are refused with ${what}, by name`, () => {
      assert.throws(() => parse(more), { name: 'ConfigError', message });
    });
  }

  it('may ignore what tells nothing of who asks', () => {
    for (const ignore of [['user-agent'], ['x-request-id', 'accept-language']]) clientOf({ cache: { ignore } });
  });
});
