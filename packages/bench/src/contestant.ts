/** Who is measured: a client in its own process, or wrk. */
import type { SliceOrder, SliceResult } from './load.ts';

export interface Contestant {
  readonly name: string;
  /** Its code has been compiled by earlier scenarios, so a shorter warm-up will do. */
  readonly seasoned: boolean;
  slice(order: SliceOrder): Promise<SliceResult>;
  close(): Promise<void>;
}
