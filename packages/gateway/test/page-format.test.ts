import assert from 'node:assert/strict';
import { it } from 'node:test';
import { age, listed, millis, percent, rate, size, span } from '../src/page/parts/format.ts';

it('figures of the page have few digits, and thousands apart', () => {
  assert.deepEqual([0.123, 0.949, 0.96, 9.94, 9.96, 999.6, 2_552, 9_949, 9_960, 61_000].map(millis), [
    ...['0.12 ms', '0.95 ms', '1.0 ms', '9.9 ms', '10 ms', '1,000 ms', '2,552 ms', '9,949 ms', '10.0 s', '61.0 s'],
  ]);
  assert.deepEqual([0, 9.94, 9.95, 1_234.5].map(rate), ['0.0', '9.9', '10', '1,235']);
  assert.deepEqual([999, 1_000, 999_900, 1e6, 2.5e9].map(size), ['999 B', '1.0 kB', '999.9 kB', '1.0 MB', '2.5 GB']);
  assert.deepEqual([59_999, 60_000, 3_600_000, 48 * 3_600_000].map(age), [
    '59 s',
    '1 min 00 s',
    '1 h 00 min',
    '2 days',
  ]);
  assert.deepEqual([1_000, 90_000, 120_000, 1_500].map(span), ['1 s', '90 s', '2 min', '1,500 ms']);
});

it('nearly all is not all, and more than all is told', () => {
  assert.deepEqual([0, 0.005, 0.989, 0.99, 0.9999, 1, 1.5, 20].map(percent), [
    ...['0 %', '1 %', '99 %', '99.0 %', '99.9 %', '100 %', '150 %', '2,000 %'],
  ]);
});

it('lists break behind a dot, and not within an item', () => {
  assert.equal(listed(['a b', 'c d']), 'a\u00a0b\u00a0· c\u00a0d');
});
