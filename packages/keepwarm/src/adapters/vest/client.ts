/**
 * Vest on warm connections: connections of its own for each account, opened before its first order and kept so; limits
 * for all of them together and for each; orders that are never sent twice.
 */
import type { Client } from '../../clients/client.ts';
import type { ClientStats } from '../../clients/stats.ts';
import type { Query } from '../../clients/targets.ts';
import type { Message } from '../../core/subscribe.ts';
import { Exchange, type ReadOptions } from '../exchange/exchange.ts';
import { stacked } from '../exchange/gate.ts';
import type { Warmth } from '../exchange/warm.ts';
import { VestAccount } from './account.ts';
import { parsed, problemIn } from './errors.ts';
import { settleVest, VEST_LIMITS, type VestOptions, type VestSettings } from './options.ts';
import { VestStreams } from './streams.ts';

/** What is signed by its body. */
const SIGNED_PATHS = ['/orders', '/orders/cancel', '/lp', '/transfer/withdraw'];
/** In which limits a call counts. */
const COUNTS = { perAccount: ({ section }: { section: string }) => section !== '', perIp: () => true };

export class VestClient {
  /** The client beneath, for what has no name here: `section` is an account's name, or empty for public calls. */
  readonly client: Client;
  readonly #exchange: Exchange<VestSettings, VestAccount>;
  readonly #streams: VestStreams;

  /** @throws NetError `INVALID` naming the option that is not acceptable */
  constructor(options: VestOptions = {}) {
    const settings = settleVest(options);
    this.#exchange = new Exchange<VestSettings, VestAccount>(
      {
        ...{ name: 'Vest', settings },
        limits: (base) => stacked(VEST_LIMITS, settings.rateLimits, COUNTS, base),
        signed: (method, path) => method === 'POST' && SIGNED_PATHS.includes(path),
        isSlow: (text) => problemIn(parsed(text))?.meaning === 'slow',
        fields: (account) => fieldsOf(account),
      },
      (account, parts) => new VestAccount(account, parts),
    );
    this.client = this.#exchange.parts.client;
    this.#streams = new VestStreams(this.#exchange.parts);
  }

  /**
   * Registers every account, gets its listen key, and warms its connections up.
   *
   * @throws NetError when Vest does not take an account, or cannot be reached to say so
   */
  connect(options: ReadOptions = {}): Promise<Warmth> {
    return this.#exchange.connect(options);
  }

  /** Connections for every account, and for public calls where there is none. Never fails. */
  warmUpHttp(): Promise<Warmth> {
    return this.#exchange.warmUp();
  }

  /** @throws NetError `INVALID` for an account there is not */
  account(name?: string): VestAccount {
    return this.#exchange.account(name);
  }

  exchangeInfo<T = unknown>(symbols?: readonly string[], options?: ReadOptions): Promise<T> {
    return this.#get<T>('/exchangeInfo', { symbols: symbols?.join(',') }, options);
  }
  tickers<T = unknown>(symbols?: readonly string[], options?: ReadOptions): Promise<T> {
    return this.#get<T>('/ticker/latest', { symbols: symbols?.join(',') }, options);
  }
  tickers24h<T = unknown>(symbols?: readonly string[], options?: ReadOptions): Promise<T> {
    return this.#get<T>('/ticker/24hr', { symbols: symbols?.join(',') }, options);
  }
  depth<T = unknown>(symbol: string, limit?: number, options?: ReadOptions): Promise<T> {
    return this.#get<T>('/depth', { symbol, limit }, options);
  }
  trades<T = unknown>(query: { readonly symbol: string } & Range, options?: ReadOptions): Promise<T> {
    return this.#get<T>('/trades', { ...query }, options);
  }
  klines<T = unknown>(
    query: { readonly symbol: string; readonly interval?: string } & Range,
    options?: ReadOptions,
  ): Promise<T> {
    return this.#get<T>('/klines', { ...query }, options);
  }
  fundingHistory<T = unknown>(
    query: { readonly symbol: string; readonly interval?: string } & Range,
    options?: ReadOptions,
  ): Promise<T> {
    return this.#get<T>('/funding/history', { ...query }, options);
  }

  /** A public channel, such as `BTC-PERP@depth` or `tickers`. */
  subscribe<T = unknown>(channel: string, signal?: AbortSignal): AsyncIterable<Message<T>> {
    return this.#streams.subscribe<T>(channel, signal);
  }

  stats(): ClientStats {
    return this.client.stats();
  }

  /** How far Vest's clock is from ours, as far as it is known to be, in ms. */
  get clockOffsetMs(): number {
    return this.#exchange.parts.time.offsetMs;
  }

  /** Gives listen keys back and closes everything. Twice is harmless. */
  close(options: { readonly deadlineMs?: number } = {}): Promise<void> {
    return this.#exchange.close(options, () => this.#streams.close());
  }
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #get<T>(path: string, query: Query, options: ReadOptions = {}): Promise<T> {
    return this.client.get(path, { query, ...options }).json<T>();
  }
}

/** The server an account lives on, and its key. */
function fieldsOf(account: VestAccount | undefined): Record<string, string> {
  const session = account?.session;
  const server = { xrestservermm: `restserver${session?.accountGroup ?? 0}` };
  const key = session?.token.current;
  return key === undefined ? server : { ...server, 'x-api-key': key.apiKey };
}

interface Range {
  readonly startTime?: number | undefined;
  readonly endTime?: number | undefined;
  readonly limit?: number | undefined;
}

/** A client for Vest. @throws NetError `INVALID` naming the option that is not acceptable */
export function createVest(options: VestOptions = {}): VestClient {
  return new VestClient(options);
}
