/**
 * Paradex on warm connections: connections of its own for each account, opened before its first order and kept so; its
 * published limits stacked; a token that is always fresh; orders that are never sent twice.
 */
import { Client } from '../../clients/client.ts';
import { guarded } from '../../clients/facts.ts';
import { invalid, show } from '../../clients/options.ts';
import type { Signable } from '../../clients/signing.ts';
import type { ClientStats } from '../../clients/stats.ts';
import type { Query } from '../../clients/targets.ts';
import { systemClock } from '../../core/clock.ts';
import type { Reply } from '../../core/reply.ts';
import type { Message } from '../../core/subscribe.ts';
import type { Feed } from '../exchange/feed.ts';
import { Gate } from '../exchange/gate.ts';
import { ServerTime } from '../exchange/server-time.ts';
import { configured, orderPool, REQUEST_MS, type Warmth, warmUp } from '../exchange/warm.ts';
import { ParadexAccount, type ParadexCallOptions } from './account.ts';
import { type ParadexOptions, paradexLimits, settleParadex } from './options.ts';
import type { ParadexParts } from './session.ts';
import { paradexFeed } from './streams.ts';

export class ParadexClient {
  /** The client beneath, for what has no name here: `section` is an account's name, or empty for public calls. */
  readonly client: Client;
  readonly #parts: ParadexParts;
  readonly #accounts = new Map<string, ParadexAccount>();
  readonly #feeds = new Map<string, Feed>();
  #closing: Promise<void> | undefined;

  /** @throws NetError `INVALID` naming the option that is not acceptable */
  constructor(options: ParadexOptions = {}) {
    const settings = settleParadex(options);
    const clock = options.clock ?? systemClock;
    const time = new ServerTime(clock);
    const observer = options.observer === undefined ? {} : guarded(options.observer);
    const origin = new URL(settings.network.restUrl);
    const base = origin.pathname.replace(/\/$/, '');
    const {
      perIp: _a,
      publicPerIp: _b,
      authPerIp: _c,
      ordersPerAccount: _d,
      readsPerAccount: _e,
      ...rates
    } = settings.rateLimits;
    const signed = ({ method, path }: { readonly method: string; readonly path: string }): boolean =>
      method === 'POST' && path === `${base}/orders`;
    const heard = (reply: Reply, sentWall: number): void => time.heard(reply.headers.get('date'), sentWall);
    const limits = paradexLimits(settings.rateLimits, base);
    const gate = new Gate({ ...rates, limits }, origin, signed, { clock, observer, heard });
    const pool = orderPool(settings.client);
    const deadlineMs = settings.client.deadlineMs ?? REQUEST_MS;
    this.client = new Client({
      preset: 'trading',
      http2: 'never',
      ...settings.client,
      ...pool,
      deadlineMs,
      origin,
      rateLimit: gate.forClient,
      sign: (call) => this.#fields(call),
    });
    this.#parts = { client: this.client, gate, time, clock, settings, base };
    for (const account of settings.accounts) {
      this.#accounts.set(account.name, new ParadexAccount(account, this.#parts, deadlineMs));
    }
    settings.log(configured('Paradex', pool));
  }

  /** A token for every account, onboarded where need be, and warm connections. @throws NetError when Paradex refuses */
  async connect(): Promise<Warmth> {
    await Promise.all([...this.#accounts.values()].map(({ session }) => session.token.get()));
    return this.warmUpHttp();
  }

  /** Connections for every account, and for public calls where there is none. Never fails. */
  warmUpHttp(): Promise<Warmth> {
    const { clock, settings } = this.#parts;
    const names = [...this.#accounts.keys()];
    const sections = names.length === 0 ? [''] : names;
    return warmUp(this.client, { name: 'Paradex', log: settings.log, clock, sections });
  }

  /** @throws NetError `INVALID` for an account there is not */
  account(name?: string): ParadexAccount {
    const [first] = this.#accounts.keys();
    const account = this.#accounts.get(name ?? first ?? '');
    if (account !== undefined) return account;
    throw invalid(`there is no account ${show(name)}; known: ${[...this.#accounts.keys()].join(', ') || 'none'}`);
  }

  systemConfig<T = unknown>(options?: ParadexCallOptions): Promise<T> {
    return this.get<T>('/system/config', {}, options);
  }
  markets<T = unknown>(market?: string, options?: ParadexCallOptions): Promise<T> {
    return this.get<T>('/markets', { market }, options);
  }
  marketsSummary<T = unknown>(market = 'ALL', options?: ParadexCallOptions): Promise<T> {
    return this.get<T>('/markets/summary', { market }, options);
  }
  orderbook<T = unknown>(market: string, depth?: number, options?: ParadexCallOptions): Promise<T> {
    return this.get<T>(`/orderbook/${encodeURIComponent(market)}`, { depth }, options);
  }

  /** Any public read. */
  get<T>(path: string, query: Query = {}, options: ParadexCallOptions = {}): Promise<T> {
    return this.client.get(path, { query, ...options }).json<T>();
  }

  /** A channel such as `bbo.BTC-USD-PERP`; with an account also its own, such as `orders.ALL`. */
  subscribe<T = unknown>(channel: string, options: { account?: string; signal?: AbortSignal } = {}) {
    const { account = '', signal } = options;
    const session = account === '' ? undefined : this.account(account).session;
    let feed = this.#feeds.get(account);
    if (feed === undefined) {
      feed = paradexFeed(this.#parts, session);
      this.#feeds.set(account, feed);
      if (this.#closing !== undefined) feed.close();
    }
    return feed.subscribe<T>(channel, signal) satisfies AsyncIterable<Message<T>>;
  }

  stats(): ClientStats {
    return this.client.stats();
  }

  /** Closes everything. Twice is harmless. */
  close(options: { readonly deadlineMs?: number } = {}): Promise<void> {
    this.#closing ??= this.#close(options);
    return this.#closing;
  }
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(options: { readonly deadlineMs?: number }): Promise<void> {
    for (const feed of this.#feeds.values()) feed.close();
    for (const account of this.#accounts.values()) account.close();
    await this.client.close(options);
  }

  /** The account's token, as it is at the moment of writing. */
  #fields({ section }: Signable): Record<string, string> {
    const token = this.#accounts.get(section)?.session.token.current;
    return token === undefined ? {} : { authorization: `Bearer ${token}` };
  }
}

/** A client for Paradex. @throws NetError `INVALID` naming the option that is not acceptable */
export function createParadex(options: ParadexOptions = {}): ParadexClient {
  return new ParadexClient(options);
}
