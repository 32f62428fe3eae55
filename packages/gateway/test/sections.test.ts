/** Sections of an upstream: tenants that are served apart from each other, seen from callers and from the API. */
import assert from 'node:assert/strict';
import { request as httpRequest } from 'node:http';
import { after, describe, it } from 'node:test';
import { WebSocket, WebSocketServer } from 'ws';
import type { BreakersTold, LimitsTold } from '../src/admin/endpoints.ts';
import type { UpstreamTold } from '../src/admin/snapshot.ts';
import type { SocketsTold } from '../src/admin/sockets.ts';
import { parseConfig } from '../src/config/config.ts';
import type { CallerRequest } from '../src/data/caller.ts';
import { answerOf, ask, httpServer, Opened, raw, startGateway, type TestGateway, until } from './fixtures.ts';
import { json, snapshotOf } from './workers-load.ts';

const BY = { by: 'header:x-tenant' };

interface Problem {
  readonly code: string;
  readonly detail: string;
  readonly limit?: string;
  readonly value?: number;
}

describe('sections of an upstream', () => {
  const opened = new Opened();
  after(() => opened.closeAll());

  /** An API that notes on which of its connections it was asked for whom; `/held` is answered when it is told to. */
  async function anApi() {
    const asked: { readonly url: string; readonly tenant: string; readonly port: number }[] = [];
    const held: (() => void)[] = [];
    const server = await httpServer(({ url = '', headers, socket }, response) => {
      asked.push({ url, tenant: String(headers['x-tenant'] ?? '-'), port: socket.remotePort ?? 0 });
      if (url.startsWith('/broken')) return void socket.destroy();
      const answer = () => response.end(`${url} ${headers['x-tenant'] ?? '-'} ${headers['x-key'] ?? '-'}`);
      if (url.startsWith('/held')) held.push(answer);
      else answer();
    });
    const release = () => {
      for (const each of held.splice(0)) each();
    };
    return { ...opened.add(server), asked, held, release };
  }

  const started = async (upstream: object, more: object = {}): Promise<TestGateway> =>
    opened.add(await startGateway({ api: upstream }, more));
  const as = (tenant: string) => ({ headers: { 'x-tenant': tenant } });
  const get = async (gateway: TestGateway, path: string, tenant?: string) => {
    const { status, headers, body } = await ask(`${gateway.url}/api${path}`, tenant === undefined ? {} : as(tenant));
    return { status, headers, body: String(body) };
  };
  const admin = ({ adminPort }: TestGateway) => `127.0.0.1:${adminPort}`;
  const told = async (gateway: TestGateway): Promise<ReadonlyMap<string, UpstreamTold>> =>
    new Map((await snapshotOf(admin(gateway))).upstreams.map((each) => [each.name, each]));

  it('have connections of their own, kept warm; who names none shares those of the upstream', async () => {
    const api = await anApi();
    const gateway = await started({ origin: api.origin, pool: { idleMin: 0 }, sections: BY });
    for (let i = 0; i < 3; i++) {
      for (const tenant of ['acme', 'globex', undefined]) assert.equal((await get(gateway, '/a', tenant)).status, 200);
    }
    const ports = new Map(['acme', 'globex', '-'].map((name) => [name, portsOf(name)]));
    function portsOf(name: string) {
      return new Set(api.asked.filter(({ tenant }) => tenant === name).map(({ port }) => port));
    }
    assert.equal(new Set([...ports.values()].flatMap((each) => [...each])).size, 3, 'one each, and nobody else on it');
    const all = await told(gateway);
    assert.deepEqual([...all.keys()], ['api', 'api/acme', 'api/globex']);
    assert.equal(all.get('api/acme')!.calls.total, 3);
    const { open, listed, opened: made, common } = all.get('api')!.sections!;
    assert.deepEqual([open, listed, made, common], [2, 0, 2, 3]);
    const { sockets } = (await json(admin(gateway), '/api/sockets?upstream=api%2Facme')) as SocketsTold;
    assert.deepEqual(
      sockets.map(({ upstream }) => upstream),
      ['api/acme'],
    );
    const metrics = String((await ask(`http://${admin(gateway)}/metrics`)).body);
    assert.match(metrics, /^keepwarm_pool_idle\{client="api\/acme",/m);
    assert.match(metrics, /^keepwarm_gateway_sections\{client="api"\} 2$/m);
  });

  it('do not slow each other: what one has used up, waits for or has broken is its own', async () => {
    const api = await anApi();
    const greedy = { rateLimit: { limit: 20, windowMs: 3_600_000, waitMs: 0 } };
    const pool = { socketsMax: 2, waitersMax: 3, idleMin: 0 };
    const upstream = { origin: api.origin, deadlineMs: 7_200_000, pool };
    const gateway = await started({ ...upstream, sections: { ...BY, named: { greedy } } });
    // Its connections are taken, its queue is full.
    const storm = Array.from({ length: 40 }, () => get(gateway, '/held', 'storm'));
    await until(() => api.held.length === 2);
    for (let i = 0; i < 10; i++) assert.equal((await get(gateway, '/a', 'calm')).status, 200);
    // Its breaker is open.
    const isOpen = async () => (await get(gateway, '/broken', 'broken')).body.includes('"OPEN"');
    await until(isOpen);
    // Its limit is used up.
    for (let i = 0; i < 30; i++) await get(gateway, '/a', 'greedy');
    const last = await get(gateway, '/a', 'greedy');
    assert.equal((JSON.parse(last.body) as Problem).limit, 'rateLimit.waitMs');
    for (let i = 0; i < 5; i++) assert.equal((await get(gateway, '/a', 'calm')).status, 200);
    assert.equal((await get(gateway, '/a')).status, 200, 'and those without a section neither');
    const { breakers } = (await json(admin(gateway), '/api/breakers')) as BreakersTold;
    const states = new Map(breakers.map(({ upstream, state }) => [upstream, state]));
    assert.notEqual(states.get('api/broken'), 'closed');
    assert.equal(states.get('api/calm'), 'closed');
    const { rate } = (await json(admin(gateway), '/api/limits?upstream=api%2Fgreedy')) as LimitsTold;
    assert.deepEqual(
      rate.map(({ upstream, used }) => [upstream, used]),
      [['api/greedy', 20]],
    );
    await until(() => {
      api.release();
      return gateway.gateway.data.inFlight === 0;
    });
    const answers = await Promise.all(storm);
    assert.equal(answers.filter(({ status }) => status === 200).length, 5, 'two under way and three in the queue');
    for (const { status } of answers) assert.ok(status === 200 || status === 503);
  });

  for (const beyond of ['common', 'refuse'] as const) {
    it(`are as many as sectionsMax, whatever names are made up: ${beyond}`, async () => {
      const api = await anApi();
      const gateway = await started({ origin: api.origin, sections: { ...BY, sectionsMax: 4, beyond } });
      const first = await get(gateway, '/a', 'first');
      assert.equal(first.status, 200);
      let others = 0;
      for (let i = 0; i < 300; i++) {
        const { status, body, headers } = await get(gateway, '/a', `made-up-${i}`);
        if (i < 3 || beyond === 'common') assert.equal(status, 200);
        else {
          const { code, limit, value } = JSON.parse(body) as Problem;
          assert.deepEqual([status, code, limit, value], [503, 'SATURATED', 'sections.sectionsMax', 4]);
          const after = Number(headers['retry-after']);
          assert.ok(after > 0 && after <= 60, 'idle sections make room after a minute');
          assert.ok(!body.includes('made-up'), 'the name is the caller’s');
          others++;
        }
      }
      const all = await told(gateway);
      assert.equal(all.size, 5);
      const { open, sectionsMax, common, refused } = all.get('api')!.sections!;
      const expected = beyond === 'common' ? [297, 0] : [0, others];
      assert.deepEqual([open, sectionsMax, common, refused], [4, 4, ...expected]);
      assert.equal((await get(gateway, '/a', 'first')).status, 200, 'who was there stays');
      const metrics = String((await ask(`http://${admin(gateway)}/metrics`)).body);
      assert.ok(!metrics.includes('made-up-200'));
    });
  }

  it('are named in one way only: what could be read differently never reaches the API', async () => {
    const api = await anApi();
    const gateway = await started({ origin: api.origin, sections: BY });
    const head = 'GET /api/a HTTP/1.1\r\nHost: x\r\n';
    for (const [what, fields] of [
      ['two that differ', 'X-Tenant: a\r\nX-Tenant: b\r\n'],
      ['two that are alike', 'X-Tenant: a\r\nx-tenant: a\r\n'],
      ['a list', 'X-Tenant: a, b\r\n'],
      ['nothing in it', 'X-Tenant:\r\n'],
      ['another spelling', 'X_Tenant: a\r\n'],
      ['another spelling beside', 'X-Tenant: a\r\nX_Tenant: b\r\n'],
      ['one that would not cross', 'X-Tenant: a\r\nConnection: close, x-tenant\r\n'],
      ['a slash', 'X-Tenant: a/b\r\n'],
      ['a space', 'X-Tenant: a b\r\n'],
      ['too long a name', `X-Tenant: ${'a'.repeat(65)}\r\n`],
      ['a byte above ASCII', 'X-Tenant: \xe4\r\n'],
      ['a bare CR', 'X-Tenant: a\rX-Tenant: b\r\n'],
      ['a folded one', 'X-Tenant: a\r\n b\r\n'],
      ['a NUL', 'X-Tenant: a\0b\r\n'],
    ] as const) {
      const closing = fields.includes('Connection') ? '' : 'Connection: close\r\n';
      const answer = await raw(gateway.port, `${head}${fields}${closing}\r\n`);
      assert.match(answer, /^HTTP\/1\.1 400 /, what);
      assert.ok(!answer.includes('x-tenant: '), what);
    }
    assert.deepEqual(api.asked, []);
    assert.equal((await told(gateway)).size, 1, 'no section was made for any of them');
  });

  it('see the field that names them, or do not', async () => {
    const api = await anApi();
    const gateway = opened.add(
      await startGateway({
        shown: { origin: api.origin, sections: BY },
        taken: { origin: api.origin, sections: { ...BY, strip: true } },
      }),
    );
    assert.equal(String((await ask(`${gateway.url}/shown/a`, as('acme'))).body), '/a acme -');
    assert.equal(String((await ask(`${gateway.url}/taken/a`, as('acme'))).body), '/a - -');
  });

  it('may be a segment of the path, which the API does not see unless it is to', async () => {
    const api = await anApi();
    const origin = `${api.origin}/v1`;
    const gateway = opened.add(
      await startGateway({
        first: { origin, sections: { by: 'path' } },
        second: { origin, sections: { by: 'path:2', strip: false, unnamed: 'refuse' } },
      }),
    );
    const answer = async (path: string) => {
      const { status, body } = await ask(`${gateway.url}${path}`);
      return status === 200 ? String(body) : status;
    };
    assert.equal(await answer('/first/acme/a?b=c'), '/v1/a?b=c - -');
    assert.equal(await answer('/first/acme'), '/v1/ - -');
    assert.equal(await answer('/first/acme?b=/c'), '/v1/?b=/c - -');
    assert.equal(await answer('/first/?b'), '/v1/?b - -', 'it names none');
    assert.equal(await answer('/first//acme/a'), 400);
    assert.equal(await answer('/first/ac%6de/a'), 400);
    assert.equal(await answer('/second/of/acme/a'), '/v1/of/acme/a - -');
    assert.equal(await answer('/second/of'), 400);
    assert.deepEqual([...(await told(gateway)).keys()], ['first', 'first/acme', 'second', 'second/acme']);
  });

  it('may be told by what is asked for, and may have fields and limits of their own', async () => {
    const api = await anApi();
    const sections = {
      by: 'routes',
      routes: { 'POST /orders': 'trading', '/orders/*/fills': 'fills', '/orders': 'quotes' },
      named: {
        trading: {
          pool: { socketsMax: 3 },
          headers: { request: { set: { 'X-KEY': 'of trading' } } },
          rateLimit: { limit: 1, windowMs: 3_600_000, waitMs: 0 },
        },
      },
    };
    const headers = { request: { set: { 'x-key': 'of all' } } };
    const gateway = await started({ origin: api.origin, deadlineMs: 7_200_000, headers, sections });
    const at = async (method: string, path: string) =>
      String((await ask(`${gateway.url}/api${path}`, { method })).body);
    assert.equal(await at('POST', '/orders/1'), '/orders/1 - of trading');
    assert.match(await at('POST', '/%6frders'), /rateLimit\.waitMs/, 'however it is spelt');
    assert.equal(await at('GET', '/orders?x'), '/orders?x - of all');
    assert.equal(await at('DELETE', '/orders/7/fills'), '/orders/7/fills - of all');
    assert.equal(await at('GET', '/ordersx'), '/ordersx - of all');
    const all = await told(gateway);
    assert.deepEqual([...all.keys()], ['api', 'api/trading', 'api/fills', 'api/quotes']);
    assert.equal(all.get('api/trading')!.pool.socketsMax, 3);
    assert.deepEqual(
      ['api/trading', 'api/fills', 'api/quotes', 'api'].map((name) => all.get(name)!.calls.total),
      [2, 1, 1, 1],
    );
  });

  it('that are not listed are refused where the list is all there is', async () => {
    const api = await anApi();
    const sections = { ...BY, unnamed: 'refuse', unlisted: 'refuse', named: { acme: {}, globex: null } };
    const gateway = await started({ origin: api.origin, sections });
    assert.equal((await get(gateway, '/a', 'acme')).status, 200);
    assert.equal((await get(gateway, '/a', 'globex')).status, 200);
    const [other, none] = [await get(gateway, '/a', 'stranger'), await get(gateway, '/a')];
    assert.deepEqual([other.status, none.status, api.asked.length], [403, 400, 2]);
    assert.ok(!other.body.includes('stranger'));
    assert.match(String(other.headers['proxy-status']), /^keepwarm; error=http_request_denied$/);
  });

  it('have WebSockets over connections of their own, and places of their own for them', async () => {
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
    await new Promise<void>((resolve) => server.on('listening', resolve));
    opened.add({ close: async () => void server.close() });
    server.on('connection', (peer) => peer.on('message', (text) => peer.send(`back: ${text}`)));
    const { port } = server.address() as { port: number };
    const upgrades = { upgradesMax: 1 };
    const gateway = await started({ origin: `http://127.0.0.1:${port}`, upgrades, sections: BY });
    const talk = (tenant: string) =>
      new Promise<string>((resolve) => {
        const socket = new WebSocket(`ws://127.0.0.1:${gateway.port}/api/ws`, [], as(tenant));
        opened.add({ close: async () => socket.terminate() });
        socket.on('open', () => socket.send('hello'));
        socket.on('message', (text) => resolve(String(text)));
        socket.on('error', (error) => resolve(error.message));
      });
    assert.equal(await talk('acme'), 'back: hello');
    assert.match(await talk('acme'), /503/);
    assert.equal(await talk('globex'), 'back: hello');
    assert.match(await talk('a/b'), /400/);
    assert.equal((await told(gateway)).get('api/acme')!.upgrades!.open, 1);
  });

  it('keep their connections through a reload that changes others; one that is gone ends its calls', async () => {
    const api = await anApi();
    const upstream = (named: object, more: object = {}) => ({
      api: { origin: api.origin, sections: { ...BY, named, unlisted: 'refuse', ...more } },
    });
    const gateway = opened.add(await startGateway(upstream({ acme: {}, globex: {} })));
    const config = (upstreams: object) =>
      parseConfig({ listen: '127.0.0.1:0', admin: '127.0.0.1:0', drainMs: 10_000, upstreams }, '.');
    const portOf = async (tenant?: string) => {
      await get(gateway, '/a', tenant);
      return api.asked.at(-1)!.port;
    };
    const before = [await portOf('acme'), await portOf()];
    const call = httpRequest(`${gateway.url}/api/held`, { agent: false, headers: { 'x-tenant': 'globex' } }).end();
    const answered = new Promise<string>((resolve, reject) => {
      call.on('response', (response) => void answerOf(response).then(({ body }) => resolve(String(body)), reject));
      call.on('error', reject);
    });
    await until(() => api.held.length === 1);
    const reloaded = gateway.gateway.reload(config(upstream({ acme: {}, initech: {} })));
    assert.deepEqual(reloaded, { kept: ['api', 'api/acme'], begun: ['api/initech'], ended: ['api/globex'] });
    assert.deepEqual([await portOf('acme'), await portOf()], before);
    assert.equal((await get(gateway, '/a', 'globex')).status, 403);
    assert.equal((await get(gateway, '/a', 'initech')).status, 200);
    api.release();
    assert.match(await answered, /^\/held globex/);
    // What is the upstream's own changes all of them.
    const other = { api: { ...upstream({ acme: {} }).api, via: false } };
    assert.deepEqual(gateway.gateway.reload(config(other)).kept, []);
    assert.equal((await get(gateway, '/a', 'acme')).status, 200);
    // Without sections the field is one like any other, and the upstream is the one it was.
    const alone = gateway.gateway.reload(config({ api: { origin: api.origin, via: false } }));
    assert.deepEqual(alone, { kept: ['api'], begun: [], ended: ['api/acme'] });
    assert.equal((await get(gateway, '/a', 'nobody')).body, '/a nobody -');
    assert.deepEqual([...(await told(gateway)).keys()], ['api']);
  });

  it('are made no more once their upstream is gone', async () => {
    const api = await anApi();
    const gateway = await started({ origin: api.origin, sections: BY });
    const [upstream] = gateway.gateway.upstreams;
    assert.ok(upstream !== undefined && 'client' in upstream && upstream.sections !== undefined);
    const { sections } = upstream;
    const find = (name: string) =>
      sections.find({ rawHeaders: ['x-tenant', name], headers: {}, socket: {} } as unknown as CallerRequest, '/');
    assert.deepEqual(['upstream' in find('a'), sections.stats().open], [true, 1]);
    gateway.gateway.reload(parseConfig({ listen: '127.0.0.1:0', admin: '127.0.0.1:0', upstreams: {} }, '.'));
    assert.deepEqual(find('b'), { upstream, path: '/' }, 'who was on the way is served with the others');
    assert.equal(sections.stats().open, 1);
    assert.deepEqual(gateway.gateway.upstreams, []);
  });

  it('that are not listed keep theirs as well, and are listed without a loss', async () => {
    const api = await anApi();
    const upstream = (more: object = {}) => ({ api: { origin: api.origin, sections: { ...BY, ...more } } });
    const gateway = opened.add(await startGateway(upstream()));
    const config = (upstreams: object) => parseConfig({ listen: '127.0.0.1:0', admin: '127.0.0.1:0', upstreams }, '.');
    await get(gateway, '/a', 'acme');
    const { port } = api.asked.at(-1)!;
    for (const more of [{ named: { acme: {} } }, { idleMs: 5_000 }, { sectionsMax: 1, named: { other: {} } }]) {
      gateway.gateway.reload(config(upstream(more)));
      await get(gateway, '/a', 'acme');
      assert.equal(api.asked.at(-1)!.port, port, JSON.stringify(more));
    }
  });
});
