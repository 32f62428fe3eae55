import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { ask, httpServer, Opened, raw, startGateway, type TestGateway, until } from './fixtures.ts';

const SECRET = 'hunter2';

describe('the admin listener', () => {
  const opened = new Opened();
  let gateway: TestGateway;
  let admin: string;

  before(async () => {
    const upstream = opened.add(
      await httpServer((request, response) => void request.resume().on('end', () => response.end('x'))),
    );
    gateway = opened.add(await startGateway({ api: upstream.origin, other: 'http://nobody.invalid' }));
    admin = `http://127.0.0.1:${gateway.adminPort}`;
    for (let i = 0; i < 5; i++) {
      await ask(`${gateway.url}/api/private-${SECRET}?token=${SECRET}`, {
        method: 'POST',
        body: SECRET,
        headers: { authorization: SECRET },
      });
    }
    await ask(`${gateway.url}/other/`);
    await ask(`${gateway.url}/nowhere`);
  });
  after(() => opened.closeAll());

  it('serves the page and its files, and nothing else', async () => {
    const page = await ask(`${admin}/`);
    assert.equal(page.status, 200);
    assert.match(String(page.headers['content-type']), /^text\/html/);
    const named = [...String(page.body).matchAll(/(?:src|href)="([\w-]+\.(?:js|css|svg))"/g)].map(([, name]) => name);
    assert.ok(named.length >= 3);
    for (const name of named) assert.equal((await ask(`${admin}/${name}`)).status, 200, name);
    for (const path of ['/index.html', '/../admin/server.ts', '/..%2fadmin%2fserver.ts', '/main.js/', '/page', '//']) {
      const answer = await raw(
        gateway.adminPort,
        `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${gateway.adminPort}\r\nConnection: close\r\n\r\n`,
      );
      assert.match(answer, /^HTTP\/1\.1 404 /, path);
    }
  });

  it('holds no script, style or handler within the page, and asks nobody else for anything', async () => {
    const html = String((await ask(`${admin}/`)).body);
    assert.doesNotMatch(html, /<style|\sstyle=|\son\w+=|https?:\/\/|<script(?![^>]*\ssrc=)/i);
  });

  it('sets on every answer what keeps other pages away', async () => {
    for (const path of ['/', '/main.js', '/api/stats', '/nothing']) {
      const { headers } = await ask(admin + path);
      const policy = String(headers['content-security-policy']);
      for (const rule of ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "form-action 'none'"]) {
        assert.ok(policy.includes(rule), `${path}: ${rule}`);
      }
      assert.ok(!policy.includes('unsafe'));
      assert.equal(headers['x-content-type-options'], 'nosniff');
      assert.equal(headers['cross-origin-resource-policy'], 'same-origin');
      assert.equal(headers['cache-control'], 'no-store');
      assert.equal(headers['access-control-allow-origin'], undefined);
    }
  });

  it('answers only to its own names, so that no page elsewhere can rebind its name to it', async () => {
    const port = gateway.adminPort;
    for (const host of [`127.0.0.1:${port}`, `localhost:${port}`, `LOCALHOST:${port}`, `[::1]:${port}`]) {
      assert.equal((await ask(`${admin}/api/stats`, { headers: { host } })).status, 200, host);
    }
    for (const host of [
      'evil.test',
      `evil.test:${port}`,
      '127.0.0.1',
      `127.0.0.1.evil.test:${port}`,
      `localhost:${port + 1}`,
    ]) {
      const answer = await ask(`${admin}/api/stats`, { headers: { host } });
      assert.equal(answer.status, 421, host);
      assert.ok(!String(answer.body).includes('upstreams'));
    }
    const two = await raw(
      port,
      `GET /api/stats HTTP/1.1\r\nHost: localhost:${port}\r\nHost: evil.test\r\nConnection: close\r\n\r\n`,
    );
    assert.match(two, /^HTTP\/1\.1 421 /);
  });

  it('reads only, and not for other sites', async () => {
    assert.equal((await ask(`${admin}/api/stats`, { method: 'POST' })).status, 405);
    const headers = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors' };
    assert.equal((await ask(`${admin}/api/stats`, { headers })).status, 403);
    assert.equal((await ask(`${admin}/`, { headers: { ...headers, 'sec-fetch-mode': 'navigate' } })).status, 200);
    const head = await ask(`${admin}/api/stats`, { method: 'HEAD' });
    assert.equal(head.status, 200);
    assert.equal(head.body.length, 0);
  });

  it('tells everything about connections, and nothing of what went over them', async () => {
    const { headers, body } = await ask(`${admin}/api/stats`);
    assert.match(String(headers['content-type']), /^application\/json/);
    assert.ok(!String(body).includes(SECRET), 'no path, query, header or body');
    const told = JSON.parse(String(body));
    assert.equal(told.version, 1);
    assert.equal(told.state, 'ready');
    assert.equal(told.requests.refused, 1);
    assert.equal(told.overall.series.calls.length, 120);
    const [api, other] = told.upstreams;
    assert.equal(api.name, 'api');
    assert.equal(api.calls.total, 5);
    assert.equal(api.latency.count, 5);
    assert.ok(api.latency.p50Ms > 0 && api.latency.p99Ms >= api.latency.p50Ms);
    assert.ok(api.warm.count + api.cold.count === 5);
    assert.ok(api.reuseRatio > 0.5 && api.reuseRatio <= 1);
    assert.equal(api.pool.socketsMax, 50);
    const [socket] = api.sockets.live;
    assert.equal(socket.state, 'idle');
    assert.match(socket.trail, /^\d{60}$/);
    assert.equal(other.failedLately, 1);
    assert.equal(other.calls.byCode.DNS, 1);
  });

  it('says that it lives, and whether it is ready', async () => {
    assert.equal(String((await ask(`${admin}/livez`)).body), 'alive\n');
    assert.equal(String((await ask(`${admin}/readyz`)).body), 'ready\n');
  });
});

describe('stopping', () => {
  it('is not ready any more, lets what is under way end, and takes nothing new', async () => {
    let finish: (() => void) | undefined;
    const upstream = await httpServer((_request, response) => {
      finish = () => response.end('done');
    });
    const { url, adminPort, gateway } = await startGateway({ api: upstream.origin }, { drainMs: 5_000 });
    const underWay = ask(`${url}/api/`);
    await until(() => finish !== undefined, 'it is upstream');
    const told = JSON.parse(String((await ask(`http://127.0.0.1:${adminPort}/api/stats`)).body));
    assert.deepEqual([told.upstreams[0].pool.inFlight, told.upstreams[0].pool.saturation], [1, 1 / 50]);
    const stopped = gateway.stop();
    const ready = await ask(`http://127.0.0.1:${adminPort}/readyz`);
    assert.equal(ready.status, 503);
    await assert.rejects(ask(`${url}/api/`), { code: 'ECONNREFUSED' });
    finish!();
    const answer = await underWay;
    assert.equal(String(answer.body), 'done');
    await stopped;
    await gateway.stop();
    await upstream.close();
  });

  it('ends what does not end by itself once its time is over', async () => {
    const upstream = await httpServer(() => undefined);
    const { url, gateway } = await startGateway({ api: upstream.origin }, { drainMs: 50 });
    const underWay = assert.rejects(ask(`${url}/api/`), { code: 'ECONNRESET' });
    while (gateway.data.inFlight === 0) await new Promise((resolve) => setImmediate(resolve));
    await gateway.stop();
    await underWay;
    await upstream.close();
  });
});
