/** Four real processes, one real Redis, one real HTTP server, which counts. `npm run fleet` is the long version. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Fleet } from './a-fleet.ts';
import { OwnRedis } from './a-redis.ts';
import { busiestWindow, type CountingServer, countingServer } from './counting-server.ts';

let redis: OwnRedis;
let server: CountingServer;
let fleet: Fleet | undefined;

before(async () => {
  redis = await OwnRedis.start();
  server = await countingServer(20);
});
after(async () => {
  fleet?.kill();
  server?.close();
  await redis?.stop();
});

/** For this long at least, and until each process has been let through and the limits have held some of them back. */
async function run(limits: { limit: number; windowMs: number }[], ms: number, arrivalsMin: number) {
  server.arrivals.length = 0;
  // What a busy machine makes of Redis' answers is no loss here: that is what loss.test.ts is about.
  const options = { name: `run-${limits.length}`, limits, redisMs: 30_000 };
  fleet = await Fleet.start(4, { port: server.port, redisPort: redis.port, options, atOnce: 30 });
  await sleep(ms);
  while (server.arrivals.length <= arrivalsMin || (await fleet.reports()).some(({ replies }) => replies === 0)) {
    await sleep(50);
  }
  return fleet.stop();
}

describe('four processes that share a limit', () => {
  it('never exceed it in any window, as the server counts, and all get their turn', async () => {
    const reports = await run([{ limit: 100, windowMs: 500 }], 2_600, 100);
    assert.ok(busiestWindow(server.arrivals, 500) <= 100);
    for (const { replies, codes, losses } of reports) {
      assert.ok(replies > 0, 'each process was let through');
      assert.deepEqual(Object.keys(codes), []);
      assert.equal(losses, 0);
    }
  });

  it('never exceed either of two limits', async () => {
    await run(
      [
        { limit: 20, windowMs: 100 },
        { limit: 60, windowMs: 1_000 },
      ],
      2_300,
      60,
    );
    assert.ok(busiestWindow(server.arrivals, 100) <= 20);
    assert.ok(busiestWindow(server.arrivals, 1_000) <= 60);
  });
});
