/** `npm run soak` for some seconds: every fault in turn; whether memory grows takes longer to say. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { linesOf, verdictOn } from '../soak/report.ts';
import { soak } from '../soak/run.ts';

it('through every fault in turn nothing is lost or told twice, and every socket is accounted for', async () => {
  const report = await soak({
    ...{ lengthMs: 8_000, slotMs: 100, accountsPerSlot: 20, faultMs: 250 },
    ...{ connectionLimit: 60, windowMs: 5_000, seed: 7 },
  });
  const told = linesOf(report).join('\n');
  assert.deepEqual(verdictOn(report), [], told);
  const { faults } = report.server;
  assert(Object.keys(faults).length >= 6, told);
  assert(report.multiplexer.drops > 3 && report.pool.reconnects > 0, told);
  assert(report.guests.came > 2 && report.calls.answered > 20, told);
});
