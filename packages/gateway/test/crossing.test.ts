import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { after, describe, it } from 'node:test';
import { parseConfig } from '../src/config/config.ts';
import { callerKey, networkOf } from '../src/data/caller-key.ts';
import { CallerRate } from '../src/data/caller-rate.ts';
import { ask, httpServer, Opened, startGateway } from './fixtures.ts';

const parsed = (upstream: object) => () => parseConfig({ upstreams: { a: { origin: 'http://h', ...upstream } } }, '.');

describe('header rules', () => {
  const opened = new Opened();
  after(() => opened.closeAll());

  it('set, add and take out fields on both ways, in any case of letters', async () => {
    const server = opened.add(
      await httpServer((request, response) => {
        response.writeHead(200, { server: 'own', 'x-kept': '1', vary: 'accept' });
        response.end(JSON.stringify(request.rawHeaders));
      }),
    );
    const headers = {
      request: { set: { 'X-Team': 'search' }, append: { 'x-tag': 'gateway' }, remove: ['Cookie'] },
      reply: { set: { 'x-served-by': 'keepwarm' }, append: { vary: 'x-team' }, remove: ['Server'] },
    };
    const { url } = opened.add(await startGateway({ api: { origin: server.origin, headers } }));
    const sent = { 'x-team': 'mine', 'X-Tag': 'caller', cookie: 'a=b', 'x-other': '1' };
    const answer = await ask(`${url}/api/`, { headers: sent });
    const heard: string[] = JSON.parse(String(answer.body));
    const values = (name: string): string[] =>
      heard.flatMap((each, i) => (i % 2 === 0 && each.toLowerCase() === name ? [heard[i + 1]!] : []));
    assert.deepEqual(values('x-team'), ['search']);
    assert.deepEqual(values('x-tag'), ['caller', 'gateway']);
    assert.deepEqual(values('cookie'), []);
    assert.deepEqual(values('x-other'), ['1']);
    assert.equal(answer.headers['x-served-by'], 'keepwarm');
    assert.equal(answer.headers.vary, 'accept, x-team');
    assert.equal(answer.headers.server, undefined);
    assert.equal(answer.headers['x-kept'], '1');
  });

  it('that could break framing or cross where they must not are refused, without their values', () => {
    const rule = (request: object): (() => unknown) => parsed({ headers: { request } });
    assert.throws(rule({ set: { 'Content-Length': '5' } }), /request\.set\.Content-Length "Content-Length" cannot be/);
    assert.throws(rule({ remove: ['Transfer-Encoding'] }), /remove\[0\] "Transfer-Encoding" cannot be ruled/);
    assert.throws(rule({ append: { 'a b': '1' } }), /"a b" is no name of a header field/);
    for (const value of ['se\r\ncret: 1', 'se\0cret', ' secret', 'secrét\u{1f600}', '']) {
      assert.throws(rule({ set: { 'x-a': value } }), (error: Error) => {
        assert.match(error.message, /headers\.request\.set\.x-a cannot stand in a header field/);
        assert.doesNotMatch(error.message, /cret/);
        return true;
      });
    }
    assert.throws(rule({ put: {} }), /headers\.request\.put is not an option/);
  });
});

describe('places', () => {
  const opened = new Opened();
  after(() => opened.closeAll());

  it('go to the host that fits most closely, then to the longest path, then by name', async () => {
    const names = ['exact', 'wild', 'wilder', 'deep', 'any', 'named'] as const;
    const servers = new Map<string, string>();
    for (const name of names) {
      const server = opened.add(await httpServer((request, response) => response.end(`${name} ${request.url}`)));
      servers.set(name, server.origin);
    }
    const at = (name: (typeof names)[number], more: object) => ({ origin: servers.get(name), ...more });
    const { url } = opened.add(
      await startGateway({
        exact: at('exact', { hosts: ['a.b.example'] }),
        wild: at('wild', { hosts: ['*.b.example'] }),
        wilder: at('wilder', { hosts: ['*.example'] }),
        deep: at('deep', { hosts: ['a.b.example'], paths: ['/v1/deep/', '/v2'] }),
        any: at('any', { paths: ['/v1'] }),
        named: at('named', {}),
      }),
    );
    const found = async (host: string, path: string): Promise<string> =>
      String((await ask(url + path, { headers: { host } })).body);
    assert.equal(await found('a.b.example:80', '/v1'), 'exact /v1');
    assert.equal(await found('A.B.EXAMPLE', '/v1/deep?x'), 'deep /v1/deep?x');
    assert.equal(await found('a.b.example', '/v1/deeper'), 'exact /v1/deeper');
    assert.equal(await found('a.b.example', '/v2/x'), 'deep /v2/x');
    assert.equal(await found('z.b.example', '/v2/x'), 'wild /v2/x');
    assert.equal(await found('z.y.b.example', '/'), 'wild /');
    assert.equal(await found('b.example', '/'), 'wilder /');
    assert.equal(await found('example', '/v1/x'), 'any /v1/x');
    assert.equal(await found('elsewhere', '/v1?a'), 'any /v1?a');
    assert.equal(await found('elsewhere', '/named/v1'), 'named /v1');
    assert.match(await found('elsewhere', '/v10'), /NOT_ROUTED/);
  });

  it('that nobody could be sent to, and those that two upstreams have, are refused by name', () => {
    assert.throws(parsed({ hosts: ['a:80'] }), /upstreams\.a\.hosts\[0\] is "a:80"; allowed: a host name/);
    assert.throws(parsed({ hosts: ['a.*.b'] }), /hosts\[0\] is "a\.\*\.b"/);
    assert.throws(parsed({ paths: ['v1'] }), /paths\[0\] is "v1"; allowed: a path from the root/);
    assert.throws(parsed({ paths: ['/a/../b'] }), /paths\[0\]/);
    assert.throws(parsed({ paths: ['/a%2fb'] }), /paths\[0\]/);
    const twice = { a: { origin: 'http://h', hosts: ['X.y'] }, b: { origin: 'http://h', hosts: ['x.Y'] } };
    assert.throws(
      () => parseConfig({ upstreams: twice }, '.'),
      /upstreams\.b has the place "x\.y", which a has already/,
    );
  });
});

describe('limits of callers', () => {
  const opened = new Opened();
  after(() => opened.closeAll());
  const asking = (remoteAddress: string, headers: object = {}) =>
    ({ socket: { remoteAddress }, headers }) as unknown as IncomingMessage;
  const config = { limit: 2, windowMs: 1_000, by: 'address', keysMax: 3 } as const;

  it('hold for each caller by itself, over every window', () => {
    let now = 0;
    const rate = new CallerRate(config, () => now);
    const passes = (address: string): boolean => rate.objection(asking(address)) === undefined;
    assert.deepEqual([passes('1.1.1.1'), passes('2.2.2.2')], [true, true]);
    now = 600;
    assert.deepEqual([passes('1.1.1.1'), passes('1.1.1.1'), passes('2.2.2.2')], [true, false, true]);
    const refused = rate.objection(asking('1.1.1.1'));
    assert.ok(refused !== undefined && !(refused instanceof Promise));
    assert.equal(refused.retryAfterMs, 400);
    now = 1_000;
    assert.deepEqual([passes('1.1.1.1'), passes('1.1.1.1')], [true, false]);
    assert.deepEqual(rate.stats(), { callers: 2, refused: 3 });
  });

  it('are counted elsewhere where several processes have the same callers', async () => {
    const [rate, asked] = [new CallerRate(config), [] as string[]];
    rate.countAt((key) => Promise.resolve(asked.push(key) > 1 ? 250 : undefined));
    assert.equal(await rate.objection(asking('1.1.1.1')), undefined);
    const refused = await rate.objection(asking('1.1.1.1'));
    assert.deepEqual([refused?.status, refused?.retryAfterMs, asked], [429, 250, ['1.1.1.1', '1.1.1.1']]);
    assert.deepEqual(rate.stats(), { callers: 0, refused: 1 });
  });

  it('remember so many callers and no more; newcomers share one limit until others are forgotten', () => {
    let now = 0;
    const rate = new CallerRate(config, () => now);
    const passed = Array.from({ length: 1_000 }, (_, i) => rate.objection(asking(`10.0.${i >> 8}.${i & 255}`)));
    assert.equal(passed.filter((each) => each === undefined).length, 3 + 2);
    assert.equal(rate.stats().callers, 3);
    now = 1_000;
    assert.equal(rate.objection(asking('9.9.9.9')), undefined);
    assert.equal(rate.stats().callers, 3);
  });

  it('remember no more of a long value than its hash, and take no value for an address', () => {
    const keys = ['a', 'b', 'a'].map((last) => callerKey(`${'k'.repeat(10_000)}${last}`, '10.0.0.1'));
    assert.equal(new Set(keys).size, 2);
    for (const key of keys) assert.ok(key.length <= 64, key);
    assert.notEqual(callerKey('10.0.0.1', '10.0.0.2'), callerKey(undefined, '10.0.0.1'));
  });

  it('take a network of IPv6 for one caller, and an address for one however it is written', () => {
    assert.equal(networkOf('2001:db8:1:2:3:4:5:6'), '2001:db8:1:2::/64');
    assert.equal(networkOf('2001:db8::1'), '2001:db8:0:0::/64');
    assert.equal(networkOf('::1'), '0:0:0:0::/64');
    assert.equal(networkOf('fe80::1%eth0'), 'fe80:0:0:0::/64');
    assert.equal(networkOf('::ffff:10.1.2.3'), '10.1.2.3');
  });

  it('answer 429 with Retry-After by header, and as JSON-RPC where that is spoken', async () => {
    let asked = 0;
    const server = opened.add(
      await httpServer((_, response) => {
        asked++;
        response.end('{"jsonrpc":"2.0","id":1,"result":"0x1"}');
      }),
    );
    const callerRate = { limit: 1, windowMs: 60_000, by: 'header:X-Key' };
    const rpc = { jsonrpc: 'evm', endpoints: [{ url: server.origin }], callerRate, freshness: false };
    const { url } = opened.add(await startGateway({ api: { origin: server.origin, callerRate }, rpc }));
    const key = (value: string) => ({ headers: { 'x-key': value } });
    assert.equal((await ask(`${url}/api/`, key('a'))).status, 200);
    assert.equal((await ask(`${url}/api/`, key('b'))).status, 200);
    const refused = await ask(`${url}/api/`, key('a'));
    assert.equal(refused.status, 429);
    assert.equal(refused.headers['retry-after'], '60');
    const problem = JSON.parse(String(refused.body));
    assert.deepEqual([problem.code, problem.limit, problem.value], ['SATURATED', 'callerRate', 1]);
    assert.doesNotMatch(String(refused.body), /retryAfterMs|"a"/);
    assert.equal((await ask(`${url}/api/`, key('k'.repeat(9_000)))).status, 200);

    const body = '{"jsonrpc":"2.0","id":1,"method":"eth_call","params":[]}';
    const post = { method: 'POST', body, headers: { 'x-key': 'a' } };
    assert.equal((await ask(`${url}/rpc`, post)).status, 200);
    const before = asked;
    const limited = await ask(`${url}/rpc`, post);
    assert.equal(limited.status, 429);
    assert.equal(JSON.parse(String(limited.body)).error.code, -32005);
    assert.equal(asked, before);
  });

  it('are refused when they cannot be meant', () => {
    assert.throws(parsed({ callerRate: {} }), /callerRate\.limit is undefined; allowed: a whole number from 1/);
    assert.throws(parsed({ callerRate: { limit: 1.5 } }), /callerRate\.limit is 1\.5/);
    assert.throws(parsed({ callerRate: { limit: 1, by: 'name' } }), /by is "name"; allowed: address, header:NAME/);
  });
});
