import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { aCall, failure, later } from '../../src/testing/scripted-engine.ts';
import { aSet, blackHole, broken, fast } from './a-set.ts';

const refused = later(1, failure('CONNECT', 'unsent'));

describe('an operator', () => {
  it('takes an endpoint out of service and puts it back, which is told once', async () => {
    const { set, traffic, cordoned, state } = aSet({ a: fast, b: fast });
    set.cordon('a');
    set.cordon('a');
    assert.equal((await traffic(10, 1_000)).counts['a'], 0);
    assert.equal(state('a').state, 'cordoned');
    set.uncordon('a');
    assert.ok((await traffic(10, 1_000)).counts['a']! > 10);
    assert.deepEqual(
      cordoned.map(({ endpoint, cordoned }) => [endpoint, cordoned]),
      [
        ['a', true],
        ['a', false],
      ],
    );
  });

  it('who takes out all of them gets calls answered nevertheless', async () => {
    const { set, visit } = aSet({ a: 200, b: 200 });
    set.cordon('a');
    set.cordon('b');
    assert.equal((await visit()).length, 1);
  });

  it('leaves those that are out to serve when there is nobody else', async () => {
    const { set, traffic, state, does } = aSet({ a: fast, b: refused });
    await traffic(10, 4_000);
    assert.equal(state('b').state, 'ejected');
    set.cordon('a');
    does['b'] = fast;
    const { counts } = await traffic(10, 100);
    assert.deepEqual(counts, { a: 0, b: 10 });
    assert.equal(state('b').state, 'slow-start', 'what it answered counts as a probe');
  });

  it('is heeded by a call that has asked at the same instant how many are left', () => {
    const { set } = aSet({ a: 200, b: 200 });
    const call = aCall({ tried: [] });
    assert.equal(set.untried(call), 2);
    set.cordon('a');
    assert.equal(set.untried(call), 1);
    call.tried!.push('b');
    assert.equal(set.untried(call), 0);
    set.uncordon('a');
    assert.equal(set.untried(call), 1);
  });

  it('is told when there is no such endpoint', () => {
    const { set } = aSet({ a: 200 });
    assert.throws(() => set.cordon('x'), { code: 'INVALID', message: 'there is no endpoint "x"' });
  });
});

describe('ejection', () => {
  it('never takes the last one, however it fails', async () => {
    const { traffic, ejected, set, state } = aSet({ a: broken, b: broken });
    await traffic(1, 20_000);
    assert.equal(ejected.filter(({ reason }) => reason !== 'probe').length, 1);
    assert.equal(set.snapshot().panic, true);
    assert.equal([state('a'), state('b')].filter(({ state }) => state === 'ejected').length, 1);
  });

  it('has an end to its panic when an operator puts another back', async () => {
    const { set, traffic } = aSet({ a: fast, b: broken });
    set.cordon('a');
    await traffic(10, 1_000);
    assert.equal(set.snapshot().panic, true);
    set.uncordon('a');
    assert.equal(set.snapshot().panic, false);
    assert.ok((await traffic(10, 1_000)).counts['b']! <= 1);
  });

  it('leaves a single endpoint where it is', async () => {
    const { traffic, ejected } = aSet({ a: broken });
    assert.equal((await traffic(10, 1_000)).counts['a'], 100);
    assert.equal(ejected.length, 0);
  });

  it('takes no larger share than it may', async () => {
    const { traffic, state } = aSet(
      { a: blackHole, b: blackHole, c: blackHole, d: fast },
      { options: { ejectedShareMax: 0.5, picker: 'random' } },
    );
    await traffic(1, 4_000);
    const out = ['a', 'b', 'c'].filter((name) => state(name).ejections > 0);
    assert.equal(out.length, 2);
  });

  it('is told with its reason, its length and what caused it', async () => {
    const { traffic, ejected, readmitted, does } = aSet({ a: fast, b: refused });
    await traffic(10, 4_000);
    const [fact] = ejected;
    assert.equal(fact!.endpoint, 'b');
    assert.equal(fact!.origin, 'https://b.test');
    assert.equal(fact!.reason, 'silence');
    assert.equal(fact!.error?.code, 'CONNECT');
    assert.ok(fact!.ejectedMs >= 2_500 && fact!.ejectedMs <= 5_000);
    does['b'] = fast;
    await traffic(10, 30_000);
    assert.equal(readmitted[0]!.by, 'call');
    assert.ok(readmitted[0]!.outMs >= fact!.ejectedMs);
  });
});
