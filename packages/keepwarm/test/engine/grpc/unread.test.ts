import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Compressed, type Received, Unread } from '../../../src/engines/grpc/unread.ts';

describe('messages that were not read yet', () => {
  it('leave as they came, and weigh what is left (1, 2)', () => {
    const step = fc.oneof(
      fc.tuple(fc.nat(50), fc.boolean()).map(([length, compressed]): Received | 'shift' | 'clear' => {
        const bytes = new Uint8Array(length);
        return compressed ? new Compressed(bytes) : bytes;
      }),
      fc.constant('shift' as const),
      { weight: 1, arbitrary: fc.constant('clear' as const) },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const unread = new Unread();
        let model: Received[] = [];
        for (const each of steps) {
          if (each === 'shift') {
            assert.equal(unread.peek(), model[0]);
            assert.equal(unread.shift(), model.shift());
          } else if (each === 'clear') {
            unread.clear();
            model = [];
          } else {
            unread.push(each);
            model.push(each);
          }
          assert.equal(unread.size, model.length);
          const bytes = model.map((one) => (one instanceof Compressed ? one.bytes.length : one.length) + 64);
          assert.equal(
            unread.weight,
            bytes.reduce((sum, one) => sum + one, 0),
            '(1)',
          );
        }
      }),
      { numRuns: 300 },
    );
  });
});
