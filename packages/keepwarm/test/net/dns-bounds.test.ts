import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DNS_DEFAULTS, DnsCache } from '../../src/net/dns.ts';
import { FakeClock } from '../../src/testing/fake-clock.ts';
import { aCache, refused, texts } from './dns-setup.ts';

const A = '192.0.2.1';

describe('bounds', () => {
  it('the name used longest ago gives way', async () => {
    const { cache, learn } = aCache({ namesMax: 2 });
    await learn('a.test', [A]);
    await learn('b.test', [A]);
    cache.peek('a.test', 0);
    await learn('c.test', [A]);
    assert.equal(cache.stats().names, 2);
    assert.equal(cache.peek('b.test', 0), undefined);
    assert.deepEqual(texts(cache.peek('a.test', 0)), [A]);
  });

  it('no more than namesMax lookups are under way', async () => {
    const { cache, questions } = aCache({ namesMax: 2 });
    const found = ['a.test', 'b.test'].map((name) => cache.lookup(name, 0));
    const error = await refused(cache.lookup('c.test', 0), 'SATURATED', /2 lookups .*namesMax.*c\.test/);
    assert.deepEqual([error.limit, error.value], ['namesMax', 2]);
    for (const question of questions) question.answer([A]);
    await Promise.all(found);
  });

  it('a stale name is served unrefreshed while namesMax lookups are under way', async () => {
    const { clock, cache, questions, learn } = aCache({ namesMax: 1 });
    await learn('a.test', [A], 10_000);
    clock.advance(10_000);
    const other = cache.lookup('b.test', 0);
    assert.deepEqual(texts(cache.peek('a.test', 0)), [A]);
    assert.equal(questions.length, 2);
    questions[1]!.answer([A]);
    await other;
  });

  it('a length of 0 is one, and less is none, whichever it is', () => {
    const parts = [new FakeClock(), {}] as const;
    const resolver = async () => ({ addresses: [], ttlMs: 0 });
    const make = (options: object) => new DnsCache({ ...DNS_DEFAULTS, resolver, ...options }, ...parts);
    for (const name of ['ttlMsMin', 'ttlMsUnknown', 'staleMs', 'staleOnErrorMs', 'negativeMs']) {
      make({ [name]: 0 });
      for (const value of [-1, Number.NaN]) {
        assert.throws(() => make({ [name]: value }), {
          code: 'INVALID',
          limit: name,
          value,
          message: /allowed: a number from 0/,
        });
      }
    }
    make({ ttlMsMin: 0, ttlMsMax: 0, namesMax: 1, lookupMs: 0.1 });
    assert.throws(() => make({ ttlMsMin: 0, ttlMsMax: -1 }), {
      limit: 'ttlMsMax',
      message: /allowed: a number from 0/,
    });
  });

  it('an option out of range is refused by name', () => {
    const clock = new FakeClock();
    const resolver = async () => ({ addresses: [], ttlMs: 0 });
    for (const wrong of [{ namesMax: 0 }, { lookupMs: 0 }, { staleMs: Number.NaN }, { ttlMsMin: 2, ttlMsMax: 1 }]) {
      const name = Object.keys(wrong)[0]!;
      assert.throws(() => new DnsCache({ ...DNS_DEFAULTS, resolver, ...wrong }, clock, {}), {
        code: 'INVALID',
        message: new RegExp(name),
      });
    }
  });
});
