/** What the client of an upstream is made with: what forwarding needs, under what the configuration says. */
import { type ClientOptions, PRESETS, type Preset } from 'keepwarm';
import { rateLimitOf } from './rate-tables.ts';
import { REQUEST_ID } from './request-ids.ts';

/** The figures a preset stands for; without one, those of forwarding alone. */
export const figuresOf = ({ preset }: ClientOptions): Preset => (preset === undefined ? {} : (PRESETS[preset] ?? {}));

/** Unless asked for, by itself or by a preset, nothing is sent again. */
export const repeats = ({ retry, preset }: ClientOptions): boolean => (retry ?? preset !== undefined) !== false;

/**
 * Bodies are passed on as they come: not decoded, and without a limit of size, since nothing is kept of them. What
 * fails is passed on as well: callers repeat for themselves, and two layers that do so three times send nine requests.
 * Callers are different people: a cookie that one of them is given is nobody else's.
 * Replies are for callers to judge: one of any status is a sign of life, and opens no breaker unasked.
 */
export function forwardingOptions(client: ClientOptions): ClientOptions {
  const { preset, retry = preset !== undefined, pool } = client;
  const figures = figuresOf(client);
  const { origin, ...placed } = client;
  return {
    ...placed,
    // To the library, endpoints stand in the place of an origin.
    ...(client.endpoints === undefined ? { origin } : {}),
    ...(client.rateLimit === undefined ? {} : { rateLimit: rateLimitOf(client) ?? client.rateLimit }),
    retry,
    breaker: breakerOf(client, figures),
    ...(client.cache === undefined ? {} : { cache: cacheOf(client.cache) }),
    coalesce: coalesceOf(client.coalesce),
    decompress: false,
    defaultHeaders: false,
    pool: { idleMin: figures.pool?.idleMin ?? 1, ...pool },
    limits: { bodyBytesMax: Number.POSITIVE_INFINITY, ...client.limits },
  };
}

function breakerOf({ preset, breaker }: ClientOptions, figures: Preset): ClientOptions['breaker'] {
  if (breaker === undefined && preset !== undefined && figures.breaker === undefined) return false;
  if (breaker === undefined || breaker === true) return { statuses: [] };
  // What it cannot be, the library says.
  return typeof breaker === 'object' && !Array.isArray(breaker) ? { statuses: [], ...breaker } : breaker;
}

function coalesceOf(coalesce: ClientOptions['coalesce']): ClientOptions['coalesce'] {
  if (coalesce === true) return { ignore: [...TRACED, REQUEST_ID], cookies: false };
  return coalesce instanceof Object && !Array.isArray(coalesce)
    ? { ...withoutIds(coalesce), cookies: false }
    : coalesce;
}

function cacheOf(cache: ClientOptions['cache']): ClientOptions['cache'] {
  if (cache === true) return { ignore: [...TRACED, REQUEST_ID] };
  return cache instanceof Object && !Array.isArray(cache) ? withoutIds(cache) : cache;
}

/** What differs with every request by its nature tells nobody apart; as the library has it for traces. */
const TRACED = ['traceparent', 'tracestate'];

function withoutIds<T extends { readonly ignore?: readonly string[] | undefined }>(policy: T): T {
  const { ignore = TRACED } = policy;
  return Array.isArray(ignore) ? { ...policy, ignore: [...ignore, REQUEST_ID] } : policy;
}
