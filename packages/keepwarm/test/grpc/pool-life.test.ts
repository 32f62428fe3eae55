/** Connections of a pool from their opening to their end: limits, age, GOAWAY, silence, health, and what breaks. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { failure, head, says, trailers } from '../engine/grpc/a-peer.ts';
import { leavesNothing } from '../engine/setup.ts';
import { goaway, settings } from '../wire/h2/raw.ts';
import { alive, aPool, aStreamPeer, begun, call, NOTHING, serve, until, watch } from './a-pool.ts';

leavesNothing();

describe('connections of a pool', () => {
  it('take as many streams as the peer allows at the moment, and others take the rest', async (t) => {
    const peer = await aStreamPeer(t, { hello: settings(['maxConcurrentStreams', 3]) });
    const pool = aPool(t, peer, { connectionsMax: 3, healthCheckMs: Number.POSITIVE_INFINITY });
    const { client } = await pool.lease('many');
    const streams = Array.from({ length: 9 }, () => client.serverStream(watch, NOTHING));
    await Promise.all(streams.map((stream) => begun(stream)));
    assert.deepEqual(
      alive(peer).map(({ asked }) => asked.length),
      [3, 3, 3],
    );
    const tenth = client.serverStream(watch, NOTHING);
    await until(() => pool.stats().streams.waiting === 1, 'the wait of the tenth');
    peer.line.send(settings(['maxConcurrentStreams', 4]));
    await begun(tenth);
    assert.equal(peer.line.asked.length, 4, 'the peer allowed one more');
  });

  it('that the peer leaves take no more streams, keep those they have, and are replaced', async (t) => {
    const peer = await aStreamPeer(t);
    const moved: unknown[] = [];
    const pool = aPool(t, peer);
    const lease = await pool.lease('monitor');
    lease.onMoved((fact) => void moved.push(fact));
    const stream = await begun(lease.client.serverStream(watch, NOTHING));
    const [first] = peer.lines;
    first!.send(goaway(1));
    await until(() => moved.length > 0, 'the word');
    assert.deepEqual(moved, [{ lease: 'monitor', connection: 1, makeFirst: true }]);
    const next = await begun(lease.client.serverStream(watch, NOTHING));
    assert.equal(peer.lines.length, 2);
    first!.send(says(1, 'still here'));
    assert.equal(Buffer.from((await stream.next()).value!).toString(), 'still here');
    first!.send(trailers(1));
    assert.equal((await stream.next()).done, true);
    await until(() => pool.stats().ended.peer === 1, 'the end of the first');
    next.cancel();
  });

  it('are replaced for their age: another first, then streams move as their holders wish', async (t) => {
    const peer = await aStreamPeer(t);
    const pool = aPool(t, peer, { ageMs: 60, ageJitter: 0, connectionsMax: 2 });
    const lease = await pool.lease('monitor');
    const moved = new Promise<unknown>((resolve) => lease.onMoved(resolve));
    const stream = await begun(lease.client.serverStream(watch, NOTHING));
    assert.deepEqual(await moved, { lease: 'monitor', connection: 1, makeFirst: true });
    assert.equal(peer.lines.length, 2, 'the next is open before the old one drains');
    await begun(lease.client.serverStream(watch, NOTHING));
    assert.equal(peer.lines[1]!.asked.length, 1);
    assert.equal(alive(peer).length, 2, 'the old one has its stream still');
    stream.cancel();
    await until(() => pool.stats().ended.age === 1, 'the end of the old one');
  });

  it('are closed before they are replaced where there is no place, and kept on while somebody needs one', async (t) => {
    const peer = await aStreamPeer(t);
    const pool = aPool(t, peer, { ageMs: 40, ageJitter: 0, connectionsMax: 1 });
    const lease = await pool.lease('monitor');
    const moved = new Promise<{ makeFirst: boolean }>((resolve) => lease.onMoved(resolve));
    const stream = await begun(lease.client.serverStream(watch, NOTHING));
    assert.equal((await moved).makeFirst, false);
    await begun(lease.client.serverStream(watch, NOTHING));
    assert.equal(peer.lines.length, 1, 'it is revived for the second stream: a monitor need not go without');
    assert(pool.stats().revived >= 1);
    stream.cancel();
    lease.release();
    const again = await pool.lease('next');
    await again.client.unary(call, NOTHING);
  });

  it('are dialled with a limit that runs to the settings of the peer, not to the end of TCP', async (t) => {
    const peer = await aStreamPeer(t, { connected: () => {} });
    const closed: string[] = [];
    const pool = aPool(t, peer, {
      connectMs: 30,
      poolObserver: { connectionClosed: ({ reason, error }) => void closed.push(`${reason}: ${error?.message}`) },
    });
    const waiting = pool.lease('monitor');
    await until(() => closed.length > 1, 'two attempts');
    assert.equal(closed[0], 'failed: no HTTP/2 settings came within 30 ms (limit connectMs)');
    assert.equal(pool.healthReport().status, 'degraded');
    peer.script = { request: serve };
    const lease = await waiting;
    await lease.client.unary(call, NOTHING);
    assert.equal(pool.isHealthy(), true);
  });

  it('that are lost are opened anew, and the next stream of a lease is on the new one', async (t) => {
    const peer = await aStreamPeer(t);
    const pool = aPool(t, peer);
    const lease = await pool.lease('monitor');
    const stream = await begun(lease.client.serverStream(watch, NOTHING));
    peer.line.socket.destroy();
    const error = await failure(stream.next());
    assert.equal(error.status, 'UNAVAILABLE');
    await begun(lease.client.serverStream(watch, NOTHING));
    const { reconnects, ended } = pool.stats();
    assert.deepEqual([reconnects, ended.lost], [1, 1]);
    assert.equal(lease.signal.aborted, false, 'the lease is held all the while');
  });

  it('whose streams fall silent, or never begin to speak, are left when a check finds them ill', async (t) => {
    const peer = await aStreamPeer(t, {
      request: (line, asked) => {
        if (asked.path.startsWith('/grpc.health')) return;
        if (line === peer.lines[0]) line.send(head(asked.id));
        else serve(line, asked);
      },
    });
    const pool = aPool(t, peer, { healthDeadlineMs: 20, healthFailuresMax: 1, silenceMs: 50 });
    const lease = await pool.lease('monitor');
    const dumb = await failure(lease.client.serverStream(watch, NOTHING, { firstMessageMs: 30 }).next());
    assert.deepEqual([dumb.status, dumb.limit, dumb.value], ['UNAVAILABLE', 'firstMessageMs', 30]);
    await until(() => pool.stats().ended.health === 1, 'the end of the first connection');
    const stream = await begun(lease.client.serverStream(watch, NOTHING));
    assert.equal(peer.lines.length >= 2, true);
    const silent = await failure(stream.next());
    assert.deepEqual([silent.status, silent.limit, silent.reach], ['UNAVAILABLE', 'silenceMs', 'answered']);
  });

  it('are asked for their health: those not serving drain, and a server that knows no health is let be', async (t) => {
    let serving = 1;
    const peer = await aStreamPeer(t, {
      request: (line, asked) => {
        if (!asked.path.startsWith('/grpc.health')) return serve(line, asked);
        line.send(head(asked.id), says(asked.id, Buffer.of(0x08, serving)), trailers(asked.id));
      },
    });
    const pool = aPool(t, peer, { healthCheckMs: 15, healthDeadlineMs: 15, healthService: 'geyser.Geyser' });
    const lease = await pool.lease('monitor');
    const stream = await begun(lease.client.serverStream(watch, NOTHING));
    await until(() => pool.stats().health.checked > 1, 'checks');
    assert.match(peer.line.asked.at(-1)!.body, /geyser\.Geyser/);
    serving = 2;
    await until(() => pool.stats().connections.draining === 1, 'the draining');
    serving = 1;
    peer.lines[0]!.send(says(1, 'more'));
    assert.equal(Buffer.from((await stream.next()).value!).toString(), 'more', 'its stream goes on');
    stream.cancel();
    await until(() => pool.stats().ended.health === 1, 'the end');

    const ignorant = await aStreamPeer(t);
    const second = aPool(t, ignorant, { healthCheckMs: 15 });
    await second.lease('monitor');
    await until(() => !second.stats().health.on, 'the end of checks');
    assert.deepEqual(second.stats().health, { on: false, checked: 1, failed: 0 });
  });

  it('that nobody needs for a while drain, and come back instead of a new one when needed', async (t) => {
    const peer = await aStreamPeer(t, { hello: settings(['maxConcurrentStreams', 4]) });
    const pool = aPool(t, peer, { lowReadings: 2, growAt: 1, healthCheckMs: Number.POSITIVE_INFINITY });
    const { client } = await pool.lease('waves');
    const streams = await Promise.all(Array.from({ length: 6 }, () => begun(client.serverStream(watch, NOTHING))));
    assert.equal(pool.stats().connections.ready, 2);
    for (const stream of streams.slice(0, 5)) stream.cancel();
    await until(() => pool.stats().connections.ready === 1, 'the shrinking');
    const opened = peer.lines.length;
    const draining = pool.stats().connections.draining;
    await Promise.all(Array.from({ length: 6 }, () => begun(client.serverStream(watch, NOTHING))));
    assert.equal(pool.stats().revived, draining);
    assert.equal(peer.lines.length, opened + 1 - draining);
  });

  it('that can take no more are left at once: who tries again without a pause is placed on another', async (t) => {
    const peer = await aStreamPeer(t);
    const pool = aPool(t, peer);
    const { client } = await pool.lease('hasty');
    await begun(client.serverStream(watch, NOTHING));
    peer.line.socket.resetAndDestroy();
    const first = client.serverStream(watch, NOTHING); // its write finds out; the socket is heard out for two turns
    const placedAnew = begun(first);
    await new Promise((resolve) => setImmediate(resolve));
    let tries = 0;
    for (let got = false; !got; ) {
      assert(++tries < 1_000, 'nothing else has its turn, and so the end of the connection is never heard of');
      const stream = client.serverStream(watch, NOTHING);
      got = await stream.next().then(
        () => true,
        () => false,
      );
      stream.cancel();
    }
    await placedAnew;
    assert.equal(peer.lines.length, 2);
  });

  it('are never more than there may be, also in a storm', async (t) => {
    let most = 0;
    const peer = await aStreamPeer(t, { hello: settings(['maxConcurrentStreams', 2]) });
    const pool = aPool(t, peer, {
      connectionsMax: 4,
      ageMs: 30,
      streamsMax: 2,
      leaseGraceMs: 20,
      poolObserver: { connectionOpened: look, connectionClosed: look },
    });
    function look() {
      most = Math.max(most, pool.stats().connections.total);
    }
    const [end, last] = [performance.now() + 700, performance.now() + 60_000];
    const monitor = async (name: string): Promise<number> => {
      let messages = 0;
      for (let run = 0; performance.now() < (messages > 0 ? end : last); run++) {
        const lease = await pool.lease(name, { exclusive: name === '0', group: `${Number(name) % 2}` });
        const stream = lease.client.serverStream(watch, NOTHING, { deadlineMs: 40 });
        await stream.next().then(
          () => messages++,
          () => {},
        );
        if (run % 5 === 4) alive(peer)[0]?.socket.destroy();
        stream.cancel();
        lease.release();
      }
      return messages;
    };
    const got = await Promise.all(['0', '1', '2', '3', '4', '5'].map(monitor));
    assert(
      got.every((count) => count > 0),
      `${got}`,
    );
    assert(most === 3 || most === 4, `${most}: one for each of three who share nothing, and no more than there may be`);
  });
});
