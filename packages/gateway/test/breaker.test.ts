import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { afterEach, describe, it } from 'node:test';
import { parseConfig } from '../src/config/config.ts';
import { answerOf, ask, httpServer, Opened, rawServer, startGateway, until } from './fixtures.ts';

const TOKEN = 'token-of-a-test-0123456789';
const access = { token: TOKEN };
/** Opens at once and stays open until somebody says otherwise. */
const quick = { consecutiveMax: 3, failingMs: 0, openMs: 600_000, openMsMax: 600_000 };

describe('the breaker of an upstream', () => {
  const opened = new Opened();
  afterEach(() => opened.closeAll());

  async function started(upstream: object) {
    const { gateway, url, adminPort } = opened.add(await startGateway({ api: upstream }, { access }));
    const admin = `http://127.0.0.1:${adminPort}`;
    const breaker = async () => JSON.parse(String((await ask(`${admin}/api/breakers`)).body)).breakers[0];
    const reset = () =>
      ask(`${admin}/api/actions/reset-breaker`, {
        method: 'POST',
        body: '{}',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${TOKEN}` },
      });
    return { gateway, url, admin, breaker, reset };
  }

  /** An upstream that drops every connection until it is told to answer. */
  async function sick() {
    const peer = { well: false, calls: 0 };
    const server = await rawServer((socket) => {
      socket.on('data', () => {
        peer.calls++;
        if (peer.well) socket.write('HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nwell');
        else socket.destroy();
      });
    });
    opened.add(server);
    return { peer, origin: server.origin };
  }

  it('opens when the upstream fails: callers are told at once when to come back, and nothing is sent', async () => {
    const { peer, origin } = await sick();
    const { url, breaker } = await started({ origin, breaker: quick });
    for (let i = 0; i < 3; i++) assert.equal((await ask(`${url}/api/`, { method: 'POST' })).status, 502);
    assert.equal(peer.calls, 3);
    const answer = await ask(`${url}/api/`, { method: 'POST' });
    assert.equal(peer.calls, 3, 'it heard nothing of the fourth');
    assert.equal(answer.status, 503);
    assert.equal(answer.headers['proxy-status'], 'keepwarm; error=destination_unavailable');
    const seconds = Number(answer.headers['retry-after']);
    assert.ok(seconds > 0 && seconds <= 600, `${seconds} s`);
    const { code, reach, upstream } = JSON.parse(String(answer.body));
    assert.deepEqual([code, reach, upstream], ['OPEN', 'unsent', 'api']);
    const { upstream: name, key, state, opened: times, refused } = await breaker();
    assert.deepEqual([name, key, state, times, refused], ['api', origin, 'open', 1, 1]);
  });

  it('is closed by an operator, and told of in metrics, events and readiness', async () => {
    const { peer, origin } = await sick();
    const { gateway, url, admin, breaker, reset } = await started({ origin, breaker: quick });
    const kinds: string[] = [];
    gateway.feed.listen(({ kind }) => kinds.push(kind));
    for (let i = 0; i < 4; i++) await ask(`${url}/api/`, { method: 'POST' });
    assert.equal((await ask(`${admin}/readyz`)).status, 503);
    const metrics = String((await ask(`${admin}/metrics`)).body);
    assert.match(metrics, /keepwarm_breaker_state\{client="api",key="http:[^"]+",state="open"\} 1/);
    assert.match(metrics, /keepwarm_breaker_refused_total\{client="api",[^}]+\} 1/);
    peer.well = true;
    assert.deepEqual(JSON.parse(String((await reset()).body)), { action: 'reset-breaker', upstream: 'api', reset: 1 });
    assert.equal((await breaker()).state, 'closed');
    assert.equal((await ask(`${admin}/readyz`)).status, 200);
    assert.equal(String((await ask(`${url}/api/`)).body), 'well');
    assert.deepEqual(
      kinds.filter((kind) => kind.startsWith('breaker')),
      ['breakerOpened', 'breakerClosed'],
    );
  });

  it('is ready again when a probe may pass: without a caller there would never be one', async () => {
    const { peer, origin } = await sick();
    const { gateway, url, admin, breaker } = await started({
      origin,
      breaker: { ...quick, openMs: 20, openMsMax: 20 },
    });
    for (let i = 0; i < 3; i++) await ask(`${url}/api/`, { method: 'POST' });
    assert.ok(gateway.upstreams.length === 1);
    await until(async () => (await ask(`${admin}/readyz`)).status === 200);
    assert.equal((await breaker()).state, 'open', 'no call has asked for a probe yet');
    peer.well = true;
    await until(async () => (await ask(`${url}/api/`)).status === 200);
    assert.equal((await breaker()).state, 'closed');
  });

  it('hears life in an answer of any status: what an upstream says of a call is for its caller to judge', async () => {
    const upstream = opened.add(await httpServer((_, response) => void response.writeHead(503).end('theirs')));
    const { url, breaker } = await started({ origin: upstream.origin, breaker: quick });
    for (let i = 0; i < 8; i++) assert.equal(String((await ask(`${url}/api/`)).body), 'theirs');
    assert.equal((await breaker()).state, 'closed');
  });

  it('counts the statuses it is told to', async () => {
    const upstream = opened.add(await httpServer((_, response) => void response.writeHead(503).end('theirs')));
    const { url } = await started({ origin: upstream.origin, breaker: { ...quick, statuses: [503] } });
    const bodies = [];
    for (let i = 0; i < 4; i++) bodies.push(String((await ask(`${url}/api/`)).body));
    assert.deepEqual(bodies.slice(0, 3), ['theirs', 'theirs', 'theirs']);
    assert.equal(JSON.parse(bodies[3]!).code, 'OPEN');
  });

  it('is not opened by callers who send their bodies slowly, or leave', async () => {
    const upstream = opened.add(await httpServer((request) => void request.resume()));
    const { gateway, url, breaker } = await started({
      origin: upstream.origin,
      deadlineMs: 400,
      breaker: { ...quick, patienceMs: 0 },
    });
    const upload = () => {
      const headers = { 'content-length': 200_000 };
      const request = httpRequest(`${url}/api/`, { agent: false, method: 'POST', headers });
      request.on('error', () => undefined); // its rest is not wanted
      request.write('part');
      return request;
    };
    for (let i = 0; i < 4; i++) {
      const request = upload();
      const [response] = (await once(request, 'response')) as [IncomingMessage];
      assert.equal((await answerOf(response)).status, 408);
      request.destroy();
    }
    for (let i = 0; i < 4; i++) {
      const request = upload();
      await until(() => gateway.data.inFlight === 1);
      request.destroy();
      await until(() => gateway.data.inFlight === 0);
    }
    const { state, failures } = await breaker();
    assert.deepEqual([state, failures], ['closed', 0]);
  });

  it('can be off', async () => {
    const { peer, origin } = await sick();
    const { url, breaker, reset } = await started({ origin, breaker: false });
    for (let i = 0; i < 30; i++) assert.equal((await ask(`${url}/api/`, { method: 'POST' })).status, 502);
    assert.equal(peer.calls, 30);
    assert.equal(await breaker(), undefined);
    assert.equal((await reset()).status, 409);
  });

  it('has figures that are checked, each named by its place', () => {
    const config = (breaker: unknown) => parseConfig({ upstreams: { api: { origin: 'http://x', breaker } } }, '.');
    assert.throws(() => config({ openMs: 0 }), /^ConfigError: upstreams\.api cannot be used: .*breaker\.openMs is 0/);
    assert.throws(() => config({ opnMs: 9 }), /breaker\.opnMs; did you mean openMs\?/);
    assert.throws(() => config('no'), /^ConfigError: upstreams\.api cannot be used: .*breaker is "no"/);
    assert.ok(config({ failureShare: 'unlimited' }).upstreams.has('api'));
  });
});
