/**
 * Presets: figures that belong together, named for what they are for. What a client is given wins over its preset field
 * by field; a policy given as `false` is off. What stands in none of them has the defaults of the reference.
 */

import type { Call } from '../core/call.ts';
import { isOptions, refused, show } from '../core/refusal.ts';
import { BREAKER_SEED } from '../policies/breaker.ts';
import { RETRY_SEED } from '../policies/retry-options.ts';
import type { ClientOptions } from './client-options.ts';
import type { Settings } from './options.ts';
import type { ResilienceOptions } from './resilience.ts';

/** `patienceMs` follows from `retry.attemptMs` where it is not given. */
const { patienceMs: _, ...breakerSeed } = BREAKER_SEED;

/** Calls that change nothing (RFC 9110 § 9.2.1). */
const reads = ({ method }: Call): boolean => method === 'GET' || method === 'HEAD';

type Figures<T> = Exclude<T, boolean | undefined>;

export interface Preset {
  readonly deadlineMs?: number;
  readonly http2?: 'never';
  readonly pool?: Partial<Settings<'pool'>>;
  readonly limits?: Partial<Settings<'limits'>>;
  readonly connect?: Partial<Settings<'connect'>>;
  readonly retry?: Figures<ResilienceOptions['retry']>;
  readonly budget?: Figures<ResilienceOptions['budget']>;
  readonly hedge?: Figures<ResilienceOptions['hedge']>;
  readonly breaker?: Figures<ResilienceOptions['breaker']>;
  readonly concurrency?: Figures<ResilienceOptions['concurrency']>;
}

export const PRESETS = {
  /**
   * A service that calls an API for callers of its own, who wait. Every default is meant for it; on are the policies
   * that cost a healthy call next to nothing and do no harm to a peer: safe repeats within a budget, and a breaker.
   */
  api: { retry: {}, breaker: {} },

  /**
   * A bot at an exchange: what is late is worthless, what is sent twice costs money.
   *  - `deadlineMs` 2 s: ours; an answer that comes later is about another market.
   *  - `pool` idleMin 2, idleMs 60 s: the exchange adapter this library grew from (two idle connections per host, for
   *    a minute). Here two are kept open ahead of demand, so that the first order after silence rides a warm one. They
   *    outlast the idle limit, so `ageMs` 55 s is what bounds their silence: of what exchanges stand behind, AWS's load
   *    balancers close first, after 60 s (nginx 75 s, Cloudflare 400 s, Google 610 s); 5 s are for the way and timers.
   *  - `http2` never: ours; a call alone on a connection of HTTP/1.1 costs less, and waits for no other's loss.
   *  - `retry`: ours; all waits fit into the deadline. An order is never repeated blindly: like every call that is not
   *    idempotent, it is sent again only if nothing of it was sent. `attemptMs` half of the deadline, so that a read
   *    that meets a black hole has as long again.
   *  - `hedge`: reads only, so that not even an order with an `Idempotency-Key` is sent again before the first is known
   *    to have failed. `delayMsMax` a quarter of the deadline: later, a copy comes too late.
   *  - `breaker` openMs 500 ms, openMsMax 5 s: ours; a market that is back must be seen at once.
   */
  trading: {
    deadlineMs: 2_000,
    http2: 'never',
    pool: { idleMin: 2, idleMs: 60_000, ageMs: 55_000 },
    retry: { attemptsMax: 3, attemptMs: 1_000, baseMs: 10, throttledBaseMs: 250, capMs: 250 },
    hedge: { delayMsMax: 500, only: reads },
    breaker: { openMs: 500, openMsMax: 5_000 },
  },

  /**
   * A job nobody waits for: all of it should be done in the end, and the peer has others to serve.
   *  - `deadlineMs` 5 min, and limits to match: ours. Ten attempts with waits of 1 s doubled up to a minute take two
   *    minutes and a half on average: outages of a restart's length are outlasted.
   *  - `retry` baseMs 1 s, throttledBaseMs 5 s, capMs 60 s, retryAfterMsMax 5 min: ours; gentle is to wait. `attemptMs`
   *    none: `limits.firstByteMs` is what an answer may take.
   *  - `budget` share 1: ours. In an outage all that is under way is repeated rather than given up; what bounds the
   *    traffic is the limit below, which comes down to one call at a time.
   *  - `concurrency` 4 at first, 50 at most: ours. `slowMs` 30 s: a slow answer is no sign of distress here.
   *  - no breaker: it refuses, and a batch would rather wait. The concurrency limit spares the peer instead.
   */
  batch: {
    deadlineMs: 300_000,
    limits: { queueMs: 60_000, firstByteMs: 120_000, betweenBytesMs: 60_000 },
    retry: {
      attemptsMax: 10,
      attemptMs: Number.POSITIVE_INFINITY,
      baseMs: 1_000,
      throttledBaseMs: 5_000,
      capMs: 60_000,
      retryAfterMsMax: 300_000,
    },
    budget: { share: 1 },
    concurrency: { limit: 4, limitMax: 50, slowMs: 30_000, waitersMax: 10_000, waitMs: 300_000 },
  },

  /**
   * The figures of the network stack design this library grew from, as far as they differ from the defaults: 25
   * connections per host, 100 in all, TCP probes after 1 s; three retries from 1 s up to 30 s; a breaker that opens on
   * five failures in a row within two minutes and probes after one.
   */
  seed: {
    pool: { socketsMax: 25, socketsTotalMax: 100 },
    connect: { tcpKeepAliveMs: 1_000 },
    retry: RETRY_SEED,
    breaker: breakerSeed,
  },
} as const satisfies Record<string, Preset>;

export type PresetName = keyof typeof PRESETS;

/** The options with those of their preset under them. @throws NetError `INVALID` for a preset there is not */
export function withPreset(options: ClientOptions): ClientOptions {
  const { preset = 'api' } = options;
  if (typeof preset !== 'string' || !Object.hasOwn(PRESETS, preset)) {
    throw refused('preset', preset, Object.keys(PRESETS).map(show).join(', '));
  }
  const under: Preset = PRESETS[preset];
  const settled: Record<string, unknown> = { ...options };
  for (const [name, figures] of Object.entries(under)) {
    settled[name] = over(figures, options[name as keyof Preset]);
  }
  // A preset's hedge needs the retry that its caller does not want: then neither is wanted.
  if (options.retry === false && options.hedge === undefined) settled['hedge'] = false;
  return settled;
}

function over(figures: unknown, given: unknown): unknown {
  if (given === undefined || given === true) return figures;
  if (!isOptions(given) || typeof figures !== 'object') return given;
  const values = Object.entries(given).filter(([, value]) => value !== undefined);
  return { ...figures, ...Object.fromEntries(values) };
}
