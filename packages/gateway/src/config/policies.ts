/**
 * Policies of an upstream that has an origin: the library's own, by its names and checked by it, as far as they can be
 * written down. Where it takes a function, nothing can be given here.
 */
import type { ClientOptions } from 'keepwarm';
import { ConfigError } from './config-error.ts';
import { type ConfiguredLimit, parseRateTables, RATE_TABLE_NAMES } from './rate-tables.ts';
import { type Json, object, show, text, valuesOf } from './values.ts';

/** On, off, or figures over the defaults. */
const SWITCHES = ['retry', 'hedge', 'concurrency', 'coalesce', 'cache', 'compress'] as const;

export const POLICY_NAMES = ['preset', 'rateLimit', 'budget', ...SWITCHES] as const;

type Policies = Pick<ClientOptions, (typeof POLICY_NAMES)[number]>;
type RateLimits = Extract<ClientOptions['rateLimit'], { readonly limits: unknown }>;

/** @throws ConfigError for what the library would not see; the rest is for it to refuse */
export function policiesOf(given: Json, path: string): Policies {
  const { preset, rateLimit, budget, retry } = given;
  const policies: Record<string, unknown> = {};
  for (const name of SWITCHES) if (given[name] !== undefined) policies[name] = valuesOf(given[name]);
  for (const name of ['cache', 'coalesce'] as const) checkIgnored(given[name], `${path}.${name}.ignore`);
  if (preset !== undefined) policies['preset'] = text(preset, `${path}.preset`);
  if (rateLimit !== undefined && rateLimit !== false) {
    policies['rateLimit'] = rateLimitOf(object(rateLimit, `${path}.rateLimit`), `${path}.rateLimit`);
  }
  if (budget === undefined) return policies;
  if (retry === false || (retry === undefined && preset === undefined)) {
    throw new ConfigError(`${path}.budget`, 'is for what is sent again, and nothing is; add retry: true');
  }
  return { ...policies, budget: valuesOf(object(budget, `${path}.budget`)) as Policies['budget'] };
}

/** By their names, fields that say who asks. Cookies do; so does where a request came from, to some. */
const PERSONAL = /auth|cookie|token|secret|key|sign|session|account|user(?!-agent$)|tenant|^x-forwarded|^forwarded$/;

/** Callers of a gateway are different people: what is for one of them must never be given to another. */
function checkIgnored(policy: unknown, path: string): void {
  const ignored = typeof policy === 'object' && policy !== null && 'ignore' in policy ? policy.ignore : [];
  if (!Array.isArray(ignored)) return; // the library says what it should be
  const personal = ignored.find((name) => typeof name === 'string' && PERSONAL.test(name.toLowerCase()));
  if (personal === undefined) return;
  throw new ConfigError(path, `lists ${show(personal)}; a field that may say who asks cannot be ignored`);
}

const LIMIT_NAMES = ['limit', 'windowMs', 'name', ...RATE_TABLE_NAMES];

/** One limit with its figures, or several as `limits`; how they are kept stands beside either. */
function rateLimitOf(given: Json, path: string): RateLimits {
  const { limits, ...rest } = given;
  if (limits === undefined) {
    const { limit, windowMs, name, weights, by, ...kept } = rest;
    return rateOf([limitOf({ limit, windowMs, name, weights, by }, path)], kept);
  }
  if (!Array.isArray(limits)) throw new ConfigError(`${path}.limits`, `is ${show(limits)}; allowed: a list of limits`);
  const each = limits.map((limit, i) => {
    const where = `${path}.limits[${i}]`;
    return limitOf(object(limit, where, LIMIT_NAMES), where);
  });
  return rateOf(each, rest);
}

/** The library is about to look at the figures, and at the names of the others. */
const rateOf = (limits: readonly ConfiguredLimit[], rest: Json): RateLimits => ({
  ...(valuesOf(rest) as object),
  limits,
});

function limitOf({ limit, windowMs, name, ...tables }: Json, path: string): ConfiguredLimit {
  const figures = { limit: limit as number, windowMs: windowMs as number, ...parseRateTables(tables, limit, path) };
  return name === undefined ? figures : { ...figures, name: text(name, `${path}.name`) };
}
