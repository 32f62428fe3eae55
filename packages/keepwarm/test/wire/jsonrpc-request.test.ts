/** Requests as text: what goes out is what was asked for, to the last digit. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { exactText, parseExact } from '../../src/wire/jsonrpc/numbers.ts';
import { batchText, notificationText, paramsText, requestPrefix, requestText } from '../../src/wire/jsonrpc/request.ts';

describe('requests', () => {
  it('are what JSON.stringify would have made of them', () => {
    const params = fc.oneof(fc.array(fc.jsonValue()), fc.dictionary(fc.string(), fc.jsonValue()));
    fc.assert(
      fc.property(fc.string(), fc.nat(), fc.option(params, { nil: undefined }), (method, id, given) => {
        const text = paramsText(given);
        const request = requestText(requestPrefix(method), id, text);
        const whole = { jsonrpc: '2.0', method, id, params: given };
        assert.deepEqual(JSON.parse(request), JSON.parse(JSON.stringify(whole)));
        const told = { jsonrpc: '2.0', method, params: given };
        assert.deepEqual(JSON.parse(notificationText(method, text)), JSON.parse(JSON.stringify(told)));
        assert.deepEqual(JSON.parse(batchText([request, request])).length, 2);
      }),
    );
  });

  it('params are an array, an object or nothing', () => {
    assert.equal(paramsText(undefined), '');
    assert.equal(paramsText([]), '[]');
    assert.equal(paramsText({}), '{}');
    for (const bad of [null, 1, 'x', true, 5n, () => 1, Symbol('x')]) {
      assert.throws(() => paramsText(bad), { code: 'INVALID', message: /params is / });
    }
    assert.throws(() => paramsText({ toJSON: () => '"},"method":"other"' }), { code: 'INVALID' });
  });
});

describe('whole numbers', () => {
  it('of any size are written and read exactly', () => {
    fc.assert(
      fc.property(fc.array(fc.bigInt({ min: -(2n ** 256n), max: 2n ** 256n })), (numbers) => {
        const read = parseExact(exactText({ numbers }) ?? '') as { numbers: (number | bigint)[] };
        assert.deepEqual(read.numbers.map(BigInt), numbers);
        for (const each of read.numbers) assert(typeof each === 'bigint' || Number.isSafeInteger(each));
      }),
    );
  });

  it('everything else is read as JSON.parse reads it', () => {
    const text = '{"a":1e400,"b":0.12345678901234567890,"c":"12345678901234567890","d":-0,"e":[1.0,1e3]}';
    assert.deepEqual(parseExact(text), JSON.parse(text));
    fc.assert(
      fc.property(fc.jsonValue({ noUnicodeString: false }), (value) => {
        const json = JSON.stringify(value);
        assert.deepEqual(JSON.parse(JSON.stringify(JSON.parse(json))), JSON.parse(exactText(parseExact(json)) ?? ''));
      }),
    );
  });

  it('a cycle is refused as such', () => {
    const cycle: unknown[] = [1n];
    cycle.push(cycle);
    assert.throws(() => exactText(cycle), TypeError);
  });
});
