import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { HEALTH_CHECK_DEFAULTS, type HealthCheckOptions } from '../../src/balance/options.ts';
import { aCall, aReply, failure, later, never } from '../../src/testing/scripted-engine.ts';
import { ScriptedBody } from '../core/a-body.ts';
import { aSet, fast } from './a-set.ts';

const CHECKS: HealthCheckOptions = { ...HEALTH_CHECK_DEFAULTS, path: '/health' };
const checks = CHECKS;

describe('health checks', () => {
  it('ask every endpoint once per interval, not all at one time', async () => {
    const { clock, engine, checked, set } = aSet(
      { a: 200, b: 200, c: 200 },
      { checks, endpoints: [{ basePath: '/v1' }] },
    );
    await clock.run(100_000);
    for (const name of ['a', 'b', 'c']) {
      const count = checked.filter((each) => each === name).length;
      assert.ok(count >= 18 && count <= 22, `${count} times ${name}`);
    }
    assert.ok(new Set(engine.instants.slice(0, 3)).size === 3);
    const [question] = engine.calls.filter(({ origin }) => origin.hostname === 'a.test');
    assert.deepEqual([question!.method, question!.path], ['GET', '/v1/health']);
    assert.equal(question!.deadlineAt - question!.startedAt, 1_000);
    set.close();
  });

  it('eject after three failures in a row, be they statuses, errors or silence', async () => {
    for (const line of [500, 404, later(1, failure('CONNECT', 'unsent')), never]) {
      const { clock, does, checked, ejected, set } = aSet({ a: 200, b: 200 }, { checks });
      await clock.run(20_000);
      does['a'] = line;
      checked.length = 0;
      while (ejected.length === 0) await clock.run(100);
      assert.equal(ejected[0]!.reason, 'check');
      assert.equal(ejected[0]!.endpoint, 'a');
      assert.equal(checked.filter((name) => name === 'a').length, 3);
      set.close();
    }
  });

  it('take 200 to 399 for well, and nothing else', async () => {
    for (const [status, out] of [
      [199, true],
      [200, false],
      [399, false],
      [400, true],
    ] as const) {
      const { clock, ejected, set } = aSet({ a: status, b: 200 }, { checks });
      await clock.run(60_000);
      assert.equal(ejected.length > 0, out, String(status));
      set.close();
    }
  });

  it('do not eject after two failures and a good answer', async () => {
    let count = 0;
    const flaky = () => (count++ % 3 === 2 ? 200 : 500);
    const { clock, ejected, set } = aSet({ a: flaky, b: 200 }, { checks });
    await clock.run(200_000);
    assert.equal(ejected.length, 0);
    set.close();
  });

  it('readmit after two good answers in a row, once the time is over; no call is a probe', async () => {
    const { clock, does, went, readmitted, state, traffic, set } = aSet({ a: fast, b: fast }, { checks });
    does['a'] = later(1, failure('CONNECT', 'unsent'));
    await traffic(1, 12_000);
    assert.equal(state('a').state, 'ejected');
    went.length = 0;
    await traffic(10, 30_000);
    assert.equal(went.filter((name) => name === 'a').length, 0);
    does['a'] = fast;
    while (readmitted.length === 0) await clock.run(100);
    assert.equal(readmitted[0]!.by, 'check');
    assert.equal(state('a').state, 'slow-start');
    assert.ok(state('a').ejections === 1);
    set.close();
  });

  it('do not readmit before the time is over', async () => {
    const { clock, does, state, ejected, set } = aSet(
      { a: 500, b: 200 },
      { checks, options: { ejectMs: 60_000, jitter: 0 } },
    );
    while (ejected.length === 0) await clock.run(100);
    does['a'] = 200;
    await clock.run(59_000);
    assert.equal(state('a').state, 'ejected');
    await clock.run(10_000);
    assert.equal(state('a').state, 'slow-start');
    set.close();
  });

  it('never take the last one', async () => {
    const { clock, ejected, set, send } = aSet({ a: 500, b: 500 }, { checks });
    await clock.run(60_000);
    assert.equal(ejected.length, 1);
    assert.equal((await send(aCall())).status, 500);
    set.close();
  });

  it('leave those alone that are cordoned', async () => {
    const { clock, checked, set } = aSet({ a: 200, b: 200 }, { checks });
    set.cordon('a');
    await clock.run(20_000);
    assert.ok(checked.length > 2 && !checked.includes('a'));
    set.uncordon('a');
    await clock.run(10_000);
    assert.ok(checked.includes('a'));
    set.close();
  });

  it('say nothing about load, and read what they are answered', async () => {
    const body = new ScriptedBody();
    const { clock, state, set } = aSet({ a: () => aReply({ body }) }, { checks });
    await clock.run(5_000);
    assert.equal(body.starts, 1);
    assert.deepEqual([state('a').successes, state('a').latencyMs, state('a').inFlight], [0, 0, 0]);
    set.close();
  });

  it('ask one question at a time, however slow the answers', async () => {
    const { clock, engine, set } = aSet({ a: later(900, 200) }, { checks: { ...CHECKS, intervalMs: 10 } });
    for (let i = 0; i < 50; i++) {
      await clock.run(100);
      assert.ok(engine.inFlight() <= 1);
    }
    set.close();
  });

  it('end when the set is closed, twice if need be, the one under way included', async () => {
    const { clock, engine, set, ejected } = aSet({ a: never, b: 200 }, { checks });
    while (engine.inFlight() === 0) await clock.run(10);
    set.close();
    set.close();
    await clock.settle();
    assert.equal(engine.inFlight(), 0);
    assert.equal(clock.sleeping, 0);
    const asked = engine.calls.length;
    await clock.run(60_000);
    assert.equal(engine.calls.length, asked);
    assert.equal(ejected.length, 0);
  });

  it('that are given up by closing count as nothing', async () => {
    const { clock, engine, set, ejected, state } = aSet({ a: never, b: 200 }, { checks });
    let asked = 0;
    while (asked < 3) {
      await clock.run(50);
      asked = engine.calls.filter(({ origin }) => origin.hostname === 'a.test').length;
    }
    set.close(); // under the third, which would be one too many
    await clock.run(10_000);
    assert.equal(ejected.length, 0);
    assert.equal(state('a').state, 'healthy');
  });

  it('survive an engine that throws', async () => {
    const send = () => {
      throw new Error('no');
    };
    const { clock, ejected, set } = aSet({ a: 200, b: 200 }, { parts: { checks: { ...CHECKS, send } } });
    await clock.run(60_000);
    assert.equal(ejected.length, 1, 'all but the last');
    set.close();
  });
});
