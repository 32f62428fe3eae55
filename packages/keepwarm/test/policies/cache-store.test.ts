import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ReplyFields } from '../../src/core/reply-fields.ts';
import { CacheEntry, CacheStore } from '../../src/policies/cache-store.ts';

const terms = { ageMs: 0, lifetimeMs: 1_000, strict: false, whileRevalidateMs: 0, ifErrorMs: 0 };
const anEntry = (address: string, key = 'k', bytes = 10) =>
  new CacheEntry({
    ...{ address, key, status: 200, body: new Uint8Array(bytes), terms, storedAt: 0 },
    headers: ReplyFields.of([], 'OK'),
  });

describe('answers that are kept', () => {
  it('stand in place of what was kept for the same, and count once (1)', () => {
    const store = new CacheStore(10, 1e6);
    store.keep(anEntry('a'));
    const { bytes } = store;
    const [newer, other] = [anEntry('a'), anEntry('a', 'another caller')];
    store.keep(newer);
    assert.deepEqual([store.entries, store.bytes, store.find('a', 'k')], [1, bytes, newer]);
    store.keep(other);
    assert.equal(store.entries, 2);
    for (let i = 0; i < 2; i++) store.forget(newer);
    assert.deepEqual([store.entries, store.find('a', 'k'), store.find('a', other.key)], [1, undefined, other]);
    store.clear();
    assert.deepEqual([store.entries, store.bytes], [0, 0]);
  });

  it('make room by bytes and by number, the longest unused first (1)', () => {
    const store = new CacheStore(3, 20_000);
    for (const address of ['a', 'b', 'c']) store.keep(anEntry(address));
    store.find('a', 'k');
    store.keep(anEntry('d'));
    const there = () => ['a', 'b', 'c', 'd', 'e'].filter((address) => store.find(address, 'k') !== undefined);
    assert.deepEqual(there(), ['a', 'c', 'd']);
    store.keep(anEntry('e', 'k', 14_000));
    assert.deepEqual(there(), ['d', 'e']);
    store.keep(anEntry('f', 'k', 20_000));
    assert.equal(store.entries, 0, 'it is larger than all there may be');
  });
});

describe('what was asked for before a change', () => {
  it('is as it was where another address changed, or nothing has since (2)', () => {
    const store = new CacheStore(10, 1e6);
    const before = store.moment;
    store.invalidate('a');
    assert.deepEqual([store.unchanged('a', before), store.unchanged('b', before)], [false, true]);
    assert.equal(store.unchanged('a', store.moment), true);
  });

  it('has changed wherever it was, once all was cleared (2)', () => {
    const store = new CacheStore(10, 1e6);
    const before = store.moment;
    store.clear();
    assert.deepEqual([store.unchanged('a', before), store.unchanged('a', store.moment)], [false, true]);
  });

  it('is remembered for a thousand addresses, of which the one that changed longest ago is the first to go (2)', () => {
    const store = new CacheStore(10, 1e6);
    store.invalidate('first');
    store.invalidate('again');
    const between = store.moment;
    for (let i = 0; i < 998; i++) store.invalidate(`a${i}`);
    store.invalidate('first');
    const late = store.moment;
    assert.equal(store.unchanged('elsewhere', between - 1), true, 'each has its own');
    store.invalidate('one more');
    assert.equal(store.unchanged('elsewhere', between - 1), false, '"again" stands for all now');
    assert.deepEqual([store.unchanged('elsewhere', between), store.unchanged('first', late)], [true, true]);
    assert.equal(store.unchanged('first', late - 1), false);
  });
});
