/** Gateways that count their limits in one Redis, as processes, before a node that counts for itself. */
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LimitsTold } from '../src/admin/endpoints.ts';
import { OwnRedis } from './a-redis.ts';
import {
  arrivals,
  busiest,
  type CountingNode,
  countingNode,
  LIMIT,
  limitedGateway,
  QUESTION,
} from './a-redis-gateway.ts';
import type { GatewayProcess } from './command-process.ts';
import { ask, Opened } from './fixtures.ts';
import { Caller, eventually, json, snapshotOf } from './workers-load.ts';

let redis: OwnRedis;
let node: CountingNode;
let opened: Opened;
let names = 0;

before(async () => {
  redis = await OwnRedis.start();
  node = await countingNode();
});
afterEach(() => opened.closeAll());
after(async () => {
  await node.close();
  await redis.stop();
});

async function gateways(count: number, block: object = {}, more: object = {}): Promise<GatewayProcess[]> {
  opened = new Opened();
  node.seen.length = 0;
  const url = `redis://127.0.0.1:${redis.port}`;
  // A machine that is busy takes its time, which is no loss.
  const all = { url, prefix: `test-${names++}`, redisMs: 1_000, ...block };
  return Promise.all(Array.from({ length: count }, async () => opened.add(await limitedGateway(node, all, more))));
}

const callers = (all: readonly GatewayProcess[], path: string, each = 6): Caller[] =>
  all.flatMap(({ data }) => Array.from({ length: each }, () => new Caller(`${data}/${path}`, QUESTION)));

async function ended(all: readonly Caller[]): Promise<string[]> {
  await Promise.all(all.map((caller) => caller.stop()));
  return all.flatMap(({ tally }) => tally.failed);
}

const exact = (): void => assert.ok(busiest(node.seen) <= LIMIT.limit, `a window had ${busiest(node.seen)}`);

const metric = async ({ admin }: GatewayProcess, name: string): Promise<number> => {
  const text = String((await ask(`http://${admin}/metrics`)).body);
  return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1]);
};

describe('gateways that share limits over Redis', () => {
  it('keep one limit together, as the node counts: of a JSON-RPC endpoint, and of an HTTP upstream', async () => {
    const both = await gateways(2);
    for (const path of ['nodes', 'plain/']) {
      node.seen.length = 0;
      const all = callers(both, path);
      await arrivals(node, LIMIT.limit * 5);
      const told = await Promise.all(both.map(({ admin }) => snapshotOf(admin)));
      assert.deepEqual(await ended(all), []);
      exact();
      for (const { redis: state } of told) assert.equal(state?.server, `127.0.0.1:${redis.port}`);
      for (const caller of all) assert.ok(caller.tally.ok > 0, 'nobody is left out');
    }
  });

  it('keep it with workers, whose places are no part of it', async () => {
    const [gateway] = await gateways(1, {}, { workers: 2 });
    const all = callers([gateway!], 'nodes', 10);
    await arrivals(node, LIMIT.limit * 5);
    const { rate } = (await json(gateway!.admin, '/api/limits')) as LimitsTold;
    assert.deepEqual(await ended(all), []);
    exact();
    const plan = rate.find(({ name }) => name === 'plan');
    assert.equal(plan?.limit, LIMIT.limit);
    assert.ok(plan!.granted > LIMIT.limit, 'all that workers started');
    await eventually(async () => (await metric(gateway!, 'keepwarm_gateway_redis_up')) === 1);
  });

  it('start nothing while it is gone, and go on when it is back', async () => {
    const both = await gateways(2);
    const all = callers(both, 'nodes');
    await arrivals(node, LIMIT.limit * 2);
    await redis.kill();
    await eventually(async () => (await metric(both[0]!, 'keepwarm_gateway_redis_up')) === 0);
    // What was granted is sent soon: then there is silence, however much is asked for.
    for (let seen = -1; seen !== node.seen.length; await sleep(700)) seen = node.seen.length;
    const { redis: state } = await snapshotOf(both[0]!.admin);
    assert.equal(state?.state, 'closed');
    assert.ok(state!.lostMs > 0 && state!.lastError !== undefined);
    await redis.restart();
    await arrivals(node, LIMIT.limit * 2);
    await eventually(async () => (await metric(both[0]!, 'keepwarm_gateway_redis_up')) === 1);
    await ended(all);
    exact();
    const said = (word: string): number => both[0]!.printed().split(word).length - 1;
    assert.ok(said('Redis is lost') >= 1, both[0]!.printed());
    await eventually(async () => said('Redis is lost') === said('Redis is back')); // each loss once, each return once
  });

  it('go on with their shares while it is gone, where they are told to', async () => {
    const both = await gateways(2, { onLoss: 'local', share: 2 });
    const all = callers(both, 'nodes');
    await arrivals(node, LIMIT.limit * 2);
    await redis.kill();
    await eventually(async () => (await metric(both[1]!, 'keepwarm_gateway_redis_up')) === 0);
    await arrivals(node, LIMIT.limit * 3);
    assert.equal((await snapshotOf(both[1]!.admin)).redis?.state, 'local');
    await redis.restart();
    await eventually(async () => (await metric(both[1]!, 'keepwarm_gateway_redis_up')) === 1);
    await arrivals(node, LIMIT.limit * 2);
    assert.deepEqual(await ended(all), []);
    // Where one of them notices the loss much later than the other, on a busy machine, shares come on top of grants.
    assert.ok(busiest(node.seen) <= 2 * LIMIT.limit, `a window had ${busiest(node.seen)}`);
  });
});

describe('a gateway whose Redis does not take its password', () => {
  const SECRET = 'hunter2-hunter2';

  it('starts, and says so without its secret', async () => {
    const [gateway] = await gateways(1, { url: `redis://operator:${SECRET}@127.0.0.1:${redis.port}` });
    const { redis: state } = await snapshotOf(gateway!.admin);
    assert.equal(state?.state, 'closed', gateway!.printed());
    assert.match(state!.lastError ?? '', /^WRONGPASS/);
    assert.match(gateway!.printed(), /"of":"redis.url","msg":"Redis is lost/);
    const told = await Promise.all(
      ['/api/stats', '/api/limits', '/metrics', '/'].map((path) => ask(`http://${gateway!.admin}${path}`)),
    );
    const all = [gateway!.printed(), ...told.map(({ body }) => String(body))].join('\n');
    assert.ok(!all.includes(SECRET) && !all.includes('operator'), all.slice(0, 2_000));
  });
});
