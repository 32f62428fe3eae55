/** Monitors: one stream after the other under one name, whatever becomes of connections; the logger and environment. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import {
  type GrpcPoolOptions,
  grpcPoolFromEnv,
  grpcPoolOptionsFromEnv,
  MonitorAdapter,
  type MonitorOptions,
  type MonitorResume,
  PoolLogger,
} from '../../src/grpc.ts';
import { FakeClock } from '../../src/testing/fake-clock.ts';
import { head, headOnly, says } from '../engine/grpc/a-peer.ts';
import { aPeer, type Line } from '../engine/h2/a-peer.ts';
import { leavesNothing } from '../engine/setup.ts';
import { goaway } from '../wire/h2/raw.ts';
import { alive, aPool, NOTHING, until, watch } from './a-pool.ts';

leavesNothing();

/** A source of numbered messages that all streams get, as long as they are there, each stream somewhat late. */
async function aTicker(t: TestContext, lateMs = 3) {
  const streams = new Set<{ line: Line; id: number; lateMs: number }>();
  let number = 0;
  const peer = await aPeer(t, {
    request: (line, { id, path }) => {
      if (path.startsWith('/grpc.health')) return line.send(headOnly(id, [['grpc-status', '12']]));
      line.send(head(id));
      streams.add({ line, id, lateMs: Math.random() * lateMs });
    },
  });
  const timer = setInterval(() => {
    number++;
    for (const stream of streams) {
      const { line, id, lateMs } = stream;
      if (line.socket.destroyed || line.find(id)?.reset !== undefined) {
        streams.delete(stream);
        continue;
      }
      const message = says(id, `${number}`);
      setTimeout(() => line.socket.destroyed || line.send(message), lateMs);
    }
  }, 1);
  t.after(() => clearInterval(timer));
  return { peer, streams, latest: () => number };
}

const text = (message: Uint8Array): string => Buffer.from(message).toString();

function aMonitor(pool: ReturnType<typeof aPool>, more: Partial<MonitorOptions<Uint8Array>> = {}) {
  const got: number[] = [];
  const resumes: MonitorResume<Uint8Array>[] = [];
  const monitor = new MonitorAdapter<Uint8Array>(pool, 'monitor', {
    open: (client, resume) => {
      resumes.push(resume);
      return client.serverStream(watch, NOTHING);
    },
    message: (message) => void got.push(Number(text(message))),
    keyOf: text,
    ...{ backoffMs: 5, backoffMsMax: 20, overlapMs: 500 },
    ...more,
  });
  return { monitor, got, resumes };
}

describe('a monitor', () => {
  it('misses nothing, repeats nothing and keeps the order over a hundred rotations', async (t) => {
    const { peer } = await aTicker(t);
    const options: Partial<GrpcPoolOptions> = { ageMs: 25, ageJitter: 0.5, tickMs: 5 };
    const pool = aPool(t, peer, options);
    const { monitor, got } = aMonitor(pool);
    monitor.start();
    await until(() => pool.stats().rotations >= 100, 'a hundred rotations', 20_000);
    await monitor.stop();
    assert(monitor.handovers >= 50, `${monitor.handovers} handovers`);
    assert(got.length > 200, `${got.length} messages`);
    const first = got[0]!;
    assert.deepEqual(
      got,
      got.map((_, i) => first + i),
    );
    assert.equal(monitor.failures, 0);
    assert.equal(pool.stats().leases.held, 0);
  });

  it('goes on after its connection broke, from where it was; the waits begin anew after a message', async (t) => {
    const { peer } = await aTicker(t);
    const pool = aPool(t, peer);
    const waits: number[] = [];
    const { monitor, got, resumes } = aMonitor(pool, { failed: (_, waitMs) => void waits.push(waitMs) });
    monitor.start();
    for (let drops = 1; drops <= 3; drops++) {
      const before = got.length;
      await until(() => got.length > before, 'messages');
      alive(peer)[0]?.socket.destroy();
      await until(() => resumes.length > drops, 'the next stream');
    }
    await monitor.stop();
    assert(waits.length >= 3 && waits.every((ms) => ms < 20), `${waits}`);
    assert.notEqual(resumes.at(-1)!.last, undefined, 'it says what was handled last');
    assert.equal(new Set(got).size, got.length, 'nothing twice');
    assert.equal(monitor.state, 'stopped');
  });

  it('ends its stream first where there is no place for another connection, and resumes from there', async (t) => {
    const { peer } = await aTicker(t);
    const pool = aPool(t, peer, { connectionsMax: 1, ageMs: 60, ageJitter: 0 });
    const { monitor, resumes } = aMonitor(pool);
    monitor.start();
    // A stream that was heard of no message has nothing to resume from.
    const heard = () => resumes.findIndex(({ last }) => last !== undefined);
    await until(() => resumes.length >= 3 && peer.lines.length >= 3 && heard() > 0, 'two rotations');
    await monitor.stop();
    await until(() => alive(peer).length <= 1, 'one at a time');
    assert(resumes.slice(heard()).every(({ last }) => last !== undefined));
  });

  it('hands over when the peer says that it will leave', async (t) => {
    const { peer } = await aTicker(t);
    const { monitor, got } = aMonitor(aPool(t, peer));
    monitor.start();
    await until(() => got.length > 5, 'messages');
    peer.lines[0]!.send(goaway(1));
    await until(() => peer.lines.length === 2 && peer.lines[0]!.socket.destroyed, 'the end of the first');
    const before = got.length;
    await until(() => got.length > before + 5, 'more');
    await monitor.stop();
    assert.deepEqual(
      got,
      got.map((_, i) => got[0]! + i),
    );
  });

  it('stops at any time: while it waits for a lease, between attempts, and before it has begun', async (t) => {
    const black = aPool(t, { origin: 'http://127.0.0.1:9' }, { backoffMs: 60_000, backoffMsMax: 60_000 });
    const { monitor } = aMonitor(black);
    await monitor.stop();
    monitor.start();
    monitor.start();
    await until(() => black.stats().failed > 0, 'a failure to connect');
    await monitor.stop();
    await monitor.stop();
    assert.equal(black.stats().leases.waiting, 0);
    const thrown = aMonitor(black, {
      waitMs: 5,
      backoffMs: 60_000,
      backoffMsMax: 60_000,
      failed: (error) => assert.match(String(error), /waited 5 ms/),
    });
    thrown.monitor.start();
    await until(() => thrown.monitor.state === 'waiting', 'the wait');
    await thrown.monitor.stop();
  });
});

describe('the environment and the logger of a pool', () => {
  it('are read by the names they are known by', async () => {
    const env = {
      GRPC_URL: 'grpc.example.com:443',
      X_TOKEN: 'secret',
      GRPC_POOL_MAX_CONNECTIONS: '7',
      GRPC_POOL_CONNECTION_TTL: '120000',
      GRPC_POOL_HEALTH_CHECK_INTERVAL: '',
    };
    assert.deepEqual(grpcPoolOptionsFromEnv(env), {
      ...{ target: 'https://grpc.example.com:443', token: 'secret', connectionsMax: 7, ageMs: 120_000 },
    });
    const pool = grpcPoolFromEnv({ connectionsMax: 3 }, env);
    assert.deepEqual([pool.target, pool.stats().connections.max], ['https://grpc.example.com', 3]);
    assert.equal(pool.numbers.ageMs, 120_000);
    assert(!JSON.stringify(pool.stats()).includes('secret'));
    await pool.close();
    assert.throws(() => grpcPoolFromEnv({}, {}), /GRPC_URL/);
    assert.throws(() => grpcPoolOptionsFromEnv({ GRPC_POOL_CONNECTION_TTL: '5m' }), /GRPC_POOL_CONNECTION_TTL is "5m"/);
  });

  it('write what there is, at a steady pace, until it is stopped', async (t) => {
    const clock = new FakeClock();
    const { peer } = await aTicker(t);
    const pool = aPool(t, peer);
    await pool.lease('pumpfun-price-monitor', { group: 'prices' });
    const lines: string[] = [];
    const logger = new PoolLogger(pool, { write: (line) => void lines.push(line), everyMs: 1_000, clock }).start();
    clock.advance(2_500);
    logger.stop();
    clock.advance(5_000);
    assert.equal(lines.length, 4);
    assert.match(lines[0]!, /^\[grpc-pool\] 1 ready, 0 opening, 0 draining of 15 connections; 1 leases, 0 streams;/);
    assert.match(lines[1]!, /pumpfun-price-monitor \(group prices, held\): no stream, 0\.0 messages\/s/);
    assert.equal(clock.sleeping, 0);
  });
});
