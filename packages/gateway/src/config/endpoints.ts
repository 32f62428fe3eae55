/**
 * Where an upstream is: one `origin`, or several `endpoints` that serve the same, with how they are chosen. The library
 * checks their figures; of what it would be told, a URL is checked here, as that of an origin is.
 */
import type { ClientOptions } from 'keepwarm';
import { ConfigError } from './config-error.ts';
import { type Json, object, show, text, valuesOf } from './values.ts';

export const PLACE_NAMES = ['origin', 'endpoints', 'balance', 'healthCheck'] as const;
export const ENDPOINT_NAMES = ['url', 'name', 'weight', 'priority', 'headers'] as const;

/** `origin` is what it is known by: of several endpoints the first. */
type Place = Pick<ClientOptions, 'endpoints' | 'balance' | 'healthCheck'> & { readonly origin: string };

/** @throws ConfigError */
export function placeOf(given: Json, path: string): Place {
  const { origin, endpoints, balance, healthCheck } = given;
  if (endpoints === undefined) {
    for (const name of ['balance', 'healthCheck'] as const) {
      if (given[name] !== undefined) throw new ConfigError(`${path}.${name}`, 'is for an upstream with endpoints');
    }
    return { origin: urlOf(origin, `${path}.origin`) };
  }
  if (origin !== undefined)
    throw new ConfigError(`${path}.origin`, 'cannot stand beside endpoints, which have origins');
  if (!Array.isArray(endpoints) || endpoints.length === 0) {
    throw new ConfigError(`${path}.endpoints`, 'must list at least one, such as { "url": "https://…" }');
  }
  const each = endpoints.map((endpoint, i) => endpointOf(endpoint, `${path}.endpoints[${i}]`));
  const groups = {
    ...(balance === undefined ? {} : { balance: valuesOf(object(balance, `${path}.balance`)) }),
    ...(healthCheck === undefined ? {} : { healthCheck: valuesOf(object(healthCheck, `${path}.healthCheck`)) }),
  } as Pick<ClientOptions, 'balance' | 'healthCheck'>; // the library is about to look at them
  return { ...groups, endpoints: each, origin: each[0]!.url };
}

function endpointOf(input: unknown, path: string) {
  const { url, name, headers, ...figures } = object(input, path, ENDPOINT_NAMES);
  return {
    ...(figures as { readonly weight?: number; readonly priority?: number }),
    ...(name === undefined ? {} : { name: text(name, `${path}.name`) }),
    ...(headers === undefined ? {} : { headers: fieldsOf(headers, `${path}.headers`) }),
    url: urlOf(url, `${path}.url`),
  };
}

function fieldsOf(value: unknown, path: string): Record<string, string> {
  const named = Object.entries(object(value, path));
  // What is wrong with a value is told without it: it may be a key.
  for (const [name, each] of named)
    if (typeof each !== 'string') throw new ConfigError(`${path}.${name}`, 'is no text');
  return Object.fromEntries(named) as Record<string, string>;
}

function urlOf(value: unknown, path: string): string {
  const url = typeof value === 'string' && URL.canParse(value) ? new URL(value) : undefined;
  // A password in the URL must not be shown.
  const what = url?.password ? 'holds credentials' : `is ${show(value)}`;
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.username || url.password || url.search || url.hash) {
    throw new ConfigError(path, `${what}; allowed: an http: or https: URL without credentials, query or fragment`);
  }
  return url.href;
}

/** Origins in a text for people; beyond so many it says how many more there are. */
const SHOWN_MAX = 3;

/** Where an upstream is, as people may see it: without paths, which may hold keys. */
export function placesText({ origin, endpoints }: Place): string {
  if (endpoints === undefined) return new URL(origin).origin;
  const origins = [...new Set(endpoints.map(({ url }) => new URL(url).origin))];
  const rest = origins.length - SHOWN_MAX;
  return origins.slice(0, SHOWN_MAX).join(', ') + (rest > 0 ? ` and ${rest} more` : '');
}
