import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { NetError } from '../../src/core/error.ts';
import { aCall, aReply, failure, later, never } from '../../src/testing/scripted-engine.ts';
import { ScriptedBody } from '../core/a-body.ts';
import { aSet, fast } from './a-set.ts';

const refused = later(1, failure('CONNECT', 'unsent'));
const ONCE = { traits: { idempotent: false } };

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
    assert.equal(
      Math.round(state('b').latencyMs),
      18,
      'the 20 ms of the probe a second ago: what was before is forgotten',
    );
    assert.ok(state('b').load < 200);
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
