import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { aCache, refused, texts } from './dns-setup.ts';

describe('never looked up', () => {
  for (const [name, family, expected] of [
    ['192.0.2.7', 0, ['192.0.2.7']],
    ['2001:db8::7', 6, ['2001:db8::7']],
    ['::ffff:192.0.2.7', 0, ['::ffff:192.0.2.7']],
    ['fe80::1%eth0', 0, ['fe80::1%eth0']],
    ['localhost', 0, ['127.0.0.1', '::1']],
    ['LOCALHOST.', 4, ['127.0.0.1']],
    ['api.localhost', 6, ['::1']],
  ] as const) {
    it(`${name}, family ${family}`, async () => {
      const { cache, questions } = aCache();
      assert.deepEqual(texts(cache.peek(name, family)), expected);
      assert.deepEqual(texts(await cache.lookup(name, family)), expected);
      assert.deepEqual([questions.length, cache.stats().names], [0, 0]);
    });
  }
});

describe('refused without asking anybody', () => {
  const label = 'a'.repeat(64);
  const long = `${'a.'.repeat(126)}ab`;
  for (const [name, fault] of [
    ['', /empty/],
    ['.', /empty/],
    ['a..test', /empty label/],
    ['.test', /empty label/],
    ['a.test..', /empty label/],
    [`${label}.test`, /label has 64 characters, more than 63/],
    [long, /has 254 characters, more than 253/],
    ['a\r\nb.test', /character/],
    ['a\0.test', /character/],
    ['a b.test', /character/],
    ['a/b.test', /character/],
    ['user@a.test', /character/],
    ['[::1]', /character/],
    ['münchen.test', /xn--/],
    ['127.1', /ends in a number/],
    ['0x7f.1', /ends in a number/],
    ['2130706433', /ends in a number/],
    ['a.0x7F', /ends in a number/],
  ] as const) {
    it(JSON.stringify(name.slice(0, 20)), async () => {
      const { cache, questions } = aCache();
      assert.equal(cache.peek(name, 0), undefined);
      const error = await refused(cache.lookup(name, 0), 'INVALID', fault);
      assert.equal(error.phase, 'dns');
      assert(!/[\r\n\0]/.test(error.message), 'a log line stays one line');
      assert.deepEqual([questions.length, cache.stats().names], [0, 0]);
    });
  }

  it('an address of the other family', async () => {
    const { cache } = aCache();
    assert.equal(cache.peek('::1', 4), undefined);
    await refused(cache.lookup('::1', 4), 'INVALID', /not of family IPv4/);
  });
});

describe('allowed', () => {
  for (const name of [
    'a.test',
    'a.test.',
    '_sip._tcp.a.test',
    'my_service',
    '1.a.test',
    `${'a.'.repeat(126)}a`,
    '0xg',
  ]) {
    it(name.slice(0, 20), async () => {
      const { cache, questions } = aCache();
      const found = cache.lookup(name, 0);
      assert.equal(questions[0]!.hostname, name);
      questions[0]!.answer(['192.0.2.1']);
      assert.deepEqual(texts(await found), ['192.0.2.1']);
    });
  }
});
