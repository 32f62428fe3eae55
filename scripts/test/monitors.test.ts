/** `npm run monitors` on a small scale: the same processes, fewer updates. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { monitors } from '../monitors/run.ts';

it('seven official clients in processes of their own share one subscription, and none can tell', async () => {
  const report = await monitors({ updates: 5_000, drops: 4, slotMs: 5, accountsPerSlot: 40 });
  assert.equal(report.monitors.length, 7);
  assert.equal(report.drops, 4);
  assert.deepEqual([report.connectionsMax, report.subscriptionsMax], [1, 1]);
  for (const { name, updates, missing, extra, twice, inOrder } of report.monitors) {
    assert.ok(updates > 20, `${name} got ${updates}`);
    assert.deepEqual({ name, missing, extra, twice, inOrder }, { name, missing: 0, extra: 0, twice: 0, inOrder: true });
  }
});
