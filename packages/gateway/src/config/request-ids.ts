/** The block `requestIds`: by which id a request is followed, and who gets to see it. */
import { flag, object } from './values.ts';

export const REQUEST_ID = 'x-request-id';

export interface RequestIdsConfig {
  /** An `x-request-id` that a caller sends is its request's id, if it can be one. Default true. */
  readonly trust: boolean;
  /** Upstreams see the id of each request; otherwise that of those whose callers sent one. Default false. */
  readonly upstream: boolean;
  /** Callers see the id in each reply; otherwise in those that the gateway makes. Default false. */
  readonly replies: boolean;
}

/**
 * Callers of a gateway are its operator's programs, so they are believed. A field on each request and each reply cost
 * more than one percent of a call, and upstreams are usually other people's: both are for whoever asks for them.
 */
export const REQUEST_IDS_DEFAULTS: RequestIdsConfig = { trust: true, upstream: false, replies: false };

/** @throws ConfigError */
export function parseRequestIds(input: unknown): RequestIdsConfig {
  const given = { ...REQUEST_IDS_DEFAULTS, ...object(input, 'requestIds', Object.keys(REQUEST_IDS_DEFAULTS)) };
  return {
    trust: flag(given.trust, 'requestIds.trust'),
    upstream: flag(given.upstream, 'requestIds.upstream'),
    replies: flag(given.replies, 'requestIds.replies'),
  };
}
