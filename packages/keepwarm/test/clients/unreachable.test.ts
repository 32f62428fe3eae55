/** An endpoint to which no connection can be opened says so, whether calls have found out or not. */
import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { Unreachable } from '../../src/clients/unreachable.ts';
import { NetError } from '../../src/core/error.ts';
import type { Observer } from '../../src/core/observer.ts';
import { type ClientOptions, createClient } from '../../src/index.ts';
import { createRpc, evm } from '../../src/jsonrpc.ts';
import { prometheusMetrics } from '../../src/prometheus.ts';
import { startFaultyServer } from '../../src/testing/faulty-server.ts';
import { answer } from '../../src/testing/faulty-steps.ts';
import { ownPort } from '../own-port.ts';

function aClient(t: TestContext, options: ClientOptions) {
  const client = createClient({ retry: false, ...options });
  t.after(() => client.close({ deadlineMs: 0 }));
  const states = (): string[] =>
    client.stats().policies.endpoints!.endpoints.map(({ name, state }) => `${name} ${state}`);
  return { client, states };
}

describe('an endpoint where nobody listens', () => {
  it('is unreachable before any call, for metrics as well, and healthy once a connection was opened', async (t) => {
    const good = await startFaultyServer({ script: answer('ok') });
    t.after(() => good.close());
    const port = await ownPort();
    const facts: string[] = [];
    const observer: Observer = {
      socketOpened: ({ origin }) => void facts.push(`opened ${origin}`),
      socketOpenFailed: ({ origin }) => void facts.push(`failed ${origin}`),
      socketClosed: ({ origin }) => void facts.push(`closed ${origin}`),
    };
    const dead = `http://127.0.0.1:${port}`;
    const endpoints = [
      { url: good.origin, name: 'good' },
      { url: dead, name: 'dead' },
    ];
    const { client, states } = aClient(t, { endpoints, observer });
    assert.deepEqual(states(), ['good healthy', 'dead healthy'], 'nobody knows yet');
    await client.warmUp();
    assert.deepEqual(states(), ['good healthy', 'dead unreachable']);
    assert.deepEqual(facts.sort(), [`failed ${dead}`, `opened ${good.origin}`], 'observers hear what they heard');
    const metrics = prometheusMetrics({ client }).render('text');
    assert.match(metrics, /keepwarm_endpoint_state\{client="client",endpoint="dead",state="unreachable"\} 1\n/);
    assert.match(metrics, /keepwarm_endpoint_state\{client="client",endpoint="dead",state="healthy"\} 0\n/);

    const server = createServer((socket) => void socket.on('error', () => {}));
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
    t.after(() => server.close());
    await client.warmUp();
    assert.deepEqual(states(), ['good healthy', 'dead healthy']);
  });

  it('is ejected once calls have failed there, and cordoned by whoever says so: those say more', async (t) => {
    const dead = { url: `http://127.0.0.1:${await ownPort()}`, name: 'dead' };
    const other = await startFaultyServer({ script: answer('ok') });
    t.after(() => other.close());
    const endpoints = [dead, { url: other.origin, name: 'other' }];
    const { client, states } = aClient(t, { endpoints, balance: { picker: 'round-robin' }, breaker: false });
    await client.warmUp();
    client.cordon('dead');
    assert.deepEqual(states(), ['dead cordoned', 'other healthy']);
    client.uncordon('dead');
    assert.deepEqual(states(), ['dead unreachable', 'other healthy']);
    for (let i = 0; i < 200 && !states().includes('dead ejected'); i++) {
      await client
        .get('/')
        .text()
        .catch(() => 'refused');
    }
    assert.deepEqual(states(), ['dead ejected', 'other healthy']);
  });

  it('makes a pool of nodes unhealthy when it is the only one', async (t) => {
    const url = `http://127.0.0.1:${await ownPort()}`;
    const rpc = createRpc({ adapter: evm, endpoints: [{ url, name: 'dead' }], freshness: false, retry: false });
    t.after(() => rpc.close({ deadlineMs: 0 }));
    assert.equal(rpc.isHealthy(), true);
    await assert.rejects(rpc.call('eth_blockNumber').then());
    assert.deepEqual(
      rpc.stats().endpoints.map(({ state }) => state),
      ['unreachable'],
    );
    assert.equal(rpc.isHealthy(), false);
  });
});

describe('what is known of the way to an origin', () => {
  const a = 'http://a';
  const fact = { origin: a, section: '', elapsedMs: 1 };
  const failing = (code: 'CONNECT' | 'CLOSED', systemCode?: string) => ({
    ...fact,
    error: new NetError(code, 'no', { reach: 'unsent', systemCode }),
  });
  const opened = { ...fact, socketId: 1, address: '', dnsMs: 0, tcpMs: 0, tlsMs: 0, tlsResumed: false };
  const life = { ageMs: 1, leases: 0, bytesIn: 0, bytesOut: 0 };
  const closed = { ...fact, ...life, socketId: 1, reason: 'idle' } as const;

  it('is that of the last connection that was tried, unless one is open', () => {
    const ways = new Unreachable([a], {});
    const { observer } = ways;
    assert.equal(ways.has(a), false);
    observer.socketOpened!(opened);
    observer.socketOpenFailed!(failing('CONNECT', 'ECONNREFUSED'));
    assert.equal(ways.has(a), false, 'calls go over the one that is open');
    observer.socketClosed!(closed);
    assert.equal(ways.has(a), true);
    observer.socketOpened!(opened);
    observer.socketClosed!(closed);
    assert.equal(ways.has(a), false, 'one that was closed may be opened again');
    observer.socketOpenFailed!({ ...failing('CONNECT'), origin: 'http://elsewhere' });
    assert.equal(ways.has('http://elsewhere'), false, 'where a redirect leads is no endpoint, and is not kept');
  });

  it('is not changed by what says nothing about the peer', () => {
    const ways = new Unreachable([a], {});
    ways.observer.socketOpenFailed!(failing('CONNECT', 'EMFILE'));
    ways.observer.socketOpenFailed!(failing('CLOSED'));
    assert.equal(ways.has(a), false);
  });

  it('leaves all other facts to the observer: one nobody wants has no method', () => {
    const own: { -readonly [name in keyof Observer]: Observer[name] } = {};
    const { observer } = new Unreachable([a], own);
    assert.equal(observer.leased, undefined);
    own.leased = () => {};
    assert.equal(observer.leased, own.leased);
  });
});
