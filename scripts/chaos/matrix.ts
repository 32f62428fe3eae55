/** Every row, in the order of the page. */
import { Peer } from './peer/peer.ts';
import { type Row, type RowResult, runRow } from './row.ts';
import { CHANGES } from './rows/changes.ts';
import { ENDPOINTS } from './rows/endpoints.ts';
import { OURSELVES } from './rows/ourselves.ts';
import { OUTAGES } from './rows/outages.ts';
import { OVERLOAD } from './rows/overload.ts';
import { REDIS } from './rows/redis.ts';
import { RESETS } from './rows/resets.ts';
import { SLOW } from './rows/slow.ts';

export const ROWS: readonly Row[] = [
  ...RESETS,
  ...OVERLOAD,
  ...SLOW,
  ...OUTAGES,
  ...ENDPOINTS,
  ...CHANGES,
  ...OURSELVES,
  ...REDIS,
];

/** Runs rows one after another: two at once would measure each other. */
export async function runRows(
  rows: readonly Row[],
  full: boolean,
  onResult: (result: RowResult) => void = () => undefined,
): Promise<RowResult[]> {
  const peer = await Peer.start();
  const results: RowResult[] = [];
  try {
    for (const row of rows) {
      const result = await runRow(row, peer, full);
      results.push(result);
      onResult(result);
    }
  } finally {
    await peer.close();
  }
  return results;
}
