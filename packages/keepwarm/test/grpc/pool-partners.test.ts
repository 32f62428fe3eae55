/** A pool under a limit on opening connections, with groups by frequency, and against a server that is not ours. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createSecureServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { describe, it } from 'node:test';
import type { TLSSocket } from 'node:tls';
import { inspect } from 'node:util';
import { MonitorAdapter, rawMethod } from '../../src/grpc.ts';
import { makeAuthority } from '../../src/testing/certificates.ts';
import { head, says } from '../engine/grpc/a-peer.ts';
import { leavesNothing } from '../engine/setup.ts';
import { alive, aPool, aStreamPeer, begun, call, NOTHING, serve, until, watch } from './a-pool.ts';
import { aServer, type grpc } from './a-server.ts';

leavesNothing();

describe('a pool', () => {
  it('keeps the limit on opening connections in every window, through a storm of monitors and losses', async (t) => {
    const [limit, windowMs] = [4, 300];
    const seen: number[] = [];
    const peer = await aStreamPeer(t);
    const { lines } = peer;
    const push = lines.push.bind(lines);
    lines.push = (...line) => {
      seen.push(performance.now());
      return push(...line);
    };
    const connectionRate = { limit, windowMs, reserve: 1, lateMs: 50, assumed: 'empty' } as const;
    const pool = aPool(t, peer, { connectionRate, connectionsMax: 3, ageMs: 100 });
    const monitors = Array.from({ length: 20 }, (_, i) => {
      return new MonitorAdapter<Uint8Array>(pool, `monitor-${i}`, {
        ...{ backoffMs: 5, backoffMsMax: 10, overlapMs: 5 },
        open: (client) => client.serverStream(watch, NOTHING),
        message: () => {},
      });
    });
    for (const monitor of monitors) monitor.start();
    const storm = setInterval(() => alive(peer)[0]?.socket.destroy(), 60);
    t.after(() => clearInterval(storm));
    await until(() => seen.length >= 3 * limit, 'connections', 20_000);
    clearInterval(storm);
    await Promise.all(monitors.map((monitor) => monitor.stop()));
    for (let from = 0, to = 0; to < seen.length; to++) {
      while (seen[to]! - seen[from]! >= windowMs) from++;
      assert(to - from + 1 <= limit, `${to - from + 1} of ${limit} in one window`);
    }
  });

  it('puts leases with many messages on connections apart from those with few, and back again', async (t) => {
    const chatty = rawMethod('/raw.Raw/Chatty');
    let talking = true;
    const peer = await aStreamPeer(t, {
      request: (line, asked) => {
        if (asked.path !== chatty.path) return serve(line, asked);
        line.send(head(asked.id));
        const timer = setInterval(() => {
          if (line.socket.destroyed || asked.reset !== undefined) return clearInterval(timer);
          if (talking) line.send(says(asked.id, 'a'), says(asked.id, 'b'), says(asked.id, 'c'));
        }, 1);
        t.after(() => clearInterval(timer));
      },
    });
    const moves: string[] = [];
    const leaseRegrouped = ({ lease, group }: { lease: string; group: string }) => void moves.push(`${lease} ${group}`);
    const pool = aPool(t, peer, { chattyPerSecond: 1, regroupMs: 30, poolObserver: { leaseRegrouped } });
    const quiet = await pool.lease('quiet');
    await begun(quiet.client.serverStream(watch, NOTHING));
    const monitor = new MonitorAdapter<Uint8Array>(pool, 'chatty', {
      open: (client) => client.serverStream(chatty, NOTHING),
      message: () => {},
    });
    monitor.start();
    await until(() => moves.includes('chatty chatty'), 'the move');
    await until(() => pool.stats().connections.ready === 2, 'a connection apart');
    await until(() => monitor.handovers === 1 || monitor.streams === 2, 'the stream on it');
    const [one, other] = pool.stats().leases.list;
    assert.notDeepEqual([one!.group, one!.name], [other!.group, other!.name]);
    assert(pool.stats().messagesPerSecond > 1);
    talking = false;
    await monitor.stop();
  });

  it('never moves a lease where it would be left without a connection', async (t) => {
    const peer = await aStreamPeer(t);
    const pool = aPool(t, peer, { connectionsMax: 1, chattyPerSecond: 0, regroupMs: 10 });
    const lease = await pool.lease('only');
    await begun(lease.client.serverStream(watch, NOTHING));
    await until(() => pool.stats().leases.list[0]!.messages > 0, 'a message');
    await new Promise((resolve) => setTimeout(resolve, 40));
    assert.equal(lease.group, 'default');
    assert.equal((await lease.client.unary(call, NOTHING)).message.length, 2);
  });

  it('speaks TLS, agrees on HTTP/2 in the handshake, rotates like that too, and resumes its session', async (t) => {
    const authority = makeAuthority();
    const server = createSecureServer(authority.issue(), (request, response) => {
      tokens.add(String(request.headers['x-token']));
      response.writeHead(200, { 'content-type': 'application/grpc' });
      if (request.url === call.path) {
        response.addTrailers({ 'grpc-status': '0' });
        return void response.end(Buffer.of(0, 0, 0, 0, 2, 0x6f, 0x6b));
      }
      response.write(Buffer.of(0, 0, 0, 0, 1, 0x31));
    });
    const tokens = new Set<string>();
    const resumed: boolean[] = [];
    server.on('secureConnection', (socket: TLSSocket) => resumed.push(socket.isSessionReused()));
    await once(server.listen(0, '127.0.0.1'), 'listening');
    t.after(() => server.close());
    const { port } = server.address() as AddressInfo;
    const options = { tls: { ca: authority.cert }, token: 'a secret', ageMs: 50, ageJitter: 0 };
    const pool = aPool(t, { origin: `https://localhost:${port}` }, options);
    const lease = await pool.lease('tls');
    const stream = await begun(lease.client.serverStream(watch, NOTHING));
    await until(() => pool.stats().rotations > 2, 'rotations');
    await lease.client.unary(call, NOTHING);
    stream.cancel();
    assert.deepEqual([...tokens], ['a secret']);
    assert.equal(resumed[0], false);
    assert(resumed.slice(1).some(Boolean), `of ${resumed.length} connections, none resumed the session of another`);
    assert(!JSON.stringify([pool.stats(), pool.healthReport(), lease]).includes('a secret'));
    assert(!inspect([pool, lease], { depth: 4, showHidden: true }).includes('a secret'));
  });

  it('of grpc-js that sends its connections away: a monitor goes on without a gap', async (t) => {
    let number = 0;
    const streams = new Set<grpc.ServerWritableStream<Buffer, Buffer>>();
    const { target } = await aServer(
      t,
      {
        Watch: {
          kind: 'server',
          handle: (stream: grpc.ServerWritableStream<Buffer, Buffer>) => {
            streams.add(stream);
            for (const event of ['cancelled', 'close', 'error']) stream.on(event, () => streams.delete(stream));
          },
        },
      },
      { 'grpc.max_connection_age_ms': 150, 'grpc.max_connection_age_grace_ms': 2_000 },
    );
    const timer = setInterval(() => {
      number++;
      for (const stream of streams) stream.write(Buffer.from(String(number)));
    }, 2);
    t.after(() => clearInterval(timer));
    const pool = aPool(t, { origin: target });
    const got: number[] = [];
    const text = (message: Uint8Array): string => Buffer.from(message).toString();
    const monitor = new MonitorAdapter<Uint8Array>(pool, 'monitor', {
      open: (client) => client.serverStream(watch, NOTHING),
      message: (message) => void got.push(Number(text(message))),
      keyOf: text,
    });
    monitor.start();
    await until(() => (pool.stats().ended.peer ?? 0) >= 4, 'four connections sent away', 10_000);
    await monitor.stop();
    assert.deepEqual(
      got,
      got.map((_, i) => got[0]! + i),
    );
    assert.equal(monitor.failures, 0);
  });
});
