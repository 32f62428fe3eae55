/** Paradex's WebSocket channels: JSON-RPC, with the token said first where they are an account's. */
import type { Continuity } from '../../core/continuity.ts';
import { asItStands, Feed } from '../exchange/feed.ts';
import type { FeedWords } from '../exchange/feed-connection.ts';
import type { Standing } from '../exchange/onward.ts';
import type { ParadexParts, ParadexSession } from './session.ts';

const said = (method: string, params: object, id: number): string =>
  JSON.stringify({ jsonrpc: '2.0', method, params, id });

/** @param keys told of each token that was said */
function words(session: ParadexSession | undefined, keys: { last: string | undefined }): FeedWords {
  return {
    greeting:
      session &&
      (async (id) => {
        keys.last = await session.token.get();
        return said('auth', { bearer: keys.last }, id);
      }),
    subscribe: (channel, id) => said('subscribe', { channel }, id),
    unsubscribe: (channel, id) => said('unsubscribe', { channel }, id),
    read({ id, method, params, error }) {
      if (method === 'subscription') {
        const { channel, data } = (params ?? {}) as { readonly channel?: unknown; readonly data?: unknown };
        return typeof channel === 'string' ? { kind: 'data', channel, value: data } : undefined;
      }
      if (typeof id !== 'number') return undefined;
      return { kind: 'answer', id, error: error === undefined ? undefined : JSON.stringify(error) };
    },
  };
}

export function paradexFeed(parts: ParadexParts, session: ParadexSession | undefined): Feed {
  const { settings } = parts;
  const keys: { last: string | undefined } = { last: undefined };
  return new Feed(
    {
      name: session === undefined ? 'paradex' : `paradex ${session.name}`,
      url: () => Promise.resolve(settings.network.wsUrl),
      words: words(session, keys),
      refused: () => keys.last !== undefined && session?.token.refuse(keys.last),
      pingMs: Number.POSITIVE_INFINITY, // WebSocket's own pings do
      continuityOf: (channel) => continuityOf(channel, parts, session),
      standingOf: (channel, value) => (channel.startsWith('orders.') ? paradexStanding(value) : undefined),
    },
    settings.client,
  );
}

/** After a loss: the account's open orders and its last ones, or the book, as they stand by now. */
function continuityOf(channel: string, { client }: ParadexParts, session?: ParadexSession): Continuity {
  const [kind, market = 'ALL'] = channel.split('.');
  if (kind === 'orders' && session !== undefined) {
    const query = { market: market === 'ALL' ? undefined : market };
    const listed = async (path: string): Promise<readonly unknown[]> => {
      const list = await session.authorised({}, (call) =>
        client.get(path, { ...call, query }).json<{ results?: readonly unknown[] }>(),
      );
      return list.results ?? [];
    };
    return {
      place: paradexPlace,
      // In this order: what is closed between the two questions is told as open first. History comes newest first.
      async fill() {
        const all = [...(await listed('/orders')), ...(await listed('/orders-history')).toReversed()];
        return asItStands([...new Map(all.map((order) => [paradexPlace(order)?.id ?? order, order])).values()]);
      },
    };
  }
  if (kind === 'order_book') {
    return { fill: async () => asItStands([await client.get(`/orderbook/${encodeURIComponent(market)}`).json()]) };
  }
  return {};
}

/**
 * The same order in the same state is the same message, told by the stream or by the list. What can be modified belongs
 * to its state.
 */
export function paradexPlace(value: unknown) {
  const { id, status, remaining_size: left, size, price } = (value ?? {}) as Readonly<Record<string, unknown>>;
  return id === undefined ? undefined : { id: [id, status, left, size, price].map((each) => each ?? '').join(' ') };
}

const STAGES: ReadonlyMap<unknown, number> = new Map([
  ['NEW', 0],
  ['UNTRIGGERED', 1],
  ['OPEN', 2],
  ['CLOSED', Number.POSITIVE_INFINITY],
]);

/** Of an order, as the channel of orders tells it. */
export function paradexStanding(value: unknown): Standing | undefined {
  const { id, status, seq_no: version } = (value ?? {}) as Readonly<Record<string, unknown>>;
  if (id === undefined) return undefined;
  const counted = typeof version === 'number' ? version : undefined;
  return { thing: String(id), status, stage: STAGES.get(status), version: counted };
}
