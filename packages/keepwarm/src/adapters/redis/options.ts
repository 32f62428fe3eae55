/** What a rate limit of a whole fleet takes, with the defaults and where they come from. */
import { checkOptions, definedOf, invalid, refused } from '../../core/refusal.ts';
import { nameOf, type RateLimitOptions, type RateSettings, rateSettings } from '../../policies/rate-options.ts';
import type { RedisClient } from './link.ts';

export interface FleetOptions extends RateLimitOptions {
  /** Yours: keepwarm neither configures nor closes it. */
  readonly client: RedisClient;
  /** What is limited, the same in every process of the fleet: it is the name of the count in Redis. */
  readonly name: string;
  /** The first part of every key in Redis. */
  readonly prefix?: string | undefined;
  /** How long Redis may take for an answer, in ms. */
  readonly redisMs?: number | undefined;
  /** How long a process may not be heard of before what it had under way is let go, in ms. */
  readonly holdMs?: number | undefined;
  /** While Redis does not answer: `closed` starts nothing, `local` starts this process's share. */
  readonly onLoss?: 'closed' | 'local' | undefined;
  /** How many processes share the limits, for `local`. */
  readonly share?: number | undefined;
}

type Own = Omit<FleetOptions, keyof RateSettings>;

export type FleetSettings = RateSettings & { readonly [K in keyof Own]-?: Exclude<Own[K], undefined> };

export const FLEET_DEFAULTS = {
  prefix: 'keepwarm',
  redisMs: 250, // a thousand times what Redis takes; a fifth of what a caller notices
  holdMs: 10_000, // as limits.queueMs: the longest a call may be on its way to a connection
  onLoss: 'closed', // the only one that stays exact
  share: 1,
} as const;

/** The options with their defaults. @throws NetError `INVALID` naming the option */
export function fleetSettings(options: FleetOptions): FleetSettings {
  checkOptions('option rateLimit', options);
  const { client, name, prefix, redisMs, holdMs, onLoss, share, ...rest } = {
    ...FLEET_DEFAULTS,
    ...definedOf(options),
  };
  const settings: FleetSettings = { ...rateSettings(rest), client, name, prefix, redisMs, holdMs, onLoss, share };
  if (typeof client?.evalsha !== 'function' || typeof client.eval !== 'function') {
    throw refused('rateLimit.client', client, 'what has evalsha and eval, as the clients of ioredis and iovalkey have');
  }
  for (const [option, text] of [
    ['name', name],
    ['prefix', prefix],
  ] as const) {
    // Braces would move the hash slot; see the keys in script.ts.
    if (typeof text !== 'string' || text === '' || /[{}]/.test(text)) {
      throw refused(`rateLimit.${option}`, text, 'text without braces');
    }
  }
  for (const [option, ms] of [
    ['redisMs', redisMs],
    ['holdMs', holdMs],
  ] as const) {
    if (!(Number.isFinite(ms) && ms >= 1)) throw refused(`rateLimit.${option}`, ms, 'a number from 1');
  }
  if (onLoss !== 'closed' && onLoss !== 'local') throw refused('rateLimit.onLoss', onLoss, '"closed", "local"');
  if (!Number.isSafeInteger(share) || share < 1) throw refused('rateLimit.share', share, 'a whole number from 1');
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
