/** Vest's WebSocket channels: of a symbol for everybody, of an account with its listen key. */
import type { Continuity } from '../../core/continuity.ts';
import type { Message } from '../../core/subscribe.ts';
import { asItStands, Feed } from '../exchange/feed.ts';
import type { FeedWords } from '../exchange/feed-words.ts';
import type { Standing } from '../exchange/onward.ts';
import { asObject } from './errors.ts';
import { listed } from './fate.ts';
import type { VestParts, VestSession } from './session.ts';

const WORDS: FeedWords = {
  subscribe: (channel, id) => JSON.stringify({ method: 'SUBSCRIBE', params: [channel], id }),
  unsubscribe: (channel, id) => JSON.stringify({ method: 'UNSUBSCRIBE', params: [channel], id }),
  ping: (id) => JSON.stringify({ method: 'PING', params: [], id }),
  read({ channel, data, id, result, error, code, msg }) {
    if (typeof channel === 'string') return { kind: 'data', channel, value: data };
    if (typeof id !== 'number' || data === 'PONG' || data === 'pong') return undefined;
    const refused =
      error ?? (result === undefined || result === null ? (code === undefined ? undefined : msg) : undefined);
    return { kind: 'answer', id, error: refused === undefined ? undefined : JSON.stringify(refused) };
  },
};

export class VestStreams {
  readonly #feed: Feed;

  /** @param session whose private channels they are; nothing for the public ones */
  constructor(parts: VestParts, session?: VestSession) {
    const { wsUrl } = parts.settings.network;
    const url = async (): Promise<string> => {
      const at = new URL(wsUrl);
      at.searchParams.set('version', '1.0');
      const listenKey = await session?.listenKey();
      at.searchParams.set('xwebsocketserver', `restserver${session?.accountGroup ?? 0}`);
      if (listenKey !== undefined) at.searchParams.set('listenKey', listenKey);
      return at.href;
    };
    this.#feed = new Feed(
      {
        name: session === undefined ? 'vest' : `vest ${session.name}`,
        url,
        words: WORDS,
        pingMs: parts.settings.figures.pingMs,
        continuityOf: (channel) => continuityOf(channel, parts, session),
        standingOf: (channel, value) => (channel === 'account_private' ? vestStanding(value) : undefined),
        refused() {
          session?.dropListenKey();
          return false;
        },
      },
      parts.settings.client,
    );
  }

  subscribe<T>(channel: string, signal?: AbortSignal): AsyncIterable<Message<T>> {
    return this.#feed.subscribe<T>(channel, signal);
  }

  close(): void {
    this.#feed.close();
  }
}

/** After a loss: the account's orders, the book or the last trades, as they stand by now. */
function continuityOf(channel: string, { client }: VestParts, session?: VestSession): Continuity {
  const [symbol, kind] = channel.split('@');
  if (channel === 'account_private' && session !== undefined) {
    return {
      place: vestPlace,
      fill: async () => asItStands(listed(await session.read<unknown>('/orders', {})).map(asEvent)),
    };
  }
  const query = { symbol: symbol! };
  if (kind === 'trades') {
    return {
      place: (value) => placeOf(asObject(value)['id']),
      async fill() {
        const body = asObject(await client.get('/trades', { query }).json());
        return asItStands(Array.isArray(body['trades']) ? body['trades'] : []);
      },
    };
  }
  if (kind === 'depth') return { fill: async () => asItStands([await client.get('/depth', { query }).json()]) };
  return {};
}

/** An order in a list, as the stream would have told it. */
const asEvent = (order: object): object => ({ event: 'ORDER', args: order });

/** The same order in the same state is the same message, told by the stream or by the list. */
export function vestPlace(value: unknown) {
  const { event, args } = asObject(value);
  const { id, status, lastFilledSize, postTime } = asObject(args);
  return event === 'ORDER' ? placeOf(`${id} ${status} ${lastFilledSize ?? ''} ${postTime ?? ''}`) : undefined;
}

/** What it is not, an order in another status may still be. */
const STAGES: ReadonlyMap<unknown, number> = new Map([
  ['NEW', 0],
  ['PARTIALLY_FILLED', 1],
  ['FILLED', Number.POSITIVE_INFINITY],
  ['CANCELLED', Number.POSITIVE_INFINITY],
  ['REJECTED', Number.POSITIVE_INFINITY],
]);

/** Of an order, as the channel of its account tells it. */
export function vestStanding(value: unknown): Standing | undefined {
  const { event, args } = asObject(value);
  const { id, status } = asObject(args);
  return event === 'ORDER' && id !== undefined ? { thing: String(id), status, stage: STAGES.get(status) } : undefined;
}

const placeOf = (id: unknown) => (id === undefined ? undefined : { id: String(id) });
