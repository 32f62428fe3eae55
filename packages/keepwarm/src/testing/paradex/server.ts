/**
 * A stand-in for Paradex, made from its published pages; nobody at Paradex has looked at it. It checks signatures,
 * tokens and clocks as they do, refuses with their codes, and loses or repeats what it is told to.
 */
import type { Asked, ExchangeServer, Said } from '../exchange/rules.ts';
import { type ExchangeWords, StandIn, type Stream } from '../exchange/stand-in.ts';
import { type BookEntry, no, ParadexBook } from './book.ts';
import { type BookChange, type LostChange, type PublicBook, PublicChannels } from './channels.ts';
import type { ParadexFault, ParadexServerOptions } from './rules.ts';
import type { ParadexEvent } from './sbe-writer.ts';

export interface ParadexServer extends ExchangeServer<BookEntry> {
  readonly tokens: number;
  readonly onboardings: number;
  /** Tokens handed out so far are no longer taken. */
  expireTokens(): void;
  /** Tells it on the channels of its market and on those of all, in the version each connection asked for. */
  publish(event: ParadexEvent): void;
  /** Any binary message, to all connections with this channel. */
  publishBytes(channel: string, bytes: Uint8Array): void;
  /** Changes a book and tells its channels: `deltas` the change, others the 15 best levels of what is then. */
  changeBook(market: string, change: BookChange, fate?: LostChange): void;
  book(market: string): PublicBook;
}

const TIMED_OUT = no(503, 'INTERNAL_ERROR', 'timed out');
const CHANNEL = 'orders.ALL';
const PRIVATE = /^(?:account|balance_events|block_trades|fills|funding_payments|orders|positions|trans|tradebusts)/;
const UNAUTHORIZED = 40_111;
const INVALID = -32_600;
/** Of the binary schema, as served since September 2026. */
const VERSION_MAX = 2;

export async function startParadexServer(options: ParadexServerOptions): Promise<ParadexServer> {
  const words = new ParadexWords(options);
  const { book, channels, standIn } = words;
  return standIn.open({
    orders: book.orders,
    get tokens() {
      return book.tokensGiven;
    },
    get onboardings() {
      return book.onboardings;
    },
    expireTokens: () => book.tokens.clear(),
    publish: (event: ParadexEvent) => channels.publish(event),
    publishBytes: (channel: string, bytes: Uint8Array) => channels.publishBytes(channel, bytes),
    changeBook: (market: string, change: BookChange, fate?: LostChange) => channels.change(market, change, fate),
    book: (market: string) => channels.bookOf(market),
  });
}

class ParadexWords implements ExchangeWords<string, ParadexFault> {
  readonly base = '/v1';
  readonly wsPath = '/v1';
  readonly tooMany = no(429, 'RATE_LIMIT_EXCEEDED');
  readonly standIn: StandIn<string, ParadexFault>;
  readonly book: ParadexBook;
  readonly channels: PublicChannels;
  readonly #versionMax: number;

  constructor(options: ParadexServerOptions) {
    this.#versionMax = options.sbeVersionMax ?? VERSION_MAX;
    this.standIn = new StandIn(this, options);
    this.channels = new PublicChannels(this.standIn);
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

  /** What is asked for and not served is refused; nothing is served in its place. */
  admits(query: URLSearchParams) {
    const [id, asked] = [query.get('sbeSchemaId'), query.get('sbeSchemaVersion')];
    if (id === null && asked === null) return { account: undefined };
    const version = /^\d+$/.test(asked ?? '') ? Number(asked) : Number.NaN;
    return id === '1' && version <= this.#versionMax ? { account: undefined, version } : { status: 400 };
  }

  heard(stream: Stream<string>, { method, params, id }: Readonly<Record<string, unknown>>): void {
    const { channel = '', bearer = '' } = (params ?? {}) as Readonly<Record<string, string>>;
    const refuse = (code: number, message: string, data?: string): void =>
      stream.socket.say({ jsonrpc: '2.0', id, error: { code, message, data } });
    const agree = (): void => stream.socket.say({ jsonrpc: '2.0', id, result: { channel } });
    if (method === 'auth') {
      stream.account = this.book.tokens.get(bearer);
      return stream.account === undefined ? refuse(UNAUTHORIZED, 'unauthorized') : agree();
    }
    if (method === 'unsubscribe') {
      return stream.channels.delete(channel) ? agree() : refuse(INVALID, 'invalid unsubscribe request');
    }
    const isPrivate = PRIVATE.test(channel);
    if (isPrivate && stream.account === undefined) return refuse(UNAUTHORIZED, 'unauthorized');
    const refusal = isPrivate ? undefined : this.channels.refusal(stream, channel);
    if (refusal !== undefined) return refuse(INVALID, 'invalid subscribe request', refusal);
    stream.channels.add(channel);
    agree();
    if (!isPrivate) this.channels.subscribed(stream, channel);
  }
}
