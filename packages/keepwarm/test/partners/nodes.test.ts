/** Three real nodes in trouble, in short; `npm run nodes` is the whole of it, and looks at times as well. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { nodesScenario } from './nodes-scenario.ts';

it('one node dies, one lags, one answers 429 in bursts: no read fails or is too old, no write is doubled', async () => {
  const report = await nodesScenario({ calls: 560, seconds: 7, blockMs: 100, writeEvery: 20 });
  const { failedReads, staleReads, doubled, lost, facts, refused, reads } = report;
  assert.deepEqual(failedReads, []);
  assert.deepEqual(staleReads, []);
  assert.equal(doubled, 0);
  assert.equal(lost, 0);
  assert.ok(reads > 500);
  assert.ok(facts.lagging! > 0 && facts.caughtUp! > 0, 'one was seen to lag, and to be back');
  assert.ok(refused > 0, 'the bursts were met');
});
