/** What the EVM table says of methods, params, answers and errors. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FINAL_DEPTH } from '../../../src/adapters/evm/blocks.ts';
import { evm } from '../../../src/adapters/evm/index.ts';
import { type ErrorClass, freshnessNeed } from '../../../src/clients/jsonrpc/adapter.ts';

const traits = (method: string) => {
  const found = evm.methods[method];
  assert.ok(found, `${method} is in the table`);
  return found;
};
const need = (method: string, ...params: unknown[]) => freshnessNeed(evm.methods[method], params);
const HASH = `0x${'ab'.repeat(32)}`;
const AT = '0x10';

describe('methods of EVM nodes', () => {
  it('what is not in the table may change something', () => {
    for (const method of ['eth_madeUp', 'personal_sign', 'constructor', 'toString', '__proto__']) {
      assert.equal(Object.hasOwn(evm.methods, method), false, method);
    }
    assert.deepEqual(freshnessNeed(undefined, []), { head: true, height: undefined });
  });

  it('whatever sends is a write, and whatever lives on one node belongs to it', () => {
    for (const [method, { kind }] of Object.entries(evm.methods)) {
      if (/_send/.test(method)) assert.equal(kind, 'write', method);
      if (/[fF]ilter(?:Changes|Logs)?$|ubscribe$/.test(method) && method.startsWith('eth_')) {
        assert.equal(kind, 'local', method);
      }
    }
  });

  it('every method has a cost, and none is free', () => {
    for (const [method, { cost }] of Object.entries(evm.methods)) assert.ok(cost! >= 1, method);
  });

  it('a read of the latest state needs the head; one at a number needs that height and no more', () => {
    assert.deepEqual(need('eth_getBalance', '0xabc', 'latest'), { head: true, height: undefined });
    assert.deepEqual(need('eth_getBalance', '0xabc'), { head: true, height: undefined });
    assert.deepEqual(need('eth_getBalance', '0xabc', AT), { head: false, height: 16 });
    assert.deepEqual(need('eth_call', {}, { blockNumber: AT }), { head: false, height: 16 });
    assert.deepEqual(need('eth_call', {}, { blockHash: HASH }), { head: true, height: undefined });
    assert.deepEqual(need('eth_getStorageAt', '0xabc', '0x0', AT), { head: false, height: 16 });
    assert.deepEqual(need('eth_getStorageAt', '0xabc', AT, 'latest'), { head: true, height: undefined });
    assert.deepEqual(need('eth_getBlockByNumber', 'earliest', false), { head: false, height: 0 });
    for (const tag of ['latest', 'pending', 'safe', 'finalized']) {
      assert.equal(need('eth_getBlockByNumber', tag, false).head, true, tag);
    }
    assert.deepEqual(need('eth_getBlockReceipts', HASH), { head: true, height: undefined });
    assert.deepEqual(need('eth_chainId'), { head: false, height: undefined });
    assert.deepEqual(need('eth_sendRawTransaction', '0x00'), { head: true, height: undefined });
    assert.deepEqual(need('eth_newFilter', {}), { head: false, height: undefined });
  });

  it('a filter needs its last block, unless it reaches up to the head', () => {
    assert.deepEqual(need('eth_getLogs', { fromBlock: '0x1', toBlock: AT }), { head: false, height: 16 });
    assert.equal(need('eth_getLogs', { fromBlock: '0x1' }).head, true);
    assert.equal(need('eth_getLogs', { fromBlock: '0x1', toBlock: 'latest' }).head, true);
    assert.equal(need('eth_getLogs', { fromBlock: 'latest', toBlock: AT }).head, true);
  });

  it('params of any shape are answered, not thrown at', () => {
    const odd = [undefined, null, 0, 'x', [], [null], [[]], [{}], [{ toBlock: {} }], { 0: 'latest' }, [1n], ['0xzz']];
    for (const { heightNeeded, pinned, writeId, heightSeen, mayKeep } of Object.values(evm.methods)) {
      for (const value of odd) {
        heightNeeded?.(value);
        pinned?.(value);
        writeId?.(value);
        heightSeen?.(value);
        mayKeep?.(value, value, 1_000);
      }
    }
  });

  it('an answer proves the height it is about, a pending one nothing', () => {
    const seen = (method: string, result: unknown) => traits(method).heightSeen?.(result);
    assert.equal(seen('eth_blockNumber', '0x1f4'), 500);
    assert.equal(seen('eth_blockNumber', null), undefined);
    assert.equal(seen('eth_getBlockByNumber', { number: '0x5', hash: HASH }), 5);
    assert.equal(seen('eth_getBlockByNumber', { number: '0x6', hash: null }), undefined);
    assert.equal(seen('eth_getTransactionReceipt', { blockNumber: '0x7' }), 7);
    assert.equal(seen('eth_getTransactionByHash', { blockNumber: null }), undefined);
    assert.equal(seen('eth_getLogs', [{ blockNumber: '0x1' }, { blockNumber: '0x9' }]), 9);
    assert.equal(seen('eth_getLogs', []), undefined);
    assert.equal(seen('eth_feeHistory', { oldestBlock: '0x10', gasUsedRatio: [0, 0, 0] }), 18);
  });

  it('keeps for ever what lies deep below the head, and nothing that may still change', () => {
    const keeps = (method: string, result: unknown, params: unknown[], head?: number) =>
      traits(method).mayKeep?.(result, params, head);
    assert.equal(keeps('eth_getBalance', '0x1', ['0xa', '0x64'], 100 + FINAL_DEPTH), true);
    assert.equal(keeps('eth_getBalance', '0x1', ['0xa', '0x64'], 99 + FINAL_DEPTH), false);
    assert.equal(keeps('eth_getBalance', '0x1', ['0xa', '0x64']), false, 'the head is not known');
    assert.equal(keeps('eth_getBalance', '0x1', ['0xa', 'latest'], 1e9), false);
    assert.equal(keeps('eth_getBlockByNumber', null, ['0x64'], 1e9), false);
    assert.equal(keeps('eth_getBlockByHash', { number: '0x1' }, [HASH]), true);
    assert.equal(keeps('eth_getBlockByHash', null, [HASH]), false);
    assert.equal(keeps('eth_getTransactionReceipt', { blockNumber: '0x64' }, [HASH], 100 + FINAL_DEPTH), true);
    assert.equal(keeps('eth_getTransactionReceipt', { blockNumber: '0x64' }, [HASH], 101), false);
    assert.equal(keeps('eth_getTransactionReceipt', null, [HASH], 1e9), false);
    assert.equal(keeps('eth_getLogs', [], [{ fromBlock: '0x1', toBlock: '0x2' }], 1e9), true);
    assert.equal(keeps('eth_getLogs', [], [{ fromBlock: '0x1' }], 1e9), false);
    assert.equal(keeps('eth_getLogs', [], [{ blockHash: HASH }], 1e9), false, 'a node without it may say the same');
  });
});

describe('errors of EVM nodes', () => {
  const READ = 'eth_call';
  const cases: readonly (readonly [ErrorClass, number, string, string?, unknown?])[] = [
    ['final', 3, 'execution reverted', READ, '0x08c379a0'],
    ['final', -32_000, 'execution reverted: ERC20: transfer amount exceeds balance'],
    ['final', -32_603, 'Error: VM Exception while processing transaction: reverted with reason string "no"'],
    ['final', -32_603, 'Internal error', READ, { message: 'execution reverted' }],
    ['final', -32_000, 'insufficient funds for gas * price + value: address 0xab have 1 want 2'],
    ['final', -32_000, 'nonce too low: next nonce 3, tx nonce 1', 'eth_sendRawTransaction'],
    ['final', -32_000, 'replacement transaction underpriced', 'eth_sendRawTransaction'],
    ['final', -32_003, 'transaction rejected', 'eth_sendRawTransaction'],
    ['final', -32_602, 'invalid argument 0: hex string without 0x prefix'],
    ['final', -32_600, 'invalid request'],
    ['final', -32_700, 'parse error'],
    ['final', -32_000, 'something nobody has seen'],
    ['final', -39_999, 'something nobody has seen'],
    ['final', -32_005, 'query returned more than 10000 results'],
    ['final', -32_000, 'exceed maximum block range: 5000'],
    ['final', -32_602, 'Log response size exceeded. this block range should work: [0x1, 0x2]'],
    ['known', -32_000, 'already known', 'eth_sendRawTransaction'],
    ['known', -32_010, 'AlreadyKnown', 'eth_sendRawTransaction'],
    ['known', -32_003, 'transaction already imported', 'eth_sendRawTransaction'],
    ['known', -32_010, 'Transaction with the same hash was already imported.', 'eth_sendRawTransaction'],
    ['final', -32_000, 'already known', READ],
    ['throttled', 429, 'Your app has exceeded its compute units per second capacity.'],
    ['throttled', -32_005, 'daily request count exceeded, request rate limited'],
    ['throttled', -32_007, '50/second request limit reached - reduce calls per second or upgrade your account'],
    ['throttled', -32_090, 'Too many requests, reason: call rate limit exhausted, retry in 10s'],
    ['throttled', -32_000, 'project ID request rate exceeded: too many requests'],
    ['throttled', -32_016, 'over rate limit'],
    ['throttled', 403, 'forbidden'],
    ['behind', -32_000, 'header not found'],
    ['behind', -32_000, 'unknown block'],
    ['behind', -32_000, 'missing trie node 0xabc (path ) state 0xdef is not available'],
    ['behind', -32_000, 'header for hash not found'],
    ['behind', -32_000, 'block not found: 0x123'],
    ['behind', -32_000, 'transaction not found', 'debug_traceTransaction'],
    ['behind', -32_000, 'required historical state unavailable (reexec=128)'],
    ['behind', -32_603, 'BlockOutOfRangeError: block height is 100 but requested was 120'],
    ['behind', -32_000, 'cannot query unfinalized data'],
    ['behind', -32_001, 'Resource not found'],
    ['behind', -32_000, 'node is still syncing'],
    ['missing', -32_601, 'the method trace_block does not exist/is not available'],
    ['missing', -32_000, 'method trace_block is not supported'],
    ['missing', -32_004, 'Method not supported'],
    ['missing', -32_600, 'trace_block is not available on the Free tier - upgrade to Pay As You Go'],
    ['missing', -32_000, 'execution aborted (timeout = 5s)'],
    ['ill', -32_603, 'Internal error'],
    ['ill', -32_603, ''],
    ['ill', -32_000, 'internal server error'],
    ['ill', -32_000, 'context deadline exceeded'],
    ['ill', -32_011, 'no backends available for method'],
    ['ill', 503, 'backend offline'],
  ];
  for (const [told, code, message, method = READ, data] of cases) {
    it(`${code} ${JSON.stringify(message)} is ${told}`, () => {
      assert.equal(evm.classify({ code, message, data }, method), told);
    });
  }

  it('an error object of any shape has a class, soon', () => {
    const long = 'block '.repeat(50_000);
    for (const odd of [
      {},
      { code: 'x', message: 7 },
      { code: Number.NaN, message: null, data: [] },
      { message: long },
    ]) {
      assert.equal(evm.classify(odd as never, READ), 'final');
    }
  });
});
