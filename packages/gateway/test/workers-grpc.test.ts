/** gRPC where several processes do the work: monitors share one connection and one subscription all the same. */
import assert from 'node:assert/strict';
import { after, it } from 'node:test';
import * as grpc from '@grpc/grpc-js';
import { startGeyserServer } from 'keepwarm/testing/geyser';
import { gatewayProcess } from './command-process.ts';
import { eventually, Opened } from './fixtures.ts';
import { json, workersOf } from './workers-load.ts';

/** `SubscribeRequest`: every account, by the name `mon`. */
const ACCOUNTS = Buffer.from('0a050a036d6f6e', 'hex');
const same = (bytes: Buffer): Buffer => bytes;

const opened = new Opened();
after(() => opened.closeAll());

it('monitors share one stream upstream, and notice nothing when a worker is killed', async () => {
  const geyser = opened.add(await startGeyserServer({ token: 'upstream', accountsPerSlot: 5, slotMs: 20 }));
  const stream = { grpc: 'geyser', target: geyser.target, token: 'upstream', listen: '127.0.0.1:0' };
  const upstreams = { stream, api: { origin: 'http://127.0.0.1:9' } };
  const gateway = opened.add(await gatewayProcess(upstreams, { workers: 2 }));
  const target = /grpc at (127\.0\.0\.1:\d+)/.exec(gateway.printed())![1]!;
  const monitors = Array.from({ length: 4 }, () => {
    const client = new grpc.Client(target, grpc.credentials.createInsecure(), { 'grpc.use_local_subchannel_pool': 1 });
    opened.add({ close: async () => client.close() });
    const call = client.makeBidiStreamRequest('/geyser.Geyser/Subscribe', same, same, new grpc.Metadata());
    const seen = { updates: 0, ended: false };
    call.on('data', () => seen.updates++).on('error', () => (seen.ended = true));
    call.on('end', () => (seen.ended = true));
    call.write(ACCOUNTS);
    return { call, seen };
  });
  await eventually(async () => monitors.every(({ seen }) => seen.updates > 20));
  const [first] = await workersOf(gateway.admin);
  process.kill(first!.pid!, 'SIGKILL');
  await eventually(async () => (await workersOf(gateway.admin))[0]!.replaced === 1);
  const before = monitors.map(({ seen }) => seen.updates);
  await eventually(async () => monitors.every(({ seen }, i) => seen.updates > before[i]! + 20));
  assert.ok(monitors.every(({ seen }) => !seen.ended));
  const { connections, subscriptions } = geyser.stats();
  assert.deepEqual([connections.accepted, subscriptions.total], [1, 1]);
  const pool = (await json(gateway.admin, '/api/grpc-pool/stats')) as { multiplexer: { monitors: unknown[] } };
  assert.equal(pool.multiplexer.monitors.length, 4);
  for (const { call } of monitors) call.cancel();
});
