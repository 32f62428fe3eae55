/** An exchange that takes one key, and a feed that has another until it is told that it was refused. */
import type { TestContext } from 'node:test';
import { Feed } from '../../src/adapters/exchange/feed.ts';
import type { Observer } from '../../src/core/observer.ts';
import { type ExchangeWords, StandIn, type Stream } from '../../src/testing/exchange/stand-in.ts';

type Where = 'greeting' | 'handshake';

export async function aFeed(t: TestContext, where: Where, keys: readonly string[], observer: Observer = {}) {
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
      refused() {
        used++;
        return false;
      },
    },
    { random: () => 0, observer },
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
