/** What becomes of a set when its endpoints fail in the ways endpoints do: the share of the calls each one gets. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { failure, later } from '../../src/testing/scripted-engine.ts';
import { aSet, blackHole, broken, fast, slow } from './a-set.ts';

/** Calls per second that come, all else being equal. */
const EVERY_MS = 10;

describe('a set of three', () => {
  it('shares evenly while all do the same', async () => {
    const { traffic, ejected } = aSet({ a: fast, b: fast, c: fast });
    const { share, good, sent } = await traffic(EVERY_MS, 30_000);
    for (const name of ['a', 'b', 'c']) assert.ok(Math.abs(share(name) - 1 / 3) < 0.05, `${name} got ${share(name)}`);
    assert.ok(sent - good <= 3, 'but for those still under way');
    assert.equal(ejected.length, 0);
  });

  it('loses one call to a black hole it has never heard of, then one more before it is out', async () => {
    const { traffic, ejected, state } = aSet({ a: fast, b: fast, c: blackHole });
    const first = await traffic(EVERY_MS, 1_000);
    assert.equal(first.counts['c'], 1, 'nobody sends a second call to whom nobody knows');
    const { counts } = await traffic(EVERY_MS, 120_000);
    const reasons = ejected.map(({ reason }) => reason);
    assert.deepEqual(reasons, ['silence', ...reasons.slice(1).fill('probe')]);
    assert.ok(counts['c']! <= reasons.length + 1, `${counts['c']} calls for ${reasons.join()}`);
    assert.ok(counts['c']! <= 6, 'probes become rare');
    assert.equal(state('c').ejections, 1);
  });

  it('loses the calls of a second to an endpoint that goes dark under load, then gets by without it', async () => {
    const { traffic, does, ejected, readmitted, state } = aSet({ a: fast, b: fast, c: fast });
    await traffic(1, 5_000);
    does['c'] = blackHole;
    const { counts } = await traffic(1, 2_000);
    assert.equal(ejected[0]?.reason, 'consecutive');
    assert.ok(counts['c']! < 40, `${counts['c']} of 2,000 calls`);
    const later = await traffic(EVERY_MS, 100_000);
    assert.ok(later.counts['c']! <= ejected.length, 'probes and nothing else');
    assert.ok(later.counts['c']! <= 6, `${later.counts['c']} probes`);
    does['c'] = fast;
    await traffic(EVERY_MS, 200_000);
    assert.equal(readmitted.length, 1);
    assert.equal(state('c').state, 'healthy');
    const { share } = await traffic(EVERY_MS, 20_000);
    assert.ok(Math.abs(share('c') - 1 / 3) < 0.06, `it has its share again: ${share('c')}`);
  });

  it('gives one that has become ten times slower less than a tenth', async () => {
    const { traffic, does, ejected } = aSet({ a: fast, b: fast, c: fast });
    await traffic(EVERY_MS, 20_000);
    does['c'] = slow;
    const { share } = await traffic(EVERY_MS, 60_000);
    assert.ok(share('c') < 0.1, `${share('c')}`);
    assert.equal(ejected.length, 0, 'slow is not broken');
    does['c'] = fast;
    await traffic(EVERY_MS, 40_000);
    const after = await traffic(EVERY_MS, 30_000);
    assert.ok(after.share('c') > 0.2, `${after.share('c')} once it is fast again`);
  });

  it('is not drawn to fast refusals, be they 429, 403 or 503', async () => {
    for (const status of [429, 403, 503]) {
      const { traffic, state, ejected } = aSet({ a: fast, b: fast, c: later(1, status) });
      await traffic(EVERY_MS, 5_000);
      const { share } = await traffic(EVERY_MS, 60_000);
      assert.ok(share('c') < 0.02, `${status}: ${share('c')}`);
      assert.ok(state('c').load > state('a').load);
      if (status !== 503) assert.equal(ejected.length, 0, 'who refuses is not broken');
    }
  });

  it('leaves one alone for as long as it asks', async () => {
    const { traffic, does, state, clock } = aSet({ a: fast, b: fast, c: fast });
    await traffic(EVERY_MS, 5_000);
    does['c'] = later(1, { status: 429, headers: { 'retry-after': '30' } });
    const { counts } = await traffic(EVERY_MS, 29_000);
    assert.ok(counts['c']! <= 2, `${counts['c']} went there`);
    assert.ok(state('c').pausedUntilMs! > clock.wall());
    does['c'] = fast;
    await traffic(EVERY_MS, 60_000);
    const { share } = await traffic(EVERY_MS, 10_000);
    assert.ok(share('c') > 0.2, 'and comes back');
  });

  it('does not leave one alone for ever, whatever it asks', async () => {
    const { traffic, state, clock } = aSet({
      a: fast,
      b: later(1, { status: 429, headers: { 'retry-after': '31536000' } }),
    });
    await traffic(EVERY_MS, 1_000);
    assert.ok(state('b').pausedUntilMs! <= clock.wall() + 300_000);
  });

  it('does not let one that flaps disturb it', async () => {
    const { traffic, does, clock } = aSet({ a: fast, b: fast, c: fast });
    for (let i = 0; i < 60; i++) {
      clock.after(i * 4_000, () => (does['c'] = i % 2 === 0 ? broken : fast));
    }
    const { share, good, sent } = await traffic(EVERY_MS, 240_000);
    assert.ok(good / sent > 0.995, `${good} of ${sent}`);
    assert.ok(share('c') < 0.1, `${share('c')}`);
  });
});

describe('a set of which all are dead', () => {
  it('asks all of them, in no particular order, and comes back with the first that answers', async () => {
    const { traffic, does, set, readmitted, state } = aSet({ a: fast, b: fast, c: fast });
    await traffic(EVERY_MS, 5_000);
    for (const name of ['a', 'b', 'c']) does[name] = later(1, failure('CONNECT', 'unsent'));
    await traffic(EVERY_MS, 10_000);
    assert.equal(set.snapshot().panic, true);
    const { share } = await traffic(EVERY_MS, 60_000);
    for (const name of ['a', 'b', 'c']) assert.ok(share(name) > 0.15, `${name} got ${share(name)}`);
    for (const name of ['a', 'b', 'c']) does[name] = fast;
    await traffic(EVERY_MS, 2_000);
    assert.equal(set.snapshot().panic, false);
    assert.ok(readmitted.length >= 2, 'the others are asked at once as well, however long they were out');
    const { good, sent } = await traffic(EVERY_MS, 20_000);
    assert.ok(sent - good <= 3);
    for (const name of ['a', 'b', 'c']) assert.equal(state(name).state, 'healthy');
  });

  it('asks the others at once when one is back, however long they were to be out', async () => {
    const { traffic, does, state, set, clock, readmitted } = aSet({ a: broken, b: fast, c: fast });
    while (state('a').state !== 'ejected' || state('a').ejectedUntilMs! - clock.wall() < 60_000) {
      await traffic(EVERY_MS, 1_000);
    }
    for (const name of ['b', 'c']) does[name] = broken;
    await traffic(EVERY_MS, 4_000);
    assert.equal(set.snapshot().panic, true);
    for (const name of ['b', 'c']) does[name] = fast;
    while (set.snapshot().panic) await traffic(EVERY_MS, EVERY_MS);
    assert.equal(readmitted.filter(({ endpoint }) => endpoint === 'a').length, 0);
    does['a'] = fast;
    await traffic(EVERY_MS, 10_000);
    assert.equal(readmitted.filter(({ endpoint }) => endpoint === 'a').length, 1);
  });

  it('finds the one that comes back among those that do not', async () => {
    const { traffic, does, set } = aSet({ a: broken, b: broken, c: broken });
    await traffic(EVERY_MS, 60_000);
    does['b'] = fast;
    await traffic(EVERY_MS, 1_000);
    assert.equal(set.snapshot().panic, false);
    const { share } = await traffic(EVERY_MS, 60_000);
    assert.ok(share('b') > 0.98, String(share('b')));
  });
});
