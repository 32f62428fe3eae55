/** What the server's process is told, and what it says. */
import type { GeyserServerStats } from 'keepwarm/testing/geyser';

export interface ServerPlan {
  /** A slot this often, in ms. */
  readonly slotMs: number;
  readonly accountsPerSlot: number;
  /** A fault this often, in ms. */
  readonly faultMs: number;
  /** Connections that may be opened in any window, and its length in ms; more is a violation, and a ban. */
  readonly connectionLimit: number;
  readonly windowMs: number;
  /** Which fault comes when follows from it. */
  readonly seed: number;
}

/** `quiet` ends slots and faults; connections stay. */
export type Order = 'begin' | 'quiet' | 'tell' | 'end';

export interface ServerFigures {
  readonly stats: GeyserServerStats;
  /** Slots that have ended. */
  readonly slots: number;
  /** How often each fault came. */
  readonly faults: Readonly<Record<string, number>>;
  readonly rssBytes: number;
}

export type Said = { readonly listening: string; readonly owners: readonly string[] } | ServerFigures;
