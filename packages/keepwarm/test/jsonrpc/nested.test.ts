/** Results nested so deep that a function that calls itself cannot walk them: each caller has an outcome. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { copyOf } from '../../src/wire/jsonrpc/copy.ts';
import { aNode, anRpc } from './a-node.ts';

const nested = (levels: number): string => '['.repeat(levels) + ']'.repeat(levels);

function depthOf(value: unknown): number {
  let depth = 0;
  for (let at = value; Array.isArray(at); at = at[0]) depth++;
  return depth;
}

describe('a result that is nested deep', () => {
  for (const levels of [1_000, 3_000, 20_000]) {
    it(`${levels} levels: whoever asks for it at the same time gets a copy, and it is kept if it can be`, async (t) => {
      const node = await aNode(t, ({ requests, batch }) => {
        const answers = requests.map(({ id }) => `{"jsonrpc":"2.0","id":${id},"result":${nested(levels)}}`);
        return batch ? `[${answers.join(',')}]` : answers[0];
      });
      for (const batching of [false, true]) {
        const rpc = anRpc(t, [node], { batching, cache: true });
        const results = await Promise.all([1, 1, 1, 2].map((i) => rpc.call('fixed', [i])));
        assert.deepEqual(results.map(depthOf), [levels, levels, levels, levels]);
        assert(results[0] !== results[1] && results[1] !== results[2], 'each has his own');
        assert.equal(depthOf(await rpc.call('fixed', [1])), levels);
      }
    });
  }
});

describe('a copy', () => {
  it('is the same as what it was made from, and shares nothing with it', () => {
    const walk = fc.property(fc.jsonValue(), (value) => {
      const copy = copyOf(value);
      assert(isDeepStrictEqual(copy, value));
      const seen = new Set<unknown>();
      const visit = (each: unknown, see: (each: object) => void): void => {
        if (typeof each !== 'object' || each === null) return;
        see(each);
        for (const member of Object.values(each)) visit(member, see);
      };
      visit(value, (each) => seen.add(each));
      visit(copy, (each) => assert(!seen.has(each), 'shared'));
    });
    fc.assert(walk, { numRuns: 300 });
  });

  it('has a member called __proto__ as JSON has it, and big numbers', () => {
    const value: unknown = JSON.parse('{"a":{"__proto__":{"x":1}},"b":[null,"c"]}');
    assert.equal(JSON.stringify(copyOf(value)), JSON.stringify(value));
    assert.deepEqual(copyOf([2n ** 80n, undefined]), [2n ** 80n, undefined]);
  });
});
