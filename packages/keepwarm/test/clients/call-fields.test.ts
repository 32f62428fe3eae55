import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CallFields } from '../../src/clients/call-fields.ts';
import { Fields } from '../../src/core/fields.ts';

const defaults = Fields.of({ accept: '*/*' });
const textOf = (own: Parameters<CallFields['of']>[0], type?: string, fields = new CallFields(defaults)) =>
  fields.of(own, type).text;

describe('fields remembered by content', () => {
  it('gives the same set for the same names and values, whatever object they came in', () => {
    const fields = new CallFields(defaults);
    assert.equal(fields.of({ a: '1', b: '2' }, undefined), fields.of({ a: '1', b: '2' }, undefined));
  });

  it('notices a value, a name, an order or a content type that differs', () => {
    const fields = new CallFields(defaults);
    fields.of({ a: '1', b: '2' }, undefined);
    assert.match(textOf({ a: '1', b: '3' }, undefined, fields), /b: 3/);
    assert.match(textOf({ a: '1', c: '2' }, undefined, fields), /c: 2/);
    assert.match(textOf({ a: '1' }, undefined, fields), /^accept: \*\/\*\r\na: 1\r\n$/);
    assert.match(textOf({ a: '1', b: '2' }, 'text/plain', fields), /content-type: text\/plain/);
  });

  it('notices that an object was changed since the last call', () => {
    const fields = new CallFields(defaults);
    const own: Record<string, string> = { a: '1' };
    fields.of(own, undefined);
    own['a'] = '2';
    assert.match(textOf(own, undefined, fields), /a: 2/);
  });

  it('never takes a Map or a list of pairs for a set it remembers', () => {
    const fields = new CallFields(defaults);
    fields.of({}, undefined);
    fields.of(undefined, 'text/plain');
    assert.match(textOf(new Map([['x', '1']]), undefined, fields), /x: 1/);
    assert.match(textOf(new Map([['x', '1']]), 'text/plain', fields), /x: 1/);
    assert.match(textOf([['x', '1']], undefined, fields), /x: 1/);
  });

  it('notices that a list of values was changed', () => {
    const fields = new CallFields(defaults);
    const values = ['1'];
    fields.of({ a: values }, undefined);
    values.push('2');
    assert.match(textOf({ a: values }, undefined, fields), /a: 1\r\na: 2/);
  });
});
