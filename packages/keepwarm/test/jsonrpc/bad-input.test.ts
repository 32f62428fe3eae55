/** What callers may get wrong: told what it is, before anything is sent, and no other call notices. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { NetError, type RpcCallOptions, type RpcClient } from '../../src/jsonrpc.ts';
import { aNode, anRpc, thrown } from './a-node.ts';

/** As it comes from code that nobody has checked. */
const unchecked = <T>(value: unknown): T => value as T;

const trap = new Proxy([], {
  get() {
    throw new Error('a trap');
  },
});

const CASES: Readonly<Record<string, readonly [(rpc: RpcClient) => Promise<unknown>, RegExp]>> = {
  'a batch that is nothing': [
    (rpc) => rpc.batch(unchecked(undefined)),
    /a batch is undefined; allowed: a list of \{ method/,
  ],
  'a batch that is text': [(rpc) => rpc.batch(unchecked('read')), /a batch is a string; allowed: a list/],
  'a request that is nothing': [
    (rpc) => rpc.batch(unchecked([{ method: 'read' }, null])),
    /request 1 of a batch is null/,
  ],
  'a request that is a number': [(rpc) => rpc.batch(unchecked([5])), /request 0 of a batch is a number/],
  'a request without a method': [(rpc) => rpc.batch(unchecked([{ params: [] }])), /a method is a undefined/],
  'a signal that is none': [
    (rpc) => rpc.call('read', [], unchecked<RpcCallOptions>({ signal: { aborted: false } })),
    /signal is an object; allowed: an AbortSignal/,
  ],
  'a signal that is null': [
    (rpc) => rpc.call('read', [], unchecked<RpcCallOptions>({ signal: null })),
    /signal is null; allowed/,
  ],
  'a signal of a batch that is none': [
    (rpc) => rpc.batch([{ method: 'read' }], unchecked<RpcCallOptions>({ signal: 5 })),
    /signal is a number; allowed: an AbortSignal/,
  ],
  'a signal of a notification that is none': [
    (rpc) => rpc.notify('read', [], unchecked<RpcCallOptions>({ signal: 'now' })),
    /signal is a string; allowed: an AbortSignal/,
  ],
  'params that throw when they are looked at': [(rpc) => rpc.call('read', trap), /params cannot be .*a trap/],
  'params of a batch that throw': [(rpc) => rpc.batch([{ method: 'read', params: trap }]), /params cannot be .*a trap/],
};

for (const [what, [ask, message]] of Object.entries(CASES)) {
  it(`${what} is refused by name`, async (t) => {
    const node = await aNode(t);
    const rpc = anRpc(t, [node], { batching: true });
    const other = rpc.call('echo', [1]);
    const error = await thrown(ask(rpc));
    assert(error instanceof NetError, String(error));
    assert.deepEqual([error.code, error.reach], ['INVALID', 'unsent']);
    assert.match(error.message, message);
    assert.deepEqual(await other, [1]);
    assert.equal(node.count(), 1);
  });
}

it('a signal that is null is none to fetch, as everywhere', async (t) => {
  const rpc = anRpc(t, [await aNode(t)]);
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'read' });
  const response = await rpc.fetch('https://any.test', { method: 'POST', body, signal: null });
  assert.equal(((await response.json()) as { result: unknown }).result, 'read');
});
