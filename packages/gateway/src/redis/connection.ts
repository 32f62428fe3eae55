/**
 * The connection to the Redis that counts limits, and what is known of it.
 *
 *   opening ──ready──▶ up ⇄ lost: no connection, or no answer within redisMs to a question like those of limits
 *
 * Invariants:
 *   (1) One question of its own is under way at most, and one timer set; neither keeps the process alive.
 *   (2) A change is told once, in the log and to whoever listens. What is told is without the URL's name and password.
 *   (3) While there is no connection nothing queues up: every question fails at once, and whoever asked asks again.
 */
import { type RedisConfig, redisServer } from '../config/redis.ts';
import type { Feed } from '../figures/feed.ts';
import type { Log } from '../logs/log.ts';
import { LimitsInRedis } from './limits.ts';

export interface RedisTold {
  /** Where it is, without credentials. */
  readonly server: string;
  /** `up`: it answers. `closed` or `local`: it does not, and this is what is done about it. */
  readonly state: 'up' | 'closed' | 'local';
  /** For how long it has not answered, in ms. */
  readonly lostMs: number;
  /** How often it was lost. */
  readonly losses: number;
  /** What the last loss was, in words. */
  readonly lastError: string | undefined;
}

/** What is used of a client of ioredis. */
export interface Client {
  evalsha(sha: string, keyCount: number, ...keysAndArgs: (string | number)[]): Promise<unknown>;
  eval(script: string, keyCount: number, ...keysAndArgs: (string | number)[]): Promise<unknown>;
  on(event: 'error', heard: (error: Error) => void): unknown;
  on(event: 'ready' | 'close', heard: () => void): unknown;
  connect(): Promise<unknown>;
  disconnect(): void;
}

/** How often it is asked whether it is there, in ms: as often as a limit that has lost it asks again. */
const ASK_MS = 500;
/** How long the first connection may take before the gateway starts without, in ms. */
const OPEN_MS = 2_000;
/** Delays of the next attempt to connect, in ms: a gateway that is back late finds its share taken. */
const [AGAIN_MS, AGAIN_MS_MAX] = [50, 400];
/** A server that is silent for so long, with questions open, is connected to anew, in ms. */
const SILENT_MS = 5_000;
const CONNECT_MS = 2_000;

/** As limits do: a script that writes. A replica, or a server that is full, answers PING as well. */
const QUESTION = "redis.call('SET', KEYS[1], '1', 'PX', 10000) return 'ok'";

/** @returns once it is there, or has had its time. Nothing without a configuration: then nothing is loaded either */
export async function openRedis(
  config: RedisConfig | undefined,
  log: Log,
  workers: number,
): Promise<RedisConnection | undefined> {
  if (config === undefined) return undefined;
  const { Redis } = await import('ioredis');
  const client = new Redis(config.url, {
    ...(config.tls === undefined ? {} : { tls: config.tls }),
    lazyConnect: true,
    connectionName: 'keepwarm',
    connectTimeout: CONNECT_MS,
    socketTimeout: SILENT_MS,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    retryStrategy: (times) => Math.min(AGAIN_MS * 2 ** Math.min(times, 8), AGAIN_MS_MAX),
    // A replica that was the primary until now: the name may lead elsewhere already.
    reconnectOnError: ({ message }) => message.includes('READONLY'),
  });
  const connection = new RedisConnection(config, client, log, workers);
  await connection.opened();
  return connection;
}

export class RedisConnection {
  readonly limits: LimitsInRedis;
  readonly #config: RedisConfig;
  readonly #client: Client;
  readonly #log: Log;
  readonly #url: URL;
  #lostAt: number | undefined;
  #losses = 0;
  #error: string | undefined;
  /** Heard since the connection was there last: why it is not. */
  #reason: string | undefined;
  /** Whether it ever has. */
  #answered = false;
  #asking = false;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;
  #feed: Feed | undefined;

  /** @param client opens its connection when it is told to */
  constructor(config: RedisConfig, client: Client, log: Log, workers: number) {
    this.#config = config;
    this.#client = client;
    this.#log = log;
    this.#url = new URL(config.url);
    this.limits = new LimitsInRedis(config, client, workers);
    client.on('error', (error) => (this.#reason = this.#words(error)));
    // Of a loss that is known already, that it was closed as well says less than what was known.
    client.on('close', () => this.#lost(this.#reason ?? this.#known ?? 'the connection was closed'));
    client.on('ready', () => {
      this.#reason = undefined;
      void this.#ask();
    });
  }

  /** Resolves when it answers, or is known not to; after a while in any case. */
  async opened(): Promise<void> {
    const late = new Promise<void>((resolve) => {
      const giveUp = (): void => {
        if (!this.#answered) this.#lost(this.#reason ?? `no answer within ${OPEN_MS} ms`);
        resolve();
      };
      setTimeout(giveUp, OPEN_MS).unref();
    });
    const there = this.#client.connect().then(
      () => this.#ask(),
      (error: unknown) => this.#lost(this.#reason ?? this.#words(error)),
    );
    await Promise.race([there, late]);
  }

  /** Tells losses and returns as events from now on: one that has not returned yet at once. */
  tellTo(feed: Feed): void {
    this.#feed = feed;
    if (this.#lostAt !== undefined) this.#tellLost();
  }

  told(): RedisTold {
    const lostMs = this.#lostAt === undefined ? 0 : performance.now() - this.#lostAt;
    return {
      server: redisServer(this.#config),
      state: this.#lostAt === undefined ? 'up' : this.#config.onLoss,
      lostMs,
      losses: this.#losses,
      lastError: this.#error,
    };
  }

  /** After the limits that it counts. Twice is harmless. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#client.disconnect();
  }

  /** A question that hangs stays the only one, however long it does. */
  async #ask(): Promise<void> {
    if (this.#asking || this.#closed) return;
    this.#asking = true;
    const { redisMs, prefix } = this.#config;
    let late = false;
    this.#next(redisMs, () => {
      late = true;
      this.#lost(`no answer within redisMs, ${redisMs}`);
    });
    try {
      await this.#client.eval(QUESTION, 1, `${prefix}:there`);
      if (!late) this.#found();
    } catch (error) {
      this.#lost(this.#reason ?? this.#words(error));
    }
    this.#asking = false;
    this.#next(ASK_MS, () => void this.#ask());
  }

  #next(ms: number, act: () => void): void {
    clearTimeout(this.#timer);
    if (this.#closed) return;
    this.#timer = setTimeout(act, ms);
    this.#timer.unref();
  }

  get #known(): string | undefined {
    return this.#lostAt === undefined ? undefined : this.#error;
  }

  #lost(why: string): void {
    if (this.#closed) return;
    this.#error = why;
    if (this.#lostAt !== undefined) return;
    this.#lostAt = performance.now();
    this.#losses++;
    const { onLoss } = this.#config;
    const server = redisServer(this.#config);
    this.#log.warn('Redis is lost, which counts limits', { server, reason: why, onLoss, of: 'redis.url' });
    this.#tellLost();
  }

  #tellLost(): void {
    const { onLoss } = this.#config;
    this.#feed?.tell('redisLost', undefined, { server: redisServer(this.#config), reason: this.#error, onLoss });
  }

  #found(): void {
    this.#answered = true;
    if (this.#lostAt === undefined || this.#closed) return;
    const lostMs = performance.now() - this.#lostAt;
    this.#lostAt = undefined;
    const server = redisServer(this.#config);
    this.#log.info('Redis is back, which counts limits', { server, lostMs });
    this.#feed?.tell('redisBack', undefined, { server, lostMs });
  }

  /** Other people's errors may quote what they were given. */
  #words(error: unknown): string {
    const { message = String(error) } = (error ?? {}) as { readonly message?: string };
    const { username, password } = this.#url;
    const secrets = [this.#config.url, password, decodeURIComponent(password), username, decodeURIComponent(username)];
    const known = secrets.filter((each) => each !== '' && each !== 'default');
    return known.reduce((text, secret) => text.replaceAll(secret, '[redacted]'), message).slice(0, 200);
  }
}
