/**
 * The public channels of the stand-in for Paradex, and its books. Subscriptions are taken and refused as the real one
 * does: by its pages, and by what those who use it have written down since September 2026.
 */
import type { Stream } from '../exchange/stand-in.ts';
import { type ParadexEvent, paradexSbe, type SbeAmount, type SbeLevel } from './sbe-writer.ts';

/** Bids and asks by price, and the number of the last change. */
export interface PublicBook {
  readonly bids: ReadonlyMap<string, string>;
  readonly asks: ReadonlyMap<string, string>;
  readonly seq: bigint;
}

/** What becomes of the message that tells a change: it never comes, or comes with bytes missing at its end. */
export type LostChange = 'lost' | 'cut';

export interface BookChange {
  /** Of size `0`: gone. */
  readonly bids?: readonly (readonly [price: string, size: string])[] | undefined;
  readonly asks?: readonly (readonly [price: string, size: string])[] | undefined;
}

interface Host {
  readonly streams: Iterable<Stream<string>>;
  /** Milliseconds since 1970. */
  wall(): number;
}

interface Book {
  readonly bids: Map<string, string>;
  readonly asks: Map<string, string>;
  seq: bigint;
}

const KINDS = new Set(['trades', 'bbo', 'order_book', 'markets_summary', 'funding_data', 'funding_rate_comparison']);
const MANNER = /(?:\.(?:snapshot|deltas|interactive|interactive_deltas))?(?:@.*)?$/;
const FIRST_SEQ = 7_000_000_000n;
const TOP = 15;

export class PublicChannels {
  readonly #standIn: Host;
  readonly #books = new Map<string, Book>();

  constructor(standIn: Host) {
    this.#standIn = standIn;
  }

  /** Why a subscription is refused; nothing where it is not. */
  refusal({ version, channels }: Stream<string>, channel: string): string | undefined {
    const { kind, market } = partsOf(channel);
    if (!KINDS.has(kind)) return `unknown channel '${channel}'`;
    if (version === undefined) return `channel '${channel}' requires SBE`;
    if (channels.has(channel)) return `already subscribed to '${channel}'`;
    const [, topic] = /\.((?:interactive_)?deltas)@/.exec(channel) ?? [];
    if (topic !== undefined) return `no parameters expected for ${topic} topic.`;
    const other = [...channels].find((each) => partsOf(each).kind === kind && partsOf(each).market === market);
    if (kind !== 'order_book' || other === undefined) return undefined;
    return `channel '${channel}' cannot share an SBE session with '${other}'`;
  }

  /** A channel of changes begins with the whole. */
  subscribed(stream: Stream<string>, channel: string): void {
    if (/deltas$/.test(channel)) this.#say(stream, this.#wholeOf(partsOf(channel).market));
  }

  publish(event: ParadexEvent): void {
    for (const stream of this.#standIn.streams) {
      for (const channel of stream.channels) {
        const { kind, market } = partsOf(channel);
        if (kind === event.kind && (market === 'ALL' || market === event.market)) this.#say(stream, event);
      }
    }
  }

  /** To all connections with this channel. */
  publishBytes(channel: string, bytes: Uint8Array): void {
    for (const stream of this.#standIn.streams) if (stream.channels.has(channel)) stream.socket.sayBytes(bytes);
  }

  bookOf(market: string): PublicBook {
    return this.#book(market);
  }

  change(market: string, { bids = [], asks = [] }: BookChange, fate?: LostChange): void {
    const book = this.#book(market);
    book.seq++;
    for (const [side, levels] of [['bids', bids] as const, ['asks', asks] as const]) {
      for (const [price, size] of levels) {
        if (Number(size) === 0) book[side].delete(price);
        else book[side].set(price, size);
      }
    }
    if (fate === 'lost') return;
    const event: ParadexEvent = { kind: 'order_book', market, seq: book.seq, ts: this.#now(), type: 1, bids, asks };
    for (const stream of this.#standIn.streams) {
      for (const channel of stream.channels) {
        const parts = partsOf(channel);
        if (parts.kind !== 'order_book' || parts.market !== market) continue;
        this.#say(stream, /deltas$/.test(channel) ? event : this.#wholeOf(market, TOP), fate);
      }
    }
  }

  #say({ socket, version = 0 }: Stream<string>, event: ParadexEvent, fate?: LostChange): void {
    const bytes = paradexSbe(event, version);
    socket.sayBytes(fate === 'cut' ? bytes.subarray(0, -3) : bytes);
  }

  #wholeOf(market: string, levelsMax = Number.POSITIVE_INFINITY): ParadexEvent {
    const { bids, asks, seq } = this.#book(market);
    const top = (side: ReadonlyMap<string, SbeAmount>, sign: number): SbeLevel[] =>
      [...side].toSorted(([one], [other]) => sign * (Number(one) - Number(other))).slice(0, levelsMax);
    return {
      ...{ kind: 'order_book', market, seq, ts: this.#now(), type: 0, bids: top(bids, -1), asks: top(asks, 1) },
    };
  }

  #book(market: string): Book {
    const known = this.#books.get(market);
    if (known !== undefined) return known;
    const book: Book = { bids: new Map(), asks: new Map(), seq: FIRST_SEQ };
    this.#books.set(market, book);
    return book;
  }

  #now(): bigint {
    return BigInt(Math.floor(this.#standIn.wall())) * 1_000n;
  }
}

function partsOf(channel: string): { readonly kind: string; readonly market: string } {
  const [kind = ''] = channel.split('.', 1);
  const market = channel.slice(kind.length + 1).replace(MANNER, '');
  return { kind, market: market === '' ? 'ALL' : market };
}
