/** Every cell of the conformance table, at sizes that other tests can wait for, and the page that shows it. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Cell, runMatrix } from '../conformance/matrix.ts';
import { shown, table, wrong } from '../conformance/report.ts';
import { SERVERS } from '../conformance/servers.ts';

describe('each way into the library does as promised, or as explained, with', () => {
  const cells: Cell[] = [];
  for (const server of SERVERS) {
    it(server, async () => {
      cells.push(...(await runMatrix(false, server)));
      const failures = cells.filter(({ outcome }) => outcome === 'wrong');
      assert.deepEqual(failures.map(wrong), []);
    });
  }

  it('all of them as the page shows; after a change, npm run conformance -- --page', () => {
    assert.equal(shown().replace(/^Last run .*\n\n/, ''), table(cells));
  });
});
