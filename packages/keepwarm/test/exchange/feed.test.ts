/** Streams whose key is refused: with another key they go on, and a peer that takes none is not asked for ever. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { Feed } from '../../src/adapters/exchange/feed.ts';
import type { NetError } from '../../src/core/error.ts';
import { type ExchangeWords, StandIn, type Stream } from '../../src/testing/exchange/stand-in.ts';
import { until } from './until.ts';

type Where = 'greeting' | 'handshake';

/** An exchange that takes one key, and a feed that has another until it is told that it was refused. */
async function aFeed(t: TestContext, where: Where, keys: readonly string[]) {
  const greetings: string[] = [];
  const words: ExchangeWords<string, never> = {
    ...{ base: '', wsPath: '/', tooMany: { status: 429, body: {} } },
    say: () => ({ status: 404, body: {} }),
    kindOf: () => undefined,
    before: () => undefined,
    after: (_, said) => said,
    admits(query) {
      const key = query.get('key');
      if (key !== null) greetings.push(key);
      return key === null || key === 'right' ? { account: undefined } : undefined;
    },
    heard({ socket, channels }: Stream<string>, { id, key, channel }) {
      if (typeof key === 'string') greetings.push(key);
      if (typeof channel === 'string') channels.add(channel);
      socket.say(key === undefined || key === 'right' ? { id } : { id, error: 'wrong key' });
      if (typeof channel === 'string') socket.say({ channel, data: 'hello' });
    },
  };
  const standIn = new StandIn(words, {});
  const { wsUrl } = await standIn.open({});
  let used = 0;
  const key = (): string => keys[Math.min(used, keys.length - 1)]!;
  const feed = new Feed(
    {
      name: 'stand-in',
      url: () => Promise.resolve(where === 'handshake' ? `${wsUrl}?key=${key()}` : wsUrl),
      words: {
        greeting: where === 'greeting' ? (id) => Promise.resolve(JSON.stringify({ id, key: key() })) : undefined,
        subscribe: (channel, id) => JSON.stringify({ id, channel }),
        unsubscribe: (_, id) => JSON.stringify({ id }),
        read({ id, error, channel, data }) {
          if (typeof channel === 'string') return { kind: 'data', channel, value: data };
          return typeof id === 'number' ? { kind: 'answer', id, error: error as string | undefined } : undefined;
        },
      },
      pingMs: 60_000,
      continuityOf: () => ({}),
      refused: () => used++,
    },
    { random: () => 0 },
  );
  t.after(async () => {
    feed.close();
    await standIn.close();
  });
  const first = async (channel = 'x', signal?: AbortSignal): Promise<unknown> => {
    for await (const message of feed.subscribe(channel, signal)) if (message.kind === 'data') return message.value;
    return undefined;
  };
  return { feed, standIn, greetings, first };
}

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
