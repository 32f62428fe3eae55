import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { NetError } from '../../src/core/error.ts';
import { aborted, lookupFailed } from '../../src/net/dns-failure.ts';
import { aCache, refused, texts } from './dns-setup.ts';

const A = '192.0.2.1';
const B = '192.0.2.2';

describe('a passing failure', () => {
  it('leaves the addresses in use for staleOnErrorMs, at once and not after a wait each', async () => {
    const { clock, cache, questions, learn } = aCache({ staleMs: 60_000, staleOnErrorMs: 3_600_000 });
    await learn('a.test', [A], 10_000);
    clock.advance(100_000);
    const first = cache.lookup('a.test', 0);
    questions[1]!.fail('ESERVFAIL');
    assert.deepEqual(texts(await first), [A], 'nothing better is known');
    assert.deepEqual(texts(cache.peek('a.test', 0)), [A]);
    assert.equal(questions.length, 2, 'there is a pause before it is asked again');

    clock.advance(1_000);
    assert.deepEqual(texts(cache.peek('a.test', 0)), [A], 'and then the asking is done in the background');
    assert.equal(questions.length, 3);
    questions[2]!.fail('ETIMEOUT');
    await clock.settle();

    clock.advance(3_600_000);
    const late = cache.lookup('a.test', 0);
    questions[3]!.fail('ETIMEOUT');
    await refused(late, 'DNS', /a\.test: timeout/);
  });

  it('of a background refresh is over as soon as one succeeds', async () => {
    const { clock, cache, questions, learn } = aCache();
    await learn('a.test', [A], 10_000);
    clock.advance(10_000);
    cache.peek('a.test', 0);
    questions[1]!.fail('EREFUSED');
    await clock.run(1_000);
    cache.peek('a.test', 0);
    questions[2]!.answer([B], 10_000);
    await clock.settle();
    assert.deepEqual(texts(cache.peek('a.test', 0)), [B]);
  });

  it('of an unknown name is remembered for 1 s only', async () => {
    const { clock, cache, questions } = aCache();
    const first = cache.lookup('a.test', 0);
    questions[0]!.fail('ESERVFAIL');
    const error = await refused(first, 'DNS', /cannot resolve a\.test: SERVFAIL/);
    assert.equal(error.systemCode, 'ESERVFAIL');
    clock.advance(999);
    await refused(cache.lookup('a.test', 0), 'DNS', /SERVFAIL/);
    assert.equal(questions.length, 1);
    clock.advance(1);
    const second = cache.lookup('a.test', 0);
    questions[1]!.answer([A]);
    assert.deepEqual(texts(await second), [A]);
  });
});

it('addresses are served to the last moment of staleOnErrorMs and not beyond', async () => {
  const { clock, cache, questions, learn } = aCache({ staleMs: 60_000, staleOnErrorMs: 90_000 });
  await learn('a.test', [A], 10_000);
  clock.advance(10_000 + 50_000);
  cache.peek('a.test', 0);
  questions[1]!.fail('ESERVFAIL');
  await clock.run(39_999);
  assert.deepEqual(texts(cache.peek('a.test', 0)), [A]);
  questions[2]!.fail('ESERVFAIL');
  await clock.run(1);
  assert.equal(cache.peek('a.test', 0), undefined);
});

describe('a final failure', () => {
  for (const [code, word] of [
    ['ENOTFOUND', /NXDOMAIN/],
    ['ENODATA', /empty/],
  ] as const) {
    it(`(${code}) is remembered for negativeMs`, async () => {
      const { clock, cache, questions } = aCache({ negativeMs: 5_000 });
      const first = cache.lookup('a.test', 0);
      questions[0]!.fail(code);
      assert.equal((await refused(first, 'DNS', word)).systemCode, code);
      clock.advance(4_999);
      await refused(cache.lookup('a.test', 0), 'DNS', word);
      assert.equal(questions.length, 1);
      assert.equal(cache.stats().negativeHits, 1);
      clock.advance(1);
      const second = cache.lookup('a.test', 0);
      questions[1]!.answer([A]);
      assert.deepEqual(texts(await second), [A]);
    });

    it(`(${code}) takes known addresses away`, async () => {
      const { clock, cache, questions, learn } = aCache();
      await learn('a.test', [A], 10_000);
      clock.advance(10_000);
      cache.peek('a.test', 0);
      questions[1]!.fail(code);
      await clock.settle();
      assert.equal(cache.peek('a.test', 0), undefined);
      await refused(cache.lookup('a.test', 0), 'DNS', word);
    });
  }

  it('is what an answer without addresses amounts to', async () => {
    const { cache, questions } = aCache();
    const found = cache.lookup('a.test', 0);
    questions[0]!.answer([]);
    assert.equal((await refused(found, 'DNS', /a\.test: empty/)).systemCode, 'ENODATA');
  });
});

it('what is told as an error of ours already stays as it is; whatever else is thrown becomes one', () => {
  const deadline = new NetError('DEADLINE', 'too late', { reach: 'unsent' });
  assert.equal(aborted('a.test', deadline), deadline);
  const gone = new Error('gone');
  const { code, reach, cause } = aborted('a.test', gone);
  assert.deepEqual([code, reach, cause], ['ABORTED', 'unsent', gone]);

  const dns = new NetError('DNS', 'cannot resolve a.test: as the resolver says', { reach: 'unsent', phase: 'dns' });
  assert.equal(lookupFailed('a.test', dns), dns);
  for (const thrown of [{ code: 'DNS' }, deadline, 'a text', undefined]) {
    const error = lookupFailed('a.test', thrown);
    assert.deepEqual([error.code, error.reach, error.cause], ['DNS', 'unsent', thrown]);
    assert.match(error.message, /^cannot resolve a\.test: /);
  }
});
