/** What a rate limit of a whole fleet takes, with the defaults and where they come from. */
import {
  invalid,
  nameOf,
  type RateLimitOptions,
  type RateSettings,
  rateSettings,
} from '../../policies/rate-options.ts';
import type { RedisClient } from './link.ts';

export interface FleetOptions extends RateLimitOptions {
  /** Yours: keepwarm neither configures nor closes it. */
  readonly client: RedisClient;
  /** What is limited, the same in every process of the fleet: it is the name of the count in Redis. */
  readonly name: string;
  /** The first part of every key in Redis. */
  readonly prefix?: string;
  /** How long Redis may take for an answer, in ms. */
  readonly redisMs?: number;
  /** How long a process may not be heard of before what it had under way is let go, in ms. */
  readonly holdMs?: number;
  /** While Redis does not answer: `closed` starts nothing, `local` starts this process's share. */
  readonly onLoss?: 'closed' | 'local';
  /** How many processes share the limits, for `local`. */
  readonly share?: number;
}

export type FleetSettings = RateSettings & Required<Omit<FleetOptions, keyof RateSettings>>;

export const FLEET_DEFAULTS = {
  prefix: 'keepwarm',
  redisMs: 250, // a thousand times what Redis takes; a fifth of what a caller notices
  holdMs: 10_000, // as limits.queueMs: the longest a call may be on its way to a connection
  onLoss: 'closed', // the only one that stays exact
  share: 1,
} as const;

/** The options with their defaults. @throws NetError `INVALID` naming the option */
export function fleetSettings(options: FleetOptions): FleetSettings {
  const { client, name, prefix, redisMs, holdMs, onLoss, share, ...rest } = { ...FLEET_DEFAULTS, ...options };
  const settings: FleetSettings = { ...rateSettings(rest), client, name, prefix, redisMs, holdMs, onLoss, share };
  if (typeof client?.evalsha !== 'function' || typeof client.eval !== 'function') {
    throw invalid('rateLimit.client must have evalsha and eval, as the clients of ioredis and iovalkey have');
  }
  for (const [option, text] of [
    ['name', name],
    ['prefix', prefix],
  ] as const) {
    // Braces would move the hash slot; see the keys in script.ts.
    if (typeof text !== 'string' || text === '' || /[{}]/.test(text)) {
      throw invalid(`rateLimit.${option} must be a text without braces, not ${JSON.stringify(text)}`);
    }
  }
  for (const [option, ms] of [
    ['redisMs', redisMs],
    ['holdMs', holdMs],
  ] as const) {
    if (!(Number.isFinite(ms) && ms >= 1)) throw invalid(`rateLimit.${option} must be a number ≥ 1, not ${ms}`);
  }
  if (onLoss !== 'closed' && onLoss !== 'local')
    throw invalid(`rateLimit.onLoss must be closed or local, not ${onLoss}`);
  if (!Number.isSafeInteger(share) || share < 1)
    throw invalid(`rateLimit.share must be a whole number ≥ 1, not ${share}`);
  checkLimits(settings);
  return settings;
}

function checkLimits({ limits, onLoss, share }: FleetSettings): void {
  const seen = new Set<string>();
  for (const limit of limits) {
    const counted = `${limit.name ?? ''}:${limit.windowMs}`;
    if (seen.has(counted))
      throw invalid(`two limits of ${limit.windowMs} ms need names of their own: they would be one in Redis`);
    seen.add(counted);
    if (onLoss === 'local' && limit.limit < share) {
      throw invalid(
        `the rate limit "${nameOf(limit)}" shared by rateLimit.share = ${share} leaves nothing for onLoss local`,
      );
    }
  }
}
