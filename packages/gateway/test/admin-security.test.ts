import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { keyFile, readKey } from '../src/admin/key-file.ts';
import { Keys } from '../src/admin/keys.ts';
import { parseAccess } from '../src/config/access.ts';
import { parseConfig } from '../src/config/config.ts';
import { Gateway } from '../src/gateway.ts';
import { type Answer, ask, httpServer, Opened, raw, startGateway, type TestGateway } from './fixtures.ts';

const TOKEN = 'token-of-a-test-0123456789';
const JSON_TYPE = { 'content-type': 'application/json' };
const BEARER = { authorization: `Bearer ${TOKEN}` };

const act = (url: string, headers: Record<string, string> = {}, body = '{}'): Promise<Answer> =>
  ask(url, { method: 'POST', body, headers: { ...JSON_TYPE, ...headers } });

/** Every path that tells, and every one that acts, as the gateway itself lists them. */
async function table(admin: string): Promise<{ method: string; path: string; audience: string; acts: boolean }[]> {
  return JSON.parse(String((await ask(`${admin}/api`, { headers: BEARER })).body)).routes;
}

describe('what acts on the gateway', () => {
  const opened = new Opened();
  let gateway: TestGateway;
  let admin: string;
  before(async () => {
    const upstream = opened.add(await httpServer((_, response) => void response.end('x')));
    gateway = opened.add(await startGateway({ api: upstream.origin }, { access: { token: TOKEN } }));
    admin = `http://127.0.0.1:${gateway.adminPort}`;
  });
  after(() => opened.closeAll());

  it('needs the token, whichever it is, and does nothing without', async () => {
    const acting = (await table(admin)).filter(({ audience }) => audience === 'operator');
    assert.ok(acting.length >= 9);
    for (const { path, method } of acting) {
      assert.equal(method, 'POST', path);
      for (const headers of [
        {},
        { authorization: '' },
        { authorization: `Bearer ${TOKEN}x` },
        { authorization: TOKEN },
        { authorization: `Basic ${TOKEN}` },
      ]) {
        const answer = await act(admin + path, headers);
        assert.equal(answer.status, 401, path);
        assert.match(String(answer.headers['www-authenticate']), /^Bearer/);
        assert.ok(!String(answer.body).includes(TOKEN));
      }
      assert.equal((await ask(admin + path)).status, 405, 'and is no GET');
    }
    assert.equal(gateway.gateway.data.draining, false);
    assert.equal((await act(`${admin}/api/actions/close-idle`, BEARER)).status, 200);
  });

  it('is no place for other sites: not by origin, not by form, not without asking', async () => {
    const path = `${admin}/api/actions/close-idle`;
    const host = `127.0.0.1:${gateway.adminPort}`;
    for (const [status, headers] of [
      [403, { origin: 'https://evil.test' }],
      [403, { origin: 'null' }],
      [403, { origin: `http://127.0.0.1:${gateway.adminPort + 1}` }],
      [403, { origin: `http://localhost:${gateway.adminPort}`, host }],
      [403, { 'sec-fetch-site': 'cross-site' }],
      [403, { 'sec-fetch-site': 'same-site' }],
      [403, { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' }],
      [415, { 'content-type': 'text/plain' }],
      [415, { 'content-type': 'application/x-www-form-urlencoded' }],
      [415, { 'content-type': 'application/jsonp' }],
      [421, { host: 'evil.test' }],
      [200, { origin: `http://${host}`, 'sec-fetch-site': 'same-origin' }],
    ] as const) {
      const answer = await act(path, { ...BEARER, ...headers });
      assert.equal(answer.status, status, JSON.stringify(headers));
      assert.equal(answer.headers['access-control-allow-origin'], undefined);
    }
    const preflight = await ask(path, { method: 'OPTIONS', headers: { origin: 'https://evil.test' } });
    assert.equal(preflight.status, 405);
    assert.equal(preflight.headers['access-control-allow-headers'], undefined);
  });

  it('takes a small JSON object and nothing else', async () => {
    const path = `${admin}/api/actions/warm-up`;
    for (const [status, body] of [
      [400, '[]'],
      [400, 'null'],
      [400, '{'],
      [400, '"x"'],
      [400, '{"upstraem":"api"}'],
      [400, '{"count":"3"}'],
      [400, '{"count":1e9}'],
      [400, '{"upstream":{"a":1}}'],
      [404, '{"upstream":"nobody"}'],
      [404, '{"upstream":"__proto__"}'],
      [413, `{"upstream":"${'x'.repeat(20_000)}"}`],
    ] as const) {
      const answer = await act(path, BEARER, body);
      assert.equal(answer.status, status, body.slice(0, 40));
      const problem = JSON.parse(String(answer.body));
      assert.equal(problem.status, status);
      assert.ok(problem.detail.length > 10 && problem.code.length > 0);
    }
    const told = JSON.parse(String((await act(path, BEARER, '{"count":0}')).body));
    assert.equal(told.detail, 'count is 0; allowed: a whole number from 1 to 1000');
  });

  it('does not let a query be anything, either', async () => {
    for (const [status, query] of [
      [400, 'sockets?limit=9999'],
      [400, 'sockets?limit=-1'],
      [400, 'sockets?stat=open'],
      [400, 'sockets?limit=1&limit=2'],
      [404, 'calls?upstream=nobody'],
      [400, 'history?range=2h'],
      [400, 'stats?sockets=x'],
    ] as const) {
      assert.equal((await ask(`${admin}/api/${query}`)).status, status, query);
    }
  });

  it('is opened by a session, which a code gives once', async () => {
    const { code } = JSON.parse(String((await act(`${admin}/api/session/code`, BEARER)).body));
    const enter = (key: string) => act(`${admin}/api/session`, {}, JSON.stringify({ key }));
    const { session } = JSON.parse(String((await enter(code)).body));
    assert.equal((await enter(code)).status, 401, 'once');
    assert.equal((await enter('guess')).status, 401);
    const shown = { authorization: `Bearer ${session}` };
    const operator = async (headers: Record<string, string>): Promise<boolean> =>
      JSON.parse(String((await ask(`${admin}/api/session`, { headers })).body)).operator;
    assert.deepEqual([await operator({}), await operator(shown), await operator(BEARER)], [false, true, true]);
    assert.equal((await act(`${admin}/api/actions/close-idle`, shown)).status, 200);
    assert.equal((await act(`${admin}/api/session/end`, shown)).status, 200);
    assert.equal((await act(`${admin}/api/actions/close-idle`, shown)).status, 401);
    assert.equal((await enter(TOKEN)).status, 200, 'a person may type the token');
    assert.equal(
      (await act(`${admin}/api/session`, { origin: 'https://evil.test' }, `{"key":"${TOKEN}"}`)).status,
      403,
    );
  });

  it('is not told by anything that is read', async () => {
    const files = ['/', '/main.js', '/metrics', '/livez', '/readyz'];
    const paths = [...files, ...(await table(admin)).filter(({ method }) => method === 'GET').map(({ path }) => path)];
    for (const path of paths.filter((each) => each !== '/api/events')) {
      const { body, headers } = await ask(admin + path);
      assert.ok(!String(body).includes(TOKEN), path);
      assert.equal(headers['set-cookie'], undefined, path);
    }
  });

  it('keeps paths what they are', async () => {
    for (const path of [
      '/api/../api/stats',
      '/api/stats/',
      '//api/stats',
      '/api/%73tats',
      '/%2e%2e/gateway.ts',
      '/api/stats%00',
      '/..\\gateway.ts',
      'http://127.0.0.1/api/stats',
    ]) {
      const told = await raw(
        gateway.adminPort,
        `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${gateway.adminPort}\r\nConnection: close\r\n\r\n`,
      );
      assert.match(told, /^HTTP\/1\.1 (?:404|400) /, path);
    }
  });
});

describe('who may read', () => {
  const opened = new Opened();
  after(() => opened.closeAll());
  const started = async (more: object): Promise<{ admin: string; port: number }> => {
    const upstream = opened.add(await httpServer((_, response) => void response.end('x')));
    const { adminPort: port } = opened.add(await startGateway({ api: upstream.origin }, more));
    return { admin: `http://127.0.0.1:${port}`, port };
  };

  it('is this machine, as long as nothing says that it came from elsewhere', async () => {
    const { admin } = await started({ access: { token: TOKEN, hosts: ['gateway.internal'] } });
    assert.equal((await ask(`${admin}/api/stats`)).status, 200);
    for (const headers of [
      { 'x-forwarded-for': '10.0.0.1' },
      { forwarded: 'for=10.0.0.1' },
      { via: '1.1 proxy' },
      { host: 'gateway.internal' },
    ]) {
      assert.equal((await ask(`${admin}/api/stats`, { headers })).status, 401, JSON.stringify(headers));
      assert.equal((await ask(`${admin}/api/stats`, { headers: { ...headers, ...BEARER } })).status, 200);
      assert.equal((await ask(`${admin}/livez`, { headers })).status, 200);
    }
  });

  it('is nobody without the token, where that is asked for', async () => {
    const { admin } = await started({ access: { token: TOKEN, reads: 'token' } });
    assert.equal((await ask(`${admin}/api/stats`)).status, 401);
    assert.equal((await ask(`${admin}/metrics`, { headers: BEARER })).status, 200);
  });

  it('is nobody without the token where others reach the listener', async () => {
    const { admin, port } = await started({ admin: '0.0.0.0:0', access: { token: TOKEN } });
    for (const { path, method, audience } of await table(admin)) {
      if (method !== 'GET') continue;
      assert.equal((await ask(admin + path)).status, audience === 'anyone' ? 200 : 401, path);
    }
    assert.equal((await ask(`${admin}/`)).status, 200, 'the page is where the token is typed');
    const host = (name: string) => ask(`${admin}/api/stats`, { headers: { host: name, ...BEARER } });
    assert.equal((await host(`10.1.2.3:${port}`)).status, 200, 'an address cannot be rebound');
    assert.equal((await host(`rebound.test:${port}`)).status, 421);
    assert.equal((await host(`10.1.2.3.evil.test:${port}`)).status, 421);
  });
});

describe('the token', () => {
  const folder = mkdtempSync(join(tmpdir(), 'keepwarm-key-'));
  after(() => rmSync(folder, { recursive: true, force: true }));
  const config = () =>
    parseConfig(
      { listen: '127.0.0.1:0', admin: '127.0.0.1:0', upstreams: { a: { origin: 'http://127.0.0.1:1' } } },
      '.',
    );

  it('is made up where none is given, and lies where only its owner can read it, while the gateway runs', async () => {
    const runtimeFolder = join(folder, 'run');
    const gateway = new Gateway(config(), { runtimeFolder });
    const { admin } = await gateway.start();
    const address = { host: '127.0.0.1', port: admin.port };
    const token = readKey(runtimeFolder, address);
    assert.match(token!, /^[\w-]{43}$/);
    assert.equal(statSync(keyFile(runtimeFolder, address)).mode & 0o777, 0o600);
    assert.equal(statSync(runtimeFolder).mode & 0o777, 0o700);
    assert.equal(readKey(runtimeFolder, { host: 'localhost', port: admin.port }), token, 'by any name of this machine');
    const path = `http://127.0.0.1:${admin.port}/api/actions/close-idle`;
    assert.equal((await act(path, { authorization: `Bearer ${token}` })).status, 200);
    await gateway.stop(0);
    assert.equal(existsSync(keyFile(runtimeFolder, address)), false);
  });

  it('is not left where others could change it, and the gateway serves all the same', async () => {
    const shared = mkdtempSync(join(folder, 'shared-'));
    chmodSync(shared, 0o777);
    const gateway = new Gateway(config(), { runtimeFolder: shared });
    const { admin } = await gateway.start();
    assert.equal(readKey(shared, { host: '127.0.0.1', port: admin.port }), undefined);
    assert.equal((await ask(`http://127.0.0.1:${admin.port}/livez`)).status, 200);
    await gateway.stop(0);
  });

  it('comes from the configuration, a file or the environment, and shows in no message', () => {
    const file = join(folder, 'token');
    writeFileSync(file, `${TOKEN}\n`);
    assert.equal(parseAccess({ tokenFile: 'token' }, folder, {}).token, TOKEN);
    assert.equal(parseAccess({}, folder, { KEEPWARM_ADMIN_TOKEN: TOKEN }).token, TOKEN);
    for (const [given, environment] of [
      [{ token: 'short-secret' }, {}],
      [{ token: `${TOKEN} with spaces` }, {}],
      [{ token: TOKEN, tokenFile: 'token' }, {}],
      [{}, { KEEPWARM_ADMIN_TOKEN: 'short-secret' }],
      [{ token: 17 }, {}],
      [{ tokenFile: 'nowhere' }, {}],
    ] as const) {
      assert.throws(
        () => parseAccess(given, folder, environment),
        ({ name, message }: Error) => name === 'ConfigError' && !/secret|token-of-a-test/.test(message),
      );
    }
    assert.ok(!readFileSync(new URL('../src/admin/keys.ts', import.meta.url), 'utf8').includes('console'));
  });

  it('opens for whoever shows it; codes and sessions end by themselves', () => {
    let now = 0;
    const keys = new Keys(TOKEN, () => now);
    const { code, forMs } = keys.issue();
    now = forMs + 1;
    assert.equal(keys.enter(code), undefined);
    const { session, forMs: lastsMs } = keys.enter(keys.issue().code)!;
    assert.equal(keys.opens(`Bearer ${session}`), true);
    now += lastsMs + 1;
    assert.equal(keys.opens(`Bearer ${session}`), false);
    assert.equal(keys.opens(`bearer ${TOKEN}`), true);
    const first = keys.enter(TOKEN)!.session;
    for (let i = 0; i < 64; i++) keys.enter(TOKEN);
    assert.equal(keys.opens(`Bearer ${first}`), false, 'no more than 64 sessions are kept');
  });
});
