import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fieldFault } from '../../../src/wire/hpack/field-text.ts';

describe('a field in HTTP/2', () => {
  for (const [name, value] of [
    ['x', ''],
    [':status', '200'],
    ["!#$%&'*+-.^_`|~09az", 'a b\tc'],
    ['x', '\x21\x7e\x80\xff'],
    ['x', 'é'],
  ] as const) {
    it(`may be ${JSON.stringify([name, value])}`, () => assert.equal(fieldFault(name, value), undefined));
  }

  for (const [name, value, why] of [
    ['', 'v', /without a name/],
    [':', 'v', /without a name/],
    ['Name', 'v', /upper-case/],
    [':Status', 'v', /upper-case/],
    ['::status', 'v', /no field name/],
    ['a:b', 'v', /no field name/],
    ['a b', 'v', /no field name/],
    ['a\x00', 'v', /no field name/],
    ['é', 'v', /no field name/],
    ['\u0161', 'v', /no field name/],
    ['x', 'a\r\nb', /no field value/],
    ['x', 'a\x00', /no field value/],
    ['x', '\x7f', /no field value/],
    ['x', 'a\x1bb', /no field value/],
    ['x', '\u010a', /no field value/],
    ['x', ' v', /white space around/],
    ['x', 'v\t', /white space around/],
    ['x', ' ', /white space around/],
  ] as const) {
    it(`may not be ${JSON.stringify([name, value])}`, () => assert.match(fieldFault(name, value) ?? '', why));
  }
});
