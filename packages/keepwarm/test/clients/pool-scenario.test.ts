/**
 * The scenario ConnectionPoolCore comes from, in seconds instead of a minute and in the same shape: some 600 operations
 * in bursts of up to 100 at once, against a server in a process of its own.
 */
import assert from 'node:assert/strict';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { ConnectionPoolCore } from '../../src/index.ts';
import { aScenarioServer, type ScenarioServer } from './scenario-server.ts';

const BURSTS = [100, 20, 50, 5, 80, 15, 60, 30, 100, 20, 50, 5, 65];
const OPERATIONS = BURSTS.reduce((sum, size) => sum + size, 0);

let server: ScenarioServer;
before(async () => void (server = await aScenarioServer()));
after(() => server.close());

const burst = (pool: ConnectionPoolCore, size: number): Promise<{ status: number }[]> =>
  Promise.all(Array.from({ length: size }, () => pool.execute(server.origin, { method: 'POST', body: '{"a":1}' })));

describe('bursts of up to 100 at once', () => {
  it('after the warm-up every operation rides a connection that is open, and none is lost', async () => {
    await using pool = new ConnectionPoolCore({}, {});
    await pool.warmUp(server.origin, { connections: 50 });
    await burst(pool, 100);
    await burst(pool, 100);
    const warm = pool.getMetrics();
    for (const size of BURSTS) {
      const replies = await burst(pool, size);
      assert(replies.every(({ status }) => status === 200));
      await sleep(50);
    }
    const { newConnections, reusedConnections, failedRequests, socketLeaks, ...metrics } = pool.getMetrics();
    const fresh = newConnections - warm.newConnections;
    const reused = reusedConnections - warm.reusedConnections;
    assert.equal(fresh + reused, OPERATIONS);
    assert(reused / OPERATIONS >= 0.999, `${fresh} of ${OPERATIONS} operations paid for a connection`);
    assert.deepEqual([failedRequests, socketLeaks, metrics.activeConnections, metrics.waitingRequests], [0, 0, 0, 0]);
    assert.equal(metrics.idleConnections + pool.getSockets().history.length, metrics.totalConnections);
    assert(metrics.totalConnections <= 51, `${metrics.totalConnections} connections for 50 places`);
  });

  it('reuse is above 90 % from the first operation on, without any warm-up', async () => {
    await using pool = new ConnectionPoolCore({}, {});
    for (const size of BURSTS) await burst(pool, size);
    assert(Number.parseFloat(pool.getMetrics().socketReusePercentage) >= 90, pool.getMetrics().socketReusePercentage);
  });
});

describe('idle connections', () => {
  it('are closed when the set time has passed: never before, and within 10 % of it', async () => {
    const cleanupPeriodMs = 1_000;
    await using pool = new ConnectionPoolCore({ cleanupPeriodMs }, {});
    const idleFor: number[] = [];
    const idleSince = new Map<number, number>();
    pool.on('released', ({ socketId }) => idleSince.set(socketId, performance.now()));
    const closed = new Promise<void>((resolve) => {
      pool.on('socketClosed', ({ socketId, reason }) => {
        assert.equal(reason, 'idle');
        idleFor.push(performance.now() - idleSince.get(socketId)!);
        if (idleFor.length === 20) resolve();
      });
    });
    await burst(pool, 20);
    assert.equal(pool.getMetrics().idleConnections, 20);
    const stalls = monitorEventLoopDelay({ resolution: 5 });
    stalls.enable();
    await closed;
    stalls.disable();
    // A machine busy with other things delays any timer: the share is of the time set, plus what it delayed others by.
    const stalledMs = stalls.max / 1e6;
    // And one connection is told to be idle after the instant from which it is: the machine may stand still in between.
    const early = idleFor.filter((ms) => ms < cleanupPeriodMs * 0.95);
    const late = idleFor.filter((ms) => ms > cleanupPeriodMs * 1.1 + 100 + 3 * stalledMs);
    assert.deepEqual([early, late], [[], []]);
    assert.deepEqual([pool.getMetrics().idleConnections, pool.getMetrics().socketLeaks], [0, 0]);
  });
});
