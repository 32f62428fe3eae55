/** How sections come and go, and what may be said of them. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type CallRows, parseCallRows, rowFor } from '../src/config/call-patterns.ts';
import { parseConfig, type UpstreamConfig } from '../src/config/config.ts';
import { checkShares, configOfWorker } from '../src/config/shares.ts';
import type { CallerRequest } from '../src/data/caller.ts';
import { Sections } from '../src/data/sections.ts';
import { Upstream } from '../src/data/upstream.ts';
import { commandHere } from './command-process.ts';
import { httpServer } from './fixtures.ts';

const ORIGIN = 'http://127.0.0.1:9';

function parsed(upstream: object, more: object = {}): UpstreamConfig {
  const config = parseConfig({ upstreams: { api: { origin: ORIGIN, ...upstream } }, ...more }, '.');
  const api = config.upstreams.get('api');
  assert.ok(api !== undefined && 'client' in api);
  return api;
}

/** Sections whose time is in the test's hand; nothing is ever sent. */
function someSections(options: object, origin = ORIGIN) {
  let now = 0;
  const gone: string[] = [];
  const config = parsed({ origin, sections: { by: 'header:x-tenant', ...options } });
  const common = new Upstream('api', config);
  const made: Upstream[] = [common];
  const sections = new Sections(config.sections!, {
    common,
    make: (name, each) => {
      const section = new Upstream(`api/${name}`, each);
      made.push(section);
      return section;
    },
    letGo: ({ name }) => void gone.push(name),
    now: () => now,
  });
  const ask = (name: string, remoteAddress = '192.0.2.1') => {
    const rawHeaders = ['x-tenant', name];
    return sections.find({ rawHeaders, headers: {}, socket: { remoteAddress } } as unknown as CallerRequest, '/');
  };
  const find = (name: string, address?: string): Upstream | number => {
    const place = ask(name, address);
    return 'status' in place ? place.status : place.upstream;
  };
  const close = async () => {
    sections.close();
    await Promise.all(made.map((each) => each.close(0)));
  };
  return { sections, ask, find, gone, common, close, pass: (ms: number) => void (now += ms) };
}

describe('sections', () => {
  it('(1) are let go after idleMs, and not before, whoever asks for room', async () => {
    const { find, gone, pass, sections, close } = someSections({ sectionsMax: 2, idleMs: 10_000, beyond: 'refuse' });
    const [a, b] = [find('a'), find('b')];
    assert.equal(find('c'), 503);
    pass(9_999);
    assert.equal(find('b'), b);
    assert.equal(find('c'), 503);
    pass(1);
    const c = find('c');
    assert.ok(c instanceof Upstream && c.name === 'api/c');
    assert.deepEqual(gone, ['api/a']);
    assert.notEqual(find('b'), a);
    const { open, opened, letGo, refused } = sections.stats();
    assert.deepEqual([open, opened, letGo, refused], [2, 3, 1, 2]);
    await close();
  });

  it('(2) are not let go while a request is with them, nor for idleMs after it', async () => {
    const { find, gone, pass, common, close } = someSections({ sectionsMax: 1, idleMs: 1_000 });
    const a = find('a') as Upstream;
    a.tenure.enter();
    pass(5_000);
    assert.equal(find('b'), common);
    a.tenure.leave();
    pass(999);
    assert.equal(find('b'), common);
    pass(1);
    assert.notEqual(find('b'), common);
    assert.deepEqual(gone, ['api/a']);
    await close();
  });

  it('(1) make room for newcomers after crowdedIdleMs, the one idle longest first, and only then', async () => {
    const { find, gone, pass, common, close } = someSections({ sectionsMax: 3, crowdedIdleMs: 5_000 });
    for (const name of ['a', 'made-up-1', 'made-up-2']) find(name);
    pass(4_000);
    const a = find('a');
    assert.equal(find('newcomer'), common);
    pass(1_000);
    const newcomer = find('newcomer');
    assert.deepEqual([gone, newcomer === common], [['api/made-up-1'], false]);
    assert.equal(find('a'), a, 'who is there stays');
    assert.deepEqual([find('other') === common, find('another') === common], [false, true]);
    assert.deepEqual(gone, ['api/made-up-1', 'api/made-up-2']);
    pass(300_000);
    assert.equal(find('newcomer'), newcomer, 'where nobody wants a place, idleMs counts');
    await close();
  });

  it('(1) are no more for the names of one caller than sectionsPerCallerMax, its own idle ones make room', async () => {
    const options = { sectionsMax: 4, sectionsPerCallerMax: 2, crowdedIdleMs: 5_000, beyond: 'refuse' };
    const { ask, find, gone, pass, close } = someSections(options);
    for (let i = 0; i < 50; i++) find(`made-up-${i}`, '2001:db8:1:2::7');
    const refused = ask('made-up-50', '2001:db8:1:2:ffff::1'); // of the same /64
    assert.ok('status' in refused && refused.status === 503 && refused.retryAfterMs === 5_000);
    assert.deepEqual([refused.limit, refused.value], ['sections.sectionsPerCallerMax', 2]);
    const [b, c] = [find('b', '192.0.2.2'), find('c', '192.0.2.3')];
    assert.ok(b instanceof Upstream && c instanceof Upstream, 'others have their places');
    assert.equal(find('made-up-0', '192.0.2.2'), find('made-up-0', '2001:db8:1:2::7'), 'a section is for all');
    pass(5_000);
    find('b', '192.0.2.2');
    find('made-up-99', '2001:db8:1:2::7');
    assert.deepEqual(gone, ['api/made-up-1']);
    await close();
  });

  it('(2) are not let go while a rate limit counts what they did: they would have it anew', async () => {
    const api = await httpServer((_, response) => response.end('here'));
    const each = { rateLimit: { limit: 2, windowMs: 3_600_000, waitMs: 0 } };
    const { find, ask, pass, sections, close } = someSections(
      { ...{ sectionsMax: 1, idleMs: 1_000, beyond: 'refuse' }, each },
      api.origin,
    );
    const a = find('a') as Upstream;
    for (let i = 0; i < 2; i++) await a.client.get('/').text();
    await assert.rejects(a.client.get('/').text(), /rate limit/);
    pass(10_000);
    const refused = ask('b');
    assert.ok('status' in refused && (refused.retryAfterMs ?? 0) > 3_500_000, 'its window is told of');
    assert.equal(find('a'), a);
    assert.equal(sections.stats().letGo, 0);
    await close();
    await api.close();
  });

  it('keep (1) and (2) whatever is asked for, and when', async () => {
    const step = fc.record({
      name: fc.constantFrom('a', 'b', 'c', 'd', 'listed'),
      ms: fc.nat(1_500),
      enters: fc.boolean(),
      leaves: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const { find, gone, pass, sections, common, close } = someSections({
          ...{ sectionsMax: 2, idleMs: 1_000, named: { listed: {} } },
        });
        const held: Upstream[] = [];
        let now = 0;
        const usedAt = new Map<string, number>();
        for (const { name, ms, enters, leaves } of steps) {
          pass(ms);
          now += ms;
          if (leaves) held.shift()?.tenure.leave();
          gone.length = 0;
          const found = find(name);
          assert.ok(found instanceof Upstream);
          for (const each of gone) {
            assert.ok(now - (usedAt.get(each) ?? 0) >= 1_000, '(1) used lately');
            assert.ok(!held.some((upstream) => upstream.name === each && sections.all.includes(upstream)), '(2)');
          }
          if (found !== common) usedAt.set(found.name, now);
          if (name === 'listed') assert.equal(found.name, 'api/listed');
          if (enters) {
            found.tenure.enter();
            held.push(found);
          }
          assert.ok(sections.all.length <= 3, '(1) as many as sectionsMax and those that are listed');
          for (const upstream of held) {
            if (upstream !== common) assert.ok(sections.all.includes(upstream), '(2) somebody is with it');
          }
        }
        await close();
      }),
      { numRuns: 60 },
    );
  });
});

describe('patterns of requests', () => {
  const rows = (table: object): CallRows<unknown> => parseCallRows(table, 'table', (value) => value);

  it('fit by method and whole segments; the closest counts, in whatever order they stand', () => {
    const table = rows({ '/': 0, '/a': 1, 'GET /a': 2, '/a/*': 3, '/a/b': 4, 'POST,PUT /a/*/c': 5 });
    for (const [method, path, value] of [
      ['GET', '/', 0],
      ['GET', '/ab', 0],
      ['POST', '/a?b=/c', 1],
      ['GET', '/a/', 2],
      ['GET', '/a/x/c', 3],
      ['GET', '/a/b/c', 4],
      ['PUT', '/a/x/c/d', 5],
      ['POST', '//a//x/c', 5],
      ['POST', '/%61/x/%63', 5],
      ['GET', '/%zz', 0],
    ] as const) {
      assert.equal(rowFor(table, method, path), value, `${method} ${path}`);
    }
    assert.equal(rowFor(rows({ '/a': 1 }), 'GET', '/b'), undefined);
  });

  for (const [what, table, message] of [
    ['no path', { GET: 1 }, /^table\["GET"\] is no pattern of requests; allowed: \/PATH, or METHOD \/PATH/],
    ['a method in small letters', { 'get /a': 1 }, /is no pattern/],
    ['a query', { '/a?b': 1 }, /is no pattern/],
    ['an encoded letter', { '/%61': 1 }, /is no pattern/],
    ['a part of a segment', { '/a*': 1 }, /is no pattern/],
    ['an empty segment', { '/a//b': 1 }, /is no pattern/],
    ['a dot segment', { '/a/../b': 1 }, /is no pattern/],
    ['two that mean the same', { '/a': 1, '/a/': 2 }, /^table\["\/a\/"\] means the same requests as "\/a"/],
    ['two of one method', { 'GET /a': 1, 'POST,GET /a': 2 }, /means the same requests as "GET \/a"/],
    ['a list', ['/a'], /^table is \["\/a"\]; allowed: an object/],
  ] as const) {
    it(`are refused with ${what}`, () => {
      assert.throws(() => rows(table), { name: 'ConfigError', message });
    });
  }
});

describe('the block sections', () => {
  const limitOf = ({ client: { rateLimit } }: UpstreamConfig) =>
    typeof rateLimit === 'object' && 'limits' in rateLimit ? rateLimit.limits[0]!.limit : undefined;

  it('gives each section the upstream’s options, under what is for all of them, under its own', () => {
    const { sections, client, callerRate } = parsed({
      pool: { socketsMax: 9, idleMs: 1_000 },
      callerRate: { limit: 5 },
      headers: { request: { set: { Authorization: 'all', 'x-a': 'a' }, remove: ['cookie'] } },
      sections: {
        by: 'header:x-tenant',
        each: { pool: { socketsMax: 4 }, rateLimit: { limit: 3, windowMs: 1_000 } },
        named: { acme: { pool: { socketsMax: 2 }, headers: { request: { set: { authorization: 'own' } } } }, x: null },
      },
    });
    const [acme, x] = [sections!.named.get('acme')!, sections!.named.get('x')!];
    assert.deepEqual(acme.client.pool, { socketsMax: 2, idleMs: 1_000 });
    assert.deepEqual(x, sections!.each);
    assert.deepEqual([client.pool?.socketsMax, x.client.pool?.socketsMax], [4, 4]);
    assert.deepEqual(client.rateLimit, x.client.rateLimit);
    const { added, removed } = acme.headers!.request!;
    assert.deepEqual(
      new Map(added),
      new Map([
        ['x-a', 'a'],
        ['authorization', 'own'],
      ]),
    );
    assert.ok(removed.has('cookie'));
    assert.deepEqual([callerRate?.limit, acme.callerRate], [5, undefined], 'callers are counted before');
  });

  it('is divided among workers: what comes and goes for good, what is listed by places', () => {
    const rateLimit = { limit: 5, windowMs: 1_000 };
    const sections = { by: 'path', each: { rateLimit }, named: { acme: { rateLimit } } };
    const config = parseConfig({ upstreams: { api: { origin: ORIGIN, sections } }, workers: 2 }, '.');
    const limits = [0, 1].map((slot) => {
      const upstream = configOfWorker(config, { slot, count: 2 }).upstreams.get('api') as UpstreamConfig;
      const { each, named } = upstream.sections!;
      return [each, named.get('acme')!].map(limitOf);
    });
    assert.deepEqual(limits, [
      [3, 5],
      [2, 5],
    ]);
    const few = { upstreams: { api: { origin: ORIGIN, sections: { by: 'path', each: { rateLimit } } } }, workers: 6 };
    assert.throws(() => checkShares(parseConfig(few, '.')), {
      message: 'upstreams.api.sections.each.rateLimit.limit is 5; allowed: at least 1 for each of 6 workers',
    });
  });

  for (const [what, sections, message] of [
    ['a word', 'x-tenant', /^upstreams\.api\.sections is "x-tenant"; allowed: an object/],
    ['nothing to go by', {}, /^upstreams\.api\.sections\.by is undefined; allowed: text/],
    ['another way', { by: 'cookie' }, /sections\.by is "cookie"; allowed: header:NAME, path, path:2 to path:8, routes/],
    ['a segment too far', { by: 'path:9' }, /sections\.by is "path:9"; allowed: /],
    ['a header that is none', { by: 'header:a b' }, /sections\.by "a b" is no name of a header field/],
    ['a header of the connection', { by: 'header:Host' }, /sections\.by "Host" cannot be ruled/],
    [
      'a header with secrets',
      { by: 'header:X-Api-Key' },
      /names of sections are shown; allowed: a header that holds no/,
    ],
    ['routes beside', { by: 'path', routes: {} }, /sections\.routes is for by: routes, and by is "path"/],
    ['no routes', { by: 'routes' }, /sections\.routes is undefined; allowed: an object/],
    [
      'a route to no name',
      { by: 'routes', routes: { '/a': 'a b' } },
      /routes\["\/a"\] has "a b", which is no name of a/,
    ],
    ['strip with routes', { by: 'routes', routes: {}, strip: true }, /sections\.strip has no meaning with by: routes/],
    [
      'a number that is none',
      { by: 'path', sectionsMax: -1 },
      /sectionsMax is -1; allowed: a whole number from 0 to 10000/,
    ],
    ['no time at all', { by: 'path', idleMs: 1 }, /sections\.idleMs is 1; allowed: a number of at least 1000/],
    ['another outcome', { by: 'path', unnamed: 'serve' }, /sections\.unnamed is "serve"; allowed: common, refuse/],
    [
      'another option',
      { by: 'path', sectionMax: 1 },
      /sections\.sectionMax is not an option; did you mean sectionsMax\?/,
    ],
    ['a name that is none', { by: 'path', named: { 'a/b': {} } }, /sections\.named has "a\/b", which is no name of a/],
    ['a place of its own', { by: 'path', named: { a: { origin: ORIGIN } } }, /named\.a\.origin is not an option/],
    [
      'what cannot be',
      { by: 'path', named: { a: { pool: { socketsMax: 0 } } } },
      /named\.a cannot be used: .*socketsMax/,
    ],
    [
      'what cannot be, of each',
      { by: 'path', each: { budget: {} } },
      /each\.budget is for what is sent again|api\.budget is/,
    ],
    ['a secret', { by: 'path', named: { a: { headers: { request: { set: { k: 'hush\n' } } } } } }, /named\.a\.headers/],
  ] as const) {
    it(`is refused with ${what}, by name`, () => {
      assert.throws(
        () => parsed({ sections }),
        (error: Error) => {
          assert.match(error.message, message);
          assert.ok(!error.message.includes('hush'));
          return error.name === 'ConfigError';
        },
      );
    });
  }

  it('is told of by keepwarm check', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'keepwarm-sections-'));
    const file = join(folder, 'keepwarm.json');
    const endpoints = [{ url: 'http://127.0.0.1:1/k' }, { url: 'http://127.0.0.1:2' }];
    const upstreams = {
      a: { origin: ORIGIN, sections: { by: 'header:X-Tenant', named: { acme: {} }, sectionsMax: 7 } },
      b: { endpoints, sections: { by: 'path:2', unlisted: 'refuse' } },
      c: { origin: ORIGIN, sections: { by: 'routes', routes: { '/a': 'x', '/b': 'y' } } },
    };
    writeFileSync(file, JSON.stringify({ upstreams }));
    const { code, out, err } = await commandHere(['check', file]);
    rmSync(folder, { recursive: true });
    assert.equal(code, 0, err);
    assert.match(out, /^ {2}a .* http:\/\/127\.0\.0\.1:9, sections by the header x-tenant: 1 listed, up to 7 others$/m);
    assert.match(
      out,
      /^ {2}b .* http:\/\/127\.0\.0\.1:1, http:\/\/127\.0\.0\.1:2, sections by segment 2 of the path: 0 listed$/m,
    );
    assert.match(out, /^ {2}c .*, sections by routes: 2 listed$/m);
  });
});
