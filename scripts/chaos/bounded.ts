/** Rows as tests: with few calls and short troubles. What is expected of a row is in the row. */
import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import { Peer } from './peer/peer.ts';
import { type Row, runRow } from './row.ts';

/** To be called within `describe`. */
export function promise(rows: readonly Row[]): void {
  let peer: Peer;
  before(async () => {
    peer = await Peer.start();
  });
  after(() => peer.close());

  for (const row of rows) {
    it(`${row.name}: ${row.expected.map(({ words }) => words).join('; ')}`, async () => {
      const { missed, figures } = await runRow(row, peer, false);
      assert.deepEqual(missed, [], JSON.stringify(figures));
    });
  }
}
