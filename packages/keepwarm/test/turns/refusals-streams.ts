/** Every way in which gRPC, its pool, Yellowstone and exchanges refuse without the event loop. */
import type { TestContext } from 'node:test';
import { Lane } from '../../src/adapters/exchange/lane.ts';
import { Token } from '../../src/adapters/exchange/token.ts';
import { systemClock } from '../../src/core/clock.ts';
import {
  createGrpcClient,
  createGrpcPool,
  type GrpcClientOptions,
  type GrpcPoolOptions,
  type GrpcStream,
  Outbox,
} from '../../src/grpc.ts';
import { createYellowstone } from '../../src/yellowstone.ts';
import { aStreamPeer, call, NOTHING, watch } from '../grpc/a-pool.ts';
import { BARE, ignored, type Refusal } from './a-refusal.ts';

const refusedStream = async (stream: GrpcStream<unknown>): Promise<void> => {
  await stream.next();
};

async function aGrpcClient(t: TestContext, options: Partial<GrpcClientOptions> = {}) {
  const client = createGrpcClient({ target: (await aStreamPeer(t)).origin, ...options });
  t.after(() => client.destroy());
  return client;
}

async function aGrpcPool(t: TestContext, options: Partial<GrpcPoolOptions> = {}) {
  const pool = createGrpcPool({ target: (await aStreamPeer(t)).origin, connectionRate: false, ...options });
  t.after(() => pool.destroy());
  return pool;
}

export const GRPC: Record<string, Refusal> = {
  'a gRPC client that is full': async (t) => {
    const asked = Promise.withResolvers<void>();
    const peer = await aStreamPeer(t, { request: () => asked.resolve() });
    const pool = { socketsMax: 1, idleMax: 1, waitersMax: 0 };
    const client = await aGrpcClient(t, { target: peer.origin, ...BARE, pool, session: { streamsMax: 1 } });
    client.unary(call, NOTHING).catch(ignored);
    await asked.promise; // while a connection is being opened, callers wait for it, however few it will take
    return () => client.unary(call, NOTHING);
  },
  'a gRPC client that is destroyed': async (t) => {
    const client = await aGrpcClient(t);
    client.destroy();
    return () => client.unary(call, NOTHING);
  },
  'a gRPC stream on a client that is destroyed': async (t) => {
    const client = await aGrpcClient(t);
    client.destroy();
    return () => refusedStream(client.serverStream(watch, NOTHING));
  },
  'a gRPC call that is malformed': async (t) => {
    const client = await aGrpcClient(t);
    return () => client.unary({ ...call, path: 'nothing' }, NOTHING);
  },
  'leases, when too many wait': async (t) => {
    const pool = await aGrpcPool(t, { connectionsMax: 1, leasesWaitingMax: 1 });
    await pool.lease('first', { exclusive: true });
    pool.lease('second', { exclusive: true }).catch(ignored);
    return () => pool.lease('third', { exclusive: true });
  },
  'a lease whose name is held': async (t) => {
    const pool = await aGrpcPool(t);
    await pool.lease('first');
    return () => pool.lease('first');
  },
  'a pool that is destroyed': async (t) => {
    const pool = await aGrpcPool(t);
    pool.destroy();
    return () => pool.lease('first');
  },
  'a lease that was released': async (t) => {
    const pool = await aGrpcPool(t);
    const lease = await pool.lease('first');
    lease.release();
    return () => lease.client.unary(call, NOTHING);
  },
  'a stream on a lease that was released': async (t) => {
    const pool = await aGrpcPool(t);
    const lease = await pool.lease('first');
    lease.release();
    return () => refusedStream(lease.client.serverStream(watch, NOTHING));
  },
  'an outbox that is full': async () => {
    const outbox = new Outbox<number>({ sizeMax: 1 });
    outbox.write(1).catch(ignored);
    return () => outbox.write(2);
  },
  'an outbox that has ended': async () => {
    const outbox = new Outbox<number>();
    outbox.end();
    return () => outbox.write(2);
  },
};

export const yellowstone: Refusal = async (t) => {
  const peer = await aStreamPeer(t);
  const client = createYellowstone({ target: peer.origin });
  t.after(() => client.close({ deadlineMs: 0 }));
  const stream = client.subscribe({ slots: { a: {} } });
  stream.close();
  return () => stream.ping();
};

export const EXCHANGE: Record<string, Refusal> = {
  'a lane that is full': async () => {
    const lane = new Lane('account', 0, systemClock);
    const turn = { deadlineAt: Number.POSITIVE_INFINITY };
    await lane.enter(turn);
    return () => lane.enter(turn);
  },
  'a lane that is closed': async () => {
    const lane = new Lane('account', 1, systemClock);
    lane.close();
    return () => lane.enter({ deadlineAt: Number.POSITIVE_INFINITY });
  },
  'a token of a client that is closed': async () => {
    const token = new Token('token', systemClock, () => new Promise<never>(ignored));
    token.close();
    return () => token.get();
  },
  'a token, too late': async () => {
    const token = new Token('token', systemClock, () => new Promise<never>(ignored));
    return () => token.get({ deadlineAt: 0 });
  },
};
