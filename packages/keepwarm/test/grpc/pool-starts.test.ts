/** What a pool says while it waits for starts of connections, and how it waits for starts of streams. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { createGrpcPool, createStreamRate, GrpcError, poolLines } from '../../src/grpc.ts';
import { startGeyserServer } from '../../src/testing/geyser/index.ts';
import { FakeClock } from '../../src/testing/index.ts';
import { createYellowstone } from '../../src/yellowstone.ts';
import { aPool, aStreamPeer, begun, call, NOTHING, serve, until, watch } from './a-pool.ts';

describe('the first lease of a process of whose earlier runs nothing is known', () => {
  it('says why it waits, for how long, and what to do about it', async () => {
    const clock = new FakeClock();
    const pool = createGrpcPool({ target: 'http://127.0.0.1:1', clock, connectionRate: { windowMs: 60_000 } });
    const warned = once(process, 'warning');
    const lease = pool.lease('first', { waitMs: 20_000 });
    const remedy = /nothing is known of connections opened before; give connectionRate\.path.*assumed 'empty'/;
    const [warning] = (await warned) as [Error & { code?: string }];
    assert.equal(warning.code, 'KEEPWARM_STARTS_UNKNOWN');
    assert.match(warning.message, /the first connection to http:\/\/127\.0\.0\.1:1 waits: nothing is opened for 60 s/);
    assert.match(warning.message, remedy);
    assert.equal(pool.stats().connectionRate!.assumedMs, 60_000);
    assert.match(pool.healthReport().reasons.join(), remedy);
    assert.match(poolLines(pool.stats()).join('\n'), remedy);
    const refused = assert.rejects(lease, (error: Error) => {
      assert.match(error.message, /20000 ms.*nothing is opened for 40 s/);
      return remedy.test(error.message);
    });
    await clock.run(20_000);
    await refused;
    await clock.run(40_000);
    assert.equal(pool.stats().connectionRate!.assumedMs, 0);
    pool.destroy();
  });

  it('says nothing to who has said what is to be assumed, and waits all the same', async (t) => {
    const warnings: Error[] = [];
    const listen = (warning: Error): void => void warnings.push(warning);
    process.on('warning', listen);
    t.after(() => process.off('warning', listen));
    const clock = new FakeClock();
    const pool = createGrpcPool({ target: 'http://127.0.0.1:1', clock, connectionRate: { assumed: 'full' } });
    const refused = assert.rejects(pool.lease('first', { waitMs: 20_000 }), /nothing is opened for 40 s/);
    await clock.run(20_000);
    await refused;
    pool.destroy();
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(warnings, []);
  });
});

describe('a limit on opening streams', () => {
  it('is kept by whatever opens streams on a pool, as the peer counts, and calls do not wait for it', async (t) => {
    const came: number[] = [];
    const peer = await aStreamPeer(t, {
      request: (line, asked) => {
        if (asked.path === watch.path) came.push(performance.now());
        serve(line, asked);
      },
    });
    const pool = aPool(t, peer, { streamRate: { limit: 2, windowMs: 300, lateMs: 0 } });
    const lease = await pool.lease('many');
    const streams = Array.from({ length: 7 }, () => begun(lease.client.serverStream(watch, NOTHING)));
    await until(() => pool.stats().streamRate!.waiting > 0, 'somebody waits');
    assert.match(pool.healthReport().reasons.join(), /streams wait until they may be opened/);
    assert.equal((await lease.client.unary(call, NOTHING)).message.length, 2);
    for (const stream of await Promise.all(streams)) stream.cancel();
    const { granted, waiting, underWay } = pool.stats().streamRate!;
    assert.deepEqual([granted, waiting, underWay], [7, 0, 0]);
    for (let i = 2; i < came.length; i++) assert(came[i]! - came[i - 2]! >= 300, `three within a window: ${came}`);
  });

  it('ends with the deadline, the signal, and after waitMs, each by its name', async (t) => {
    const peer = await aStreamPeer(t);
    const pool = aPool(t, peer, { waitMs: 60, streamRate: { limit: 1, windowMs: 60_000 } });
    const lease = await pool.lease('one', { waitMs: 60_000 }); // however long it takes to connect
    const first = await begun(lease.client.serverStream(watch, NOTHING));
    await assert.rejects(lease.client.serverStream(watch, NOTHING).next(), /streamRate.*waitMs 60/);
    await assert.rejects(lease.client.serverStream(watch, NOTHING, { deadlineMs: 20 }).next(), /DEADLINE_EXCEEDED/);
    const ending = new AbortController();
    const aborted = lease.client.serverStream(watch, NOTHING, { signal: ending.signal }).next();
    ending.abort();
    await assert.rejects(aborted, /CANCELLED/);
    assert.equal(pool.stats().streamRate!.waiting, 0);
    assert.throws(() => createGrpcPool({ target: peer.origin, streamRate: 5 as never }), /streamRate is 5/);
    first.cancel();
  });

  it('pauses when the provider has had enough, for whoever shares it, and outlives the pools that do', async (t) => {
    const geyser = await startGeyserServer();
    t.after(() => geyser.close());
    const streamRate = createStreamRate({ name: 'provider', limit: 100, penaltyMs: 60_000 });
    const pool = createGrpcPool({ target: geyser.target, connectionRate: false, streamRate });
    const lease = await pool.lease('refused');
    const yellowstone = createYellowstone({ client: lease.client, backoffMs: 1 });
    geyser.exhaust(1);
    const stream = yellowstone.subscribe({ slots: { s: {} } });
    void stream.next().catch((error: unknown) => assert(error instanceof GrpcError));
    await until(() => streamRate.snapshot().penalties === 1, 'the pause');
    assert(streamRate.snapshot().pausedMs > 50_000);
    await until(() => streamRate.snapshot().waiting === 1, 'the next opening waits');
    await yellowstone.close();
    await pool.close({ deadlineMs: 0 });
    assert.equal(streamRate.snapshot().waiting, 0);
    assert.equal(geyser.stats().subscriptions.open, 0);
    streamRate.close();
  });
});
