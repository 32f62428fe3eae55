import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { retryAfterMs } from '../../src/policies/retry-after.ts';
import { aReply } from '../../src/testing/scripted-engine.ts';

const NOON = Date.UTC(2030, 5, 15, 12, 0, 0);

const asked = (value: string, headers: Record<string, string> = {}): number | undefined =>
  retryAfterMs(aReply({ status: 503, headers: { 'Retry-After': value, ...headers } }), NOON);

describe('Retry-After', () => {
  it('is nothing where the peer does not say it', () => {
    assert.equal(retryAfterMs(aReply(503), NOON), undefined);
  });

  it('is a number of seconds, with a fraction if need be', () => {
    assert.deepEqual([asked('0'), asked('120'), asked('0.25'), asked('007')], [0, 120_000, 250, 7_000]);
  });

  it('is a date in any of the three forms a date may have', () => {
    assert.equal(asked('Sat, 15 Jun 2030 12:00:30 GMT'), 30_000);
    assert.equal(asked('Saturday, 15-Jun-30 12:00:30 GMT'), 30_000);
    assert.equal(asked('Sat Jun 15 12:00:30 2030'), 30_000);
    assert.equal(asked('Sat Jun  1 12:00:30 2030'), 0, 'a day of one digit, and one that has passed');
  });

  it('is measured on the clock of the peer, when that says what time it is there', () => {
    assert.equal(asked('Tue, 01 Jan 2030 00:00:10 GMT', { Date: 'Tue, 01 Jan 2030 00:00:00 GMT' }), 10_000);
    assert.equal(asked('Sat, 15 Jun 2030 12:00:10 GMT', { Date: 'some day' }), 10_000);
  });

  it('is nothing when it is neither', () => {
    const garbage = ['', '-1', '+5', '1e3', '0x10', 'soon', '5 s', '5, 10', 'May', '2030-06-15T12:00:30Z', 'NaN'];
    for (const value of [...garbage, 'Sat, 45 Jun 2030 12:00:30 GMT', 'Sat, 15 Jun 2030 12:00:30 PST']) {
      assert.equal(asked(value), undefined, value);
    }
  });

  it('may be more than anybody waits for', () => {
    assert.equal(asked('9'.repeat(400)), Number.POSITIVE_INFINITY);
  });
});
