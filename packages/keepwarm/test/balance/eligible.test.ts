/** Endpoints that are not far enough along for a call: asked when nobody else takes calls, and only then. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Call } from '../../src/core/call.ts';
import { failure, later } from '../../src/testing/scripted-engine.ts';
import { aSet, broken, fast } from './a-set.ts';

const HEAD = 'head';
/** Calls about the head are those whose `about` says so; who lags for them is a set of names, changed at will. */
const lagging = (...names: string[]) => {
  const behind = new Set(names);
  const eligible = (endpoint: string, { about }: Call): boolean => about !== HEAD || !behind.has(endpoint);
  return { behind, parts: { eligible } };
};
const aHeadRead = { about: HEAD };
const busy = later(1, { status: 429, headers: { 'retry-after': '10' } });

describe('endpoints that are not eligible for a call', () => {
  it('get none of those calls while another one takes them, and their share of all others', async () => {
    const { parts } = lagging('b');
    const { traffic } = aSet({ a: fast, b: fast, c: fast }, { parts });
    const heads = await traffic(10, 10_000, aHeadRead);
    assert.equal(heads.counts.b, 0);
    assert.ok(heads.good >= heads.sent - 2, 'all but those under way are answered');
    const others = await traffic(10, 10_000);
    assert.ok(others.share('b') > 0.2, `b got ${others.share('b')}`);
  });

  it('get their calls back at once when they are eligible again', async () => {
    const { behind, parts } = lagging('b');
    const { traffic } = aSet({ a: fast, b: fast }, { parts });
    assert.equal((await traffic(10, 1_000, aHeadRead)).counts.b, 0);
    behind.clear();
    assert.ok((await traffic(10, 5_000, aHeadRead)).share('b') > 0.3);
  });

  it('come after those that asked to be left alone, and before those that are out', async () => {
    const { parts } = lagging('b');
    const afterBusy = aSet({ a: busy, b: fast }, { parts });
    assert.deepEqual(await afterBusy.visit(aHeadRead), ['a']);
    assert.deepEqual(await afterBusy.visit(aHeadRead), ['a'], 'a has asked for a pause, and still comes first');
    const afterOut = aSet({ a: broken, b: fast }, { parts });
    await afterOut.traffic(10, 500, aHeadRead);
    assert.equal(afterOut.state('a').state, 'ejected');
    assert.deepEqual(await afterOut.visit(aHeadRead), ['b']);
  });

  it('are asked when all are: nobody is left without an answer', async () => {
    const { parts } = lagging('a', 'b');
    const { traffic } = aSet({ a: fast, b: fast }, { parts });
    const { good, sent, counts } = await traffic(10, 5_000, aHeadRead);
    assert.ok(good >= sent - 2, 'all but those under way are answered');
    assert.ok(counts.a! > 0 && counts.b! > 0);
  });

  it('are no place for a second try while an eligible one is left, and one when none is', async () => {
    const { parts } = lagging('b');
    const { visit } = aSet({ a: later(1, failure('RESET', 'unknown')), b: fast, c: later(1, 503) }, { parts });
    const went = await visit(aHeadRead, 3);
    assert.deepEqual(went.slice(0, 2).sort(), ['a', 'c']);
    assert.notEqual(went[2], 'b', 'a second time where it was before is better than an old answer');
  });

  it('are not probed with calls they are not eligible for', async () => {
    const { behind, parts } = lagging();
    const { traffic, does, state, visit } = aSet({ a: fast, b: broken }, { parts });
    await traffic(10, 1_000);
    assert.equal(state('b').state, 'ejected');
    does.b = fast;
    behind.add('b');
    const heads = await traffic(10, 30_000, aHeadRead);
    assert.equal(heads.counts.b, 0, 'its time is over, and it lags');
    await visit();
    assert.equal(state('b').ejectedUntilMs, undefined, 'another call probes it, and finds it well');
  });

  it('are not where a call can go elsewhere to', () => {
    const { parts } = lagging('b');
    const { set, engine: _ } = aSet({ a: fast, b: fast }, { parts });
    const call = (about: unknown): Call => ({ about, tried: ['a'], origin: { key: 'x' } }) as unknown as Call;
    assert.equal(set.untried(call(undefined)) > 0, true);
    assert.equal(set.untried(call(HEAD)) > 0, false);
  });
});
