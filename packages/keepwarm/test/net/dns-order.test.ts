import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FAILED_MAX, FAILED_MS, FailureMemory, interleave } from '../../src/net/dns-order.ts';
import { FakeClock } from '../../src/testing/fake-clock.ts';
import { aCache, address, texts } from './dns-setup.ts';

const FOUR = ['192.0.2.1', '192.0.2.2', '192.0.2.3'];
const SIX = ['2001:db8::1', '2001:db8::2'];

describe('the order of addresses', () => {
  it('interleaves families, that of the first leading', () => {
    const mixed = texts(interleave([...SIX, ...FOUR].map(address), 0));
    assert.deepEqual(mixed, [SIX[0], FOUR[0], SIX[1], FOUR[1], FOUR[2]]);
    assert.equal(texts(interleave([...FOUR, ...SIX].map(address), 0))![0], FOUR[0]);
  });

  it('rotates from call to call, so that load spreads evenly', async () => {
    const { cache, learn } = aCache();
    const first = [(await learn('a.test', FOUR, 60_000))![0]];
    for (let n = 0; n < 5; n++) first.push(texts(cache.peek('a.test', 0))![0]);
    assert.deepEqual(first, [...FOUR, ...FOUR]);
  });

  it('puts an address that failed last until it succeeds', async () => {
    const { cache, learn } = aCache();
    await learn('a.test', FOUR, 60_000);
    cache.failed(FOUR[1]!);
    for (let n = 0; n < 4; n++) assert.equal(texts(cache.peek('a.test', 0))!.at(-1), FOUR[1]);
    cache.succeeded(FOUR[1]!);
    const firsts = [0, 1, 2].map(() => texts(cache.peek('a.test', 0))![0]);
    assert.deepEqual(firsts.toSorted(), FOUR);
  });

  it('forgives a failure after a while', async () => {
    const { clock, cache, learn } = aCache();
    await learn('a.test', FOUR.slice(0, 2), 60_000);
    cache.failed(FOUR[0]!);
    clock.advance(FAILED_MS - 1);
    assert.equal(texts(cache.peek('a.test', 0))![0], FOUR[1]);
    assert.equal(texts(cache.peek('a.test', 0))![0], FOUR[1]);
    clock.advance(1);
    const firsts = [0, 1].map(() => texts(cache.peek('a.test', 0))![0]);
    assert.deepEqual(firsts.toSorted(), FOUR.slice(0, 2));
  });

  it('forgives each failure in its own time, however often another fails', async () => {
    const { clock, cache, learn } = aCache();
    await learn('a.test', FOUR, 60_000);
    cache.failed(FOUR[0]!);
    clock.advance(5);
    cache.failed(FOUR[1]!);
    clock.advance(5);
    cache.failed(FOUR[0]!);
    clock.advance(FAILED_MS - 5);
    const firsts = new Set([0, 1, 2].map(() => texts(cache.peek('a.test', 0))![0]));
    assert.deepEqual([...firsts].toSorted(), [FOUR[1], FOUR[2]]);
  });

  it('loses no address when all have failed; the one that failed longest ago is first', async () => {
    const { clock, cache, learn } = aCache();
    await learn('a.test', FOUR, 60_000);
    for (const one of [FOUR[2]!, FOUR[0]!, FOUR[1]!]) {
      cache.failed(one);
      clock.advance(1);
    }
    assert.deepEqual(texts(cache.peek('a.test', 0)), [FOUR[2], FOUR[0], FOUR[1]]);
  });

  it('holds for localhost too: a refused loopback family comes last', () => {
    const { cache } = aCache();
    cache.failed('127.0.0.1');
    assert.deepEqual(texts(cache.peek('localhost', 0)), ['::1', '127.0.0.1']);
  });
});

it('the memory of failures is bounded, the oldest forgotten first', () => {
  const memory = new FailureMemory(new FakeClock());
  const all = Array.from({ length: FAILED_MAX + 1 }, (_, n) => `10.0.${n >> 8}.${n & 255}`);
  for (const one of all) memory.failed(one);
  assert.equal(memory.size, FAILED_MAX);
  const ranked = texts(memory.rank([all[1]!, all[0]!].map(address)));
  assert.deepEqual(ranked, [all[0], all[1]], 'the first is forgotten, the second is not');
});
