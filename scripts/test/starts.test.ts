/** The storm of `npm run starts`, short: what a provider counts while monitors reconnect and processes are killed. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { storm } from '../starts/run.ts';

const PLAN = { limit: 6, windowMs: 2_000, jitterMs: 300, monitors: 50, lengthMs: 5_000, killEveryMs: 3_000 };

describe('a storm of reconnects, with processes killed in it', () => {
  it('exceeds no window, with starts kept in a file, and with those of three processes over Redis', async () => {
    const reports = await Promise.all([storm({ ...PLAN, processes: 1 }), storm({ ...PLAN, processes: 3 })]);
    for (const { plan, connections, kills, busiestAccepted, busiestCounted } of reports) {
      const of = `${plan.processes} processes: `;
      assert(busiestAccepted <= PLAN.limit, `${of}${busiestAccepted} of ${PLAN.limit} accepted in one window`);
      assert(busiestCounted <= PLAN.limit, `${of}${busiestCounted} of ${PLAN.limit} counted in one window`);
      assert.equal(kills, 1);
      assert(connections > PLAN.limit, `${of}${connections} connections: there is a storm`);
    }
  });
});
