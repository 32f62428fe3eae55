/**
 * The block `redis`: where several gateways, on several machines, count their limits together, and what becomes of them
 * while they cannot. The URL may hold a password: it is in no message.
 */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { ConfigError } from './config-error.ts';
import { parseRedisTls, type RedisTls } from './redis-tls.ts';
import { type Json, milliseconds, object, show, text, whole } from './values.ts';

export interface RedisConfig {
  /** `redis:`, or `rediss:` for TLS. Never shown. */
  readonly url: string;
  /** The first part of every key. */
  readonly prefix: string;
  /** While Redis does not answer: `closed` starts nothing, `local` this gateway's share. */
  readonly onLoss: 'closed' | 'local';
  /** How many gateways share the limits, for `local`. */
  readonly share: number;
  /** How long Redis may take for an answer, in ms. */
  readonly redisMs: number;
  /** For `rediss:`. Default: as Node does it. */
  readonly tls?: RedisTls;
}

/** As of the library: `closed` is the only one that stays exact whatever happens. */
export const REDIS_DEFAULTS = { prefix: 'keepwarm', onLoss: 'closed', share: 1, redisMs: 250 } as const;

export const REDIS_LOSS = ['closed', 'local'] as const;

export const REDIS_NAMES: readonly string[] = ['url', 'urlFile', 'tls', ...Object.keys(REDIS_DEFAULTS)];

/** @throws ConfigError; never with the URL */
export function parseRedis(input: unknown, folder: string): RedisConfig | undefined {
  if (input === undefined || input === false) return undefined;
  // Whoever writes the URL in the place of the block must not see it again.
  if (typeof input !== 'object' || input === null || Array.isArray(input)) {
    throw new ConfigError(
      'redis',
      `is no object; allowed: url or urlFile, tls, ${Object.keys(REDIS_DEFAULTS).join(', ')}`,
    );
  }
  const given = object(input, 'redis', REDIS_NAMES);
  const { prefix, onLoss, redisMs } = { ...REDIS_DEFAULTS, ...given } as Json;
  const loss = REDIS_LOSS.find((each) => each === onLoss);
  if (loss === undefined) throw new ConfigError('redis.onLoss', `is ${show(onLoss)}; allowed: closed, local`);
  const first = text(prefix, 'redis.prefix');
  if (first === '' || /[{}]/.test(first)) {
    throw new ConfigError('redis.prefix', `is ${show(prefix)}; allowed: a text without braces`);
  }
  if (loss === 'closed' && given['share'] !== undefined) {
    throw new ConfigError('redis.share', 'has no meaning with onLoss closed; allowed: with onLoss local');
  }
  const url = urlOf(given['url'], given['urlFile'], folder);
  const tls = parseRedisTls(given['tls'], folder);
  if (tls !== undefined && !url.startsWith('rediss:')) {
    throw new ConfigError('redis.tls', 'has no meaning with redis://; allowed: with rediss://');
  }
  return {
    url,
    ...(tls === undefined ? {} : { tls }),
    prefix: first,
    onLoss: loss,
    // One of two gateways at least: what one has to itself it need not share.
    share: loss === 'local' ? whole(given['share'], 'redis.share', 2) : REDIS_DEFAULTS.share,
    redisMs: milliseconds(redisMs, 'redis.redisMs', 1),
  };
}

/** Where it is, for people: without credentials. */
export function redisServer({ url }: RedisConfig): string {
  const { hostname, port } = new URL(url);
  return `${hostname}:${port || 6379}`;
}

function urlOf(url: unknown, file: unknown, folder: string): string {
  if (url !== undefined && file !== undefined) {
    throw new ConfigError('redis', 'has both url and urlFile; allowed: one of them');
  }
  if (file !== undefined) return checked(contentOf(text(file, 'redis.urlFile'), folder), 'redis.urlFile');
  if (url === undefined) throw new ConfigError('redis', 'has neither url nor urlFile; allowed: one of them');
  return checked(url, 'redis.url');
}

const ALLOWED = 'redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE], or the same with rediss:// for TLS';

function checked(value: unknown, path: string): string {
  const url = typeof value === 'string' && URL.canParse(value) ? new URL(value) : undefined;
  const wrong = (what: string) => new ConfigError(path, `${what}; allowed: ${ALLOWED}`);
  if (url === undefined) throw wrong(typeof value === 'string' ? 'is no URL' : 'is no text');
  if (url.protocol !== 'redis:' && url.protocol !== 'rediss:') throw wrong(`begins with ${url.protocol}`);
  if (url.hostname === '') throw wrong('names no host');
  if (url.search !== '' || url.hash !== '') throw wrong('has a query or fragment');
  if (!/^(?:\/\d{0,5})?$/.test(url.pathname)) throw wrong('has a path that is no number of a database');
  if (!decodable(url.username) || !decodable(url.password)) throw wrong('has credentials with a stray %');
  return url.href;
}

function decodable(part: string): boolean {
  try {
    decodeURIComponent(part);
    return true;
  } catch {
    return false;
  }
}

function contentOf(file: string, folder: string): string {
  try {
    return readFileSync(resolve(folder, file), 'utf8').trim();
  } catch (error) {
    throw new ConfigError('redis.urlFile', `cannot be read: ${error instanceof Error ? error.message : error}`);
  }
}
