/** Done wanted: whatever nodes make of a batch, no caller ever gets what was meant for another. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import { aNode, anRpc, bad, ok } from './a-node.ts';

const KINDS = [
  'right',
  'drop',
  'double',
  'null id',
  'text id',
  'other id',
  'no answer',
  'behind',
  'final',
  'late',
] as const;

it('callers get their own answers or an error, from nodes that answer batches wrongly in every way', async (t) => {
  const nodes = [await aNode(t), await aNode(t)];
  const rpc = anRpc(t, nodes, { batching: { sizeMax: 20 }, retry: { baseMs: 1, attemptsMax: 2 } });
  let asked = 0;
  const walk = fc.asyncProperty(
    fc.array(fc.constantFrom(...KINDS), { minLength: 1, maxLength: 40 }),
    fc.boolean(),
    async (kinds, backwards) => {
      for (const node of nodes) {
        node.say = ({ requests, batch }) => {
          const answers = requests.flatMap(({ id, params }, i) => {
            const right = ok(id, params);
            switch (batch ? kinds[i % kinds.length] : 'right') {
              case 'drop':
                return [];
              case 'double':
                return [right, ok(id, 'another')];
              case 'null id':
                return { ...right, id: null };
              case 'text id':
                return { ...right, id: `${id}` };
              case 'other id':
                return { ...right, id: id! + 1_000_000 };
              case 'no answer':
                return 5;
              case 'behind':
                return bad(id, -32001);
              case 'final':
                return bad(id, 3, `for ${(params as number[])[0]}`);
              default:
                return right;
            }
          });
          if (backwards) answers.reverse();
          return batch ? answers : answers[0];
        };
      }
      const mine = Array.from({ length: 30 }, () => ++asked);
      const settled = await Promise.allSettled(mine.map((i) => rpc.call('echo', [i])));
      for (const [j, one] of settled.entries()) {
        if (one.status === 'fulfilled') assert.deepEqual(one.value, [mine[j]]);
        else if (/\(Code: 3\)/.test(String(one.reason)))
          assert.match(String(one.reason), new RegExp(`for ${mine[j]} `));
      }
      assert(settled.length === mine.length);
    },
  );
  await fc.assert(walk, { numRuns: 60 });
});
