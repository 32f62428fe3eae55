import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Heap, type Placed } from '../../src/algo/heap.ts';

interface Numbered extends Placed {
  value: number;
}

describe('a heap', () => {
  it('has the first of its members at hand, whoever joins, leaves or changes', () => {
    const steps = fc.array(fc.record({ kind: fc.nat(4), value: fc.nat(50), pick: fc.nat(100) }), { maxLength: 200 });
    fc.assert(
      fc.property(steps, (path) => {
        const heap = new Heap<Numbered>((a, b) => a.value < b.value);
        const members: Numbered[] = [];
        for (const { kind, value, pick } of path) {
          const member = members[pick % members.length];
          if (kind <= 1 || member === undefined) {
            const joined = { value, heapPlace: -1 };
            members.push(joined);
            heap.push(joined);
          } else if (kind === 2) {
            member.value = value;
            heap.moved(member);
          } else {
            const leaving = kind === 3 ? member : heap.first!;
            heap.remove(leaving);
            members.splice(members.indexOf(leaving), 1);
            assert.equal(leaving.heapPlace, -1);
          }
          assert.equal(heap.size, members.length);
          assert.equal(heap.first?.value, members.length === 0 ? undefined : Math.min(...members.map((m) => m.value)));
          assert.deepEqual(new Set(heap.values()), new Set(members));
        }
      }),
    );
  });
});
