/** `npm run gateway-soak` for some seconds: reloads and drops; whether memory grows takes longer to say. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { linesOf, verdictOn } from '../gateway-soak/report.ts';
import { gatewaySoak } from '../gateway-soak/run.ts';

it('no call fails by a reload, and no subscriber misses a head when connections are dropped', async () => {
  const report = await gatewaySoak({
    ...{ lengthMs: 4_000, rate: 100, subscribers: 5 },
    ...{ reloadMs: 300, dropMs: 1_700, headMs: 100, sampleMs: 500 },
  });
  const told = linesOf(report).join('\n');
  assert.deepEqual(verdictOn(report), [], told);
  assert(report.reloads > 3 && report.drops >= 2 && report.heads > 10 && report.answered > 20, told);
});
