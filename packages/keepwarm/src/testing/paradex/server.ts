/**
 * A stand-in for Paradex, made from its published pages; nobody at Paradex has looked at it. It checks signatures,
 * tokens and clocks as they do, refuses with their codes, and loses or repeats what it is told to.
 */
import type { Asked, ExchangeServer, Said } from '../exchange/rules.ts';
import { type ExchangeWords, StandIn, type Stream } from '../exchange/stand-in.ts';
import { type BookEntry, no, ParadexBook } from './book.ts';
import type { ParadexFault, ParadexServerOptions } from './rules.ts';

export interface ParadexServer extends ExchangeServer<BookEntry> {
  readonly tokens: number;
  readonly onboardings: number;
  /** Tokens handed out so far are no longer taken. */
  expireTokens(): void;
}

const TIMED_OUT = no(503, 'INTERNAL_ERROR', 'timed out');
const CHANNEL = 'orders.ALL';

export async function startParadexServer(options: ParadexServerOptions): Promise<ParadexServer> {
  const words = new ParadexWords(options);
  const { book, standIn } = words;
  return standIn.open({
    orders: book.orders,
    get tokens() {
      return book.tokensGiven;
    },
    get onboardings() {
      return book.onboardings;
    },
    expireTokens: () => book.tokens.clear(),
  });
}

class ParadexWords implements ExchangeWords<string, ParadexFault> {
  readonly base = '/v1';
  readonly wsPath = '/v1';
  readonly tooMany = no(429, 'RATE_LIMIT_EXCEEDED');
  readonly standIn: StandIn<string, ParadexFault>;
  readonly book: ParadexBook;

  constructor(options: ParadexServerOptions) {
    this.standIn = new StandIn(this, options);
    const { standIn } = this;
    const clock = { now: () => standIn.clock.now(), wall: () => standIn.wall() };
    this.book = new ParadexBook(options, clock, (order) => {
      const message = { jsonrpc: '2.0', method: 'subscription', params: { channel: CHANNEL, data: order } };
      standIn.tell(CHANNEL, message, ({ account }) => account === order.account);
    });
  }

  say(asked: Asked): Promise<Said> {
    return this.book.say(asked);
  }

  kindOf({ method, path }: Asked) {
    if (method === 'DELETE' && path.startsWith('/orders')) return 'cancel';
    return method === 'POST' && path === '/orders' ? 'order' : undefined;
  }

  before(fault: ParadexFault | undefined): Said | undefined {
    if (fault === 'token') this.book.tokens.clear();
    return fault === 'timed out before' ? TIMED_OUT : undefined;
  }

  after(fault: ParadexFault | undefined, said: Said): Said {
    return fault === 'timed out after' ? TIMED_OUT : said;
  }

  admits() {
    return { account: undefined };
  }

  heard(stream: Stream<string>, { method, params, id }: Readonly<Record<string, unknown>>): void {
    const { channel = '', bearer = '' } = (params ?? {}) as Readonly<Record<string, string>>;
    const refuse = (): void =>
      stream.socket.say({ jsonrpc: '2.0', id, error: { code: 40_111, message: 'unauthorized' } });
    if (method === 'auth') {
      stream.account = this.book.tokens.get(bearer);
      if (stream.account === undefined) return refuse();
    } else if (method === 'subscribe') {
      if (channel.startsWith('orders.') && stream.account === undefined) return refuse();
      stream.channels.add(channel);
    } else stream.channels.delete(channel);
    stream.socket.say({ jsonrpc: '2.0', id, result: {} });
  }
}
