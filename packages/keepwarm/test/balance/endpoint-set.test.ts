import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { NetError } from '../../src/core/error.ts';
import { Fields } from '../../src/core/fields.ts';
import { originOf } from '../../src/core/origin.ts';
import { aCall, aReply, failure, later, never } from '../../src/testing/scripted-engine.ts';
import { ScriptedBody } from '../core/a-body.ts';
import { aSet, blackHole, broken, fast } from './a-set.ts';

const refused = later(1, failure('CONNECT', 'unsent'));
const ONCE = { traits: { idempotent: false } };

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

  it('leaves all else of the call as it is', async () => {
    const { send, engine } = aSet({ a: 200 });
    const call = aCall({ method: 'POST', body: '{}', attempt: 3, deadlineAt: 700, section: 's', tried: [] });
    await send(call);
    const { origin, ...rest } = engine.calls[0]!;
    const { origin: _, ...given } = call;
    assert.deepEqual(rest, given);
    assert.equal(origin.key, 'https://a.test');
  });

  it('has its own headers over those of the call, which no other endpoint gets', async () => {
    const { send, engine } = aSet(
      { a: 503, b: 200 },
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

describe('a probe', () => {
  /** a is in, b is out and its time is over. */
  async function due() {
    const set = aSet({ a: fast, b: refused });
    await set.traffic(10, 4_000);
    assert.equal(set.state('b').state, 'ejected');
    await set.clock.run(set.state('b').ejectedUntilMs! - set.clock.wall());
    return set;
  }

  it('is one call; others go elsewhere until it has ended', async () => {
    const { send, clock, does, went, state } = await due();
    does['b'] = later(500, 200);
    went.length = 0;
    for (let i = 0; i < 20; i++) send(aCall({ tried: [] }));
    assert.equal(went.filter((name) => name === 'b').length, 1);
    assert.equal(state('b').state, 'probing');
    await clock.run(500);
    assert.equal(state('b').state, 'slow-start');
  });

  it('is no call that must not be repeated, unless nobody else comes for ten seconds', async () => {
    const { visit, clock } = await due();
    assert.deepEqual(await visit(ONCE), ['a']);
    await clock.run(9_000);
    assert.deepEqual(await visit(ONCE), ['b']);
  });

  it('is no second attempt', async () => {
    const { visit } = await due();
    assert.deepEqual(await visit({ attempt: 2 }), ['a']);
    assert.deepEqual(await visit({ tried: ['x'] }), []);
  });

  it('that its caller aborted is made again by the next call', async () => {
    const { send, clock, does, visit, state, ejected } = await due();
    const before = ejected.length;
    does['b'] = never;
    const caller = new AbortController();
    const reply = send(aCall({ signal: caller.signal }));
    caller.abort();
    await assert.rejects(reply);
    await clock.settle();
    assert.equal(state('b').state, 'ejected');
    assert.equal(ejected.length, before, 'that was nobody’s failure');
    does['b'] = fast;
    assert.deepEqual(await visit(), ['b']);
    assert.equal(state('b').state, 'slow-start');
  });

  it('is passed by any answer, a 404 included', async () => {
    for (const answer of [404, 429]) {
      const { does, visit, state } = await due();
      does['b'] = answer;
      await visit();
      assert.equal(state('b').state, 'slow-start');
    }
  });

  it('waits for as long as the endpoint asked to be left alone', async () => {
    const { does, visit, clock, state } = await due();
    does['b'] = later(1, { status: 503, headers: { 'retry-after': '60' } });
    assert.deepEqual(await visit(), ['b']);
    await clock.run(40_000);
    assert.ok(state('b').ejectedUntilMs! < clock.wall());
    assert.deepEqual(await visit(), ['a']);
    await clock.run(20_000);
    assert.deepEqual(await visit(), ['b']);
  });

  it('is never sent to an endpoint that is cordoned', async () => {
    const { set, visit } = await due();
    set.cordon('b');
    assert.deepEqual(await visit(), ['a']);
  });

  it('is followed by a slow start', async () => {
    const { does, traffic, visit, readmitted, state } = await due();
    does['b'] = fast;
    await visit();
    assert.equal(readmitted.length, 1);
    assert.ok(state('b').weight < 0.3);
    const { share } = await traffic(10, 2_000);
    assert.ok(share('b') < 0.25, String(share('b')));
    await traffic(10, 20_000);
    assert.equal(state('b').weight, 1);
    assert.equal(state('b').state, 'healthy');
  });
});

describe('an outcome', () => {
  const ejectsAfter = async (line: Parameters<typeof aSet>[0][string], count: number) => {
    const { send, clock, ejected } = aSet({ a: line, b: fast }, { parts: { choose: (from) => from[0]! } });
    for (let i = 0; i < count; i++) send(aCall({ deadlineAt: 1e9 })).catch(() => undefined);
    await clock.run(20_000);
    return ejected.length > 0;
  };

  it('that is the endpoint’s failure ejects it: 5xx, connections that fail or break, silence', async () => {
    for (const status of [500, 502, 503, 504]) assert.equal(await ejectsAfter(later(1, status), 5), true, `${status}`);
    for (const code of ['CONNECT', 'RESET', 'TIMEOUT', 'DNS', 'TLS', 'PROTOCOL'] as const) {
      assert.equal(await ejectsAfter(later(1, failure(code, 'unknown')), 5), true, code);
    }
  });

  it('that is the caller’s or ours does not, however often', async () => {
    for (const status of [200, 301, 400, 401, 403, 404, 408, 409, 422, 425, 429]) {
      assert.equal(await ejectsAfter(later(1, status), 50), false, `${status}`);
    }
    for (const code of ['ABORTED', 'INVALID', 'CLOSED', 'SATURATED', 'LIMIT', 'DECODE', 'REDIRECT', 'OPEN'] as const) {
      assert.equal(await ejectsAfter(later(1, failure(code, 'unknown')), 50), false, code);
    }
  });

  it('that came after the ejection, of a call sent before it, counts for nothing', async () => {
    const { send, clock, does, state, ejected } = aSet(
      { a: later(30_000, 503), b: fast },
      { parts: { choose: (from) => from[0]! } },
    );
    for (let i = 0; i < 20; i++) send(aCall());
    await clock.run(100);
    does['a'] = refused;
    for (let i = 0; i < 5; i++) send(aCall()).catch(() => undefined);
    await clock.run(10_000);
    does['a'] = fast;
    send(aCall());
    await clock.run(1_000);
    assert.equal(state('a').state, 'slow-start');
    const { latencyMs } = state('a');
    await clock.run(25_000);
    assert.equal(state('a').state, 'healthy', 'the twenty failures were those of another time');
    assert.equal(ejected.length, 1);
    assert.ok(state('a').latencyMs <= latencyMs);
    assert.equal(state('a').inFlight, 0);
    assert.equal(state('a').failures, 25);
  });

  it('of an engine that throws is an outcome like any other', async () => {
    const { set, state } = aSet({ a: 200 });
    const send = set(() => {
      throw new NetError('INVALID', 'no', { reach: 'unsent' });
    });
    await assert.rejects(send(aCall()), /no/);
    assert.equal(state('a').inFlight, 0);
  });

  it('of a call is shown until its reply has ended', async () => {
    const reply = aReply({ body: new ScriptedBody() });
    const { send, state } = aSet({ a: () => reply });
    assert.equal(await send(aCall()), reply);
    assert.deepEqual([state('a').inFlight, state('a').successes], [1, 1]);
    reply.finish();
    assert.equal(state('a').inFlight, 0);
  });
});

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

describe('endpoints that cannot be', () => {
  const named = (name: string, more = {}) => ({ name, ...more });
  for (const [what, endpoints] of [
    ['none at all', []],
    ['two of one name', [named('a'), named('a')]],
    ['one without a name', [named('')]],
    ['a weight of 0', [named('a', { weight: 0 })]],
    ['a weight that is not a number', [named('a', { weight: Number.NaN })]],
    ['a priority between two', [named('a', { priority: 0.5 })]],
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
