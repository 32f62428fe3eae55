/** Named leases over a few connections: shared, exclusive, lost, waited for; each stream where it belongs. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createGrpcPool, NetError } from '../../src/grpc.ts';
import { failure, trailers } from '../engine/grpc/a-peer.ts';
import { leavesNothing } from '../engine/setup.ts';
import { alive, aPool, aStreamPeer, begun, call, NOTHING, until, watch } from './a-pool.ts';

leavesNothing();

const codeOf = (error: unknown): string => (error instanceof NetError ? error.code : String(error));

describe('leases of a pool', () => {
  it('of one group share a connection: seven monitors, one connection', async (t) => {
    const peer = await aStreamPeer(t);
    const pool = aPool(t, peer);
    const leases = await Promise.all(Array.from({ length: 7 }, (_, i) => pool.lease(`monitor-${i}`)));
    const streams = await Promise.all(leases.map(({ client }) => begun(client.serverStream(watch, NOTHING))));
    assert.equal(peer.lines.length, 1);
    const { connections, leases: told, streams: count } = pool.stats();
    assert.deepEqual([connections.ready, told.held, count.live], [1, 7, 7]);
    assert.deepEqual(connections.list[0]!.leases.length, 7, 'owners have names');
    for (const stream of streams) stream.cancel();
    for (const lease of leases) lease.release();
    assert.equal(pool.stats().leases.held, 0);
  });

  it('that are exclusive have connections of their own, and leave them to others', async (t) => {
    const peer = await aStreamPeer(t);
    const pool = aPool(t, peer, { connectionsMax: 3 });
    const one = await pool.lease('one', { exclusive: true });
    const two = await pool.lease('two', { exclusive: true });
    const three = await pool.lease('three');
    for (const { client } of [one, two, three]) await client.unary(call, NOTHING);
    assert.deepEqual(
      alive(peer).map(({ asked }) => asked.length),
      [1, 1, 1],
    );
    two.release();
    const four = await pool.lease('four', { exclusive: true });
    await four.client.unary(call, NOTHING);
    assert.equal(peer.lines.length, 3, 'the connection that was given back serves the next');
  });

  it('carry all four kinds of calls', async (t) => {
    const peer = await aStreamPeer(t);
    const lease = await aPool(t, peer).lease('kinds');
    assert.equal(Buffer.from((await lease.client.unary(call, NOTHING)).message).toString(), 'ok');
    assert.equal(Buffer.from((await lease.client.clientStream(call, [NOTHING])).message).toString(), 'ok');
    const messages: string[] = [];
    for await (const each of lease.client.serverStream(call, NOTHING)) messages.push(Buffer.from(each).toString());
    for await (const each of lease.client.bidi(call, [NOTHING])) messages.push(Buffer.from(each).toString());
    assert.deepEqual(messages, ['ok', 'ok']);
    assert.deepEqual(pool(lease), ['kinds', 0]);
    function pool({ name, claim }: typeof lease) {
      return [name, claim.live];
    }
  });

  it('with nothing live on them are given to whoever needs the connection, and their holders are told', async (t) => {
    const peer = await aStreamPeer(t);
    const lost: string[] = [];
    const pool = aPool(t, peer, {
      connectionsMax: 2,
      poolObserver: { leaseLost: ({ lease, reason }) => void lost.push(`${lease} ${reason}`) },
    });
    const oldest = await pool.lease('oldest', { exclusive: true });
    const newer = await pool.lease('newer', { exclusive: true });
    await begun(newer.client.serverStream(watch, NOTHING));
    await oldest.client.unary(call, NOTHING);
    const third = await pool.lease('third', { exclusive: true });
    assert.deepEqual(lost, ['oldest reassigned'], 'though it was used last: the other has a live stream');
    assert.deepEqual(await oldest.lost, { lease: 'oldest', reason: 'reassigned' });
    assert.equal(oldest.signal.aborted, true);
    const error = await failure(oldest.client.unary(call, NOTHING));
    assert.match(error.message, /the lease "oldest" was given to another, as it had no live stream/);
    assert.equal(error.reach, 'unsent');
    await third.client.unary(call, NOTHING);
    assert.equal(peer.lines.length, 2);
  });

  it('wait in order while every connection has live streams, and leave the queue when they are told to', async (t) => {
    const peer = await aStreamPeer(t);
    const pool = aPool(t, peer, { connectionsMax: 1, leasesWaitingMax: 2 });
    const holder = await pool.lease('holder', { exclusive: true });
    const stream = await begun(holder.client.serverStream(watch, NOTHING));
    const order: string[] = [];
    const gone = new AbortController();
    const wait = (name: string, signal?: AbortSignal) =>
      pool.lease(name, { exclusive: true, signal }).then(
        (lease) => {
          order.push(name);
          return lease;
        },
        (error: unknown) => void order.push(`${name} ${codeOf(error)}`),
      );
    const leaving = wait('leaving', gone.signal);
    const second = wait('second');
    await wait('too many');
    gone.abort();
    await leaving;
    assert.deepEqual(order, ['too many SATURATED', 'leaving ABORTED']);
    await assert.rejects(pool.lease('holder'), /the lease "holder" is held already/);
    await assert.rejects(pool.lease('brief', { waitMs: 5 }), /"brief" waited 5 ms for a connection \(limit waitMs\)/);
    stream.cancel();
    holder.release();
    await second;
    assert.equal(order.at(-1), 'second');
  });

  it('end their streams when they are released, and expire when nothing is live on them', async (t) => {
    const peer = await aStreamPeer(t);
    const pool = aPool(t, peer, { leaseIdleMs: 20 });
    const idle = await pool.lease('idle');
    const busy = await pool.lease('busy');
    const stream = await begun(busy.client.serverStream(watch, NOTHING));
    assert.deepEqual(await idle.lost, { lease: 'idle', reason: 'expired' });
    await assert.rejects(idle.client.unary(call, NOTHING), /"idle" has expired, as it had no live stream/);
    assert.equal(busy.signal.aborted, false);
    busy.release();
    assert.equal((await failure(stream.next())).status, 'CANCELLED');
    await until(() => pool.stats().streams.live === 0, 'the end of the stream');
  });

  it('take a connection that comes free while their own still waits to be opened', async (t) => {
    const peer = await aStreamPeer(t);
    const connectionRate = { limit: 1, windowMs: 60_000, reserve: 0, assumed: 'empty' } as const;
    const pool = aPool(t, peer, { connectionRate });
    const first = await pool.lease('first', { exclusive: true });
    const second = pool.lease('second', { exclusive: true });
    await until(() => pool.stats().connections.opening === 1, 'the wait for a start');
    first.release();
    await (await second).client.unary(call, NOTHING);
    assert.equal(peer.lines.length, 1);
  });

  it('find a connection open where a minimum is kept, and it is kept when one is lost', async (t) => {
    const peer = await aStreamPeer(t);
    const pool = aPool(t, peer, { connectionsMin: 2 });
    await until(() => pool.stats().connections.ready === 2, 'the minimum');
    const lease = await pool.lease('one');
    await lease.client.unary(call, NOTHING);
    assert.equal(peer.lines.length, 2);
    peer.line.socket.destroy();
    await until(() => peer.lines.length === 3 && pool.stats().connections.ready === 2, 'the minimum again');
  });

  it('ask nothing of a pool that is closing, which waits for streams, and no longer than it is told', async (t) => {
    const peer = await aStreamPeer(t);
    const pool = aPool(t, peer);
    const lease = await pool.lease('last');
    const stream = await begun(lease.client.serverStream(watch, NOTHING));
    const closing = pool.close({ deadlineMs: 5_000 });
    assert.equal(codeOf(await pool.lease('late').catch((error: unknown) => error)), 'CLOSED');
    peer.line.send(trailers(1));
    assert.equal((await stream.next()).done, true);
    await closing;
    assert.deepEqual(await lease.lost, { lease: 'last', reason: 'closed' });
    const second = aPool(t, peer);
    const held = await second.lease('held');
    const endless = await begun(held.client.serverStream(watch, NOTHING));
    await second.close({ deadlineMs: 20 });
    await failure(endless.next());
    await second.close();
  });

  it('are refused by name when they cannot be', async (t) => {
    const pool = aPool(t, { origin: 'http://127.0.0.1:9' });
    for (const [options, message] of [
      [{ connectionsMax: 0 }, /option connectionsMax is 0/],
      [{ connectionsMax: 1.5 }, /option connectionsMax is 1.5; allowed: a whole number/],
      [{ connectionsMin: 3, connectionsMax: 2 }, /option connectionsMin is 3; allowed: at most connectionsMax 2/],
      [{ retry: true }, /no option retry of createGrpcPool/],
      [{ probe: 1 }, /option probe is 1/],
      [{ connectionRate: { limit: 0 } }, /connectionRate.limit is 0/],
      [{ growAt: 2 }, /option growAt is 2/],
    ] as const) {
      assert.throws(() => createGrpcPool({ target: 'https://localhost:1', ...(options as object) }), message);
    }
    await assert.rejects(pool.lease('a', { waitMs: 100 }), /waited 100 ms .*; the last attempt to open one: .*REFUSED/);
    assert.deepEqual([pool.isHealthy(), pool.healthReport().httpStatus], [false, 503]);
    await assert.rejects(pool.lease(''), /the name ""/);
    await assert.rejects(pool.lease('a', { groop: 'b' } as object), /no option groop of a lease/);
    await assert.rejects(pool.lease('a', { exclusive: 1 as never }), /exclusive is 1/);
    await assert.rejects(pool.lease('a', { waitMs: 0 }), /waitMs is 0/);
    await pool.close();
    assert.equal(codeOf(await pool.lease('a').catch((error: unknown) => error)), 'CLOSED');
  });
});
