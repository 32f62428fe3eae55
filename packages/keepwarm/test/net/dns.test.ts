import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DNS_DEFAULTS } from '../../src/net/dns.ts';
import { ADDRESSES_MAX } from '../../src/net/dns-lookup.ts';
import { aCache, address, refused, texts } from './dns-setup.ts';

const A = '192.0.2.1';
const B = '192.0.2.2';

describe('a fresh entry', () => {
  it('answers at once and asks nobody until its TTL has passed', async () => {
    const { clock, cache, questions, learn } = aCache();
    await learn('a.test', [A], 20_000);
    clock.advance(19_999);
    assert.deepEqual(texts(cache.peek('a.test', 0)), [A]);
    assert.deepEqual(texts(await cache.lookup('A.TEST', 0)), [A], 'names know no case');
    assert.equal(questions.length, 1);
    assert.equal(clock.sleeping, 0, 'an entry needs no timer');
  });

  for (const [what, ttlMs, livesMs] of [
    ['a TTL below ttlMsMin counts as ttlMsMin', 0, DNS_DEFAULTS.ttlMsMin],
    ['a TTL above ttlMsMax counts as ttlMsMax', 86_400_000, DNS_DEFAULTS.ttlMsMax],
    ['an unknown TTL counts as ttlMsUnknown', undefined, DNS_DEFAULTS.ttlMsUnknown],
    ['a TTL that is not a number counts as unknown', Number.NaN, DNS_DEFAULTS.ttlMsUnknown],
    ['a negative TTL counts as ttlMsMin', -5, DNS_DEFAULTS.ttlMsMin],
  ] as const) {
    it(what, async () => {
      const { clock, cache, questions, learn } = aCache();
      await learn('a.test', [A], ttlMs);
      clock.advance(livesMs - 1);
      cache.peek('a.test', 0);
      assert.equal(questions.length, 1);
      clock.advance(1);
      cache.peek('a.test', 0);
      assert.equal(questions.length, 2, 'it has expired, so it is asked for again');
    });
  }

  it('is kept apart by family', async () => {
    const { cache, questions, learn } = aCache();
    await learn('a.test', [A, '2001:db8::1']);
    assert.equal(cache.peek('a.test', 6), undefined);
    const found = cache.lookup('a.test', 6);
    assert.equal(questions[1]!.family, 6);
    questions[1]!.answer([A, '2001:db8::1']);
    assert.deepEqual(texts(await found), ['2001:db8::1'], 'what was not asked for is left out');
  });
});

describe('a lookup', () => {
  it('is shared by all who ask meanwhile', async () => {
    const { cache, questions } = aCache();
    const found = Array.from({ length: 20 }, () => cache.lookup('a.test', 0));
    assert.equal(questions.length, 1);
    questions[0]!.answer([A]);
    for (const addresses of await Promise.all(found)) assert.deepEqual(texts(addresses), [A]);
    assert.equal(cache.stats().inFlight, 0);
  });

  it('goes on when one of its callers aborts, and the others get its answer', async () => {
    const { clock, cache, questions } = aCache();
    const caller = new AbortController();
    const gone = cache.lookup('a.test', 0, caller.signal);
    const stays = cache.lookup('a.test', 0);
    caller.abort(new Error('gone'));
    const error = await refused(gone, 'ABORTED', /a\.test/);
    assert.equal((error.cause as Error).message, 'gone');
    assert.equal(questions[0]!.signal.aborted, false);
    questions[0]!.answer([A]);
    assert.deepEqual(texts(await stays), [A]);
    assert.equal(clock.sleeping, 0, 'no timer is left behind');
  });

  it('is remembered even when every caller has aborted', async () => {
    const { clock, cache, questions } = aCache();
    const caller = new AbortController();
    const gone = cache.lookup('a.test', 0, caller.signal);
    caller.abort();
    await refused(gone, 'ABORTED', /a\.test/);
    questions[0]!.answer([A]);
    await clock.settle();
    assert.deepEqual(texts(cache.peek('a.test', 0)), [A]);
  });

  it('is not begun for a caller that has aborted already', async () => {
    const { cache, questions } = aCache();
    await refused(cache.lookup('a.test', 0, AbortSignal.abort()), 'ABORTED', /a\.test/);
    assert.equal(questions.length, 0);
  });

  it('that hangs ends after lookupMs, is told to stop, and does not wedge the name', async () => {
    const { clock, cache, questions } = aCache({ lookupMs: 5_000 });
    const hung = cache.lookup('a.test', 0);
    clock.advance(4_999);
    assert.equal(cache.stats().inFlight, 1);
    clock.advance(1);
    const error = await refused(hung, 'DNS', /a\.test: timeout after 5000 ms \(lookupMs\)/);
    assert.deepEqual([error.limit, error.value, error.systemCode, error.phase], ['lookupMs', 5_000, 'ETIMEOUT', 'dns']);
    assert.equal(questions[0]!.signal.aborted, true);
    assert.deepEqual([clock.sleeping, cache.stats().inFlight], [0, 0]);

    clock.advance(1_000);
    const again = cache.lookup('a.test', 0);
    questions[0]!.answer([B]); // far too late
    questions[1]!.answer([A]);
    assert.deepEqual(texts(await again), [A]);
  });

  it('whose answer arrived while the event loop was stalled has not timed out', async () => {
    const { clock, cache, questions } = aCache({ lookupMs: 5_000 });
    const found = cache.lookup('a.test', 0);
    clock.after(5_000, () => questions[0]!.answer([A])); // read in the same turn, after the timer
    await clock.run(5_000);
    assert.deepEqual(texts(await found), [A]);
  });

  it('survives a resolver that throws instead of rejecting', async () => {
    const resolver = () => {
      throw new Error('out of order');
    };
    const { clock, cache } = aCache({ resolver });
    await refused(cache.lookup('a.test', 0), 'DNS', /a\.test: out of order/);
    assert.equal(clock.sleeping, 0);
  });

  it('survives a resolver whose answer is no answer', async () => {
    const resolver = async () => ({}) as never;
    const { clock, cache } = aCache({ resolver });
    await refused(cache.lookup('a.test', 0), 'DNS', /a\.test/);
    assert.deepEqual([clock.sleeping, cache.stats().inFlight], [0, 0]);
  });

  it('keeps 64 addresses of an answer with thousands, each once, and none that is no address', async () => {
    const { learn } = aCache();
    const many = Array.from({ length: 3_000 }, (_, n) => `10.0.${n >> 8}.${n & 255}`);
    const found = await learn('a.test', ['not an address', many[0]!, ...many]);
    assert.deepEqual(found, many.slice(0, ADDRESSES_MAX));
  });

  it('that ends is told to the observer', async () => {
    const { clock, cache, questions, facts, learn } = aCache();
    await learn('a.test', [A, B]);
    const found = cache.lookup('b.test', 0);
    clock.advance(30);
    questions[1]!.fail('ESERVFAIL');
    const error = await refused(found, 'DNS', /SERVFAIL/);
    assert.deepEqual(facts, [
      { hostname: 'a.test', addresses: 2, elapsedMs: 0, error: undefined },
      { hostname: 'b.test', addresses: 0, elapsedMs: 30, error },
    ]);
  });
});

describe('a stale entry', () => {
  it('answers at once while it is refreshed, one lookup at a time', async () => {
    const { clock, cache, questions, learn } = aCache();
    await learn('a.test', [A], 10_000);
    clock.advance(10_000);
    for (let n = 0; n < 5; n++) assert.deepEqual(texts(await cache.lookup('a.test', 0)), [A]);
    assert.equal(questions.length, 2);
    questions[1]!.answer([B], 10_000);
    await clock.settle();
    assert.deepEqual(texts(cache.peek('a.test', 0)), [B]);
    assert.equal(questions.length, 2);
  });

  it('is waited for once staleMs has passed', async () => {
    const { clock, cache, questions, learn } = aCache({ staleMs: 60_000 });
    await learn('a.test', [A], 10_000);
    clock.advance(70_000);
    assert.equal(cache.peek('a.test', 0), undefined);
    const found = cache.lookup('a.test', 0);
    questions[1]!.answer([B]);
    assert.deepEqual(texts(await found), [B]);
  });

  it('keeps its place in the rotation when it is refreshed', async () => {
    const { clock, cache, questions, learn } = aCache();
    const C = '192.0.2.3';
    await learn('a.test', [A, B, C], 10_000);
    clock.advance(10_000);
    assert.deepEqual(texts(cache.peek('a.test', 0)), [B, C, A]);
    questions[1]!.answer([A, B, C]);
    await clock.settle();
    assert.deepEqual(texts(cache.peek('a.test', 0)), [C, A, B]);
  });
});

describe('clear and close', () => {
  it('after clear nothing asked for before is remembered, though its callers are answered', async () => {
    const { clock, cache, questions, learn } = aCache();
    await learn('a.test', [A]);
    const before = cache.lookup('b.test', 0);
    cache.clear();
    assert.equal(cache.peek('a.test', 0), undefined);
    const after = cache.lookup('b.test', 0);
    assert.equal(questions.length, 3, 'b.test is asked for anew');
    questions[1]!.answer([A]);
    assert.deepEqual(texts(await before), [A]);
    assert.equal(cache.peek('b.test', 0), undefined);
    questions[2]!.answer([B]);
    assert.deepEqual(texts(await after), [B]);
    assert.deepEqual(texts(cache.peek('b.test', 0)), [B]);
    assert.equal(clock.sleeping, 0);
  });

  it('clear forgives every address that failed', async () => {
    const { cache, learn } = aCache();
    cache.failed(A);
    cache.clear();
    assert.deepEqual(await learn('a.test', [A, B]), [A, B]);
  });

  it('close ends every lookup at once and takes no more; twice is harmless', async () => {
    const { clock, cache, questions } = aCache();
    const found = cache.lookup('a.test', 0);
    cache.close();
    cache.close();
    await refused(found, 'CLOSED', /closed/);
    assert.equal(questions[0]!.signal.aborted, true);
    await refused(cache.lookup('a.test', 0), 'CLOSED', /closed/);
    assert.deepEqual([clock.sleeping, questions.length], [0, 1]);
  });
});

it('stats say how often nobody had to wait', async () => {
  const { clock, cache, questions, learn } = aCache();
  assert.equal(cache.stats().hitRate, 0);
  const first = cache.lookup('a.test', 0);
  clock.advance(40);
  questions[0]!.answer([A], 10_000);
  await first;
  cache.peek('a.test', 0);
  cache.peek('192.0.2.9', 0); // an address is no question
  clock.advance(10_000);
  cache.peek('a.test', 0);
  clock.advance(20);
  questions[1]!.answer([A], 10_000);
  const missing = cache.lookup('b.test', 0);
  questions[2]!.fail('ENOTFOUND');
  await refused(missing, 'DNS', /NXDOMAIN/);
  await refused(cache.lookup('b.test', 0), 'DNS', /NXDOMAIN/);
  assert.deepEqual(cache.stats(), {
    names: 2,
    hits: 1,
    staleHits: 1,
    negativeHits: 1,
    misses: 2,
    lookups: 3,
    errors: 1,
    hitRate: 3 / 5,
    inFlight: 0,
    lookupMs: 20,
  });
  await learn('c.test', [A]);
  assert.equal(cache.stats().names, 3);
});

it('an answer cannot be changed from outside', async () => {
  const mine = [address(A)];
  const { cache } = aCache({ resolver: async () => ({ addresses: mine, ttlMs: 10_000 }) });
  const found = await cache.lookup('a.test', 0);
  mine.push(address(B));
  assert.throws(() => (found as unknown[]).push(address(B)), TypeError);
  assert.deepEqual(texts(cache.peek('a.test', 0)), [A]);
});
