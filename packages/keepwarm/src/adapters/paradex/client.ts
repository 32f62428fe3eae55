/**
 * Paradex on warm connections: connections of its own for each account, opened before its first order and kept so; its
 * published limits stacked; a token that is always fresh; orders that are never sent twice.
 */
import type { Client } from '../../clients/client.ts';
import type { ClientStats } from '../../clients/stats.ts';
import type { Query } from '../../clients/targets.ts';
import type { Message } from '../../core/subscribe.ts';
import { Exchange, type ReadOptions } from '../exchange/exchange.ts';
import type { Feed } from '../exchange/feed.ts';
import type { FrameCounts } from '../exchange/feed-connection.ts';
import { stacked } from '../exchange/gate.ts';
import type { Warmth } from '../exchange/warm.ts';
import { ParadexAccount } from './account.ts';
import { problemIn } from './errors.ts';
import { PARADEX_COUNTS, PARADEX_LIMITS, type ParadexOptions, type ParadexSettings, settleParadex } from './options.ts';
import { accountFeed, isPrivate, publicFeed } from './streams.ts';

export class ParadexClient {
  /** The client beneath, for what has no name here: `section` is an account's name, or empty for public calls. */
  readonly client: Client;
  readonly #exchange: Exchange<ParadexSettings, ParadexAccount>;
  readonly #feeds = new Map<string, Feed>();

  /** @throws NetError `INVALID` naming the option that is not acceptable */
  constructor(options: ParadexOptions = {}) {
    const settings = settleParadex(options);
    this.#exchange = new Exchange<ParadexSettings, ParadexAccount>(
      {
        ...{ name: 'Paradex', settings },
        limits: (base) => stacked(PARADEX_LIMITS, settings.rateLimits, PARADEX_COUNTS, base),
        signed: (method, path) => method === 'POST' && path === '/orders',
        isSlow: (text) => problemIn(0, text)?.meaning === 'slow',
        fields: (account) => fieldsOf(account),
      },
      (account, parts) => new ParadexAccount(account, parts),
    );
    this.client = this.#exchange.parts.client;
  }

  /** A token for every account, onboarded where need be, and warm connections. @throws NetError when Paradex refuses */
  connect(options: ReadOptions = {}): Promise<Warmth> {
    return this.#exchange.connect(options);
  }

  /** Connections for every account, and for public calls where there is none. Never fails. */
  warmUpHttp(): Promise<Warmth> {
    return this.#exchange.warmUp();
  }

  /** @throws NetError `INVALID` for an account there is not */
  account(name?: string): ParadexAccount {
    return this.#exchange.account(name);
  }

  systemConfig<T = unknown>(options?: ReadOptions): Promise<T> {
    return this.get<T>('/system/config', {}, options);
  }
  markets<T = unknown>(market?: string, options?: ReadOptions): Promise<T> {
    return this.get<T>('/markets', { market }, options);
  }
  marketsSummary<T = unknown>(market = 'ALL', options?: ReadOptions): Promise<T> {
    return this.get<T>('/markets/summary', { market }, options);
  }
  orderbook<T = unknown>(market: string, depth?: number, options?: ReadOptions): Promise<T> {
    return this.get<T>(`/orderbook/${encodeURIComponent(market)}`, { depth }, options);
  }

  /** Any public read. */
  get<T>(path: string, query: Query = {}, options: ReadOptions = {}): Promise<T> {
    return this.client.get(path, { query, ...options }).json<T>();
  }

  /**
   * A channel such as `bbo.BTC-USD-PERP`, whose updates have types here; with an account also its own: `orders.ALL`.
   *
   * @throws NetError `INVALID` for an account there is not
   */
  subscribe<T = unknown>(channel: string, options: { account?: string; signal?: AbortSignal } = {}) {
    const { account = '', signal } = options;
    const session = account === '' ? undefined : this.account(account).session;
    // What is for everybody comes in another encoding, and so on a connection without an account.
    const own = isPrivate(channel) ? session : undefined;
    const name = own?.name ?? '';
    let feed = this.#feeds.get(name);
    if (feed === undefined) {
      const { parts } = this.#exchange;
      feed = own === undefined ? publicFeed(parts) : accountFeed(parts, own);
      this.#feeds.set(name, feed);
      if (this.#exchange.closing) feed.close();
    }
    return feed.subscribe<T>(channel, signal) satisfies AsyncIterable<Message<T>>;
  }

  /** Binary messages of public channels so far: read, of a kind that is not known, and such as could not be read. */
  frames(): Readonly<FrameCounts> {
    return this.#feeds.get('')?.frames ?? { read: 0, unknown: 0, malformed: 0 };
  }

  stats(): ClientStats {
    return this.client.stats();
  }

  /** Closes everything. Twice is harmless. */
  close(options: { readonly deadlineMs?: number } = {}): Promise<void> {
    return this.#exchange.close(options, () => {
      for (const feed of this.#feeds.values()) feed.close();
    });
  }
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** Its token. */
function fieldsOf(account: ParadexAccount | undefined): Record<string, string> {
  const token = account?.session.token.current;
  return token === undefined ? {} : { authorization: `Bearer ${token}` };
}

/** A client for Paradex. @throws NetError `INVALID` naming the option that is not acceptable */
export function createParadex(options: ParadexOptions = {}): ParadexClient {
  return new ParadexClient(options);
}
