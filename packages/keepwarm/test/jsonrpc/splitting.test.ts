/** Searches that are too much at once, in parts: all of it, in order, or not at all. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import fc from 'fast-check';
import { evm, type NetError, RpcError, type RpcOptions } from '../../src/jsonrpc.ts';
import { type ANode, aNode, anRpc, bad, ok, type Request, thrown } from './a-node.ts';

interface Limits {
  /** Blocks in one call, and results. */
  readonly blocksMax?: number;
  readonly resultsMax?: number;
  /** Logs in each block; one when left out. */
  readonly density?: (block: number) => number;
}

const hex = (value: number): string => `0x${value.toString(16)}`;
const rangeOf = ({ params }: Request): [number, number] => {
  const [{ fromBlock, toBlock }] = params as [{ fromBlock: string; toBlock: string }];
  return [Number(fromBlock), Number(toBlock)];
};

/** A node with logs in each block, and limits. */
const aLogNode = (t: TestContext, { blocksMax = 1e9, resultsMax = 1e9, density = () => 1 }: Limits): Promise<ANode> =>
  aNode(t, ({ requests: [request] }) => {
    const { id } = request!;
    const [from, to] = rangeOf(request!);
    if (to - from + 1 > blocksMax) return bad(id, -32614, `eth_getLogs is limited to a ${blocksMax} range`);
    const logs: unknown[] = [];
    for (let block = from; block <= to; block++) {
      for (let i = 0; i < density(block); i++) logs.push({ blockNumber: hex(block), logIndex: hex(i) });
    }
    return logs.length > resultsMax ? bad(id, -32005, `query returned more than ${resultsMax} results`) : ok(id, logs);
  });

const logsOf = (from: number, to: number, density: (block: number) => number = () => 1): unknown[] =>
  Array.from({ length: to - from + 1 }, (_, i) =>
    Array.from({ length: density(from + i) }, (__, j) => ({ blockNumber: hex(from + i), logIndex: hex(j) })),
  ).flat();

const filter = (from: number, to: number | string): unknown[] => [
  { address: '0xab', fromBlock: hex(from), toBlock: typeof to === 'number' ? hex(to) : to },
];
const client = (t: TestContext, node: ANode, options: Partial<RpcOptions> = {}) =>
  anRpc(t, [node], { adapter: evm, splitting: true, ...options });

describe('a search that is too much at once', () => {
  it('is refused as it is unless its caller wants it in parts', async (t) => {
    const node = await aLogNode(t, { blocksMax: 10 });
    const error = await thrown(client(t, node, { splitting: false }).call('eth_getLogs', filter(0, 99)));
    assert(error instanceof RpcError && error.code === -32614);
    assert.equal(node.count(), 1);
  });

  it('is asked for in halves, and halves of these, and joined in the order of blocks', async (t) => {
    const node = await aLogNode(t, { blocksMax: 10 });
    const rpc = client(t, node);
    assert.deepEqual(await rpc.call('eth_getLogs', filter(100, 199)), logsOf(100, 199));
    const { splitting } = rpc.stats();
    assert.equal(splitting?.split, 1);
    // 16 parts of 6 or 7 blocks; 50, 25 and 13 are refused once each, 12 as often as calls go together.
    assert((splitting?.parts ?? 0) <= 16 + 3 + 4, `${splitting?.parts} parts`);
    const [{ address }] = node.messages.at(-1)!.requests[0]!.params as [{ address: string }];
    assert.equal(address, '0xab', 'the rest of the filter stays');
  });

  it('is split as it is sent, whatever it is made from', async (t) => {
    const node = await aLogNode(t, { blocksMax: 10 });
    class Filter {
      readonly #blocks = [100, 129];
      toJSON(): object {
        const [from, to] = this.#blocks;
        return { address: '0xcd', fromBlock: from, toBlock: to, salt: 2n ** 64n };
      }
    }
    assert.deepEqual(await client(t, node).call('eth_getLogs', [new Filter()]), logsOf(100, 129));
    const [{ address }] = node.messages.at(-1)!.requests[0]!.params as [{ address: string }];
    assert.equal(address, '0xcd');
  });

  it('is split more finely only where there is more', async (t) => {
    const density = (block: number): number => (block === 500 ? 50 : 1);
    const node = await aLogNode(t, { resultsMax: 60, density });
    const rpc = client(t, node);
    assert.deepEqual(await rpc.call('eth_getLogs', filter(0, 999)), logsOf(0, 999, density));
  });

  it('asks for at most so many parts at a time', async (t) => {
    const node = await aLogNode(t, { blocksMax: 2 });
    const { say } = node;
    let [now, most] = [0, 0];
    node.say = async (message, response) => {
      most = Math.max(most, ++now);
      const [from] = rangeOf(message.requests[0]!);
      if (from >= 2 && from <= 6) await node.arrived(9); // the whole, five lengths to 2, and three more
      now--;
      return say(message, response);
    };
    const rpc = client(t, node, { splitting: { concurrency: 3 } });
    assert.deepEqual(await rpc.call('eth_getLogs', filter(0, 63)), logsOf(0, 63));
    assert.equal(most, 3);
  });

  it('fails as it was refused when it would be too many calls, or one block is too much', async (t) => {
    const node = await aLogNode(t, { blocksMax: 1 });
    const many = await thrown(client(t, node, { splitting: { callsMax: 20 } }).call('eth_getLogs', filter(0, 999)));
    assert(many instanceof RpcError && many.code === -32614);
    assert(node.count() <= 20);
    const dense = await aLogNode(t, { resultsMax: 5, density: (block) => (block === 7 ? 6 : 1) });
    const error = await thrown(client(t, dense).call('eth_getLogs', filter(0, 15)));
    assert(error instanceof RpcError && error.code === -32005);
  });

  it('says which limit of ours it was, and what the node said, when it would be too many calls', async (t) => {
    const refused = { code: -32005, message: 'eth_getLogs is limited to a 1 block range', data: { from: '0x0' } };
    const node = await aNode(t, ({ requests: [{ id }] }) => ({ jsonrpc: '2.0', id, error: refused }));
    const rpc = client(t, node, { splitting: { callsMax: 7 } });
    const error = await thrown(rpc.call('eth_getLogs', filter(0, 999)));
    assert(error instanceof RpcError);
    const { code, data, limit, value, method, endpoint, kind, message, cause } = error;
    assert.deepEqual([code, data, limit, value], [refused.code, refused.data, 'splitting.callsMax', 7]);
    assert.deepEqual([method, endpoint, kind], ['eth_getLogs', 'a', 'final']);
    assert.match(message, /limited to a 1 block range; .*more calls than .*\(limit splitting\.callsMax 7\)/);
    assert(cause instanceof RpcError && cause.limit === undefined, 'as the node said it');
    assert.deepEqual(cause.said, refused);
    const body = JSON.stringify({ jsonrpc: '2.0', id: 5, method: 'eth_getLogs', params: filter(0, 999) });
    const response = await rpc.fetch('https://any.test', { method: 'POST', body });
    const { error: handedOn } = (await response.json()) as { error: typeof refused };
    assert.deepEqual([handedOn.code, handedOn.data], [refused.code, refused.data]);
    assert.match(handedOn.message, /1 block range; .*\(limit splitting\.callsMax 7\)/);
  });

  it('an error of which no more is known has no more fields', () => {
    assert.deepEqual(Object.keys(new RpcError({ code: 1, message: '' })), ['name', 'code']);
  });

  it('gives no part of an answer: one failure fails all of it, and aborts the others', async (t) => {
    const node = await aLogNode(t, { blocksMax: 10 });
    const { say } = node;
    node.say = (message, response) => {
      const [from] = rangeOf(message.requests[0]!);
      return from < 50 ? say(message, response) : bad(message.requests[0]!.id, -32602, 'invalid argument 0');
    };
    const error = await thrown(client(t, node).call('eth_getLogs', filter(0, 99)));
    assert(error instanceof RpcError && error.code === -32602);
    node.say = (message, response) => {
      const [from, to] = rangeOf(message.requests[0]!);
      return to - from >= 10 || from < 50 ? say(message, response) : undefined;
    };
    const rpc = client(t, node);
    const caller = new AbortController();
    const answer = rpc.call('eth_getLogs', filter(0, 99), { signal: caller.signal });
    await node.arrived(node.messages.length + 8);
    caller.abort(new Error('gone'));
    assert.equal(((await thrown(answer)) as NetError).code, 'ABORTED');
    const late = (await thrown(rpc.call('eth_getLogs', filter(0, 98), { deadlineMs: 200 }))) as NetError;
    assert.equal(late.code, 'DEADLINE');
    for (const { inFlight } of rpc.stats().endpoints) assert.equal(inFlight, 0);
  });

  it('is left as it is up to the head, in one block, and for methods that do not say how', async (t) => {
    const refuse = ({ requests: [request] }: { requests: readonly Request[] }) =>
      bad(request!.id, -32600, 'block range is too wide');
    const node = await aNode(t, refuse);
    const rpc = client(t, node);
    const asks = [filter(0, 'latest'), [{ blockHash: `0x${'1'.repeat(64)}` }], filter(5, 5), filter(9, 3), undefined];
    for (const params of asks) assert((await thrown(rpc.call('eth_getLogs', params))) instanceof RpcError);
    assert((await thrown(rpc.call('eth_feeHistory', ['0x400', '0x10', []]))) instanceof RpcError);
    assert.equal(node.count(), asks.length + 1);
  });

  it('goes with batches, with company, and with agreement', async (t) => {
    const nodes = [await aLogNode(t, { blocksMax: 8 }), await aLogNode(t, { blocksMax: 8 })];
    const rpc = anRpc(t, nodes, { adapter: evm, splitting: true });
    const [logs, none] = await rpc.batch([
      { method: 'eth_getLogs', params: filter(0, 31) },
      { method: 'eth_getLogs', params: filter(0, 3) },
    ]);
    assert.deepEqual(
      [logs, none].map((each) => each?.status === 'fulfilled' && each.value),
      [logsOf(0, 31), logsOf(0, 3)],
    );
    const two = () => rpc.call('eth_getLogs', filter(0, 15), { agree: 2 });
    assert.deepEqual(await Promise.all([two(), two()]), [logsOf(0, 15), logsOf(0, 15)]);
    assert.equal(rpc.stats().coalesced, 1);
  });

  it('whatever the limits, has all of it once and in order, or fails as refused', async (t) => {
    const node = await aLogNode(t, {});
    const rpc = client(t, node, { coalesce: false });
    const limits = fc.record({
      from: fc.nat(50),
      length: fc.integer({ min: 1, max: 80 }),
      blocksMax: fc.integer({ min: 1, max: 60 }),
      resultsMax: fc.integer({ min: 1, max: 60 }),
      dense: fc.nat(130),
    });
    await fc.assert(
      fc.asyncProperty(limits, async ({ from, length, dense, ...rest }) => {
        const density = (block: number): number => (block === dense ? 5 : block % 3);
        const said = await aLimited(rest, density);
        node.say = said;
        const to = from + length - 1;
        const outcome = await rpc.call('eth_getLogs', filter(from, to)).catch((error: unknown) => error);
        const fits = Math.max(...Array.from({ length }, (_, i) => density(from + i))) <= rest.resultsMax;
        if (fits) assert.deepEqual(outcome, logsOf(from, to, density));
        else assert(outcome instanceof RpcError && outcome.code === -32005);
      }),
      { numRuns: 60 },
    );
    async function aLimited(given: Limits, density: (block: number) => number) {
      return (await aLogNode(t, { ...given, density })).say;
    }
  });
});
