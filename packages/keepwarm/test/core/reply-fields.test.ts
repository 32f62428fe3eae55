import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { ReplyFields } from '../../src/core/reply-fields.ts';

const head = (...lines: string[]): ReplyFields => new ReplyFields(`HTTP/1.1 200 OK\r\n${lines.join('\r\n')}\r\n\r\n`);

describe('the fields of a reply', () => {
  it('are found by any spelling of their names', () => {
    const fields = head('Content-Type: text/plain');
    for (const name of ['content-type', 'Content-Type', 'CONTENT-TYPE']) {
      assert.equal(fields.get(name), 'text/plain');
      assert.ok(fields.has(name));
      assert.deepEqual(fields.getAll(name), ['text/plain']);
    }
    assert.equal(fields.get('content'), undefined);
    assert.deepEqual(fields.getAll('content'), []);
  });

  it('are told flat as they are in pairs, whatever has been asked before', () => {
    const flat = ['A', '1', 'b', '2', 'a', ''];
    const fields = head('A: 1', 'b:2 ', 'a:');
    assert.deepEqual([fields.flat(), fields.list.flat(), fields.flat()], [flat, flat, flat]);
    assert.deepEqual(ReplyFields.of(fields.list).flat(), flat);
    assert.deepEqual(head().flat(), []);
  });

  it('lose the blanks and tabs around a value, and nothing else', () => {
    const fields = head('a: \t x y \t ', 'b:z', 'c:', 'd: \xa0\x85 ');
    assert.deepEqual(fields.list, [
      ['a', 'x y'],
      ['b', 'z'],
      ['c', ''],
      ['d', '\xa0\x85'],
    ]);
  });

  it('are all there when the last line has no end', () => {
    const fields = new ReplyFields('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nX: 1');
    assert.deepEqual([fields.get('upgrade'), fields.get('x'), fields.list.length], ['websocket', '1', 2]);
    assert.deepEqual(new ReplyFields('HTTP/1.1 200 OK').list, []);
    assert.deepEqual(new ReplyFields('HTTP/1.1 200 OK\r\n').list, []);
  });

  it('may have colons in their values', () => {
    assert.equal(head('location: http://a.test:80/x').get('location'), 'http://a.test:80/x');
  });

  it('are joined when one name comes several times, but for Set-Cookie, whose values may hold commas', () => {
    const fields = head('Vary: a', 'set-cookie: a=1; Expires=Wed, 01 Jan 2031', 'vary: b', 'Set-Cookie: b=2');
    assert.equal(fields.get('vary'), 'a, b');
    assert.deepEqual(fields.getAll('set-cookie'), ['a=1; Expires=Wed, 01 Jan 2031', 'b=2']);
    assert.deepEqual(
      [...fields],
      [
        ['vary', 'a, b'],
        ['set-cookie', 'a=1; Expires=Wed, 01 Jan 2031'],
        ['set-cookie', 'b=2'],
      ],
    );
    assert.deepEqual(fields.toObject()['set-cookie'], ['a=1; Expires=Wed, 01 Jan 2031', 'b=2']);
    assert.equal(fields.toObject()['vary'], 'a, b');
  });

  it('reach no prototype, whatever they are called', () => {
    const fields = head('__proto__: polluted', 'constructor: x', 'toString: y', 'hasOwnProperty: z');
    const object = fields.toObject();
    assert.equal(Object.getPrototypeOf(object), null);
    assert.equal(Object.getOwnPropertyDescriptor(object, '__proto__')?.value, 'polluted');
    assert.equal(({} as Record<string, unknown>)['polluted'], undefined);
    assert.equal(Object.prototype.toString.call({}), '[object Object]');
    assert.equal(fields.get('__proto__'), 'polluted');
    assert.equal(head().get('constructor'), undefined, 'what is not there is not found on a prototype');
    assert.equal(head().has('__proto__'), false);
  });

  it('tell the reason phrase as it came', () => {
    const reason = (line: string): string => new ReplyFields(`${line}\r\n\r\n`).reason;
    assert.equal(reason('HTTP/1.1 200 OK'), 'OK');
    assert.equal(reason('HTTP/1.0 404 Not Found'), 'Not Found');
    assert.equal(reason('HTTP/1.1 200 '), '');
    assert.equal(reason('HTTP/1.1 200'), '');
  });

  it('can be made of pairs, which stay as they are: text in a value makes no field of its own', () => {
    const pairs: [string, string][] = [
      ['A', ' x '],
      ['b', 'y\r\nevil: 1'],
    ];
    const fields = ReplyFields.of(pairs, 'Fine');
    assert.deepEqual(fields.list, pairs);
    assert.equal(fields.has('evil'), false);
    assert.equal(fields.reason, 'Fine');
    pairs.pop();
    assert.equal(fields.list.length, 2, 'what is done to the pairs later changes nothing');
  });

  it('can leave some out, by their lower-case names', () => {
    const fields = head('Content-Encoding: gzip', 'Content-Length: 5', 'ETag: "x"');
    const rest = fields.without('content-encoding', 'content-length');
    assert.deepEqual(rest.list, [['ETag', '"x"']]);
    assert.equal(rest.reason, 'OK');
    assert.equal(fields.list.length, 3);
  });

  it('come back as they were sent, in order', () => {
    const token = fc.stringMatching(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,12}$/);
    const value = fc.stringMatching(/^(?:[\x21-\x7e]([\x20-\x7e]{0,20}[\x21-\x7e])?)?$/);
    fc.assert(
      fc.property(fc.array(fc.tuple(token, value), { maxLength: 20 }), (pairs) => {
        const fields = head(...pairs.map(([name, text]) => `${name}: ${text}`));
        assert.deepEqual(fields.list, pairs);
        for (const [name] of pairs) {
          const same = pairs.filter(([other]) => other.toLowerCase() === name.toLowerCase()).map(([, text]) => text);
          assert.deepEqual(fields.getAll(name.toUpperCase()), same);
        }
      }),
    );
  });
});
