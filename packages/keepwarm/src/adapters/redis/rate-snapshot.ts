/** What one process of a fleet knows of the limit on opening connections. */
import type { ConnectionRateSnapshot } from '../../pool/start-gate.ts';

export interface RedisRateSnapshot extends ConnectionRateSnapshot {
  readonly redis: {
    /** `up`: it answers. `closed` or `share`: it does not, and this is what is done about it. */
    readonly state: 'up' | 'closed' | 'share';
    /** For how long it has not answered, in ms. */
    readonly lostMs: number;
    readonly asks: number;
    readonly losses: number;
    /** What the last loss was, in words. */
    readonly lastError: string | undefined;
    /** Places taken in all processes together, by its last word. */
    readonly used: number;
  };
}
