import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type Keyed, KeyedStore } from '../../src/algo/keyed.ts';

interface Member extends Keyed<Member> {
  worn: boolean;
}

function aStore(keysMax: number) {
  return new KeyedStore<Member>({
    keysMax,
    make: (key) => ({ key, users: 0, worn: true, chainBefore: undefined, chainAfter: undefined }),
    forgettable: ({ worn }) => worn,
  });
}

describe('a store by key', () => {
  it('forgets the longest unused of those that would not be missed', () => {
    const store = aStore(3);
    const [a, b, c] = ['a', 'b', 'c'].map((key) => store.of(key, 0)!);
    store.join(a!);
    store.join(b!);
    store.leave(a!);
    c!.worn = false;
    assert.notEqual(store.of('d', 0), undefined);
    assert.deepEqual(
      [...store].map(({ key }) => key),
      ['b', 'c', 'd'],
    );
    assert.equal(store.known('a'), undefined);
  });

  it('has no room when all are in use, or would be missed', () => {
    const store = aStore(2);
    store.join(store.of('a', 0)!);
    store.of('b', 0)!.worn = false;
    assert.equal(store.of('c', 0), undefined);
    assert.equal(store.of('a', 0)?.key, 'a');
    assert.equal(store.size, 2);
  });

  it('a crowd that would be missed keeps none of the rest from making room', () => {
    const store = aStore(300);
    for (let i = 0; i < 300; i++) store.of(`${i}`, 0)!.worn = i >= 200;
    const found = Array.from({ length: 20 }, (_, i) => store.of(`new ${i}`, 0) !== undefined);
    assert(found.indexOf(true) <= 4, 'after a few looks at those that would be missed');
    assert(!found.slice(found.indexOf(true)).includes(false), 'and from then on at once');
    assert.equal(store.size, 300);
  });

  it('never holds more than keysMax, and never loses one in use', () => {
    const steps = fc.array(fc.record({ key: fc.nat(9), kind: fc.constantFrom('join', 'leave') }), {
      maxLength: 100,
      size: 'max',
    });
    fc.assert(
      fc.property(steps, (path) => {
        const store = aStore(4);
        const used = new Map<string, Member>();
        for (const { key, kind } of path) {
          const member = kind === 'join' ? store.of(`${key}`, 0) : used.get(`${key}`);
          if (kind === 'join' && member === undefined) assert.equal(used.size, 4, 'there was room');
          if (member === undefined) continue;
          if (kind === 'join') store.join(member);
          else store.leave(member);
          if (member.users > 0) used.set(member.key, member);
          else used.delete(member.key);
          assert(store.size <= 4);
          for (const [name, kept] of used) assert.equal(store.known(name), kept);
        }
      }),
    );
  });
});
