/**
 * Vest on warm connections: connections of its own for each account, opened before its first order and kept so; limits
 * for all of them together and for each; orders that are never sent twice.
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
import { Gate, stacked } from '../exchange/gate.ts';
import { ServerTime } from '../exchange/server-time.ts';
import { configured, orderPool, REQUEST_MS, type Warmth, warmUp } from '../exchange/warm.ts';
import { VestAccount } from './account.ts';
import { settleVest, VEST_LIMITS, type VestOptions } from './options.ts';
import type { ReadOptions, VestParts } from './session.ts';
import { VestStreams } from './streams.ts';

/** What is signed by its body: it enters the limits before. */
const SIGNED_PATHS = ['/orders', '/orders/cancel', '/lp', '/transfer/withdraw'];

export class VestClient {
  /** The client beneath, for what has no name here: `section` is an account's name, or empty for public calls. */
  readonly client: Client;
  readonly #parts: VestParts;
  readonly #accounts = new Map<string, VestAccount>();
  readonly #streams: VestStreams;
  #closing: Promise<void> | undefined;

  /** @throws NetError `INVALID` naming the option that is not acceptable */
  constructor(options: VestOptions = {}) {
    const settings = settleVest(options);
    const clock = options.clock ?? systemClock;
    const time = new ServerTime(clock);
    const given = options.observer === undefined ? {} : guarded(options.observer);
    const base = new URL(settings.network.restUrl);
    const basePath = base.pathname.replace(/\/$/, '');
    const { perIp = VEST_LIMITS.perIp, perAccount = VEST_LIMITS.perAccount, ...rates } = settings.rateLimits;
    const signed = ({ method, path }: { readonly method: string; readonly path: string }): boolean =>
      method === 'POST' && SIGNED_PATHS.some((each) => path === basePath + each);
    const limits = stacked(perIp, perAccount);
    const heard = (reply: Reply, sentWall: number): void => time.heard(reply.headers.get('date'), sentWall);
    const gate = new Gate({ ...rates, limits }, base, signed, { clock, observer: given, heard });
    const pool = orderPool(settings.client);
    const deadlineMs = settings.client.deadlineMs ?? REQUEST_MS;
    this.client = new Client({
      preset: 'trading',
      http2: 'never',
      ...settings.client,
      ...pool,
      deadlineMs,
      origin: base,
      observer: settings.client.observer,
      rateLimit: gate.forClient,
      sign: (call) => this.#fields(call),
    });
    this.#parts = { client: this.client, gate, time, clock, settings, base: basePath };
    for (const account of settings.accounts) {
      this.#accounts.set(account.name, new VestAccount(account, this.#parts, deadlineMs));
    }
    this.#streams = new VestStreams(this.#parts);
    settings.log(configured('Vest', pool));
  }

  /**
   * Registers every account, gets its listen key, and warms its connections up.
   *
   * @throws NetError when Vest does not take an account, or cannot be reached to say so
   */
  async connect(options: ReadOptions = {}): Promise<Warmth> {
    await Promise.all([...this.#accounts.values()].map((account) => account.connect(options)));
    return this.warmUpHttp();
  }

  /** Connections for every account, and for public calls where there is none. Never fails. */
  warmUpHttp(): Promise<Warmth> {
    const { clock, settings } = this.#parts;
    const names = [...this.#accounts.keys()];
    const sections = names.length === 0 ? [''] : names;
    return warmUp(this.client, { name: 'Vest', log: settings.log, clock, sections });
  }

  /** @throws NetError `INVALID` for an account there is not */
  account(name?: string): VestAccount {
    const [first] = this.#accounts.keys();
    const account = this.#accounts.get(name ?? first ?? '');
    if (account !== undefined) return account;
    throw invalid(`there is no account ${show(name)}; known: ${[...this.#accounts.keys()].join(', ') || 'none'}`);
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
    return this.#parts.time.offsetMs;
  }

  /** Gives listen keys back and closes everything. Twice is harmless. */
  close(options: { readonly deadlineMs?: number } = {}): Promise<void> {
    this.#closing ??= this.#close(options);
    return this.#closing;
  }
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(options: { readonly deadlineMs?: number }): Promise<void> {
    this.#streams.close();
    await Promise.all([...this.#accounts.values()].map((account) => account.close()));
    await this.client.close(options);
  }

  #get<T>(path: string, query: Query, options: ReadOptions = {}): Promise<T> {
    return this.client.get(path, { query, ...options }).json<T>();
  }

  /** The server an account lives on, and its key: as they are at the moment of writing. */
  #fields({ section }: Signable): Record<string, string> {
    const session = this.#accounts.get(section)?.session;
    const server = { xrestservermm: `restserver${session?.accountGroup ?? 0}` };
    const key = session?.token.current;
    return key === undefined ? server : { ...server, 'x-api-key': key.apiKey };
  }
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
