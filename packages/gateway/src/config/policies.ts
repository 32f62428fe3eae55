/**
 * Policies of an upstream that has an origin: the library's own, by its names and checked by it, as far as they can be
 * written down. Where it takes a function, nothing can be given here.
 */
import type { ClientOptions } from 'keepwarm';
import { ConfigError } from './config-error.ts';
import { type Json, object, show, text, valuesOf } from './values.ts';

export const POLICY_NAMES = ['rateLimit'] as const;

type Policies = Pick<ClientOptions, (typeof POLICY_NAMES)[number]>;
type RateLimits = Extract<ClientOptions['rateLimit'], { readonly limits: unknown }>;
type RateLimit = RateLimits['limits'][number];

/** @throws ConfigError for what the library would not see; the rest is for it to refuse */
export function policiesOf(given: Json, path: string): Policies {
  const { rateLimit } = given;
  if (rateLimit === undefined || rateLimit === false) return {};
  return { rateLimit: rateLimitOf(object(rateLimit, `${path}.rateLimit`), `${path}.rateLimit`) };
}

const LIMIT_NAMES = ['limit', 'windowMs', 'name'];

/** One limit with its figures, or several as `limits`; how they are kept stands beside either. */
function rateLimitOf(given: Json, path: string): RateLimits {
  const { limits, ...rest } = given;
  if (limits === undefined) {
    const { limit, windowMs, name, ...kept } = rest;
    return rateOf([limitOf({ limit, windowMs, name }, path)], kept);
  }
  if (!Array.isArray(limits)) throw new ConfigError(`${path}.limits`, `is ${show(limits)}; allowed: a list of limits`);
  const each = limits.map((limit, i) => {
    const where = `${path}.limits[${i}]`;
    return limitOf(object(limit, where, LIMIT_NAMES), where);
  });
  return rateOf(each, rest);
}

/** The library is about to look at the figures, and at the names of the others. */
const rateOf = (limits: readonly RateLimit[], rest: Json): RateLimits => ({ ...(valuesOf(rest) as object), limits });

function limitOf({ limit, windowMs, name }: Json, path: string): RateLimit {
  const figures = { limit: limit as number, windowMs: windowMs as number };
  return name === undefined ? figures : { ...figures, name: text(name, `${path}.name`) };
}
