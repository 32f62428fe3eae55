/** Rows of history for tests. */
import { BUCKETS } from '../src/figures/rolling.ts';
import { packed, type Row } from '../src/history/row.ts';

/** @param buckets counts by bucket */
export function latency(buckets: Readonly<Record<number, number>>): Uint8Array {
  const counts = new Uint32Array(BUCKETS);
  for (const [bucket, count] of Object.entries(buckets)) counts[Number(bucket)] = count;
  return packed(counts);
}

export const aRow = (at: number, upstream = 'api', more: Partial<Row> = {}): Row => ({
  upstream,
  at,
  seconds: 60,
  calls: 60,
  errors: 6,
  fresh: 1,
  reused: 59,
  retries: 3,
  limitWaits: 2,
  saturation: 0.5,
  latency: latency({ 40: 50, 80: 10 }),
  ...more,
});
