/** The fetch for JSON-RPC clients: what they post, and what they get back. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { NetError } from '../../src/jsonrpc.ts';
import { aNode, anRpc, bad, each, ok, thrown } from './a-node.ts';

const post = (body: unknown) => ({ method: 'POST', body: typeof body === 'string' ? body : JSON.stringify(body) });
const URL_OF_ANOTHER = 'https://rpc.invalid/v2/key';

describe('fetch', () => {
  it('answers a request posted to any url, with the id it came with', async (t) => {
    const node = await aNode(t);
    const { fetch } = anRpc(t, [node]);
    for (const id of ['c8f3', 0, 17, -1, null, 12345678901234567890n]) {
      const sent = typeof id === 'bigint' ? id : JSON.stringify(id);
      const text = `{"id":${sent},"jsonrpc":"2.0","method":"echo","params":[1]}`;
      const response = await fetch(URL_OF_ANOTHER, post(text));
      assert(response instanceof Response);
      assert.deepEqual([response.status, response.headers.get('content-type')], [200, 'application/json']);
      assert.equal(await response.text(), `{"jsonrpc":"2.0","id":${sent},"result":[1]}`);
    }
  });

  it('answers a batch in its order, refuses what is no request, and says nothing to notifications', async (t) => {
    const node = await aNode(
      t,
      each(({ id, method, params }) => (method === 'head' ? bad(id, 3) : ok(id, params))),
    );
    const { fetch } = anRpc(t, [node]);
    const response = await fetch(
      URL_OF_ANOTHER,
      post([
        { jsonrpc: '2.0', id: 'b', method: 'echo', params: ['b'] },
        { jsonrpc: '2.0', method: 'echo', params: ['told'] },
        { jsonrpc: '2.0', id: 'a', method: 'echo', params: ['a'] },
        5,
        { jsonrpc: '2.0', id: 7, method: 'write', params: ['w'] },
        { jsonrpc: '2.0', id: 8, method: 'head' },
      ]),
    );
    assert.deepEqual(await response.json(), [
      ok('b', ['b']),
      ok('a', ['a']),
      bad(null, -32600, 'Invalid Request'),
      ok(7, ['w']),
      bad(8, 3),
    ]);
    const told = node.messages.flatMap(({ requests }) => requests.filter(({ id }) => id === undefined));
    assert.equal(told.length, 1);
    assert.equal((await fetch(URL_OF_ANOTHER, post([{ jsonrpc: '2.0', method: 'read' }]))).status, 204);
    assert.equal((await fetch(URL_OF_ANOTHER, post({ jsonrpc: '2.0', method: 'read' }))).status, 204);
  });

  it('answers what is no request as a node would', async (t) => {
    const { fetch } = anRpc(t, [await aNode(t)]);
    const said = async (body: unknown) => (await fetch(URL_OF_ANOTHER, post(body))).json();
    assert.deepEqual(await said('{'), bad(null, -32700, 'Parse error'));
    for (const body of [
      [],
      5,
      {},
      { method: 5, id: 1 },
      { method: 'read', params: 5, id: 1 },
      { method: 'x', id: {} },
    ]) {
      assert.deepEqual(await said(body), bad(null, -32600, 'Invalid Request'), JSON.stringify(body));
    }
  });

  it('keeps whole numbers exact both ways', async (t) => {
    const node = await aNode(
      t,
      ({ requests: [request] }) => `{"jsonrpc":"2.0","id":${request!.id},"result":${2n ** 64n}}`,
    );
    const rpc = anRpc(t, [node], { batching: true });
    const { fetch } = rpc;
    const text = await (await fetch(URL_OF_ANOTHER, post('{"jsonrpc":"2.0","id":1,"method":"read"}'))).text();
    assert.equal(text, '{"jsonrpc":"2.0","id":1,"result":18446744073709551616}');
    node.say = ({ requests }) =>
      `[${requests.map(({ id }) => `{"jsonrpc":"2.0","id":${id},"result":[${2n ** 64n}]}`)}]`;
    const [handedOn, called] = await Promise.all([
      fetch(URL_OF_ANOTHER, post('{"jsonrpc":"2.0","id":1,"method":"read"}')),
      rpc.call('read'),
    ]);
    assert.match(await handedOn.text(), /\[18446744073709551616\]/);
    assert.deepEqual(called, [18446744073709552000], 'its own callers get what they asked for');
    assert.equal(node.messages.at(-1)?.requests.length, 2);
  });

  it('rejects as fetch does when no node can be reached, and hands on what is no JSON-RPC', async (t) => {
    const node = await aNode(t, (_, response) => void response.socket?.destroy());
    const rpc = anRpc(t, [node], { retry: false });
    const request = { jsonrpc: '2.0', id: 1, method: 'read' };
    const error = (await thrown(rpc.fetch(URL_OF_ANOTHER, post(request)))) as TypeError;
    assert(error instanceof TypeError);
    assert.equal((error.cause as NetError).code, 'RESET');
    const batch = (await thrown(rpc.fetch(URL_OF_ANOTHER, post([request, { ...request, id: 2 }])))) as TypeError;
    assert(batch instanceof TypeError);
    node.say = (_, response) => void response.writeHead(403).end('no such key');
    const response = await rpc.fetch(URL_OF_ANOTHER, post(request));
    assert.deepEqual([response.status, await response.text()], [403, 'no such key']);
  });

  it('heeds the signal, and takes a Request', async (t) => {
    const node = await aNode(t);
    const { fetch } = anRpc(t, [node]);
    const body = JSON.stringify({ jsonrpc: '2.0', id: 5, method: 'echo', params: [] });
    const request = new Request(URL_OF_ANOTHER, { method: 'POST', body });
    assert.deepEqual(await (await fetch(request)).json(), ok(5, []));
    node.say = () => undefined;
    const caller = new AbortController();
    const left = thrown(fetch(URL_OF_ANOTHER, { method: 'POST', body, signal: caller.signal }));
    caller.abort(new Error('gone'));
    assert.match(String(await left), /gone/);
  });
});
