/** Streams whose key is refused: with another key they go on, and a peer that takes none is not asked for ever. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { NetError } from '../../src/core/error.ts';
import { aFeed } from './a-feed.ts';
import { until } from './until.ts';

describe('a stream whose key is refused', { concurrency: true }, () => {
  for (const where of ['greeting', 'handshake'] as const) {
    it(`goes on with another one (${where})`, async (t) => {
      const { first, greetings } = await aFeed(t, where, ['old', 'right']);
      assert.equal(await first(), 'hello');
      assert.deepEqual(greetings, ['old', 'right']);
    });

    it(`ends after three keys, for everybody on it, and says why (${where})`, async (t) => {
      const { first, greetings } = await aFeed(t, where, ['a', 'b', 'c', 'd', 'e', 'f']);
      const ended = await Promise.all(['x', 'y'].map((channel) => first(channel).catch((thrown: NetError) => thrown)));
      for (const error of ended as NetError[]) {
        assert.deepEqual([error.code, error.reach], ['RPC', 'answered']);
        assert.match(error.message, /streams of stand-in were refused 3 times in a row.*(wrong key|401)/);
      }
      assert.deepEqual(greetings, ['a', 'b', 'c']);
      await assert.rejects(first(), { code: 'RPC' });
      assert.deepEqual(greetings, ['a', 'b', 'c', 'd', 'e', 'f'], 'who subscribes later is another matter');
    });
  }

  it('is not one that cannot be reached: that is tried until its caller has had enough', async (t) => {
    const { standIn, first, feed } = await aFeed(t, 'greeting', ['right']);
    await standIn.close();
    const caller = new AbortController();
    const ended = first('x', caller.signal).catch((thrown: NetError) => thrown.code);
    let failed = 0;
    await until(() => ++failed > 20);
    caller.abort(new Error('enough'));
    assert.equal(await ended, 'ABORTED');
    assert.deepEqual(feed.sockets.live, []);
  });
});
