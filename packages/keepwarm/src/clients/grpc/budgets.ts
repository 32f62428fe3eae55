/** The two budgets beside that of opening connections: connections at once, and opening streams. */

import { type Clock, systemClock } from '../../core/clock.ts';
import { checkOptions, isOptions } from '../../core/refusal.ts';
import { cappedStarts } from '../../pool/capped-starts.ts';
import { CONNECTION_CAP_DEFAULTS, ConnectionCap, type ConnectionCapOptions } from '../../pool/connection-cap.ts';
import type { ConnectionRate, ConnectionRateOptions } from '../../pool/connection-rate.ts';
import type { ConnectionLimiter } from '../../pool/start-gate.ts';
import { STREAM_RATE_DEFAULTS, streamRate } from '../../pool/stream-rate.ts';
import { invalid, show, unknownOption } from '../options.ts';
import { borrowed, figures, named, whole } from './connection-rate.ts';

export interface StreamRateInput extends Partial<ConnectionRateOptions> {
  /** What messages and statistics call it: the provider. Put no secrets in it. */
  readonly name: string;
  readonly clock?: Clock | undefined;
}

/**
 * A limit on opening streams, subscriptions and their renewals, for everything that does so at one provider.
 *
 * @throws NetError `INVALID` naming the option
 */
export function createStreamRate({ name, clock = systemClock, ...given }: StreamRateInput): ConnectionRate {
  return streamRate(figures('streamRate', given, named(name), STREAM_RATE_DEFAULTS), clock);
}

/** As pools take it: figures of their own, or a limit that is shared, and closed by whoever made it. */
export type GrpcStreamRate = Omit<StreamRateInput, 'name' | 'clock'>;

/** @throws NetError `INVALID` naming the option */
export function streamRateOf(given: GrpcStreamRate | ConnectionLimiter, name: string, clock: Clock): ConnectionLimiter {
  if (!isOptions(given)) {
    throw invalid(`option streamRate is ${show(given)}; allowed: figures, a limiter, or false for no limit`);
  }
  return 'start' in given ? borrowed(given) : createStreamRate({ ...given, name, clock });
}

export interface ConnectionCapInput extends Partial<ConnectionCapOptions> {
  readonly name: string;
}

/**
 * A limiter of connections being opened, kept within so many connections at once as well, as clients and pools take it.
 */
export function withConnectionCap(limiter: ConnectionLimiter, cap: ConnectionCap): ConnectionLimiter {
  return cappedStarts(limiter, cap);
}

/** A limit on connections at once, draining ones included. @throws NetError `INVALID` naming the option */
export function createConnectionCap(options: ConnectionCapInput): ConnectionCap {
  checkOptions('what createConnectionCap was given', options);
  const { name, ...given } = options;
  for (const [key, value] of Object.entries(given)) {
    if (!Object.hasOwn(CONNECTION_CAP_DEFAULTS, key)) {
      throw unknownOption(`connectionCap.${key}`, key, Object.keys(CONNECTION_CAP_DEFAULTS));
    }
    if (value !== undefined) whole(`connectionCap.${key}`, value, key === 'waitersMax' ? 0 : 1);
  }
  const values = Object.entries(given).filter(([, value]) => value !== undefined);
  return new ConnectionCap({ ...CONNECTION_CAP_DEFAULTS, ...Object.fromEntries(values), name: named(name) });
}
