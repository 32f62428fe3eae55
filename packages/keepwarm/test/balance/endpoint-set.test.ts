import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Fields } from '../../src/core/fields.ts';
import { originOf } from '../../src/core/origin.ts';
import { aCall, failure, later } from '../../src/testing/scripted-engine.ts';
import { aSet, broken, fast } from './a-set.ts';

const refused = later(1, failure('CONNECT', 'unsent'));

describe('the address of an endpoint', () => {
  it('takes the place of the origin, and goes before the path', async () => {
    const { send, engine } = aSet({ a: 200 }, { endpoints: [{ basePath: '/v1/key' }] });
    await send(aCall({ path: '/blocks?last=1' }));
    await send(aCall({ path: '*', method: 'OPTIONS' }));
    assert.deepEqual(
      engine.calls.map(({ origin, path }) => origin.key + path),
      ['https://a.test/v1/key/blocks?last=1', 'https://a.test*'],
    );
  });

  it('leaves all else of the call as it is, but for its own name', async () => {
    const { send, engine } = aSet({ a: 200 });
    const call = aCall({ method: 'POST', body: '{}', attempt: 3, deadlineAt: 700, section: 's', tried: [] });
    await send(call);
    const { origin, ...rest } = engine.calls[0]!;
    const { origin: _, ...given } = call;
    assert.deepEqual(rest, { ...given, endpoint: 'a' });
    assert.equal(origin.key, 'https://a.test');
  });

  it('has its own headers over those of the call, which no other endpoint gets', async () => {
    const { send, engine } = aSet(
      { a: 429, b: 200 },
      {
        endpoints: [{ headers: Fields.of({ authorization: 'key of a' }) }, { priority: 1 }],
      },
    );
    const headers = Fields.of({ Authorization: 'mine', accept: 'text/plain' });
    const tried: string[] = [];
    await send(aCall({ headers, tried }));
    await send(aCall({ headers, tried }));
    const [toA, toB] = engine.calls.map((call) => call.headers);
    assert.deepEqual([toA!.get('authorization'), toA!.get('accept')], ['key of a', 'text/plain']);
    assert.equal(toB, headers, 'as the caller wrote them');
    await send(aCall({ headers, tried: ['b'] }));
    assert.equal(engine.calls[2]!.headers, toA, 'fields that were the same are made once');
    await send(aCall({ headers: Fields.of({ accept: 'text/html' }), tried: ['b'] }));
    assert.equal(engine.calls[3]!.headers.get('accept'), 'text/html');
  });

  it('is for calls to the target only', async () => {
    const target = originOf(new URL('https://api.example.com'));
    const { send, engine } = aSet({ a: 200, cdn: 200 }, { parts: { target }, endpoints: [{}, { priority: 1 }] });
    await send(aCall());
    await send(aCall({ origin: originOf(new URL('https://cdn.test')) }));
    assert.deepEqual(
      engine.calls.map(({ origin }) => origin.key),
      ['https://a.test', 'https://cdn.test'],
    );
  });
});

describe('an attempt', () => {
  it('goes where the call has not been, then anywhere', async () => {
    const { visit } = aSet({ a: 503, b: 503, c: 503 });
    for (let i = 0; i < 20; i++) {
      const tried = await visit({}, 4);
      assert.deepEqual(tried.slice(0, 3).sort(), ['a', 'b', 'c']);
    }
  });

  it('goes down a priority rather than to the same endpoint again', async () => {
    const { visit } = aSet({ a: 503, b: 200 }, { endpoints: [{ priority: 0 }, { priority: 7 }] });
    assert.deepEqual(await visit({}, 2), ['a', 'b']);
  });

  it('goes anywhere when the call does not say where it was', async () => {
    const { send, went } = aSet({ a: 200 });
    await send(aCall());
    assert.deepEqual(went, ['a']);
  });
});

describe('priorities', () => {
  it('send everything to the first group while one of it is in', async () => {
    const { traffic, does, ejected } = aSet({ a: fast, b: fast, c: fast }, { endpoints: [{}, {}, { priority: 1 }] });
    assert.equal((await traffic(10, 2_000)).counts['c'], 0);
    does['a'] = refused;
    await traffic(1, 4_000);
    assert.deepEqual([...new Set(ejected.map(({ endpoint }) => endpoint))], ['a']);
    assert.equal((await traffic(10, 2_000)).counts['c'], 0);
    does['b'] = refused;
    await traffic(1, 1_000);
    const { share } = await traffic(10, 1_000);
    assert.ok(share('c') > 0.95, String(share('c')));
  });

  it('come back to the first group as soon as a probe was answered there', async () => {
    const { traffic, does } = aSet({ a: refused, b: fast }, { endpoints: [{}, { priority: 1 }] });
    assert.ok((await traffic(10, 5_000)).share('b') > 0.95);
    does['a'] = fast;
    await traffic(10, 100_000);
    assert.equal((await traffic(10, 1_000)).counts['b'], 0);
  });

  it('ask one of a lower group that is out nothing while it is not needed', async () => {
    const { traffic, set, state } = aSet(
      { a: fast, b: refused, c: fast },
      { endpoints: [{}, { priority: 1 }, { priority: 1 }] },
    );
    set.cordon('a');
    await traffic(10, 4_000);
    assert.equal(state('b').state, 'ejected');
    set.uncordon('a');
    assert.equal((await traffic(10, 60_000)).counts['b'], 0);
  });
});

describe('weights', () => {
  it('share what is in flight', async () => {
    const { traffic, state } = aSet(
      { a: later(100, 200), b: later(100, 200), c: later(100, 200) },
      { endpoints: [{ weight: 3 }, { weight: 2 }, { weight: 1 }] },
    );
    await traffic(1, 5_000);
    const { share } = await traffic(1, 10_000);
    assert.ok(Math.abs(share('a') - 3 / 6) < 0.04, String(share('a')));
    assert.ok(Math.abs(share('b') - 2 / 6) < 0.04, String(share('b')));
    assert.equal(state('a').weight, 3);
  });

  it('are those of all pickers', async () => {
    for (const picker of ['round-robin', 'random'] as const) {
      const { traffic } = aSet({ a: fast, b: fast }, { endpoints: [{ weight: 3 }], options: { picker } });
      const { share } = await traffic(10, 40_000);
      assert.ok(Math.abs(share('a') - 0.75) < 0.03, `${picker}: ${share('a')}`);
    }
  });
});

describe('a sticky key', () => {
  const sticky = { stickyKey: ({ section }: { section: string }) => (section === '' ? undefined : section) };
  const keys = Array.from({ length: 60 }, (_, i) => `account-${i}`);

  it('keeps its endpoint; when that goes only its own keys move, and they come back', async () => {
    const { send, does, state, clock } = aSet({ a: 200, b: 200, c: 200 }, { parts: sticky });
    const homes = async () => {
      const home: string[] = [];
      for (const section of keys) {
        const tried: string[] = [];
        await send(aCall({ section, tried }));
        home.push(tried[0]!);
      }
      return home;
    };
    const before = await homes();
    assert.deepEqual(new Set(before), new Set(['a', 'b', 'c']));
    assert.deepEqual(await homes(), before);

    does['a'] = 503;
    await homes();
    assert.equal(state('a').state, 'ejected');
    const during = await homes();
    for (const [i, home] of before.entries()) {
      if (home === 'a') assert.notEqual(during[i], 'a');
      else assert.equal(during[i], home);
    }

    does['a'] = 200;
    await clock.run(5_000);
    const stranger = keys[before.indexOf('b')]!;
    await send(aCall({ section: stranger }));
    assert.equal(state('a').state, 'ejected', 'no key probes where it does not belong');
    const after = await homes();
    for (const [i, home] of before.entries()) if (home !== 'a') assert.equal(after[i], home);
    await clock.run(10_000);
    assert.deepEqual(await homes(), before);
  });

  it('has its next choice for the next attempt, always the same one', async () => {
    const { visit } = aSet({ a: 429, b: 429, c: 429 }, { parts: sticky });
    const order = await visit({ section: 'account-1' }, 3);
    assert.equal(new Set(order).size, 3);
    for (let i = 0; i < 5; i++) assert.deepEqual(await visit({ section: 'account-1' }, 3), order);
  });

  it('is not what calls without one are bound by', async () => {
    const { visit } = aSet({ a: 200, b: 200 }, { parts: sticky });
    const went = new Set<string>();
    for (let i = 0; i < 20; i++) went.add((await visit())[0]!);
    assert.equal(went.size, 2);
  });
});

describe('endpoints that cannot be', () => {
  const named = (name: string, more = {}) => ({ name, ...more });
  for (const [what, endpoints] of [
    ['none at all', []],
    ['two of one name', [named('a'), named('a')]],
    ['one without a name', [named('')]],
    ['a weight of 0', [named('a', { weight: 0 })]],
    ['a weight that is not a number', [named('a', { weight: Number.NaN })]],
    ['a priority between two', [named('a', { priority: 0.5 })]],
    ['a priority below 0', [named('a', { priority: -1 })]],
    ['a priority above 1,000', [named('a', { priority: 1_001 })]],
    ['a base path without its slash', [named('a', { basePath: 'v1' })]],
    ['a base path that ends in one', [named('a', { basePath: '/v1/' })]],
    ['a base path with a query', [named('a', { basePath: '/v1?key=1' })]],
    ['a base path that breaks a line', [named('a', { basePath: '/v1\r\nHost: b' })]],
  ] as const) {
    it(`are refused: ${what}`, () => {
      const behaviours = Object.fromEntries(endpoints.map((_, i) => [`e${i}`, 200]));
      assert.throws(() => aSet(behaviours, { endpoints }), { code: 'INVALID' });
    });
  }
});

describe('an endpoint whose breaker is open', () => {
  const open = failure('OPEN', 'unsent');

  it('costs no call: it goes on to one that takes it, as the same attempt', async () => {
    const { visit, state, engine } = aSet({ a: open, b: 200 });
    for (let i = 0; i < 50; i++) {
      const tried = await visit({ method: 'POST', traits: { idempotent: false } });
      assert.equal(tried.at(-1), 'b');
    }
    assert.equal(state('b').successes, 50);
    assert.ok(state('a').busy > 0, 'it was asked at all');
    for (const { attempt } of engine.calls) assert.equal(attempt, 1);
  });

  it('is the answer when all are, after each was asked once', async () => {
    const { send, went } = aSet({ a: open, b: open, c: open });
    await assert.rejects(send(aCall({ tried: [] })), { code: 'OPEN' });
    assert.deepEqual(went.toSorted(), ['a', 'b', 'c']);
  });

  it('is the answer to a call that does not say where it has been', async () => {
    const { send, went } = aSet({ a: open, b: open });
    await assert.rejects(send(aCall()), { code: 'OPEN' });
    assert.equal(went.length, 1);
  });
});

describe('whether a call has elsewhere to go', () => {
  it('is about endpoints that take calls, and where it has not been', async () => {
    const { set, send } = aSet({ a: 200, b: 200, c: { status: 429, headers: { 'retry-after': '60' } } });
    assert.equal(set.untried(aCall({ tried: ['a'] })) > 0, true);
    assert.equal(set.untried(aCall({ tried: ['a', 'b', 'c'] })) > 0, false);
    assert.equal(set.untried(aCall()) > 0, false, 'one that does not say where it has been has none');
    await send(aCall({ tried: ['a', 'b'] })); // c asks to be left alone
    assert.equal(set.untried(aCall({ tried: ['a', 'b'] })) > 0, false);
    set.cordon('b');
    assert.equal(set.untried(aCall({ tried: ['a'] })) > 0, false, 'nor is one that is cordoned');
    set.uncordon('b');
    assert.equal(set.untried(aCall({ tried: ['a'] })) > 0, true);
  });

  it('is never so in panic: all of them fail', async () => {
    const { set, traffic } = aSet({ a: broken, b: broken });
    await traffic(10, 2_000);
    assert.equal(set.snapshot().panic, true);
    for (const tried of [['a'], ['b']]) assert.equal(set.untried(aCall({ tried })) > 0, false, 'neither out nor in');
  });
});
