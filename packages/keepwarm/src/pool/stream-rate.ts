/**
 * How fast streams may be opened, subscriptions and their renewals, at a provider that counts them: the gate of
 * connections with other figures. A stream is settled by the head of its answer, lost when it ends without one, and
 * cancelled when it was never sent.
 */
import type { Clock } from '../core/clock.ts';
import { ConnectionRate, type ConnectionRateOptions } from './connection-rate.ts';

/**
 * `limit` 10 in 1 s: what providers of Geyser streams allow of renewals. `penaltyMs` one second, `penaltyMsMax` one
 * minute: a stream that is refused costs less than a connection. `assumed` empty: what was begun before a restart is
 * older than a window by the time the next process begins. The others as of connections.
 */
export const STREAM_RATE_DEFAULTS: Omit<ConnectionRateOptions, 'name'> = {
  limit: 10,
  windowMs: 1_000,
  reserve: 0,
  lateMs: 1_000,
  attemptMs: 10_000,
  waitersMax: 1_000,
  penaltyMs: 1_000,
  penaltyMsMax: 60_000,
  resetMs: 0,
  assumed: 'empty',
};

export function streamRate(options: ConnectionRateOptions, clock: Clock): ConnectionRate {
  return new ConnectionRate(options, { clock, what: 'stream' });
}
