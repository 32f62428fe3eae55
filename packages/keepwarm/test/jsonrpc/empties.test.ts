/** Empty answers: asked for elsewhere where that can help, and given as they are where it cannot. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { systemClock } from '../../src/core/clock.ts';
import type { EndpointDiffered } from '../../src/core/endpoint-facts.ts';
import type { NetError, RpcAdapter, RpcOptions } from '../../src/jsonrpc.ts';
import { type ANode, aNode, anRpc, bad, each, ok, adapter as plain, thrown } from './a-node.ts';
import { aSlowClock } from './a-slow-clock.ts';

const first = (params: unknown): number => Number(Array.isArray(params) ? params[0] : Number.NaN);

/** `find` gives a thing or null; `at` a thing at a height; `search` a list, up to a height. */
const adapter: RpcAdapter = {
  ...plain,
  methods: {
    ...plain.methods,
    find: { kind: 'read' },
    at: { kind: 'read', heightNeeded: first, pinned: () => true },
    search: { kind: 'read', heightNeeded: first, pinned: () => true },
  },
  answers: {
    find: { empty: (result) => (result === null ? 'absent' : undefined) },
    at: { empty: (result) => (result === null ? 'absent' : undefined) },
    search: { empty: (result) => (Array.isArray(result) && result.length === 0 ? 'none' : undefined) },
  },
};

/** Nodes of this height that answer everything else with these. */
const nodes = (t: TestContext, answers: readonly unknown[], heights: readonly number[] = []): Promise<ANode[]> =>
  Promise.all(
    answers.map((answer, i) =>
      aNode(
        t,
        each(({ id, method }) => ok(id, method === 'head' ? (heights[i] ?? 100) : answer)),
      ),
    ),
  );

/** Asked in their order, so that the first is always asked first. */
function inOrder(t: TestContext, of: readonly ANode[], options: Partial<RpcOptions> = {}) {
  const endpoints = of.map(({ url }, priority) => ({ url, priority, name: 'abcdefgh'[priority]! }));
  const facts: EndpointDiffered[] = [];
  const observer = { endpointDiffered: (fact: EndpointDiffered) => void facts.push(fact) };
  const rpc = anRpc(t, [], { adapter, endpoints, observer, clock: aSlowClock(), ...options });
  return { rpc, facts };
}

const counts = (of: readonly ANode[], method: string): number[] => of.map((node) => node.count(method));

describe('an empty answer', () => {
  it('is asked for at another endpoint, and what that has is the answer', async (t) => {
    const all = await nodes(t, [null, 'thing']);
    const { rpc, facts } = inOrder(t, all);
    assert.equal(await rpc.call('find', ['x']), 'thing');
    assert.deepEqual(counts(all, 'find'), [1, 1]);
    assert.deepEqual(rpc.stats().empty, { asked: 1, found: 1 });
    assert.deepEqual(
      rpc.stats().endpoints.map(({ differed }) => differed.lacked),
      [1, 0],
    );
    const origin = all[0]!.url.slice(0, -1);
    assert.deepEqual(facts, [{ endpoint: 'a', origin, how: 'lacked', operation: 'find' }]);
  });

  it('is the answer when the other has nothing either, and nobody is told off', async (t) => {
    const all = await nodes(t, [null, null, 'thing']);
    const { rpc, facts } = inOrder(t, all);
    assert.equal(await rpc.call('find', ['x']), null);
    assert.deepEqual(counts(all, 'find'), [1, 1, 0], 'one more is asked, not all');
    assert.deepEqual(rpc.stats().empty, { asked: 1, found: 0 });
    assert.deepEqual(facts, []);
  });

  it('is asked for at as many others as its caller wants', async (t) => {
    const all = await nodes(t, [null, null, 'thing']);
    const { rpc, facts } = inOrder(t, all, { emptyElsewhere: 5 });
    assert.equal(await rpc.call('find', ['x']), 'thing');
    assert.deepEqual(
      facts.map(({ endpoint }) => endpoint),
      ['a', 'b'],
    );
    const off = inOrder(t, all, { emptyElsewhere: false }).rpc;
    assert.equal(await off.call('find', ['x']), null);
    assert.equal(off.stats().empty, undefined);
    for (const emptyElsewhere of [-1, 1.5, true as never]) {
      assert.throws(() => inOrder(t, all, { emptyElsewhere }), /emptyElsewhere is .*allowed: false, a whole number/);
    }
  });

  it('is the answer when the other fails, refuses, or says that the call is wrong', async (t) => {
    const all = await nodes(t, [null, 'thing']);
    const { rpc } = inOrder(t, all, { retry: { attemptsMax: 5 } });
    for (const code of [-32603, -32005, -1]) {
      all[1]!.say = each(({ id }) => bad(id, code));
      assert.equal(await rpc.call('find', [code]), null);
    }
    const [a] = all;
    assert.equal(a!.count('find'), 3, 'it is not asked again itself');
  });

  it('is not held back for longer than a second, nor beyond its deadline', async (t) => {
    const all = await nodes(t, [null, 'thing']);
    all[1]!.say = () => undefined;
    assert.equal(await inOrder(t, all, { clock: systemClock }).rpc.call('find', ['x']), null);
    const { rpc } = inOrder(t, all, { clock: aSlowClock(4) });
    assert.equal(await rpc.call('find', ['y'], { deadlineMs: 500 }), null);
    assert.equal(all[1]!.count('find'), 2);
  });

  it('goes down with its caller', async (t) => {
    const all = await nodes(t, [null, 'thing']);
    all[1]!.say = () => undefined;
    const { rpc } = inOrder(t, all);
    const caller = new AbortController();
    const answer = rpc.call('find', ['x'], { signal: caller.signal });
    await all[1]!.arrived(1);
    caller.abort(new Error('gone'));
    assert.equal(((await thrown(answer)) as NetError).code, 'ABORTED');
  });

  it('is shared by those who asked for the same meanwhile, and each gets a copy', async (t) => {
    const all = await nodes(t, [null, { thing: 1 }]);
    const { rpc } = inOrder(t, all);
    const [one, two] = await Promise.all([rpc.call<object>('find', ['x']), rpc.call<object>('find', ['x'])]);
    assert.deepEqual([one, two], [{ thing: 1 }, { thing: 1 }]);
    assert.notEqual(one, two);
    assert.deepEqual(counts(all, 'find'), [1, 1]);
  });

  it('of a batch is asked for by itself; the others have theirs', async (t) => {
    const all = await nodes(t, [null, 'thing']);
    const { rpc } = inOrder(t, all, { batching: true });
    const answers = await Promise.all([rpc.call('find', ['x']), rpc.call('read'), rpc.call('find', ['y'])]);
    assert.deepEqual(answers, ['thing', null, 'thing']);
    assert.equal(await rpc.call('find', ['alone']), 'thing');
    const listed = await rpc.batch([{ method: 'find' }, { method: 'read' }]);
    assert.deepEqual(
      listed.map((each) => each.status === 'fulfilled' && each.value),
      ['thing', null],
    );
    all[1]!.say = () => undefined;
    const leaves = [150, 200].map((deadlineMs, i) => rpc.call('find', [i], { deadlineMs }));
    const late = await Promise.all(leaves);
    assert.deepEqual(late, [null, null], 'at its deadline it has what there is');
  });

  it('is believed of methods nobody said it of, and where there is one endpoint', async (t) => {
    const all = await nodes(t, [null, 'thing']);
    assert.equal(await inOrder(t, all).rpc.call('read'), null);
    assert.equal(await inOrder(t, all.slice(0, 1)).rpc.call('find'), null);
    assert.equal(all[1]!.count(), 0);
  });

  it('about a height is asked for again unless that is of the future', async (t) => {
    const all = await nodes(t, [null, 'thing'], [100, 100]);
    const { rpc } = inOrder(t, all, { freshness: { intervalMs: 60_000 } });
    await rpc.warmUp();
    assert.equal(await rpc.call('at', [90]), 'thing');
    assert.equal(await rpc.call('at', [102]), 'thing', 'it may have come since');
    assert.equal(await rpc.call('at', [1_000_000_000]), null);
    assert.deepEqual(counts(all, 'at'), [3, 2]);
  });

  it('to a search is believed as far as the endpoint has come', async (t) => {
    const all = await nodes(t, [[], ['found']], [100, 100]);
    const { rpc } = inOrder(t, all, { freshness: { intervalMs: 60_000 } });
    await rpc.warmUp();
    assert.deepEqual(await rpc.call('search', [100]), []);
    assert.deepEqual(await rpc.call('search', [103]), ['found'], 'it had not been there yet');
    assert.deepEqual(await rpc.call('search', [1_000_000_000]), []);
    assert.deepEqual(counts(all, 'search'), [3, 1]);
  });

  it('leaves half of the budget to failures', async (t) => {
    const all = await nodes(t, [null, null]);
    const { rpc } = inOrder(t, all, { budget: { share: 0, perSecond: 2, windowMs: 60_000 }, coalesce: false });
    for (let i = 0; i < 100; i++) await rpc.call('find', [i]);
    assert.equal(all[1]!.count('find'), 60, 'of 120');
    assert.equal(rpc.stats().http.policies.budget?.balance, 60);
    assert.equal(rpc.stats().http.policies.budget?.refusals, 0);
    const none = inOrder(t, all, { retry: false }).rpc;
    await none.call('find', ['x']);
    assert.equal(all[1]!.count('find'), 60, 'who wants no repeats gets none');
  });
});
