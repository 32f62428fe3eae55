/** Reads that several endpoints must answer alike: lying, lagging, dead and missing ones. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { systemClock } from '../../src/core/clock.ts';
import type { EndpointDiffered } from '../../src/core/endpoint-facts.ts';
import { type NetError, RpcError, type RpcOptions } from '../../src/jsonrpc.ts';
import { type ANode, aNode, anRpc, bad, each, ok, type Say, thrown } from './a-node.ts';
import { aSlowClock } from './a-slow-clock.ts';

/** Of this height, with this answer to everything else. */
const says = (answer: unknown, height = 100): Say =>
  each(({ id, method }) => ok(id, method === 'head' ? height : answer));
const silent: Say = () => undefined;

/** Asked in their order; endpoints are a, b, c, …. */
async function aPool(t: TestContext, said: readonly Say[], options: Partial<RpcOptions> = {}) {
  const nodes: ANode[] = await Promise.all(said.map((say) => aNode(t, say)));
  const endpoints = nodes.map(({ url }, priority) => ({ url, priority, name: 'abcdefgh'[priority]! }));
  const facts: EndpointDiffered[] = [];
  const observer = { endpointDiffered: (fact: EndpointDiffered) => void facts.push(fact) };
  const rpc = anRpc(t, [], { endpoints, observer, clock: aSlowClock(), ...options });
  const asked = (): number[] => nodes.map((node) => node.count('read'));
  return { rpc, nodes, facts, asked };
}

const refused = async (promise: Promise<unknown>): Promise<NetError> => (await thrown(promise)) as NetError;

describe('agreement', () => {
  it('asks so many endpoints at once, each once, and is done when they say the same', async (t) => {
    const { rpc, asked } = await aPool(t, [says({ a: 1, b: [2] }), says({ b: [2], a: 1 }), says('other')]);
    assert.deepEqual(await rpc.call('read', [], { agree: 2 }), { a: 1, b: [2] });
    assert.deepEqual(asked(), [1, 1, 0]);
    assert.deepEqual(rpc.stats().agreement, { agreed: 1, disagreed: 0, more: 0 });
  });

  it('asks a third one when two differ, believes the two, and tells who was alone', async (t) => {
    const { rpc, asked, facts, nodes } = await aPool(t, [says('a lie'), says('true'), says('true')]);
    assert.equal(await rpc.call('read', [], { agree: 2 }), 'true');
    assert.deepEqual(asked(), [1, 1, 1]);
    assert.deepEqual(rpc.stats().agreement, { agreed: 1, disagreed: 0, more: 1 });
    const origin = nodes[0]!.url.slice(0, -1);
    assert.deepEqual(facts, [{ endpoint: 'a', origin, how: 'disagreed', operation: 'read' }]);
    assert.deepEqual(
      rpc.stats().endpoints.map(({ differed }) => differed.disagreed),
      [1, 0, 0],
    );
    rpc.cordon('a');
    assert.equal(await rpc.call('read', [1], { agree: 2 }), 'true');
    assert.deepEqual(asked(), [1, 2, 2], 'who lies can be left out');
  });

  it('does without one that fails, one that refuses, and one that is dead', async (t) => {
    const failing = each(({ id }) => bad(id, -32603));
    const throttled = each(({ id }) => bad(id, -32005));
    const { rpc, nodes } = await aPool(t, [failing, throttled, says('true'), says('true'), says('true')]);
    assert.equal(await rpc.call('read', [], { agree: 2 }), 'true');
    nodes[2]!.say = (_, response) => void response.destroy();
    assert.equal(await rpc.call('read', [1], { agree: 2 }), 'true');
  });

  it('does without one that never answers, after a second', async (t) => {
    const { rpc, asked } = await aPool(t, [silent, says('true'), says('true')], { clock: systemClock });
    assert.equal(await rpc.call('read', [], { agree: 2 }), 'true');
    assert.deepEqual(asked(), [1, 1, 1]);
  });

  it('fails when all differ, and says how many said what, but not what', async (t) => {
    const { rpc, facts } = await aPool(t, [says('secret 1'), says('secret 2'), says('secret 3')]);
    const error = await refused(rpc.call('read', [], { agree: 2 }));
    assert.deepEqual([error.code, error.reach, error.limit, error.value], ['DISAGREED', 'answered', 'agree', 2]);
    assert.match(error.message, /^read: 2 endpoints must agree; 1 said one thing \([abc]\), 1 said another/);
    assert(!error.message.includes('secret'));
    assert.deepEqual(facts, [], 'nobody knows who is wrong');
    assert.deepEqual(rpc.stats().agreement, { agreed: 0, disagreed: 1, more: 1 });
  });

  it('fails as soon as it can no longer come about', async (t) => {
    const { rpc } = await aPool(t, [says('x'), says('y'), silent]);
    const error = await refused(rpc.call('read', [], { agree: 3 }));
    assert.match(
      error.message,
      /3 endpoints must agree; 1 said one thing \([ab]\), 1 said another \([ab]\), 1 could not change that$/,
    );
  });

  it('fails with what is wrong when none answers, and when all but one fail', async (t) => {
    const failing = each(({ id }) => bad(id, -32603));
    const { rpc, nodes } = await aPool(t, [failing, failing]);
    const error = await thrown(rpc.call('read', [], { agree: 2 }));
    assert(error instanceof RpcError && error.code === -32603);
    nodes[0]!.say = says('true');
    const one = await refused(rpc.call('read', [1], { agree: 2 }));
    assert.match(one.message, /^read: 2 endpoints must agree; 1 said one thing \(a\), 1 failed \(b\)/);
    assert(one.cause instanceof RpcError);
  });

  it('believes the one that has come furthest, if its caller says so', async (t) => {
    const { rpc } = await aPool(t, [says('old', 100), says('new', 104), says('older', 99)], { freshness: true });
    await rpc.warmUp();
    assert.equal(await rpc.call('read', [], { agree: { count: 2, otherwise: 'furthest' } }), 'new');
    assert.equal(rpc.stats().agreement.disagreed, 1);
  });

  it('of an error about the call is an answer: it is thrown when they agree on it', async (t) => {
    const reverts = (data: string) => each(({ id }) => bad(id, 3, `reverted at ${data}`, data));
    const { rpc, nodes } = await aPool(t, [reverts('0xab'), reverts('0xab')]);
    const error = await thrown(rpc.call('read', [], { agree: 2 }));
    assert(error instanceof RpcError && error.data === '0xab');
    nodes[1]!.say = says('done');
    assert.equal((await refused(rpc.call('read', [1], { agree: 2 }))).code, 'DISAGREED');
  });

  it('goes down with its caller at once, at each stage, and aborts what is under way', async (t) => {
    const { rpc, nodes } = await aPool(t, [silent, silent, silent]);
    const before = AbortSignal.abort(new Error('gone'));
    assert.equal((await refused(rpc.call('read', [], { agree: 2, signal: before }))).code, 'ABORTED');
    assert.equal(nodes[0]!.count(), 0);
    const caller = new AbortController();
    const answer = rpc.call('read', [1], { agree: 2, signal: caller.signal });
    await Promise.all([nodes[0]!.arrived(1), nodes[1]!.arrived(1)]);
    caller.abort(new Error('gone'));
    const error = await refused(answer);
    assert.deepEqual([error.code, (error.cause as Error).message], ['ABORTED', 'gone']);
    assert.equal((await refused(rpc.call('read', [2], { agree: 2, deadlineMs: 50 }))).code, 'DEADLINE');
    for (const { inFlight } of rpc.stats().endpoints) assert.equal(inFlight, 0);
  });

  it('ends the slow one when the others have agreed', async (t) => {
    const { rpc, nodes } = await aPool(t, [silent, says('x'), says('x'), says('x')], { clock: systemClock });
    const left = new Promise<void>((resolve) => {
      nodes[0]!.say = (_, response) => void response.once('close', resolve);
    });
    assert.equal(await rpc.call('read', [], { agree: 3 }), 'x');
    await left;
    assert.equal(rpc.stats().endpoints[0]!.inFlight, 0);
  });

  it('can be asked of methods; a call may say otherwise', async (t) => {
    const { rpc, asked } = await aPool(t, [says('x'), says('x'), says('x')], { agree: { read: 2 } });
    await rpc.call('read');
    assert.deepEqual(asked(), [1, 1, 0]);
    await rpc.call('read', [], { agree: 3 });
    assert.deepEqual(asked(), [2, 2, 1]);
    await rpc.call('read', [], { agree: 1 });
    assert.deepEqual(asked(), [3, 2, 1]);
    const listed = await rpc.batch([{ method: 'read' }, { method: 'echo' }], {});
    assert.deepEqual(
      listed.map((each) => each.status === 'fulfilled' && each.value),
      ['x', 'x'],
    );
    assert.deepEqual(asked(), [4, 3, 1]);
  });

  it('is shared and kept with its like only', async (t) => {
    const { rpc, asked } = await aPool(t, [says('x'), says('x')], { cache: true });
    const same = () => rpc.call('read', [], { agree: 2 });
    assert.deepEqual(await Promise.all([same(), same(), rpc.call('read')]), ['x', 'x', 'x']);
    assert.deepEqual(asked(), [2, 1]);
    assert.equal(rpc.stats().coalesced, 1);
    await rpc.call('fixed');
    await rpc.call('fixed', undefined, { agree: 2 });
    await rpc.call('fixed', undefined, { agree: 2 });
    assert.equal(rpc.stats().cache?.hits, 1, 'what one said is not what two agreed on');
  });

  it('compares whole numbers to the last digit', async (t) => {
    const number =
      (digits: string): Say =>
      ({ requests: [request] }) =>
        `{"jsonrpc":"2.0","id":${request!.id},"result":{"lamports":${digits}}}`;
    const { rpc } = await aPool(t, [number('9007199254740993'), number('9007199254740992')]);
    assert.equal((await refused(rpc.call('read', [], { agree: 2 }))).code, 'DISAGREED');
    const { rpc: same } = await aPool(t, [number('9007199254740993'), number('9007199254740993')]);
    assert.deepEqual(await same.call('read', [], { agree: 2 }), { lamports: 9007199254740992 });
  });

  it('refuses what cannot be, naming the value and the limit', async (t) => {
    const { rpc } = await aPool(t, [says('x'), says('x')]);
    for (const [agree, message] of [
      [3, /agree is 3; allowed: a whole number from 1 to 2, as there are 2 endpoints/],
      [0, /agree is 0; allowed/],
      [1.5, /agree is 1.5; allowed/],
      [{ count: 2, otherwise: 'any' as never }, /agree.otherwise is "any"; allowed: "error", "furthest"/],
      [{ count: 2, otherwise: 'furthest' as const }, /freshness is off/],
      [{ count: 2, of: 3 } as never, /agree.of/],
    ] as const) {
      const error = await refused(rpc.call('read', [], { agree }));
      assert.deepEqual([error.code, error.reach], ['INVALID', 'unsent']);
      assert.match(error.message, message);
    }
    for (const method of ['write', 'filter', 'unknown']) {
      assert.match(
        (await refused(rpc.call(method, [], { agree: 2 }))).message,
        /agree of \w+: it is not known as a read/,
      );
      assert.throws(() => anRpc(t, [], { endpoints: [{ url: 'http://a.test' }], agree: { [method]: 1 } }), /agree of/);
    }
    assert.equal(await rpc.call('write', ['x'], { agree: 1 }), 'x');
  });

  it('says that too few take calls', async (t) => {
    const { rpc } = await aPool(t, [says('x'), says('x')]);
    rpc.cordon('b');
    const error = await refused(rpc.call('read', [], { agree: 2 }));
    assert.match(error.message, /2 endpoints must agree; 1 said one thing \(a\), no other endpoint takes it now/);
  });

  it('does not need the budget for the first ones, and keeps to it for others', async (t) => {
    const budget = { share: 0, perSecond: 0 };
    const { rpc, asked } = await aPool(t, [says('x'), says('y'), says('y')], { budget });
    assert.equal((await refused(rpc.call('read', [], { agree: 2 }))).code, 'DISAGREED');
    assert.deepEqual(asked(), [1, 1, 0]);
  });
});
