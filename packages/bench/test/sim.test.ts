import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SIM_PICKERS } from '../src/sim/pickers.ts';
import { simulate } from '../src/sim/run.ts';
import { SIM_SCENARIOS } from '../src/sim/scenarios.ts';

const scenario = (name: string) => SIM_SCENARIOS.find((each) => each.name.startsWith(name))!;
const picker = (name: string) => SIM_PICKERS.find((each) => each.name.startsWith(name))!;

describe('the simulation of pickers', () => {
  it('is the same every time', async () => {
    const run = () => simulate(scenario('failing'), picker('p2c (the'));
    assert.deepEqual(await run(), await run());
  });

  it('has every picker meet a trouble, and every trouble a picker', async () => {
    assert.equal(SIM_SCENARIOS.length, SIM_PICKERS.length);
    for (const [i, each] of SIM_SCENARIOS.entries()) {
      const row = await simulate(each, SIM_PICKERS[i]!);
      assert.deepEqual([row.scenario, row.picker], [each.name, SIM_PICKERS[i]!.name]);
      assert(row.calls > 5_000 && row.p50Ms > 10 && row.p99Ms > row.p50Ms, JSON.stringify(row));
      assert(row.failed < 0.3 && row.shareDuring > 0, JSON.stringify(row));
    }
  });

  it('gives the reasons for the default: slowness, refusals and failures cost it least', async () => {
    const [standard, turns] = [picker('p2c (the'), picker('round-robin')];
    const slow = [await simulate(scenario('slow'), standard), await simulate(scenario('slow'), turns)];
    assert.ok(slow[0].p99Ms < slow[1].p99Ms / 3, `${slow[0].p99Ms} ms against ${slow[1].p99Ms} ms`);
    const refusing = [await simulate(scenario('refusing'), standard), await simulate(scenario('refusing'), turns)];
    assert.ok(refusing[0].failed < 0.01 && refusing[1].failed > 0.15);
    const lost = await simulate(scenario('black hole'), standard);
    assert.ok(lost.failed < 0.003, `${lost.failed} of the calls were lost`);
  });

  it('and for the penalty: without it, refusals attract', async () => {
    const { failed } = await simulate(scenario('refusing'), picker('p2c, no penalty'));
    assert.ok(failed > 0.2, `${failed}`);
  });
});
