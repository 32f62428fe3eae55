/** Connections are opened as fast as the provider allows, and never faster, whatever the calls want. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import {
  createConnectionCap,
  createConnectionRate,
  createGrpcClient,
  NetError,
  rawMethod,
  withConnectionCap,
} from '../../src/grpc.ts';
import { aClient, all, answer, failure, head, headOnly, trailers } from '../engine/grpc/a-peer.ts';
import { aPeer, type Line } from '../engine/h2/a-peer.ts';
import { leavesNothing } from '../engine/setup.ts';
import { settings } from '../wire/h2/raw.ts';

leavesNothing();

const method = rawMethod('/raw.Raw/Call');
const NOTHING = new Uint8Array(0);

describe('a limit on opening connections', () => {
  it('is kept in every window, through connections that are lost, refused and wanted all at once', async (t) => {
    const [limit, windowMs] = [4, 300];
    const seen: number[] = [];
    const peer = await aPeer(t, {
      connected: (line) => {
        seen.push(performance.now());
        if (seen.length % 3 === 0) return void line.socket.destroy();
        line.send(settings(['maxConcurrentStreams', 1]));
      },
      request: (line, { id }) => {
        answer(line, id);
        setTimeout(() => line.socket.destroy(), 5);
      },
    });
    const connectionRate = { limit, windowMs, reserve: 1, lateMs: 50, resetMs: 0, assumed: 'empty' } as const;
    const client = aClient(t, peer, { connectionRate, limits: { queueMs: 60_000 } });
    let answered = 0;
    const caller = async (): Promise<void> => {
      for (const end = performance.now() + 60_000; seen.length < 4 * limit && performance.now() < end; ) {
        await client.unary(method, NOTHING).then(
          () => answered++,
          (error) => assert.equal(error.status, 'UNAVAILABLE'),
        );
      }
    };
    await Promise.all(Array.from({ length: 6 }, caller));
    assert(answered >= limit, `${answered} answers`);
    assert(seen.length >= 4 * limit, `${seen.length} connections`);
    for (let from = 0, to = 0; to < seen.length; to++) {
      while (seen[to]! - seen[from]! >= windowMs) from++;
      assert(to - from + 1 <= limit, `${to - from + 1} of ${limit} in one window`);
    }
    const { connectionRate: told } = client.stats();
    assert(told !== undefined && told.granted >= seen.length, 'every dial was granted');
  });

  it('that is used up makes calls wait, and they say so when that takes too long', async (t) => {
    const peer = await aPeer(t, { request: (line, { id }) => answer(line, id) });
    const client = aClient(t, peer, { connectionRate: {}, limits: { queueMs: 40 } });
    const error = await failure(client.unary(method, NOTHING));
    assert.deepEqual([error.status, error.reach, error.limit], ['UNAVAILABLE', 'unsent', 'queueMs']);
    assert.equal(peer.lines.length, 0, 'nothing is known of the run before: it may have used the whole minute');
    client.destroy();
  });

  it('is one limit for all clients that share it, and outlives each of them', async (t) => {
    const seen: number[] = [];
    const peer = await aPeer(t, {
      connected: (line) => {
        seen.push(performance.now());
        line.send(settings(['maxConcurrentStreams', 10]));
      },
      request: (line, { id }) => answer(line, id),
    });
    const figures = { limit: 3, windowMs: 300, reserve: 0, lateMs: 50, assumed: 'empty' } as const;
    const connectionRate = createConnectionRate({ name: 'provider', ...figures });
    t.after(() => connectionRate.close());
    const clients = Array.from({ length: 8 }, () => aClient(t, peer, { connectionRate }));
    await Promise.all(
      clients.map(async (client) => {
        await client.warmUp(); // a dial like any other
        await client.unary(method, NOTHING);
        client.destroy();
      }),
    );
    assert.equal(seen.length, 8);
    for (const [i, at] of seen.entries()) assert(i < 3 || at - seen[i - 3]! >= 300, `window before ${i}`);
    assert.equal(connectionRate.snapshot().granted, 8);
    assert.equal(clients[0]!.stats().connectionRate!.granted, 8, 'told by each');
    (await connectionRate.start('growth')).cancelled();
  });

  it('counts successors of connections that grow old, and warm spares, like any other', async (t) => {
    const [limit, windowMs] = [3, 400];
    const seen: number[] = [];
    const { promise: enough, resolve } = Promise.withResolvers<void>();
    const peer = await aPeer(t, {
      connected: (line) => {
        if (seen.push(performance.now()) === 3 * limit) resolve();
        line.send(settings(['maxConcurrentStreams', 10]));
      },
      request: (line, { id }) => answer(line, id),
    });
    const connectionRate = createConnectionRate({
      name: 'p',
      limit,
      windowMs,
      reserve: 0,
      lateMs: 50,
      assumed: 'empty',
    });
    const pool = { idleMin: 1, ageMs: 100, ageJitter: 0 };
    for (let i = 0; i < 4; i++) void aClient(t, peer, { connectionRate, pool }).warmUp();
    await enough;
    connectionRate.close();
    for (const [i, at] of seen.entries()) assert(i < limit || at - seen[i - limit]! >= windowMs, `window before ${i}`);
  });

  it('can have one on connections at once beside it, in which one that drains counts until it is closed', async (t) => {
    let [open, most] = [0, 0];
    const peer = await aPeer(t, {
      connected: (line) => {
        most = Math.max(most, ++open);
        line.socket.once('close', () => open--);
        if (most > 1 && open % 2 === 0) return void line.socket.resetAndDestroy();
        line.send(settings(['maxConcurrentStreams', 10]));
      },
      request: (line, { id }) => answer(line, id),
    });
    const rate = createConnectionRate({ name: 'p', limit: 1_000, resetMs: 0, assumed: 'empty' });
    const cap = createConnectionCap({ name: 'p', connectionsMax: 2 });
    const connectionRate = withConnectionCap(rate, cap);
    t.after(() => connectionRate.close());
    const limits = { queueMs: 20_000 };
    await Promise.all(
      Array.from({ length: 12 }, async () => {
        const client = aClient(t, peer, { connectionRate, limits });
        await client.unary(method, NOTHING).catch((error) => assert.equal(error.status, 'UNAVAILABLE'));
        assert(client.stats().connectionRate!.connections!.taken <= 2);
        client.destroy();
      }),
    );
    assert(most <= 2, `${most} at once`);
    while (cap.snapshot().taken > 0) await new Promise((resolve) => setImmediate(resolve));
    const place = cap.tryTake();
    assert.equal(connectionRate.admits('growth'), true);
    cap.tryTake();
    assert.equal(connectionRate.admits('growth'), false, 'there is no place');
    place!.release();
    const away = createGrpcClient({ target: 'http://127.0.0.1:1', connectionRate, retry: false });
    await failure(away.unary(method, NOTHING));
    away.destroy();
    assert.equal(cap.snapshot().taken, 1, 'what never came about has no place');
  });

  it('pauses when the first answer on a connection says that there were too many', async (t) => {
    const asks = ['grpc-retry-pushback-ms', '4000'] as const;
    const exhausted = (line: Line, id: number): unknown => line.send(headOnly(id, [['grpc-status', '8'], asks]));
    const inTheEnd = (line: Line, id: number): unknown => line.send(head(id), trailers(id, '8'));
    const http429 = (line: Line, id: number): unknown =>
      line.send(headOnly(id, [['retry-after', '7']], { status: '429', type: 'text/plain' }));
    for (const [what, pauseMs, streams] of [
      [exhausted, 4_000, false],
      [inTheEnd, 60_000, true],
      [http429, 7_000, false],
    ] as const) {
      const peer = await aPeer(t, { request: (line, { id }) => void what(line, id) });
      const client = aClient(t, peer, { connectionRate: { assumed: 'empty' } });
      if (streams) await assert.rejects(all(client.serverStream(method, NOTHING)), { status: 'RESOURCE_EXHAUSTED' });
      else await failure(client.unary(method, NOTHING));
      const { pausedMs, penalties } = client.stats().connectionRate!;
      assert(pausedMs > pauseMs - 2_000 && pausedMs <= pauseMs, `${pausedMs} of ${pauseMs}`);
      assert.equal(penalties, 1);
      await failure(client.unary(method, NOTHING));
      assert.equal(client.stats().connectionRate!.penalties, 1, 'later on it is about calls');
    }
    const peer = await aPeer(t, { connected: (line) => void line.socket.resetAndDestroy() });
    const client = aClient(t, peer, { connectionRate: { assumed: 'empty' }, limits: { queueMs: 100 } });
    await failure(client.unary(method, NOTHING));
    const { pausedMs, penalties } = client.stats().connectionRate!;
    assert(penalties === 1 && pausedMs <= 1_000, `${penalties}, ${pausedMs}`);
  });

  it('that is kept in a file is kept by one limiter of a process only', (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'keepwarm-starts-'));
    t.after(() => rmSync(folder, { recursive: true }));
    const [target, connectionRate] = ['https://localhost:1', { path: join(folder, 'starts') }];
    const first = createGrpcClient({ target, connectionRate });
    assert.throws(() => createGrpcClient({ target, connectionRate }), /another limiter of this process/);
    first.destroy();
    createGrpcClient({ target, connectionRate }).destroy();
  });

  it('is refused by name when it cannot be', () => {
    const target = 'https://localhost:1';
    for (const [connectionRate, message] of [
      [{ limit: 0 }, /connectionRate.limit is 0/],
      [{ limit: 1.5 }, /whole number/],
      [{ limit: 3, reserve: 3 }, /connectionRate.reserve is 3; allowed: less than connectionRate.limit 3/],
      [{ windowMS: 3 }, /did you mean windowMs/],
      [{ assumed: 'half' }, /connectionRate.assumed is "half"/],
    ] as const) {
      assert.throws(
        () => createGrpcClient({ target, connectionRate: connectionRate as never }),
        (error) => error instanceof NetError && message.test(error.message),
      );
    }
    const raced = { target, connectionRate: {}, connect: { attemptDelayMs: 250 } };
    assert.throws(
      () => createGrpcClient(raced),
      /connect.attemptDelayMs is 250; allowed with connectionRate: Infinity/,
    );
  });
});
