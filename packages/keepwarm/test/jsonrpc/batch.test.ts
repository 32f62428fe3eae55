/** Several requests in one message: who gets which answer, and what becomes of those that get none. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { NetError, RpcError } from '../../src/jsonrpc.ts';
import { until } from '../exchange/until.ts';
import { aNode, anRpc, bad, each, ok, type Request, thrown } from './a-node.ts';

const numbers = (count: number) => Array.from({ length: count }, (_, i) => i);
const answered = (settled: readonly PromiseSettledResult<unknown>[]) =>
  settled.map((one) => (one.status === 'fulfilled' ? one.value : (one.reason as Error).constructor.name));

describe('automatic batching', () => {
  it('sends reads of one turn in one message, and gives each its own answer', async (t) => {
    const node = await aNode(t);
    const rpc = anRpc(t, [node], { batching: true });
    const results = await Promise.all(numbers(15).map((i) => rpc.call('echo', [i])));
    assert.deepEqual(
      results,
      numbers(15).map((i) => [i]),
    );
    assert.equal(node.messages.length, 1);
    assert.equal(await rpc.call('read'), 'read');
    assert.equal(node.messages[1]?.batch, false, 'one request is no batch');
    const { batches, batched } = rpc.stats().batching;
    assert.deepEqual({ batches, batched }, { batches: 1, batched: 15 });
  });

  it('is bounded in requests and characters', async (t) => {
    const node = await aNode(t);
    const few = anRpc(t, [node], { batching: { sizeMax: 4 } });
    await Promise.all(numbers(10).map((i) => few.call('echo', [i])));
    assert.deepEqual(
      node.messages.map(({ requests }) => requests.length),
      [4, 4, 2],
    );
    node.messages.length = 0;
    const short = anRpc(t, [node], { batching: { charsMax: 200 } });
    await Promise.all(numbers(4).map((i) => short.call('echo', ['x'.repeat(100), i])));
    assert.deepEqual(
      node.messages.map(({ requests }) => requests.length),
      [1, 1, 1, 1],
    );
  });

  it('leaves alone what may change something, and what is not known', async (t) => {
    const node = await aNode(t);
    const rpc = anRpc(t, [node], { batching: true });
    await Promise.all([rpc.call('write', ['a']), rpc.call('unheardOf'), rpc.call('filter'), rpc.call('read')]);
    assert(node.messages.every(({ batch }) => !batch));
  });

  it('answers may come in any order', async (t) => {
    const node = await aNode(t, ({ requests }) => requests.map(({ id, params }) => ok(id, params)).reverse());
    const rpc = anRpc(t, [node], { batching: true });
    const results = await Promise.all(numbers(9).map((i) => rpc.call('echo', [i])));
    assert.deepEqual(
      results,
      numbers(9).map((i) => [i]),
    );
  });

  it('who leaves harms nobody, and the message is given up when all have left', async (t) => {
    let closed = 0;
    const node = await aNode(t, (_, response) => void response.on('close', () => closed++));
    const rpc = anRpc(t, [node], { batching: true, coalesce: false });
    const leavers = numbers(3).map(() => new AbortController());
    const left = leavers.map(({ signal }) => thrown(rpc.call('echo', [1], { signal })));
    await node.arrived(1);
    leavers[0]!.abort(new Error('first'));
    const first = (await left[0]) as NetError;
    assert.deepEqual([first.code, (first.cause as Error).message], ['ABORTED', 'first']);
    assert.equal(closed, 0);
    leavers[1]!.abort();
    leavers[2]!.abort();
    await Promise.all(left);
    await until(() => closed === 1);
  });

  it('each keeps its own deadline', async (t) => {
    const gone = Promise.withResolvers<void>();
    const node = await aNode(t, async ({ requests }) => {
      await gone.promise;
      return requests.map(({ id }) => ok(id, 'late'));
    });
    const rpc = anRpc(t, [node], { batching: true });
    const [hasty, patient] = [thrown(rpc.call('slow')), rpc.call('read')];
    assert.equal(((await hasty) as NetError).code, 'DEADLINE');
    gone.resolve();
    assert.equal(await patient, 'late');
  });
});

describe('a batch', () => {
  it('gives outcomes in the order of the requests, errors of single ones included', async (t) => {
    const node = await aNode(
      t,
      each(({ id, method }) => (method === 'heavy' ? bad(id, 3) : ok(id, method))),
    );
    const rpc = anRpc(t, [node]);
    const settled = await rpc.batch([{ method: 'read' }, { method: 'heavy' }, { method: 'write' }, { method: 'head' }]);
    assert.deepEqual(answered(settled), ['read', 'RpcError', 'write', 'head']);
    assert.equal(node.messages.length, 2, 'reads together, the write alone');
    assert.deepEqual(await rpc.batch([]), []);
  });

  it('sends again, alone and elsewhere, what another node may answer', async (t) => {
    const nodes = [await aNode(t), await aNode(t)];
    for (const node of nodes) {
      node.say = ({ requests, batch }) =>
        batch
          ? requests.map(({ id, params }, i) => (i === 1 ? bad(id, -32001) : ok(id, params)))
          : ok(requests[0]!.id, requests[0]!.params);
    }
    const rpc = anRpc(t, nodes);
    const settled = await rpc.batch(numbers(4).map((i) => ({ method: 'echo', params: [i] })));
    assert.deepEqual(answered(settled), [[0], [1], [2], [3]]);
    const single = nodes.findIndex(({ messages }) => messages.some(({ batch }) => !batch));
    const whole = nodes.findIndex(({ messages }) => messages.some(({ batch }) => batch));
    assert.notEqual(single, whole);
    assert.equal(rpc.stats().batching.resent, 1);
  });

  for (const [what, mutate] of Object.entries<(answers: unknown[]) => unknown>({
    'one missing': (answers) => answers.slice(1),
    'one twice': (answers) => [...answers, answers[0]],
    'one nobody asked for': ([, ...rest]) => [...rest, ok(4_711, 'wrong')],
    'one with another type of id': ([first, ...rest]) => [
      { ...(first as Request), id: String((first as Request).id) },
      ...rest,
    ],
    'one with an error without an id': ([, ...rest]) => [...rest, bad(null, -32600)],
    'one that is no object': ([, ...rest]) => [...rest, null],
  })) {
    it(`${what}: its request is sent again alone, the others have their answers`, async (t) => {
      const node = await aNode(t, ({ requests, batch }) => {
        const answers = requests.map(({ id, params }) => ok(id, params));
        return batch ? mutate(answers) : answers[0];
      });
      const settled = await anRpc(t, [node]).batch(numbers(3).map((i) => ({ method: 'echo', params: [i] })));
      assert.deepEqual(answered(settled), [[0], [1], [2]]);
      assert.deepEqual(
        node.messages.map(({ requests }) => requests.length),
        [3, 1],
      );
    });
  }

  it('a node that refuses batches gets single requests, and is remembered for it', async (t) => {
    for (const refusal of [400, 413, undefined, 'no list']) {
      const node = await aNode(t, ({ requests, batch }, response) => {
        if (!batch) return ok(requests[0]!.id, requests[0]!.params);
        if (refusal === 'no list') return { jsonrpc: '2.0', result: 'what an array is to who does not look' };
        if (typeof refusal !== 'number') return bad(null, -32600, 'batches are not supported');
        response.statusCode = refusal;
        return 'no batches';
      });
      const rpc = anRpc(t, [node], { retry: false });
      const ask = () => rpc.batch(numbers(3).map((i) => ({ method: 'echo', params: [i] })));
      assert.deepEqual(answered(await ask()), [[0], [1], [2]]);
      assert.deepEqual(answered(await ask()), [[0], [1], [2]]);
      assert.equal(node.messages.filter(({ batch }) => batch).length, 1);
      assert.deepEqual(rpc.stats().endpoints[0]?.batch, { sizeMax: 1, refused: 1 });
    }
  });

  it('a node that takes small batches gets small ones', async (t) => {
    const node = await aNode(t, ({ requests, batch }) => {
      if (requests.length > 10) return bad(null, -32600, 'too many');
      return batch ? requests.map(({ id, params }) => ok(id, params)) : ok(requests[0]!.id, requests[0]!.params);
    });
    const rpc = anRpc(t, [node]);
    const settled = await rpc.batch(numbers(100).map((i) => ({ method: 'echo', params: [i] })));
    assert.deepEqual(
      answered(settled),
      numbers(100).map((i) => [i]),
    );
    assert.equal(rpc.stats().endpoints[0]?.batch.sizeMax, 6);
  });

  it('an endpoint may be told to take none, or few; limits bound it as well', async (t) => {
    const node = await aNode(t);
    const sizes = async (endpoint: object): Promise<number[]> => {
      node.messages.length = 0;
      const rpc = anRpc(t, [], { endpoints: [{ url: node.url, ...endpoint }] });
      await rpc.batch(numbers(6).map(() => ({ method: 'heavy' })));
      await rpc.close();
      return node.messages.map(({ requests }) => requests.length);
    };
    assert.deepEqual(await sizes({ batch: false }), [1, 1, 1, 1, 1, 1]);
    assert.deepEqual(await sizes({ batch: 4 }), [4, 2]);
    assert.deepEqual(await sizes({ rateLimit: [{ limit: 5, windowMs: 10 }] }), [5, 1]);
    assert.deepEqual(await sizes({ rateLimit: { limit: 120, windowMs: 10, unit: 'computeUnits' } }), [3, 3]);
  });

  it('goes to another node as a whole when a node cannot answer any of it', async (t) => {
    const failing = [503, 429, each(({ id }) => bad(id, -32005)), () => bad(null, -32603), () => '<html>'];
    for (const failure of failing) {
      const poor = await aNode(t, (message, response) => {
        if (typeof failure === 'function') return failure(message, response);
        response.statusCode = failure;
        return 'busy';
      });
      const good = await aNode(t);
      const endpoints = [poor, good].map(({ url }, priority) => ({ url, priority, name: `${priority}` }));
      const settled = await anRpc(t, [], { endpoints }).batch([{ method: 'read' }, { method: 'head' }]);
      assert.deepEqual(answered(settled), ['read', 'head']);
      assert.deepEqual([poor.messages.length, good.messages.length], [1, 1]);
    }
  });

  it('gives every member the error of the last node when none can', async (t) => {
    const node = await aNode(
      t,
      each(({ id }) => bad(id, -32603)),
    );
    const settled = await anRpc(t, [node], { retry: false }).batch([{ method: 'read' }, { method: 'head' }]);
    for (const one of settled) {
      const { reason } = one as PromiseRejectedResult;
      assert(reason instanceof RpcError && reason.code === -32603);
    }
    node.say = (_, response) => void response.writeHead(503).end('closed for today');
    const [one] = await anRpc(t, [node], { retry: false }).batch([{ method: 'read' }, { method: 'head' }]);
    const { reason } = one as PromiseRejectedResult;
    assert(reason instanceof NetError && reason.code === 'STATUS' && reason.status === 503);
  });
});
