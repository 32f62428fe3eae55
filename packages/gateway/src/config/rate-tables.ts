/**
 * What of a `rateLimit` the library takes as functions, written down: `weights`, a table of what requests count for,
 * and `by`, who has the whole limit for itself. It stays data as long as it is configuration, so that two can be
 * compared, and sent to another process; it becomes functions where a client is made.
 */
import type { ClientOptions } from 'keepwarm';
import { callerKey } from '../data/caller-key.ts';
import { type CallRows, parseCallRows, rowFor } from './call-patterns.ts';
import { type CallerRateConfig, parseBy } from './caller-rate.ts';
import { type Json, whole } from './values.ts';

type LibraryLimits = Extract<ClientOptions['rateLimit'], { readonly limits: unknown }>;
type LibraryLimit = LibraryLimits['limits'][number];
type LibraryCall = Parameters<NonNullable<LibraryLimit['key']>>[0];

export interface RateTables {
  /** What a request counts for; 1 where no row fits. */
  readonly weights?: CallRows<number>;
  /** Whose requests count together; all of them without it. */
  readonly by?: CallerRateConfig['by'];
}

/** `whole`: of the whole upstream, over all its sections. These stand last, and have names. */
export type ConfiguredLimit = LibraryLimit & RateTables & { readonly whole?: true };

/** What whoever forwards a request says of it to the limits. */
export interface Asked {
  /** Below the upstream's base path, whichever endpoint's that is. */
  readonly path: string;
  readonly address: string;
}

export const RATE_TABLE_NAMES = ['weights', 'by'] as const;

/** @param limit as it stands there: no request may count for more @throws ConfigError */
export function parseRateTables({ weights, by }: Json, limit: unknown, path: string): RateTables {
  const most = typeof limit === 'number' && Number.isSafeInteger(limit) ? limit : Number.MAX_SAFE_INTEGER;
  const weight = (value: unknown, at: string): number => whole(value, at, 0, most);
  return {
    ...(weights === undefined ? {} : { weights: parseCallRows(weights, `${path}.weights`, weight) }),
    ...(by === undefined ? {} : { by: parseBy(by, `${path}.by`) }),
  };
}

/** The limits of an origin as they are configured; none for one without. */
export function limitsOf({ rateLimit }: Pick<ClientOptions, 'rateLimit'>): readonly ConfiguredLimit[] {
  return typeof rateLimit === 'object' && 'limits' in rateLimit ? rateLimit.limits : [];
}

/** Those of the whole upstream, over all its sections. */
export const wholeLimitsOf = (client: Pick<ClientOptions, 'rateLimit'>): readonly ConfiguredLimit[] =>
  limitsOf(client).filter(({ whole }) => whole === true);

/** Whether limits look at more of a request than that there is one. */
export const looksAtRequests = (client: Pick<ClientOptions, 'rateLimit'>): boolean =>
  limitsOf(client).some(({ weights, by }) => weights !== undefined || by !== undefined);

/**
 * As the library takes them; nothing for an upstream without.
 *
 * @param of some of them
 */
export function rateLimitOf(
  client: Pick<ClientOptions, 'rateLimit'>,
  of: (limit: ConfiguredLimit) => boolean = () => true,
): LibraryLimits | undefined {
  const { rateLimit } = client;
  const some = limitsOf(client).filter(of);
  if (typeof rateLimit !== 'object' || !('limits' in rateLimit) || some.length === 0) return undefined;
  const limits = some.map(({ weights, by, whole: _, ...limit }) => ({
    ...limit,
    ...(weights && { weight: (call: LibraryCall) => rowFor(weights, call.method, askedBy(call).path) ?? 1 }),
    ...(by && { key: (call: LibraryCall) => keyOf(call, by) }),
  }));
  return { ...rateLimit, limits };
}

function keyOf(call: LibraryCall, by: NonNullable<RateTables['by']>): string {
  const shown = by === 'address' ? undefined : (call.headers.get(by.header) ?? undefined);
  return callerKey(shown, askedBy(call).address);
}

const askedBy = ({ about, path }: LibraryCall): Asked => (isAsked(about) ? about : { path, address: '' });

const isAsked = (about: unknown): about is Asked => typeof about === 'object' && about !== null && 'address' in about;
