/** Whether two answers say the same. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import { EXACT, sameText } from '../../src/clients/jsonrpc/sameness.ts';
import { evm, solana } from '../../src/jsonrpc.ts';

const evmSame = (a: unknown, b: unknown, method = 'eth_call'): boolean =>
  sameText(a, method, evm.sameness!) === sameText(b, method, evm.sameness!);

it('the order of members makes no difference, that of lists does', () => {
  assert(evmSame({ a: 1, b: { c: 2, d: [3, 4] } }, { b: { d: [3, 4], c: 2 }, a: 1 }));
  assert(!evmSame([1, 2], [2, 1]));
  assert(!evmSame({ a: 1 }, { a: 2 }) && !evmSame({ a: 1 }, { b: 1 }) && !evmSame({ a: '1' }, { a: 1 }));
});

it('hexadecimal digits are the same in either case; leading zeros mean bytes except in quantities', () => {
  assert(evmSame({ to: '0xABcd' }, { to: '0xabCD' }));
  assert(evmSame('0x0', '0x00', 'eth_getBalance') && evmSame('0x0A', '0xa', 'eth_getBalance'));
  assert(!evmSame('0x', '0x0') && !evmSame('0x0a', '0xa') && !evmSame('0x1', '0x10', 'eth_getBalance'));
  assert(!evmSame({ symbol: 'ABC' }, { symbol: 'abc' }), 'other texts are what they are');
});

it('what nodes have or have not is not compared', () => {
  assert(evmSame({ hash: '0x1', size: '0x2', to: null }, { hash: '0x1', totalDifficulty: '0x3' }));
  assert(!evmSame({ hash: '0x1', status: '0x1' }, { hash: '0x1' }));
  const same = (a: unknown, b: unknown) =>
    sameText(a, 'getBalance', solana.sameness!) === sameText(b, 'getBalance', solana.sameness!);
  assert(same({ context: { slot: 1 }, value: 5 }, { context: { slot: 2 }, value: 5 }));
  assert(!same({ context: { slot: 1 }, value: 5 }, { context: { slot: 1 }, value: 6 }));
});

it('one text for each value: what differs in anything that is compared differs in its text', () => {
  const json = fc.jsonValue({ maxDepth: 3 }).map((value) => JSON.parse(JSON.stringify(value)) as unknown);
  const bare = (value: unknown): unknown => {
    if (typeof value !== 'object' || value === null) return value;
    if (Array.isArray(value)) return value.map(bare);
    return Object.fromEntries(
      Object.entries(value)
        .filter(([, member]) => member !== null)
        .map(([name, member]) => [name, bare(member)]),
    );
  };
  fc.assert(
    fc.property(json, (value) => {
      assert.deepEqual(JSON.parse(sameText(value, 'm', EXACT)), bare(value));
    }),
  );
});
