/** What answers mean beside those of other nodes: the tables of both adapters, and providers' words for too much. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { tooMuchIn } from '../../../src/adapters/evm/too-much.ts';
import { evm, solana } from '../../../src/jsonrpc.ts';

const HASH = `0x${'ab'.repeat(32)}`;
const empty = ({ answers }: typeof evm, method: string, result: unknown, params: unknown = [HASH]) =>
  answers?.[method]?.empty?.(result, params);

it('what is named by a hash or number is absent as null; what a tag names may not be there', () => {
  assert.equal(empty(evm, 'eth_getTransactionReceipt', null), 'absent');
  assert.equal(empty(evm, 'eth_getRawTransactionByHash', '0x'), 'absent');
  assert.equal(empty(evm, 'eth_getTransactionReceipt', { status: '0x1' }), undefined);
  assert.equal(empty(evm, 'eth_getBlockByNumber', null, ['0x10', false]), 'absent');
  assert.equal(empty(evm, 'eth_getBlockByNumber', null, ['pending', false]), undefined);
  assert.equal(empty(evm, 'eth_getBlockReceipts', null, [HASH]), 'absent');
  assert.equal(empty(evm, 'eth_getBlockReceipts', [], ['0x10']), undefined, 'a block without transactions');
  for (const method of ['eth_getBalance', 'eth_call', 'eth_getCode', 'eth_getUncleByBlockHashAndIndex'])
    assert.equal(empty(evm, method, null), undefined, method);
});

it('a search that found nothing is none where its range ends at a number', () => {
  assert.equal(empty(evm, 'eth_getLogs', [], [{ fromBlock: '0x1', toBlock: '0x2' }]), 'none');
  assert.equal(empty(evm, 'eth_getLogs', [{}], [{ fromBlock: '0x1', toBlock: '0x2' }]), undefined);
  for (const filter of [{ fromBlock: '0x1' }, { blockHash: HASH }, { fromBlock: '0x1', toBlock: 'latest' }])
    assert.equal(empty(evm, 'eth_getLogs', [], [filter]), undefined);
});

it('Solana: transactions and blocks are absent as null, statuses if none is known; accounts are believed', () => {
  assert.equal(empty(solana, 'getTransaction', null), 'absent');
  assert.equal(empty(solana, 'getBlock', null, [5]), 'absent');
  const statuses = (...value: unknown[]) => empty(solana, 'getSignatureStatuses', { context: { slot: 1 }, value });
  assert.deepEqual(
    [statuses(null), statuses(null, null), statuses(null, {}), statuses()],
    ['absent', 'absent', undefined, undefined],
  );
  assert.equal(empty(solana, 'getAccountInfo', { context: { slot: 1 }, value: null }), undefined);
});

const AT: readonly (readonly [string, unknown, unknown])[] = [
  ['eth_getBalance', [HASH, 'latest'], [HASH, '0x64']],
  ['eth_getBalance', [HASH], undefined],
  ['eth_getBalance', [HASH, 'pending'], undefined],
  ['eth_getBalance', [HASH, 'finalized'], undefined],
  ['eth_getBalance', [HASH, '0x5'], undefined],
  ['eth_getBalance', [HASH, { blockHash: HASH }], undefined],
  ['eth_getStorageAt', [HASH, '0x0', 'latest'], [HASH, '0x0', '0x64']],
  ['eth_call', [{ to: HASH }, 'latest', { state: {} }], [{ to: HASH }, '0x64', { state: {} }]],
  ['eth_call', [{ to: HASH }], [{ to: HASH }, '0x64']],
  ['eth_call', [], undefined],
  ['eth_call', { to: HASH }, undefined],
  ['eth_call', undefined, undefined],
  ['eth_estimateGas', [{ to: HASH }], undefined],
  ['eth_getBlockByNumber', ['latest', true], ['0x64', true]],
  ['eth_getBlockByNumber', [], undefined],
  ['eth_getBlockByHash', [HASH, true], undefined],
  ['eth_feeHistory', ['0x4', 'latest', []], ['0x4', '0x64', []]],
  ['eth_blockNumber', [], undefined],
  ['trace_call', [{}, ['trace']], [{}, ['trace'], '0x64']],
  ['eth_getLogs', [{ fromBlock: '0x5', topics: [] }], [{ fromBlock: '0x5', topics: [], toBlock: '0x64' }]],
  ['eth_getLogs', [{}], [{ fromBlock: '0x64', toBlock: '0x64' }]],
  ['eth_getLogs', [{ fromBlock: 'earliest', toBlock: 'latest' }], [{ fromBlock: '0x0', toBlock: '0x64' }]],
  ['eth_getLogs', [{ fromBlock: '0x65', toBlock: 'latest' }], undefined],
  ['eth_getLogs', [{ fromBlock: 'finalized', toBlock: 'latest' }], undefined],
  ['eth_getLogs', [{ fromBlock: '0x5', toBlock: '0x6' }], undefined],
  ['eth_getLogs', [{ fromBlock: 'latest', toBlock: '0x6' }], undefined],
  ['eth_getLogs', [{ blockHash: HASH }], undefined],
  ['eth_getLogs', ['no filter'], undefined],
  ['eth_getLogs', [null], undefined],
  ['eth_getLogs', undefined, undefined],
  ['trace_filter', [{ toBlock: 'latest' }], undefined],
  ['trace_filter', [{ fromBlock: '0x5', toBlock: 'latest' }], [{ fromBlock: '0x5', toBlock: '0x64' }]],
];

for (const [method, params, expected] of AT) {
  it(`${method} of ${JSON.stringify(params)} at a height: ${JSON.stringify(expected) ?? 'not about the head'}`, () => {
    const before = structuredClone(params);
    assert.deepEqual(evm.methods[method]?.atHeight?.(params, 100), expected);
    assert.deepEqual(params, before, 'the caller keeps what is his');
  });
}

it('what is asked about a height needs that height', () => {
  for (const [method, { kind, atHeight, heightNeeded, pinned }] of Object.entries(evm.methods)) {
    if (atHeight === undefined) continue;
    assert.equal(kind, 'read', method);
    for (const params of [['latest'], [{}, 'latest'], [{}, {}, 'latest'], [{ fromBlock: '0x1', toBlock: 'latest' }]]) {
      const at = atHeight(params, 100);
      if (at !== undefined) assert.deepEqual([heightNeeded?.(at), pinned?.(at)], [100, true], method);
    }
  }
});

it('every method with such a meaning is a read of its adapter', () => {
  for (const { answers, methods, sameness } of [evm, solana]) {
    for (const method of [...Object.keys(answers ?? {}), ...(sameness?.quantities ?? [])])
      assert.equal(methods[method]?.kind, 'read', method);
  }
});

const TOO_MUCH: readonly (readonly ['range' | 'results' | undefined, number, string])[] = [
  ['results', -32_005, 'query returned more than 10000 results. Try with this block range [0x1, 0x2].'],
  ['results', -32_602, 'Log response size exceeded. You can make eth_getLogs requests with up to a 2K block range'],
  ['results', -32_602, 'query exceeds max results 20000, retry with the range 23879634-23879696'],
  ['results', -32_000, 'too many logs'],
  ['range', -32_602, 'query exceeds max block range 100000'],
  ['range', -32_603, 'eth_getLogs range is too large, max is 1k blocks'],
  ['range', 35, 'ranges over 10000 blocks are not supported on freetier'],
  ['range', -32_602, 'eth_getLogs is limited to 1024 block range. Please check the parameter requirements'],
  ['range', -32_614, 'eth_getLogs is limited to a 10,000 range'],
  ['range', -32_614, 'eth_getLogs and eth_newFilter are limited to a 5 range'],
  ['range', -32_602, 'eth_getLogs is limited to 0 - 50000 blocks range'],
  ['range', -32_600, 'block range is too wide'],
  ['range', -32_000, 'exceed maximum block range: 50000'],
  ['range', -32_047, 'Max range: 800'],
  ['range', -32_005, 'Maximum allowed number of requested blocks is 1000'],
  ['range', -32_000, 'Block range limit exceeded. See more details at https://docs.chainstack.com'],
  ['range', -32_000, 'block range greater than 10000 max'],
  [undefined, 429, 'Your app has exceeded its compute units per second capacity.'],
  [undefined, -32_005, 'daily request count exceeded, request rate limited'],
  [undefined, -32_007, '50/second request limit reached'],
  [undefined, 3, 'execution reverted'],
  [undefined, -32_000, 'block is out of range'],
];

for (const [what, code, message] of TOO_MUCH) {
  it(`"${message.slice(0, 60)}" is ${what === undefined ? 'not about how much' : `too much: ${what}`}`, () => {
    assert.equal(tooMuchIn({ code, message }), what);
    if (what !== undefined) assert.equal(evm.classify({ code, message }, 'eth_getLogs'), 'final');
  });
}
