/**
 * The chaos matrix with few calls and short troubles. What is expected of a row is in the row; `npm run chaos` runs it
 * at its full size.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { ROWS } from '../chaos/matrix.ts';
import { Peer } from '../chaos/peer/peer.ts';
import { runRow } from '../chaos/row.ts';

describe('the chaos matrix', () => {
  let peer: Peer;
  before(async () => {
    peer = await Peer.start();
  });
  after(() => peer.close());

  for (const row of ROWS) {
    it(`${row.name}: ${row.expected.map(({ words }) => words).join('; ')}`, async () => {
      const { missed, figures } = await runRow(row, peer, false);
      assert.deepEqual(missed, [], JSON.stringify(figures));
    });
  }
});
