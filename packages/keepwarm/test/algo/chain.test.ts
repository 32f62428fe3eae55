import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Chain, type Link } from '../../src/algo/chain.ts';

interface Member extends Link<Member> {
  readonly id: number;
}

const steps = fc.array(fc.tuple(fc.constantFrom('push', 'shift', 'pop', 'remove', 'walk'), fc.nat(30)), {
  maxLength: 100,
  size: 'max',
});

describe('a chain', () => {
  it('behaves as an array does, whatever is done to it', () => {
    fc.assert(
      fc.property(steps, (path) => {
        const chain = new Chain<Member>();
        const array: Member[] = [];
        const gone: Member[] = [];
        for (const [id, [step, pick]] of path.entries()) {
          if (step === 'push') {
            const member = gone.pop() ?? { id, chainBefore: undefined, chainAfter: undefined };
            chain.push(member);
            array.push(member);
          } else if (step === 'shift' || step === 'pop') {
            const member = chain[step]();
            assert.equal(member, array[step]());
            if (member !== undefined) gone.push(member);
          } else if (array.length > 0) {
            const [member] = array.splice(pick % array.length, 1);
            if (step === 'remove') chain.remove(member!);
            else for (const each of chain) if (each === member) chain.remove(each);
            gone.push(member!);
          }
          assert.deepEqual(
            [...chain].map((member) => member.id),
            array.map((member) => member.id),
          );
          assert.deepEqual([chain.size, chain.first], [array.length, array[0]]);
          for (const { chainBefore, chainAfter } of gone)
            assert.deepEqual([chainBefore, chainAfter], [undefined, undefined]);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('can be emptied while it is walked', () => {
    const chain = new Chain<Member>();
    for (let id = 0; id < 5; id++) chain.push({ id, chainBefore: undefined, chainAfter: undefined });
    const seen: number[] = [];
    for (const member of chain) {
      seen.push(member.id);
      chain.remove(member);
    }
    assert.deepEqual([seen, chain.size], [[0, 1, 2, 3, 4], 0]);
  });
});
