/** Connections are opened as fast as the provider allows, and never faster, whatever the calls want. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createGrpcClient, NetError, rawMethod } from '../../src/grpc.ts';
import { aClient, answer, failure } from '../engine/grpc/a-peer.ts';
import { aPeer } from '../engine/h2/a-peer.ts';
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
    const connectionRate = { limit, windowMs, reserve: 1, lateMs: 50, assumed: 'empty' } as const;
    const client = aClient(t, peer, { connectionRate, limits: { queueMs: 5_000 } });
    let answered = 0;
    const caller = async (): Promise<void> => {
      for (const end = performance.now() + 10_000; seen.length < 4 * limit && performance.now() < end; ) {
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
  });
});
