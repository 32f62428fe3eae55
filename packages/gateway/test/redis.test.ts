/** Gateways that count their limits in one Redis, as processes, before a node that counts for itself. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LimitsTold } from '../src/admin/endpoints.ts';
import { parseConfig } from '../src/config/config.ts';
import { Gateway } from '../src/gateway.ts';
import { SILENT } from '../src/logs/log.ts';
import { openRedis } from '../src/redis/connection.ts';
import { OwnRedis } from './a-redis.ts';
import {
  arrivals,
  busiest,
  type CountingNode,
  countingNode,
  LIMIT,
  limitedGateway,
  limitedUpstreams,
  QUESTION,
} from './a-redis-gateway.ts';
import type { GatewayProcess } from './command-process.ts';
import { ask, eventually, Opened } from './fixtures.ts';
import { Caller, json, snapshotOf } from './workers-load.ts';

/** Of the limit: enough windows to see one that had too many. */
const SEEN = LIMIT.limit * 3;

interface Pair {
  readonly node: CountingNode;
  readonly both: readonly Pick<GatewayProcess, 'admin' | 'data'>[];
}

const opened = new Opened();
/** One that stays, and one that is lost on the way. */
let [steady, lost]: OwnRedis[] = [];
let [closed, local, workers]: Pair[] = [];
/** Of the first gateway that starts nothing without Redis. */
let printed = (): string => '';

/** All of them at once: most of what they take is their start. */
before(async () => {
  [steady, lost] = await Promise.all([OwnRedis.start(), OwnRedis.start()]);
  for (const redis of [steady, lost]) opened.add({ close: () => redis.stop() });
  [closed, local, workers] = await Promise.all([
    gateways(lost, 2, { prefix: 'closed' }),
    gatewaysHere(lost, 2, { prefix: 'local', onLoss: 'local', share: 2 }),
    gateways(steady, 1, { prefix: 'workers' }, { workers: 2 }),
  ]);
});
after(() => opened.closeAll());

/** In this process, each with a connection of its own: processes take their time to start. */
async function gatewaysHere({ port }: OwnRedis, count: number, block: object): Promise<Pair> {
  const node = opened.add(await countingNode());
  const redis = { url: `redis://127.0.0.1:${port}`, redisMs: 1_000, ...block };
  const settings = { listen: '127.0.0.1:0', admin: '127.0.0.1:0', history: false, redis, ...limitedUpstreams(node) };
  const both = Array.from({ length: count }, async () => {
    const config = parseConfig(settings, '.');
    const connection = await openRedis(config.redis, SILENT, 1);
    const gateway = new Gateway(config, { redis: connection });
    opened.add({ close: () => gateway.stop(0).then(() => connection?.close()) });
    const { data, admin } = await gateway.start();
    return { data: `http://127.0.0.1:${data.port}`, admin: `127.0.0.1:${admin.port}` };
  });
  return { node, both: await Promise.all(both) };
}

async function gateways({ port }: OwnRedis, count: number, block: object, more: object = {}): Promise<Pair> {
  const node = opened.add(await countingNode());
  // A machine that is busy takes its time, which is no loss.
  const all = { url: `redis://127.0.0.1:${port}`, redisMs: 1_000, ...block };
  const both = Array.from({ length: count }, async () => opened.add(await limitedGateway(node, all, more)));
  const [first, ...others] = await Promise.all(both);
  if (count > 1) printed = first!.printed;
  return { node, both: [first!, ...others] };
}

const callers = ({ both }: Pair, path: string, each = 6): Caller[] =>
  both.flatMap(({ data }) => Array.from({ length: each }, () => new Caller(`${data}/${path}`, QUESTION)));

async function ended(all: readonly Caller[]): Promise<string[]> {
  await Promise.all(all.map((caller) => caller.stop()));
  return all.flatMap(({ tally }) => tally.failed);
}

const exact = ({ node }: Pair): void =>
  assert.ok(busiest(node.seen) <= LIMIT.limit, `a window had ${busiest(node.seen)}`);

const metric = async ({ admin }: Pair['both'][number], name: string): Promise<number> => {
  const text = String((await ask(`http://${admin}/metrics`)).body);
  return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1]);
};

const up = ({ both }: Pair, value: number): Promise<void> =>
  eventually(async () => {
    const all = await Promise.all(both.map((each) => metric(each, 'keepwarm_gateway_redis_up')));
    return all.every((each) => each === value);
  });

describe('gateways that share limits over Redis', () => {
  it('keep one limit together, as the node counts: of a JSON-RPC endpoint, and of an HTTP upstream', async () => {
    const { both, node } = closed!;
    for (const path of ['nodes', 'plain/']) {
      node.seen.length = 0;
      const all = callers(closed!, path);
      await arrivals(node, SEEN);
      const told = await Promise.all(both.map(({ admin }) => snapshotOf(admin)));
      assert.deepEqual(await ended(all), []);
      exact(closed!);
      for (const { redis } of told) assert.equal(redis?.server, `127.0.0.1:${lost!.port}`);
      for (const caller of all) assert.ok(caller.tally.ok > 0, 'nobody is left out');
    }
  });

  it('keep it with workers, whose places are no part of it', async () => {
    const { both, node } = workers!;
    const all = callers(workers!, 'nodes', 10);
    await arrivals(node, SEEN);
    const { rate } = (await json(both[0]!.admin, '/api/limits')) as LimitsTold;
    assert.deepEqual(await ended(all), []);
    exact(workers!);
    const plan = rate.find(({ name }) => name === 'plan');
    assert.equal(plan?.limit, LIMIT.limit);
    assert.ok(plan!.granted > LIMIT.limit, 'all that workers started');
    await up(workers!, 1);
  });
});

describe('gateways whose Redis is lost', () => {
  it('start nothing, or their shares where they are told to, and go on together when it is back', async () => {
    for (const { node } of [closed!, local!]) node.seen.length = 0;
    const [waiting, sharing] = [callers(closed!, 'nodes'), callers(local!, 'nodes')];
    await Promise.all([arrivals(closed!.node, SEEN), arrivals(local!.node, SEEN)]);
    await lost!.kill();
    await Promise.all([up(closed!, 0), up(local!, 0)]);
    await arrivals(local!.node, SEEN);
    assert.equal((await snapshotOf(local!.both[1]!.admin)).redis?.state, 'local');
    // What was granted is sent soon: then there is silence, however much is asked for.
    for (let seen = -1; seen !== closed!.node.seen.length; await sleep(700)) seen = closed!.node.seen.length;
    const { redis: state } = await snapshotOf(closed!.both[0]!.admin);
    assert.equal(state?.state, 'closed');
    assert.ok(state!.lostMs > 0 && state!.lastError !== undefined);
    await lost!.restart();
    await Promise.all([up(closed!, 1), up(local!, 1)]);
    await Promise.all([arrivals(closed!.node, LIMIT.limit * 2), arrivals(local!.node, LIMIT.limit * 2)]);
    await ended(waiting);
    assert.deepEqual(await ended(sharing), []);
    exact(closed!);
    // Where one of them notices the loss much later than the other, on a busy machine, shares come on top of grants.
    const most = busiest(local!.node.seen);
    assert.ok(most <= 2 * LIMIT.limit, `a window had ${most}`);
    const said = (word: string): number => printed().split(word).length - 1;
    assert.ok(said('Redis is lost') >= 1, printed());
    await eventually(async () => said('Redis is lost') === said('Redis is back')); // each loss once, each return once
  });
});
