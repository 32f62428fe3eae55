/**
 * Paradex's WebSocket channels. What is said is JSON-RPC on all of them. An account's tell JSON, on connections that
 * begin with its token; those for everybody tell binary messages (SBE), on connections that ask for a version of them.
 */
import type { Continuity } from '../../core/continuity.ts';
import { asItStands, Feed } from '../exchange/feed.ts';
import { ALL, type BinaryWords, type FeedWords, type FramePlace } from '../exchange/feed-words.ts';
import type { Standing } from '../exchange/onward.ts';
import { paradexWholes } from './book.ts';
import { kindOfFrame, PARADEX_SBE_SCHEMA, paradexFrame } from './sbe.ts';
import type { ParadexParts, ParadexSession } from './session.ts';

const said = (method: string, params: object, id: number): string =>
  JSON.stringify({ jsonrpc: '2.0', method, params, id });

/** Source: Paradex's pages on its channels. What is none of them is for everybody. */
const PRIVATE = new Set([
  ...['account', 'balance_events', 'block_trades', 'fills', 'funding_payments', 'orders', 'positions', 'tradebusts'],
  ...['transaction', 'transfers'],
]);

export const isPrivate = (channel: string): boolean => PRIVATE.has(channel.split('.', 1)[0]!);

const SHARED: FeedWords = {
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

/** What a channel's name has behind its market: how it is told, and how often. */
const MANNER = /(?:\.(?:snapshot|deltas|interactive|interactive_deltas))?(?:@.*)?$/;

/** A frame has a market in it, and of its channel's name the first part alone. */
export function placeOf(channel: string): FramePlace {
  const [kind = ''] = channel.split('.', 1);
  const market = channel.slice(kind.length + 1).replace(MANNER, '');
  return { kind, of: market === '' ? ALL : market };
}

/** Paradex itself refuses two books of one market on a connection. */
export function apart(channel: string, other: string): boolean {
  const [place, otherPlace] = [placeOf(channel), placeOf(other)];
  return place.kind === otherPlace.kind && (place.of === otherPlace.of || place.of === ALL || otherPlace.of === ALL);
}

const BINARY: BinaryWords = {
  read(bytes) {
    const frame = paradexFrame(bytes);
    if (typeof frame === 'number') return { known: false, what: `template ${frame} of schema ${PARADEX_SBE_SCHEMA}` };
    return frame && { kind: frame.kind, of: frame.market, value: frame.value };
  },
  kindOf: kindOfFrame,
  placeOf,
};

const VERSION = 'sbeSchemaVersion';

/** Of the channels for everybody. */
export function publicFeed(parts: ParadexParts): Feed {
  const { settings } = parts;
  let version = settings.figures.sbeVersion;
  return new Feed(
    {
      name: 'paradex',
      url() {
        const url = new URL(settings.network.wsUrl);
        url.searchParams.set('sbeSchemaId', String(PARADEX_SBE_SCHEMA));
        url.searchParams.set(VERSION, String(version));
        return Promise.resolve(url.href);
      },
      words: { ...SHARED, binary: BINARY },
      // A version that is not served is a 400, and never another version: the one below it may be.
      refused({ status }, url) {
        const asked = Number(URL.parse(url)?.searchParams.get(VERSION));
        if (status === 400 && asked === version && version > 0) version--;
        return asked > version;
      },
      pingMs: Number.POSITIVE_INFINITY, // WebSocket's own pings do
      continuityOf: (channel) => bookOf(channel, parts),
      apart,
      wholes: paradexWholes,
    },
    settings.client,
  );
}

/** Of the channels of an account. */
export function accountFeed(parts: ParadexParts, session: ParadexSession): Feed {
  const { settings } = parts;
  let last: string | undefined;
  return new Feed(
    {
      name: `paradex ${session.name}`,
      url: () => Promise.resolve(settings.network.wsUrl),
      words: {
        ...SHARED,
        async greeting(id) {
          last = await session.token.get();
          return said('auth', { bearer: last }, id);
        },
      },
      refused() {
        if (last !== undefined) session.token.refuse(last);
        return false;
      },
      pingMs: Number.POSITIVE_INFINITY,
      continuityOf: (channel) => ordersOf(channel, parts, session),
      standingOf: (channel, value) => (channel.startsWith('orders.') ? paradexStanding(value) : undefined),
    },
    settings.client,
  );
}

/** After a loss: the book as it stands by now. One that is told in changes comes whole by itself. */
function bookOf(channel: string, { client }: ParadexParts): Continuity {
  const { kind, of } = placeOf(channel);
  if (kind !== 'order_book' || paradexWholes.of(channel)) return {};
  return {
    async fill() {
      const book = await client.get(`/orderbook/${encodeURIComponent(of)}`).json<object>();
      return asItStands([{ update_type: 's', ...book }]);
    },
  };
}

/** After a loss: the account's open orders and its last ones. */
function ordersOf(channel: string, { client }: ParadexParts, session: ParadexSession): Continuity {
  const [kind, market = ALL] = channel.split('.');
  if (kind !== 'orders') return {};
  const query = { market: market === ALL ? undefined : market };
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
