/** Options of the Geyser test server, and what is not acceptable about them. */

import type { Clock } from '../../core/clock.ts';
import { NetError } from '../../core/error.ts';

export interface ChainOptions {
  /** Whatever is made up follows from it. Default 1. */
  readonly seed: number;
  /** The slot that is open at the start. Default 100. */
  readonly firstSlot: number;
  /** Addresses that generated updates are about. Default 100. */
  readonly accounts: number;
  /** Programs that own them, in turn. Default 5. */
  readonly owners: number;
  /** Bytes of data of each generated account. Default 165, as a token account has. */
  readonly accountBytes: number;
  /** Generated writes of accounts in each slot. Default 10. */
  readonly accountsPerSlot: number;
  /** Generated transactions in each slot. Default 5. */
  readonly transactionsPerSlot: number;
  /** Share of transactions that are votes, 0 to 1. Default 0.25. */
  readonly voteShare: number;
  /** Share of transactions that fail, 0 to 1. Default 0.1. */
  readonly failedShare: number;
  /** Blocks after which a slot is confirmed. Default 2. */
  readonly confirmAfter: number;
  /** Blocks after which it is finalized. Default 31. */
  readonly finalizeAfter: number;
  /** A slot ends by itself this often, in ms; 0 for never: then slots end when `advance` is called. Default 0. */
  readonly slotMs: number;
}

export interface LimitOptions {
  /** Connections that may be opened in each window; more, and everybody is banned. 0 for no limit. Default 0. */
  readonly connectionLimit: number;
  /** Length of that window, in ms. Default 60,000. */
  readonly windowMs: number;
  /** How long a ban lasts, in ms. Default 60,000. */
  readonly banMs: number;
  /** Connections open at once; calls on those beyond get RESOURCE_EXHAUSTED. Default 1,000. */
  readonly connectionsMax: number;
  /** Subscriptions open at once; those beyond get RESOURCE_EXHAUSTED. Default 10,000. */
  readonly subscriptionsMax: number;
  /** Streams at once on one connection, as its settings say. Default 1,000. */
  readonly streamsMax: number;
  /** Writes of filters per second on one subscription; one more ends it with RESOURCE_EXHAUSTED. Default 1,000. */
  readonly writesPerSecondMax: number;
  /** Filters of each kind in one request. Default 1,000. */
  readonly filtersMax: number;
  /** Addresses in one list of a filter. Default 100,000. */
  readonly addressesMax: number;
  /** Updates that may wait for one slow subscriber; one more, and it is told that it lagged. Default 500,000. */
  readonly waitingMax: number;
  /** Slots that a replay may reach back; 0 for a server without replay. Default 150. */
  readonly replaySlots: number;
  /** A ping on each subscription this often, in ms. Default 10,000, as the plugin's. */
  readonly pingMs: number;
}

export interface GeyserServerOptions extends Partial<ChainOptions>, Partial<LimitOptions> {
  /** What callers must send as `x-token`; any of several. Default: nothing is asked for. */
  readonly token?: string | readonly string[] | undefined;
  /** What becomes of new connections during a ban: reset, or answered with 429 each. Default `reset`. */
  readonly ban?: 'reset' | '429' | undefined;
  /** Certificate and key, in PEM; cleartext without. */
  readonly tls?: { readonly cert: string; readonly key: string } | undefined;
  /** Default `127.0.0.1`. */
  readonly host?: string | undefined;
  /** Default 0: whichever is free. */
  readonly port?: number | undefined;
  /** What GetVersion answers. */
  readonly version?: string | undefined;
  readonly clock?: Clock | undefined;
}

export const GEYSER_DEFAULTS: ChainOptions & LimitOptions = {
  ...{ seed: 1, firstSlot: 100, accounts: 100, owners: 5, accountBytes: 165, accountsPerSlot: 10 },
  ...{ transactionsPerSlot: 5, voteShare: 0.25, failedShare: 0.1, confirmAfter: 2, finalizeAfter: 31, slotMs: 0 },
  ...{ connectionLimit: 0, windowMs: 60_000, banMs: 60_000, connectionsMax: 1_000, subscriptionsMax: 10_000 },
  ...{ streamsMax: 1_000, writesPerSecondMax: 1_000, filtersMax: 1_000, addressesMax: 100_000 },
  ...{ waitingMax: 500_000, replaySlots: 150, pingMs: 10_000 },
};

/** The rest of the options: what has no number for a default. */
export const GEYSER_OPTION_NAMES: readonly string[] = ['token', 'ban', 'tls', 'host', 'port', 'version', 'clock'];

/** Least values, where that is not 0. */
const LEAST: Readonly<Record<string, number>> = { accounts: 1, owners: 1, firstSlot: 1, windowMs: 1, pingMs: 1 };
/** Shares of a whole; all others are counts, or lengths in ms. */
const SHARES: readonly string[] = ['voteShare', 'failedShare'];

/** @throws NetError `INVALID` naming the option */
export function settleGeyser(options: GeyserServerOptions): ChainOptions & LimitOptions {
  const settled: Record<string, number> = { ...GEYSER_DEFAULTS };
  for (const [name, value] of Object.entries(options)) {
    if (GEYSER_OPTION_NAMES.includes(name) || value === undefined) continue;
    if (!Object.hasOwn(GEYSER_DEFAULTS, name)) throw invalid(`there is no option ${name} of startGeyserServer`);
    const least = LEAST[name] ?? 0;
    const most = SHARES.includes(name) ? 1 : Number.MAX_SAFE_INTEGER;
    const whole = SHARES.includes(name) || Number.isInteger(value);
    if (typeof value !== 'number' || !whole || !(value >= least) || !(value <= most)) {
      throw invalid(`option ${name} of startGeyserServer is ${String(value)}; allowed: ${least} to ${most}`);
    }
    settled[name] = value;
  }
  return settled as unknown as ChainOptions & LimitOptions;
}

const invalid = (message: string): NetError => new NetError('INVALID', message, { reach: 'unsent' });
