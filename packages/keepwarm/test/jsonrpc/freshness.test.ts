/** How far endpoints have come: what is asked and when, who lags, who is believed, who waits. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { FreshnessNeed } from '../../src/clients/jsonrpc/adapter.ts';
import { aPool } from './a-pool.ts';

const HEAD: FreshnessNeed = { head: true, height: undefined };
const at = (height: number): FreshnessNeed => ({ head: false, height });
/** Blocks of 1 s, asked for every second, at most 5 behind. */
const three = () => aPool({ a: 1_000, b: 1_000, c: 1_000 });

describe('rounds of probes', () => {
  it('none is sent before the first call, and none for a single endpoint', async () => {
    const { asked, clock } = three();
    await clock.run(60_000);
    assert.equal(asked.length, 0);
    const single = aPool({ a: 1_000 });
    single.freshness.called();
    await single.freshness.ready();
    assert.equal(single.asked.length, 0);
    assert.equal(single.clock.sleeping, 0);
  });

  it('go on while calls are made and for idleMs after, then cease and leave no timer', async () => {
    const { freshness, asked, clock } = aPool({ a: 1, b: 1 }, { idleMs: 10_000, jitter: 0 });
    freshness.called();
    await clock.run(5_000);
    freshness.called();
    await clock.run(60_000);
    assert.equal(clock.sleeping, 0);
    assert.equal(asked.length, 2 * 16, 'one a second for fifteen seconds, and the first');
    freshness.called();
    await clock.run(0);
    assert.equal(asked.length, 2 * 17, 'the next call wakes it');
  });

  it('come at jittered intervals', async () => {
    const { freshness, instants, clock } = aPool({ a: 1, b: 1 }, { jitter: 0.5 });
    freshness.called();
    await clock.run(20_000);
    const gaps = instants('a').flatMap((instant, i, all) => (i === 0 ? [] : [instant - all[i - 1]!]));
    assert.ok(gaps.every((gap) => gap >= 500 && gap <= 1_500));
    assert.ok(new Set(gaps.map(Math.round)).size > 5);
  });

  it('one is under way per endpoint, for timeoutMs at most, and is told to stop then', async () => {
    const { freshness, signals, clock, does } = aPool({ a: 1, b: 1 }, { timeoutMs: 700, jitter: 0 });
    does.a = 'silent';
    freshness.called();
    await clock.run(699);
    assert.equal(signals[0]!.aborted, false);
    await clock.run(1);
    assert.equal(signals[0]!.aborted, true);
    assert.equal(freshness.snapshot().head, 1, 'b has answered, and that will do');
    await clock.run(300);
    assert.equal(signals.length, 4, 'the next round keeps its time');
  });

  it('an answer that comes after its round is not heard', async () => {
    const { freshness, clock, does, heights } = aPool({ a: 1, b: 1 }, { timeoutMs: 500, jitter: 0 });
    does.a = 900;
    heights.a = 99;
    freshness.called();
    await clock.run(950);
    assert.equal(freshness.snapshot().endpoints[0]!.height, undefined);
  });

  it('answers that are no heights, and errors, count as none', async () => {
    const { freshness, clock, does } = three();
    does.a = { says: null };
    freshness.called();
    for (const odd of [undefined, null, 'x', -1, 1.5, {}, Number.NaN, Number.POSITIVE_INFINITY]) {
      does.a = { says: odd };
      await clock.run(1_000);
    }
    does.a = 'refuses';
    await clock.run(1_000);
    does.a = 'throws';
    await clock.run(1_000);
    assert.equal(freshness.snapshot().endpoints[0]!.height, undefined);
    assert.equal(freshness.eligible('a', HEAD), true, 'whether it works is for calls to show');
  });

  it('close ends the round and all that waits, and no timer is left; twice is harmless', async () => {
    const { freshness, clock, does, signals } = three();
    does.a = 'silent';
    const ready = freshness.ready();
    const waits = assert.rejects(freshness.reach(2_000), { code: 'CLOSED', reach: 'unsent' });
    freshness.close();
    freshness.close();
    await ready;
    await waits;
    assert.ok(signals.every(({ aborted }) => aborted));
    assert.equal(clock.sleeping, 0);
    freshness.called();
    await clock.run(10_000);
    assert.equal(signals.length, 3);
    await assert.rejects(freshness.reach(2_000), { code: 'CLOSED' });
  });
});

describe('endpoints that lag', () => {
  it('are not eligible for reads of the head, and are again once they have caught up', async () => {
    const { freshness, clock, heights, facts } = three();
    await freshness.ready();
    heights.c = 980;
    await clock.run(1_100);
    assert.equal(freshness.eligible('c', HEAD), false);
    assert.equal(freshness.eligible('a', HEAD), true);
    assert.deepEqual(facts.at(-1), {
      fact: 'lagging',
      ...{ endpoint: 'c', origin: 'https://c.test', reason: 'behind', height: 980, head: 1_000, lag: 20 },
    });
    heights.c = 996;
    await clock.run(1_100);
    assert.equal(freshness.eligible('c', HEAD), false, 'inside lagMax, and not yet at half of it');
    heights.c = 998;
    await clock.run(1_100);
    assert.equal(freshness.eligible('c', HEAD), true);
    assert.deepEqual(
      facts.map(({ fact }) => fact),
      ['lagging', 'caughtUp'],
    );
  });

  it('may be behind by lagMax', async () => {
    const { freshness, clock, heights } = three();
    heights.c = 995;
    await freshness.ready();
    await clock.run(3_000);
    assert.equal(freshness.eligible('c', HEAD), true);
  });

  it('tell how far and for how long', async () => {
    const { freshness, clock, heights } = aPool({ a: 1_000, b: 1_000, c: 1_000 }, { jitter: 0, lagMax: 3 });
    await freshness.ready();
    for (let second = 1; second <= 10; second++) {
      heights.a++;
      heights.b++;
      await clock.run(1_000);
      freshness.called();
    }
    const [a, , c] = freshness.snapshot().endpoints;
    assert.deepEqual({ ...a, lag: 0 }, { name: 'a', state: 'fresh', height: 1_010, lag: 0, lagMs: 0 });
    assert.deepEqual(c, { name: 'c', state: 'lagging', height: 1_000, lag: 10, lagMs: 9_000 });
    assert.equal(freshness.head, 1_010);
  });

  it('lag as well when they do not say where they are, and what they said last is too old', async () => {
    const { freshness, clock, heights, does } = aPool({ a: 1_000, b: 1_000 }, { jitter: 0 });
    await freshness.ready();
    does.b = 'refuses';
    for (let second = 1; second <= 6; second++) {
      heights.a++;
      freshness.called();
      await clock.run(1_000);
    }
    assert.equal(freshness.eligible('b', HEAD), false);
    does.b = 0;
    await clock.run(1_000);
    assert.equal(freshness.eligible('b', HEAD), false, 'it is back where it was');
    heights.b = heights.a;
    await clock.run(1_000);
    assert.equal(freshness.eligible('b', HEAD), true);
  });

  it('keep that through a sleep, until they show otherwise', async () => {
    const { freshness, clock, heights } = three();
    heights.c = 900;
    await freshness.ready();
    await clock.run(600_000);
    assert.equal(clock.sleeping, 0);
    assert.equal(freshness.eligible('c', HEAD), false);
  });

  it('one may be lost: a single missed round says nothing', async () => {
    const { freshness, clock, heights, does } = aPool({ a: 1_000, b: 1_000 }, { jitter: 0 });
    await freshness.ready();
    heights.a = 1_030;
    does.b = 'refuses';
    await clock.run(1_000);
    assert.equal(freshness.eligible('b', HEAD), true);
    does.b = 0;
    heights.b = 1_030;
    await clock.run(1_000);
    assert.equal(freshness.eligible('b', HEAD), true);
  });

  it('do not become the head because those that keep up fall silent', async () => {
    const { freshness, clock, heights, does } = three();
    heights.c = 980;
    await freshness.ready();
    does.a = 'refuses';
    does.b = 'refuses';
    for (let second = 0; second < 30; second++) {
      freshness.called();
      await clock.run(1_000);
      assert.equal(freshness.eligible('c', HEAD), false);
    }
    assert.equal(freshness.head, 1_000);
    for (let second = 0; second < 60; second++) {
      freshness.called();
      await clock.run(1_000);
    }
    assert.equal(freshness.eligible('c', HEAD), true, 'they are gone: it is what there is');
  });

  it('the chain may start anew, far below', async () => {
    const { freshness, clock, heights } = three();
    await freshness.ready();
    Object.assign(heights, { a: 3, b: 3, c: 2 });
    await clock.run(1_100);
    assert.equal(freshness.head, 3);
    for (const name of ['a', 'b', 'c']) assert.equal(freshness.eligible(name, HEAD), true);
    assert.equal(freshness.eligible('a', at(1_000)), true, 'nobody has that any more: all may be asked');
  });
});

describe('reads that need a height', () => {
  it('go to endpoints that have reached it', async () => {
    const { freshness, heights } = three();
    heights.c = 997;
    await freshness.ready();
    assert.equal(freshness.eligible('a', at(1_000)), true);
    assert.equal(freshness.eligible('c', at(1_000)), false);
    assert.equal(freshness.eligible('c', at(997)), true);
  });

  it('an answer to a call is proof, and counts for this only', async () => {
    const { freshness, heights } = three();
    heights.c = 900;
    await freshness.ready();
    freshness.seen('c', 1_004);
    assert.equal(freshness.eligible('c', at(1_004)), true);
    assert.equal(freshness.eligible('a', at(1_004)), false);
    assert.equal(freshness.eligible('c', HEAD), false, 'that is for its probes to show');
  });

  it('no longer go to an endpoint that has fallen back', async () => {
    const { freshness, clock, heights } = three();
    await freshness.ready();
    assert.equal(freshness.eligible('c', at(990)), true);
    heights.c = 900;
    await clock.run(1_100);
    assert.equal(freshness.eligible('c', at(990)), false);
  });

  it('an answer far above the head proves nothing', async () => {
    const { freshness } = three();
    await freshness.ready();
    freshness.seen('c', 900_000);
    assert.equal(freshness.eligible('a', at(900_000)), freshness.eligible('c', at(900_000)));
  });

  it('that nobody has reached may go to whoever keeps up: it is for the node to say', async () => {
    const { freshness, heights } = three();
    heights.c = 900;
    await freshness.ready();
    assert.equal(freshness.eligible('a', at(5_000)), true);
    assert.equal(freshness.eligible('c', at(5_000)), false);
  });

  it('may wait for it, and are told as soon as it is there', async () => {
    const { freshness, clock, heights } = three();
    await freshness.ready();
    let told = false;
    const reached = freshness.reach(1_001).then(() => (told = true));
    await clock.run(900);
    assert.equal(told, false);
    heights.b = 1_001;
    await clock.run(260);
    assert.equal(told, true, 'rounds come faster while somebody waits');
    await reached;
    await freshness.reach(900);
    const passively = freshness.reach(1_002);
    freshness.seen('a', 1_002);
    await passively;
  });

  it('fail clearly when it does not come, without anything sent', async () => {
    const { freshness, clock } = three();
    await freshness.ready();
    const reached = assert.rejects(freshness.reach(2_000), {
      code: 'TIMEOUT',
      reach: 'unsent',
      limit: 'freshness.reachMs',
      value: 5_000,
      message: /height 2000 in 5000 ms .* the furthest is at 1000/,
    });
    await clock.run(5_000);
    await reached;
  });

  it('a caller who leaves is gone at once', async () => {
    const { freshness, clock } = three();
    await freshness.ready();
    const caller = new AbortController();
    const before = clock.sleeping;
    const left = assert.rejects(freshness.reach(2_000, { signal: caller.signal }), /gone/);
    caller.abort(new Error('gone'));
    await left;
    assert.equal(clock.sleeping, before);
    await assert.rejects(freshness.reach(2_000, { signal: caller.signal }), /gone/);
    await clock.run(60_000);
    assert.equal(clock.sleeping, 0, 'nobody waits, so nothing keeps it awake');
  });
});

describe('an endpoint that lies', () => {
  it('about a far future does not make the others lag', async () => {
    const { freshness, clock, heights, facts } = three();
    await freshness.ready();
    heights.b = 9_000_000;
    for (let second = 0; second < 300; second++) {
      heights.a++;
      heights.c++;
      freshness.called();
      await clock.run(1_000);
      assert.equal(freshness.eligible('a', HEAD), true);
      assert.equal(freshness.eligible('c', HEAD), true);
      if (second > 0) assert.equal(freshness.eligible('b', HEAD), false, 'and gets no reads of the head');
    }
    assert.equal(facts[0]!.reason, 'implausible');
    assert.equal(freshness.eligible('b', at(9_000_000)), false, 'nor those of heights it claims to have');
    freshness.seen('b', 9_000_001);
    await freshness.reach(1_200);
    heights.b = heights.a;
    await clock.run(1_100);
    assert.equal(freshness.eligible('b', HEAD), true);
  });

  it('from the start is not believed against two others', async () => {
    const { freshness } = aPool({ a: 5, b: 1_000, c: 1_001 });
    await freshness.ready();
    assert.equal(freshness.head, 1_001);
    const liar = aPool({ a: 9_000_000, b: 1_000, c: 1_001 });
    await liar.freshness.ready();
    assert.equal(liar.freshness.head, 1_001);
  });

  it('is not believed by the other of two, once that is known to go on', async () => {
    const { freshness, clock, heights } = aPool({ a: 1_000, b: 1_000 });
    await freshness.ready();
    heights.b = 9_000_000;
    for (let second = 0; second < 100; second++) {
      heights.a++;
      freshness.called();
      await clock.run(1_000);
    }
    assert.equal(freshness.head, heights.a);
  });

  it('of two from the start the one behind is taken for the one that still catches up', async () => {
    const { freshness } = aPool({ a: 20_000_000, b: 1_000_000 });
    await freshness.ready();
    assert.equal(freshness.eligible('b', HEAD), false);
  });
});

describe('a leader', () => {
  it('whose peers get stuck one after the other is followed', async () => {
    const { freshness, clock, heights } = three();
    await freshness.ready();
    for (let second = 0; second < 30; second++) {
      heights.a++;
      if (second < 5) heights.b++;
      if (second < 6) heights.c++;
      freshness.called();
      await clock.run(1_000);
    }
    assert.equal(freshness.head, heights.a);
    assert.equal(freshness.eligible('b', HEAD), false);
    assert.equal(freshness.eligible('c', HEAD), false);
  });

  it('that leaps while its one peer stays is followed: that one lags', async () => {
    const { freshness, clock, heights } = aPool({ a: 1_000, b: 1_000 });
    await freshness.ready();
    heights.a = 1_020;
    await clock.run(1_100);
    assert.equal(freshness.eligible('a', HEAD), true);
    assert.equal(freshness.eligible('b', HEAD), false);
  });

  it('that leaps away from two is followed when these have stood still for a minute', async () => {
    const { freshness, clock, heights } = three();
    await freshness.ready();
    heights.a = 1_200;
    for (let second = 0; second < 70; second++) {
      heights.a++;
      freshness.called();
      await clock.run(1_000);
    }
    assert.equal(freshness.head, heights.a);
    assert.equal(freshness.eligible('b', HEAD), false);
  });
});
