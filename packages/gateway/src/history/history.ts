/** Figures over hours and days, as the rest of the gateway sees them. */
import type { RangeName } from './ranges.ts';
import type { HistoryState, HistoryTold } from './told.ts';

export interface History {
  readonly state: HistoryState;
  /** Begins to keep. Never fails: what goes wrong is its state. */
  start(): Promise<void>;
  /** @param upstream one of them, or all */
  read(range: RangeName, upstream: string | undefined): Promise<HistoryTold>;
  /** Twice is harmless. */
  close(): Promise<void>;
}
