/** A worker's side of limits that several keep together, over a pool of nodes as it is. */
import assert from 'node:assert/strict';
import { after, it } from 'node:test';
import { parseConfig } from '../src/config/config.ts';
import { RpcUpstream } from '../src/data/rpc-upstream.ts';
import { Upstream } from '../src/data/upstream.ts';
import type { Demand, Pause } from '../src/limits/places.ts';
import { PlacesHere } from '../src/workers/places-here.ts';
import { httpServer, Opened, until } from './fixtures.ts';

const opened = new Opened();
after(() => opened.closeAll());

function aWorker(url: string) {
  const endpoint = { name: 'one', url, rateLimit: { limit: 9, windowMs: 60_000, name: 'plan' } };
  const config = parseConfig({ upstreams: { nodes: { jsonrpc: 'evm', retry: false, endpoints: [endpoint] } } }, '.');
  const given = config.upstreams.get('nodes')!;
  assert.ok('rpc' in given);
  const upstream = new RpcUpstream('nodes', given);
  const [demands, pauses] = [[] as Demand[], [] as Pause[]];
  const here = new PlacesHere(
    (demand) => demands.push(demand),
    (pause) => pauses.push(pause),
  );
  here.follow(
    [upstream],
    () => 4,
    (limit) => limit / 3,
  );
  opened.add({
    close: async () => {
      here.close();
      await upstream.close(0);
    },
  });
  const limit = () => upstream.rpc.endpointStats()[0]!.rateLimit[0]!;
  return { upstream, here, demands, pauses, limit };
}

it('says what it has from the start, and asks for more when a call waits', async () => {
  const server = opened.add(
    await httpServer((request, response) => {
      let text = '';
      request.on('data', (chunk) => (text += chunk));
      request.on('end', () => {
        response.setHeader('content-type', 'application/json');
        response.end(JSON.stringify({ jsonrpc: '2.0', id: (JSON.parse(text) as { id: unknown }).id, result: '0x1' }));
      });
    }),
  );
  const { upstream, here, demands, limit } = aWorker(server.origin);
  const [first] = demands;
  assert.deepEqual([first!.limit, first!.held, first!.wanted, first!.settledMs], [9, 3, 0, 61_000]);
  assert.deepEqual(JSON.parse(first!.key), ['nodes', 4, 'one', 0]);
  const calls = Array.from({ length: 5 }, (_, i) => upstream.rpc.call('eth_getBalance', [`0x${i}`, 'latest']));
  await until(() => demands.at(-1)!.wanted === 5);
  assert.deepEqual([demands.at(-1)!.held, demands.at(-1)!.nextWeight], [3, 1]);
  here.granted({ key: first!.key, number: 1, places: 5 });
  assert.deepEqual(await Promise.all(calls), Array(5).fill('0x1'));
  here.granted({ key: first!.key, number: 2, places: 1 });
  assert.deepEqual([demands.at(-1)!.number, demands.at(-1)!.held], [2, 5], 'what counts cannot be given up');
  here.granted({ key: 'of an upstream that is gone', number: 9, places: 9 });
  assert.equal(limit().limit, 9);
});

it('tells the others of a pause that the peer asks for, and keeps one that they tell of', async () => {
  const server = opened.add(
    await httpServer((request, response) => {
      request.resume();
      response.writeHead(429, { 'retry-after': '30' });
      response.end();
    }),
  );
  const [asked, other] = [aWorker(server.origin), aWorker(server.origin)];
  await assert.rejects(asked.upstream.rpc.call('eth_gasPrice'));
  await until(() => asked.pauses.length > 0);
  const [pause] = asked.pauses;
  assert.deepEqual(pause, { key: asked.demands[0]!.key, ms: 30_000 });
  other.here.pause(pause!);
  assert.ok(other.limit().pausedMs > 0 && other.limit().remaining === 0);
  assert.deepEqual(other.pauses, [], 'it is not told again');
});

it('keeps the limit of an origin as it keeps those of endpoints: places, waits and pauses', async () => {
  let status = 200;
  const server = opened.add(
    await httpServer((_, response) => response.writeHead(status, status === 429 ? { 'retry-after': '30' } : {}).end()),
  );
  const rateLimit = { limit: 9, windowMs: 20_000, name: 'plan' };
  const config = parseConfig({ upstreams: { api: { origin: server.origin, rateLimit } } }, '.').upstreams.get('api')!;
  assert.ok('client' in config);
  const upstream = new Upstream('api', config);
  const [demands, pauses] = [[] as Demand[], [] as Pause[]];
  const here = new PlacesHere(
    (demand) => demands.push(demand),
    (pause) => pauses.push(pause),
  );
  const follow = () =>
    here.follow(
      [upstream],
      () => 2,
      (limit) => limit / 3,
    );
  follow();
  opened.add({
    close: async () => {
      here.close();
      await upstream.close(0);
    },
  });
  const { key } = demands[0]!;
  assert.deepEqual(JSON.parse(key), ['api', 2, null, 0]);
  const calls = Array.from({ length: 5 }, () => upstream.client.get('/').bytes());
  await until(() => demands.at(-1)!.wanted === 5);
  assert.deepEqual([demands.at(-1)!.held, demands.at(-1)!.nextWeight], [3, 1], 'it has three places and asks for more');
  here.granted({ key, number: 1, places: 9 });
  await Promise.all(calls);
  follow();
  assert.equal(upstream.client.rateShares()[0]!.places, 9, 'a reload of others changes nothing');
  status = 429;
  await upstream.client.get('/').catch(() => undefined);
  await until(() => pauses.length > 0);
  assert.deepEqual(pauses, [{ key, ms: 30_000 }]);
});
