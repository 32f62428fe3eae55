/** An endpoint where nobody listens is told as that everywhere, whether calls have found out or not. */
import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { AdminClient } from '../src/admin/client.ts';
import type { EndpointsTold } from '../src/admin/endpoints.ts';
import type { Snapshot } from '../src/admin/snapshot.ts';
import { troublesOf } from '../src/admin/trouble.ts';
import { Unreachable } from '../src/figures/unreachable.ts';
import { ENDPOINT_HEALTH } from '../src/mcp/health.ts';
import { ask, httpServer, Opened, ownPort, type httpServer as Serve, startGateway, until } from './fixtures.ts';

interface Told {
  readonly healthy: boolean;
  readonly words: readonly string[];
}
type Server = Awaited<ReturnType<typeof Serve>>;

const node = (): Promise<Server> =>
  httpServer((request, response) => {
    let text = '';
    request.on('data', (chunk) => (text += chunk));
    request.on('end', () => {
      const { id = 1 } = text === '' ? {} : JSON.parse(text);
      response.end(JSON.stringify({ jsonrpc: '2.0', id, result: '0x10' }));
    });
  });

describe('an endpoint where nobody listens', () => {
  const opened = new Opened();
  after(() => opened.closeAll());

  it('is unreachable before any call, whoever is asked, and well when it is back', async () => {
    const good = opened.add(await node());
    const port = await ownPort();
    const dead = `http://127.0.0.1:${port}`;
    const endpoints = [
      { name: 'good', url: good.origin },
      { name: 'dead', url: dead },
    ];
    const nodes = { jsonrpc: 'evm', freshness: false };
    const gateway = opened.add(
      await startGateway({
        both: { ...nodes, endpoints },
        none: { ...nodes, endpoints: [{ name: 'dead', url: dead }] },
        quotes: { endpoints },
      }),
    );
    const admin = `http://127.0.0.1:${gateway.adminPort}`;
    const told = async (path: string) => String((await ask(`${admin}${path}`)).body);
    const states = async (): Promise<string[]> => {
      const { endpoints: all } = JSON.parse(await told('/api/endpoints')) as EndpointsTold;
      return all.map(({ upstream, name, state }) => `${upstream}/${name} ${state}`);
    };
    await until(async () => (await states()).filter((each) => each.endsWith('/dead unreachable')).length === 3);
    assert.deepEqual(
      (await states()).filter((each) => !each.includes('dead')).map((each) => each.split(' ')[1]),
      ['healthy', 'healthy'],
    );
    const { upstreams } = JSON.parse(await told('/api/stats')) as Snapshot;
    const [both, none, quotes] = ['both', 'none', 'quotes'].map(
      (name) => upstreams.find((each) => each.name === name)!,
    );
    assert.equal(both!.jsonrpc!.endpoints.find(({ name }) => name === 'dead')!.state, 'unreachable');
    assert.equal(quotes!.endpoints!.find(({ name }) => name === 'dead')!.state, 'unreachable');
    assert.equal(troublesOf(both!)[0]!.words, 'calls avoid dead (unreachable); 1 of 2 take them');
    assert.deepEqual(troublesOf(none!)[0], { grave: true, words: 'no endpoint takes calls: dead (unreachable)' });
    const client = new AdminClient({ address: { host: '127.0.0.1', port: gateway.adminPort } });
    opened.add({ close: async () => client.close() });
    const { signal } = new AbortController();
    const health = (await ENDPOINT_HEALTH.run({ admin: client, probesAnywhere: false }, {}, signal)) as Told;
    assert.equal(health.healthy, false);
    assert.ok(health.words.includes('none: no endpoint takes calls: dead (unreachable)'), health.words.join('\n'));
    assert.ok(health.words.includes('quotes: calls avoid dead (unreachable); 1 of 2 take them'));
    const lost = (await told('/metrics')).split('\n').filter((line) => line.startsWith('keepwarm_gateway_unreachable'));
    assert.equal(lost.length, 3, lost.join('\n'));
    assert.match(lost[0]!, new RegExp(`\\{client="both",origin="${dead}"\\} \\d`));

    const metrics = await told('/metrics');
    for (const client of ['both', 'none', 'quotes']) {
      const labels = `client="${client}",endpoint="dead",state="unreachable"`;
      assert.match(metrics, new RegExp(`keepwarm_endpoint_state\\{${labels}\\} 1\n`), 'as the library tells it');
    }

    const back = await node();
    await new Promise<void>((resolve) => back.server.close(() => resolve()));
    back.server.listen(port, '127.0.0.1');
    opened.add(back);
    const call = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'eth_chainId' });
    await until(async () => {
      for (const name of ['none', 'both', 'quotes'])
        await ask(`${gateway.url}/${name}`, { method: 'POST', body: call });
      return (await states()).every((each) => !each.endsWith('unreachable'));
    });
    assert.doesNotMatch(await told('/metrics'), /\nkeepwarm_gateway_unreachable_seconds\{/);
  });
});

describe('a way to an origin', () => {
  it('is there while a connection is open, and lost from the first failure without one until the next opens', () => {
    const ways = new Unreachable();
    ways.opened('http://a');
    ways.failed('http://a', 'ECONNREFUSED', 1_000);
    assert.deepEqual(ways.lost(2_000), [], 'calls go over the one that is open');
    ways.closed('http://a');
    assert.deepEqual(ways.lost(3_000), [['http://a', 2_000]]);
    assert.deepEqual(ways.lost(900_000), [['http://a', 899_000]], 'also where nobody has tried since');
    ways.opened('http://a');
    assert.deepEqual(ways.lost(900_000), []);
    ways.closed('http://a');
    assert.deepEqual(ways.lost(900_000), [], 'one that was closed may be opened again');
  });
});
