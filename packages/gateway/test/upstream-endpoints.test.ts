/** Several places that serve the same, as one upstream. */
import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import type { EndpointsTold } from '../src/admin/endpoints.ts';
import { parseConfig } from '../src/config/config.ts';
import { ask, httpServer, Opened, startGateway } from './fixtures.ts';
import { json, snapshotOf } from './workers-load.ts';

describe('an upstream of several endpoints', () => {
  const opened = new Opened();
  after(() => opened.closeAll());

  const aPlace = async (name: string) =>
    opened.add(
      await httpServer(({ url, headers }, response) => {
        response.end(`${name} ${url} ${headers.host} ${headers['x-key'] ?? 'no key'}`);
      }),
    );

  it('is asked at all of them, below their own paths with their own fields, and goes on when one dies', async () => {
    const [a, b] = [await aPlace('a'), await aPlace('b')];
    const endpoints = [
      { name: 'a', url: `${a.origin}/v1` },
      { name: 'b', url: b.origin, headers: { 'x-key': 'secret-of-b' } },
    ];
    const balance = { picker: 'round-robin' };
    const gateway = opened.add(await startGateway({ quotes: { endpoints, balance, retry: true } }));
    const answers = new Set<string>();
    for (let i = 0; i < 20; i++) answers.add(String((await ask(`${gateway.url}/quotes/sol`)).body));
    assert.deepEqual([...answers].sort(), [
      `a /v1/sol 127.0.0.1:${a.port} no key`,
      `b /sol 127.0.0.1:${b.port} secret-of-b`,
    ]);
    await b.close();
    for (let i = 0; i < 20; i++) {
      const { status, body } = await ask(`${gateway.url}/quotes/sol`);
      assert.deepEqual([status, String(body).slice(0, 1)], [200, 'a']);
    }
    const told = (await json(`127.0.0.1:${gateway.adminPort}`, '/api/endpoints')) as EndpointsTold;
    assert.deepEqual(
      told.endpoints.map(({ upstream, name, origin }) => [upstream, name, origin]),
      [
        ['quotes', 'a', a.origin],
        ['quotes', 'b', b.origin],
      ],
    );
    assert.ok(!JSON.stringify(told).includes('secret-of-b'));
    const metrics = String((await ask(`http://127.0.0.1:${gateway.adminPort}/metrics`)).body);
    assert.match(metrics, /^keepwarm_endpoint\w*\{client="quotes",endpoint="a"/m);
  });

  it('is told of by all of its places, as far as there is room for them', async () => {
    const urls = Array.from({ length: 5 }, (_, i) => `http://127.0.0.1:${i + 1}/key-${i}`);
    const gateway = opened.add(
      await startGateway({
        few: { endpoints: urls.slice(0, 2).map((url) => ({ url })) },
        many: { endpoints: urls.map((url, i) => ({ url, name: `n${i}` })) },
        one: { origin: urls[0] },
      }),
    );
    const admin = `127.0.0.1:${gateway.adminPort}`;
    const { upstreams } = await snapshotOf(admin);
    assert.deepEqual(
      upstreams.map(({ origin }) => origin),
      [
        'http://127.0.0.1:1, http://127.0.0.1:2',
        'http://127.0.0.1:1, http://127.0.0.1:2, http://127.0.0.1:3 and 2 more',
        'http://127.0.0.1:1',
      ],
    );
    assert.deepEqual(
      upstreams.map(({ endpoints }) => endpoints?.map(({ name, origin }) => `${name} ${origin.at(-1)}`)),
      [['127.0.0.1:1 1', '127.0.0.1:2 2'], ['n0 1', 'n1 2', 'n2 3', 'n3 4', 'n4 5'], undefined],
    );
    assert.ok(!JSON.stringify(upstreams).includes('key-'), 'paths may hold keys');
  });

  it('offers no upgrades', async () => {
    const a = await aPlace('a');
    const gateway = opened.add(await startGateway({ quotes: { endpoints: [{ url: a.origin }] } }));
    const answer = await ask(`${gateway.url}/quotes/`, { headers: { connection: 'upgrade', upgrade: 'websocket' } });
    assert.notEqual(answer.status, 101);
  });

  for (const [what, more, message] of [
    ['none in the list', { endpoints: [] }, /^upstreams\.quotes\.endpoints must list at least one/],
    [
      'an origin beside',
      { origin: 'http://a', endpoints: [{ url: 'http://b' }] },
      /quotes\.origin cannot stand beside/,
    ],
    ['no URL', { endpoints: [{ name: 'a' }] }, /endpoints\[0\]\.url is undefined; allowed: an http/],
    ['a password', { endpoints: [{ url: 'http://u:pass@h' }] }, /endpoints\[0\]\.url holds credentials/],
    ['another name', { endpoints: [{ url: 'http://a', wieght: 1 }] }, /endpoints\[0\]\.wieght .*did you mean weight\?/],
    [
      'a weight that is none',
      { endpoints: [{ url: 'http://a', weight: -1 }] },
      /upstreams\.quotes cannot be used: .*weight/,
    ],
    ['a balance without', { origin: 'http://a', balance: {} }, /quotes\.balance is for an upstream with endpoints/],
    ['upgrades', { endpoints: [{ url: 'http://a' }], upgrades: true }, /quotes\.upgrades are for an upstream with one/],
    ['no path to check', { endpoints: [{ url: 'http://a' }], healthCheck: {} }, /healthCheck\.path is undefined/],
  ] as const) {
    it(`is refused with ${what}, by name`, () => {
      assert.throws(
        () => parseConfig({ upstreams: { quotes: more } }, '.'),
        (error: Error) => {
          assert.match(error.message, message);
          assert.ok(!error.message.includes('pass'));
          return error.name === 'ConfigError';
        },
      );
    });
  }
});
