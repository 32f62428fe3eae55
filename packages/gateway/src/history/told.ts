/** What `/api/history` answers. */
import type { RangeName } from './ranges.ts';

/** Whether figures are kept. `unavailable`: they should be, and cannot; it is tried again. */
export interface HistoryState {
  readonly state: 'on' | 'off' | 'unavailable';
  /** Why it is unavailable, and until when it is not tried again, in ms since 1970. */
  readonly reason?: string;
  readonly retryAt?: number;
  /** Of the database, in bytes. */
  readonly bytes?: number;
  /** Minutes that could not be written since the start. */
  readonly lostMinutes?: number;
}

/** One upstream's figures, one number for each step; `null` where nothing is known. */
export interface HistorySeries {
  readonly upstream: string;
  /** Calls per second. */
  readonly rate: readonly (number | null)[];
  /** Calls that failed or were answered 5xx, per second. */
  readonly errors: readonly (number | null)[];
  readonly p50Ms: readonly (number | null)[];
  readonly p95Ms: readonly (number | null)[];
  readonly p99Ms: readonly (number | null)[];
  /** Leases that found a connection which had served before, 0…1. */
  readonly reuse: readonly (number | null)[];
  /** The highest seen: (in flight + waiting) ÷ places. */
  readonly saturation: readonly (number | null)[];
  /** Per second. */
  readonly retries: readonly (number | null)[];
  readonly limitWaits: readonly (number | null)[];
}

export interface HistoryTold {
  readonly history: HistoryState;
  readonly range: RangeName;
  readonly stepMs: number;
  /** When each step begins, in ms since 1970, oldest first. */
  readonly at: readonly number[];
  readonly upstreams: readonly HistorySeries[];
}
