/** `call` over endpoints: what it sends, what it gives, and where it goes when a node cannot answer. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { inspect } from 'node:util';
import { gzipSync } from 'node:zlib';
import { createRpc, NetError, RpcError } from '../../src/jsonrpc.ts';
import { adapter, aNode, anRpc, bad, each, ok, thrown } from './a-node.ts';

describe('a call', () => {
  it('sends a JSON-RPC 2.0 request, and gives its result', async (t) => {
    const node = await aNode(t);
    const rpc = anRpc(t, [node]);
    assert.deepEqual(await rpc.call('echo', [1, 'two', { three: 3n }]), [1, 'two', { three: 3 }]);
    assert.equal(await rpc.call('read'), 'read');
    const [first, second] = node.messages;
    assert.deepEqual(first?.requests, [{ jsonrpc: '2.0', method: 'echo', id: 1, params: [1, 'two', { three: 3 }] }]);
    assert.deepEqual(second?.requests, [{ jsonrpc: '2.0', method: 'read', id: 2 }]);
    assert.equal(first?.headers['content-type'], 'application/json');
  });

  it('gives the error of the node whole, and does not repeat what is about the call', async (t) => {
    const node = await aNode(
      t,
      each(({ id }) => bad(id, 3, 'execution reverted', '0x08c379a0')),
    );
    const rpc = anRpc(t, [node, await aNode(t)], { endpoints: [{ url: node.url, name: 'main' }] });
    const error = await thrown(rpc.call('read'));
    assert(error instanceof RpcError);
    const { code, method, endpoint, kind, data, said } = error;
    assert.deepEqual(
      { code, method, endpoint, kind, data },
      {
        code: 3,
        method: 'read',
        endpoint: 'main',
        kind: 'final',
        data: '0x08c379a0',
      },
    );
    assert.deepEqual(said, { code: 3, message: 'execution reverted', data: '0x08c379a0' });
    assert.equal(node.count(), 1);
  });

  for (const code of [-32005, -32001, -32603, -32601]) {
    it(`goes to another node when one answers ${code} with status 200`, async (t) => {
      const [poor, good] = [
        await aNode(
          t,
          each(({ id }) => bad(id, code)),
        ),
        await aNode(t),
      ];
      const endpoints = [poor, good].map(({ url }, priority) => ({ url, priority, name: `${priority}` }));
      const rpc = anRpc(t, [], { endpoints });
      assert.equal(await rpc.call('read'), 'read');
      assert.deepEqual([poor.count(), good.count()], [1, 1]);
    });
  }

  it('gives the error of the last node when none can answer', async (t) => {
    const nodes = [
      await aNode(
        t,
        each(({ id }) => bad(id, -32603)),
      ),
      await aNode(
        t,
        each(({ id }) => bad(id, -32603)),
      ),
    ];
    const error = await thrown(anRpc(t, nodes, { retry: { attemptsMax: 2 } }).call('read'));
    assert(error instanceof RpcError);
    assert.equal(error.code, -32603);
    assert.deepEqual(
      nodes.map((node) => node.count()),
      [1, 1],
    );
  });

  it('is sent once when it may change something, or its method is unknown', async (t) => {
    const nodes = [await aNode(t), await aNode(t)];
    const rpc = anRpc(t, nodes);
    for (const node of nodes) node.say = each(({ id }) => bad(id, -32603));
    for (const method of ['write', 'neverHeardOf']) {
      assert((await thrown(rpc.call(method, ['x']))) instanceof RpcError);
      assert.equal(nodes[0]!.count(method) + nodes[1]!.count(method), 1, method);
    }
    await rpc.call('write', ['x'], { idempotent: true }).catch(() => undefined);
    assert(nodes[0]!.count('write') + nodes[1]!.count('write') > 2, 'unless its caller says that it may be repeated');
  });

  it('a status with a JSON-RPC error goes elsewhere, or is the answer when that is about the call', async (t) => {
    for (const [status, code, count] of [
      [429, -32005, 1],
      [500, -32603, 1],
      [503, 7, 1],
      [401, 7, 1],
    ] as const) {
      const poor = await aNode(t, ({ requests }, response) => {
        response.statusCode = status;
        return bad(requests[0]!.id, code);
      });
      const good = await aNode(t);
      const endpoints = [poor, good].map(({ url }, priority) => ({ url, priority, name: `${priority}` }));
      assert.equal(await anRpc(t, [], { endpoints }).call('read'), 'read', `${status}`);
      assert.deepEqual([poor.count(), good.count()], [1, count], `${status}`);
    }
    const reverting = await aNode(t, ({ requests }, response) => {
      response.statusCode = 500;
      return bad(requests[0]!.id, 3);
    });
    const error = await thrown(anRpc(t, [reverting]).call('read'));
    assert(error instanceof RpcError);
    assert.deepEqual([error.code, error.status, reverting.count()], [3, 500, 1]);
  });

  it('an answer that is none makes the node ill, and another is asked', async (t) => {
    const answers = [
      '<html>',
      'null',
      [],
      ok(999, 1),
      { jsonrpc: '2.0', result: 1 },
      { jsonrpc: '2.0', id: 1 },
      { id: 1, result: 1 },
      { jsonrpc: '2.0', id: '1', result: 1 },
      { jsonrpc: '2.0', id: 1, result: 1, error: { code: 1, message: '' } },
      { jsonrpc: '2.0', id: 1, error: 'no' },
    ];
    for (const answer of answers) {
      const [poor, good] = [await aNode(t, () => answer), await aNode(t)];
      const endpoints = [poor, good].map(({ url }, priority) => ({ url, priority, name: `${priority}` }));
      const rpc = anRpc(t, [], { endpoints });
      assert.equal(await rpc.call('read'), 'read', JSON.stringify(answer));
      const alone = anRpc(t, [poor], { retry: false });
      const error = await thrown(alone.call('read'));
      assert(error instanceof NetError);
      assert.equal(error.code, 'DECODE');
    }
  });

  it('forgives what is common when it is not strict', async (t) => {
    const node = await aNode(t);
    const rpc = anRpc(t, [node], { strict: false, retry: false });
    for (const answer of [
      ({ id }: { id: unknown }) => ({ id, result: 'x', error: null }),
      ({ id }: { id: unknown }) => ({ id: String(id), result: 'x' }),
      () => ({ result: 'x' }),
    ]) {
      node.say = ({ requests }) => answer(requests[0] as { id: unknown });
      assert.equal(await rpc.call('read'), 'x');
    }
    node.say = ({ requests }) => ({ id: requests[0]!.id, result: null, error: { code: '5', message: 'm' } });
    const error = await thrown(rpc.call('read'));
    assert(error instanceof RpcError);
    assert.equal(error.code, 5);
  });

  it('ends at the deadline of its method, and at once when it is aborted', async (t) => {
    const node = await aNode(t, () => undefined);
    const rpc = anRpc(t, [node]);
    const late = await thrown(rpc.call('slow'));
    assert(late instanceof NetError && late.code === 'DEADLINE');
    const caller = new AbortController();
    const left = thrown(rpc.call('read', [], { signal: caller.signal }));
    caller.abort(new Error('gone'));
    const error = await left;
    assert(error instanceof NetError && error.code === 'ABORTED');
  });

  it('a large answer, chunked and compressed, is an answer like any other', async (t) => {
    const result = Array.from({ length: 50_000 }, (_, i) => ({ pubkey: `key ${i}`, lamports: i }));
    const node = await aNode(t, ({ requests }, response) => {
      const text = JSON.stringify(ok(requests[0]!.id, result));
      const plain = requests[0]!.method === 'read';
      response.writeHead(200, plain ? {} : { 'content-encoding': 'gzip' });
      if (!plain) return void response.end(gzipSync(text));
      for (let at = 0; at < text.length; at += 100_000) response.write(text.slice(at, at + 100_000));
      response.end();
    });
    const rpc = anRpc(t, [node]);
    assert.deepEqual(await Promise.all([rpc.call('read'), rpc.call('echo')]), [result, result]);
    const small = anRpc(t, [node], { limits: { bodyBytesMax: 100_000 }, retry: false });
    const error = await thrown(small.call('read'));
    assert(error instanceof NetError && error.code === 'LIMIT' && error.limit === 'bodyBytesMax');
  });

  it('one whose signal has fired, or whose client is closed, is not sent', async (t) => {
    const node = await aNode(t);
    const signal = AbortSignal.abort(new Error('before'));
    for (const options of [{}, { batching: true }, { coalesce: false }]) {
      const rpc = anRpc(t, [node], options);
      const settled = [
        rpc.call('read', [], { signal }),
        rpc.call('write', ['x'], { signal }),
        rpc.notify('read', [], { signal }),
      ];
      for (const each of settled) {
        const error = await thrown(each);
        assert(error instanceof NetError && error.code === 'ABORTED' && error.reach === 'unsent');
      }
      await rpc.close();
      await rpc.close();
      const error = await thrown(rpc.call('read'));
      assert(error instanceof NetError && error.code === 'CLOSED');
    }
    assert.equal(node.count(), 0);
  });

  it('bad input is refused before anything is sent', async (t) => {
    const node = await aNode(t);
    const rpc = anRpc(t, [node]);
    const cycle: unknown[] = [];
    cycle.push(cycle);
    for (const params of [1, 'x', null, true, cycle, { toJSON: () => 5 }]) {
      const error = await thrown(rpc.call('read', params));
      assert(error instanceof NetError && error.code === 'INVALID', inspect(params));
    }
    assert.equal(((await thrown(rpc.call(''))) as NetError).code, 'INVALID');
    assert.equal(((await thrown(rpc.call('read', [], { deadlineMs: -1 }))) as NetError).code, 'INVALID');
    assert.equal(node.count(), 0);
  });

  it('keeps whole numbers exact on request', async (t) => {
    const text = '{"jsonrpc":"2.0","id":1,"result":{"lamports":18446744073709551615,"rate":0.1234567890123456789}}';
    const node = await aNode(t, ({ requests }) => text.replace('"id":1', `"id":${requests[0]!.id}`));
    const exact = await anRpc(t, [node], { bigints: 'exact' }).call('read', [2n ** 64n - 1n]);
    assert.deepEqual(exact, { lamports: 18446744073709551615n, rate: 0.12345678901234568 });
    const rounded = await anRpc(t, [node]).call('read');
    assert.deepEqual(rounded, { lamports: 18446744073709552000, rate: 0.12345678901234568 });
  });

  it('keys in urls and headers show nowhere', async (t) => {
    const node = await aNode(
      t,
      each(({ id }) => bad(id, -32603)),
    );
    const url = `${node.url}v2/SECRET1?api-key=SECRET2`;
    const facts: unknown[] = [];
    const tell = (fact: unknown) => facts.push(fact);
    const observer = { failed: tell, retried: tell, retryDenied: tell, endpointEjected: tell, leased: tell };
    const rpc = createRpc({ adapter, observer, endpoints: [{ url, headers: { 'x-key': 'SECRET3' } }] });
    t.after(() => rpc.close());
    const errors = [await thrown(rpc.call('read')), await thrown(rpc.call('write'))];
    node.say = () => 'SECRET4 is no JSON';
    errors.push(await thrown(rpc.call('read')));
    assert.equal(node.messages[0]?.url, '/v2/SECRET1?api-key=SECRET2');
    assert.equal(node.messages[0]?.headers['x-key'], 'SECRET3');
    for (const shown of [...errors, ...facts]) assert.doesNotMatch(inspect(shown, { depth: 9 }), /SECRET/);
    assert(facts.length > 0);
  });
});

describe('a notification', () => {
  it('has no id, is sent once, and needs no answer', async (t) => {
    const node = await aNode(t, (_, response) => void response.writeHead(204).end());
    const rpc = anRpc(t, [node]);
    assert.equal(await rpc.notify('read', [1]), undefined);
    assert.deepEqual(node.messages[0]?.requests, [{ jsonrpc: '2.0', method: 'read', params: [1] }]);
    node.say = (_, response) => void response.writeHead(500).end('no');
    const error = await thrown(rpc.notify('read'));
    assert(error instanceof NetError && error.code === 'STATUS' && error.status === 500);
    assert.equal(node.count(), 2);
  });
});
