/** What Paradex has signed, against two makes of the curve and its hashes. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as scure from '@scure/starknet';
import fc from 'fast-check';
import { type TypedData, typedData } from 'starknet';
import { messageHash, orderData } from '../../src/paradex.ts';
import { CHAIN } from './a-paradex.ts';
import { casesOf, dataOf, vectorCase } from './vectors.ts';

describe('what Paradex has signed', () => {
  const vectors = casesOf();
  const orders = vectors.filter(({ kind }) => kind === 'order');

  it(`hashes and signs (by RFC 6979) as starknet.js on elliptic does, for ${orders.length} orders`, () => {
    assert(orders.length >= 200 && vectors.length > orders.length);
    for (const vector of vectors.toSorted((a, b) => a.chain.localeCompare(b.chain))) {
      const { account, key } = vector;
      const hash = messageHash(dataOf(vector), account, scure);
      assert.equal(hash, BigInt(vector.hash), JSON.stringify(vector));
      const { r, s } = scure.sign(hash.toString(16).padStart(64, '0'), key.slice(2).padStart(64, '0'));
      assert.deepEqual([r, s], [BigInt(vector.r), BigInt(vector.s)], JSON.stringify(vector));
    }
  });

  it('is hashed as starknet does today, whatever is made up', () => {
    fc.assert(
      fc.property(vectorCase, (made) => {
        const data = dataOf(made);
        const theirs = typedData.getMessageHash(data as TypedData, made.account);
        assert.equal(messageHash(data, made.account, scure), BigInt(theirs));
      }),
      { numRuns: 10 },
    );
  });

  it('is refused when it is no decimal, or too long', () => {
    const order = { timestamp: 1, market: 'M', side: 'BUY', type: 'LIMIT', size: '1', price: '1' } as const;
    for (const bad of [{ size: '1e5' }, { size: '-1' }, { price: '' }, { market: 'x'.repeat(32) }]) {
      assert.throws(() => orderData(CHAIN, { ...order, ...bad }), { code: 'INVALID', reach: 'unsent' });
    }
  });
});
