/** How far back can be looked, and in which steps: no more than a few hundred points, which is what a screen shows. */
export interface Range {
  readonly lengthMs: number;
  /** Of each point; whole minutes up to a day, whole hours beyond. */
  readonly stepMs: number;
  readonly from: 'minutes' | 'hours';
}

const MINUTE = 60_000;
const HOUR = 3_600_000;
const DAY = 24 * HOUR;

export const RANGES = {
  '1h': { lengthMs: HOUR, stepMs: MINUTE, from: 'minutes' },
  '6h': { lengthMs: 6 * HOUR, stepMs: MINUTE, from: 'minutes' },
  '24h': { lengthMs: DAY, stepMs: 5 * MINUTE, from: 'minutes' },
  '7d': { lengthMs: 7 * DAY, stepMs: HOUR, from: 'hours' },
  '30d': { lengthMs: 30 * DAY, stepMs: 4 * HOUR, from: 'hours' },
  '90d': { lengthMs: 90 * DAY, stepMs: 12 * HOUR, from: 'hours' },
} as const satisfies Record<string, Range>;

export type RangeName = keyof typeof RANGES;
