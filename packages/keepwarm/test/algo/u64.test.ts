import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { bigOf, numberOf } from '../../src/algo/u64.ts';

const whole = fc.oneof(
  fc.bigInt(0n, 2n ** 64n - 1n),
  fc.constantFrom(0n, 1n, 2n ** 32n, 2n ** 53n + 1n, 2n ** 64n - 1n),
);

describe('a number of 64 bits', () => {
  it('is made of its halves, signed or not', () => {
    fc.assert(
      fc.property(whole, (value) => {
        const [low, high] = [Number(value & 0xffffffffn), Number(value >> 32n)];
        assert.equal(bigOf(low, high), value);
        assert.equal(bigOf(low | 0, high | 0), value);
      }),
    );
  });

  it('is the number that Number makes of it', () => {
    fc.assert(fc.property(whole, (value) => assert.equal(numberOf(value), Number(value))));
  });
});
