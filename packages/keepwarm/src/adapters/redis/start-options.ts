/** What a connection rate of a whole fleet takes, with the defaults and where they come from. */
import { figures, named } from '../../clients/grpc/connection-rate.ts';
import { invalid, show, unknownOption } from '../../clients/options.ts';
import type { Clock } from '../../core/clock.ts';
import { CONNECTION_RATE_DEFAULTS, type ConnectionRateOptions } from '../../pool/connection-rate.ts';
import type { RedisClient } from './link.ts';

export interface RedisRateOptions {
  /** The first part of the key in Redis. */
  readonly prefix: string;
  /** How long Redis may take for an answer, in ms. */
  readonly redisMs: number;
  /** While Redis does not answer: `closed` opens nothing, `share` opens limit ÷ processes, once that is set aside. */
  readonly onLoss: 'closed' | 'share';
  /** How many processes there are at most, for `share`; a whole number from 2. */
  readonly processes: number;
  /** How long after it was last heard of a process is taken for gone, in ms, for `share`. */
  readonly presentMs: number;
}

export interface RedisConnectionRateOptions extends Partial<ConnectionRateOptions>, Partial<RedisRateOptions> {
  /** What the provider counts by, the same in every process: it is the name of the count in Redis. */
  readonly name: string;
  /** Yours: keepwarm neither configures nor closes it. */
  readonly client: RedisClient;
  readonly clock?: Clock | undefined;
}

/**
 * Where each comes from: `redisMs` 250, a thousand times what Redis takes. `onLoss` closed: there is nothing to be said
 * of the fleet, nor to be set aside. `presentMs` 10 s: three heartbeats, and long enough to restart Redis.
 */
export const REDIS_RATE_DEFAULTS: RedisRateOptions = {
  prefix: 'keepwarm',
  redisMs: 250,
  onLoss: 'closed',
  processes: 1,
  presentMs: 10_000,
};

/** A question names every start that counts, and the script looks at each: about 10 ms of Redis at this many. */
const LIMIT_MAX = 2_000;

export interface SettledRedisRate extends ConnectionRateOptions, RedisRateOptions {
  readonly client: RedisClient;
  /** Places a process has to itself while Redis does not answer; none with `closed`. */
  readonly share: number;
}

/** @throws NetError `INVALID` naming the option */
export function settleRedisRate(options: Omit<RedisConnectionRateOptions, 'clock'>): SettledRedisRate {
  const { client, name, prefix, redisMs, onLoss, processes, presentMs, ...rest } = options;
  if (typeof client?.evalsha !== 'function' || typeof client.eval !== 'function') {
    throw invalid('option client must have evalsha and eval, as the clients of ioredis and iovalkey have');
  }
  const given = { prefix, redisMs, onLoss, processes, presentMs };
  const values = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  const redis = { ...REDIS_RATE_DEFAULTS, ...values } as RedisRateOptions;
  const known = [...Object.keys(CONNECTION_RATE_DEFAULTS), ...Object.keys(REDIS_RATE_DEFAULTS), 'client', 'name'];
  for (const key of Object.keys(rest))
    if (!known.includes(key)) throw unknownOption(`connectionRate.${key}`, key, known);
  const rate = figures('connectionRate', rest, named(name), CONNECTION_RATE_DEFAULTS);
  checkRedis(redis, rate.limit);
  const share = redis.onLoss === 'share' ? Math.floor(rate.limit / redis.processes) : 0;
  return { ...rate, ...redis, client, share };
}

function checkRedis({ prefix, redisMs, onLoss, processes, presentMs }: RedisRateOptions, limit: number): void {
  const wrong = (name: string, value: unknown, allowed: string) =>
    invalid(`option connectionRate.${name} is ${show(value)}; allowed: ${allowed}`);
  if (limit > LIMIT_MAX) throw wrong('limit', limit, `at most ${LIMIT_MAX} over Redis`);
  if (typeof prefix !== 'string' || prefix === '') throw wrong('prefix', prefix, 'a text');
  if (!(Number.isFinite(redisMs) && redisMs >= 1)) throw wrong('redisMs', redisMs, 'a number from 1');
  if (onLoss !== 'closed' && onLoss !== 'share') throw wrong('onLoss', onLoss, 'closed, share');
  if (onLoss === 'closed') return;
  if (!Number.isSafeInteger(processes) || processes < 2) {
    throw wrong('processes', processes, 'a whole number from 2 with onLoss share');
  }
  if (limit < processes) throw wrong('processes', processes, `at most limit, ${limit}: a share is one at least`);
  const least = 4 * redisMs;
  if (!(Number.isFinite(presentMs) && presentMs >= least)) {
    throw wrong('presentMs', presentMs, `at least four times redisMs, ${least}`);
  }
}
