/** Secrets are found however they are written, and what is none stays as it was. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Redaction } from '../../src/testing/redact.ts';

describe('what is recorded', () => {
  const redaction = new Redaction({ values: ['in-the-path'] });

  it('has no secret whose name is written in escapes', () => {
    assert.equal(redaction.path('/a?api%5Fkey=s3cret&b=1'), '/a?api%5Fkey=redacted&b=1');
    assert.equal(redaction.path('/a?%74oken=s3cret&%zz=1'), '/a?%74oken=redacted&%zz=1');
    assert.equal(redaction.body('pass%77ord=s3cret', 'application/x-www-form-urlencoded'), 'pass%77ord=redacted');
  });

  it('has none in JSON, whatever its type is called, nor in lines of it', () => {
    for (const type of ['text/plain', '', 'application/json-rpc', 'application/vnd.api+json']) {
      assert.equal(redaction.body('{"token":"s3cret"}', type), '{"token":"redacted"}', type);
    }
    const lines = '{"token":"s3cret"}\n{"a":1}\nno JSON in-the-path';
    assert.equal(redaction.body(lines, 'application/x-ndjson'), '{"token":"redacted"}\n{"a":1}\nno JSON redacted');
    assert.equal(redaction.body('{ broken in-the-path', 'application/json'), '{ broken redacted');
  });

  it('is what was said where it holds none, and numbers keep their digits where it does', () => {
    const text = '{ "slot": 18446744073709551615, "fee": 1.50 }';
    assert.equal(redaction.body(text, 'application/json'), text);
    const told = redaction.body('{"slot":18446744073709551615,"key":"s3cret"}', 'application/json');
    assert.equal(told, '{"slot":18446744073709551615,"key":"redacted"}');
  });
});
