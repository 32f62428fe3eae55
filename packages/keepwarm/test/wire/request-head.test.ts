import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { checkMethod, checkPath, Fields } from '../../src/core/fields.ts';
import { originOf } from '../../src/core/origin.ts';
import { chunkLine, LAST_CHUNK, RequestHeads } from '../../src/wire/request-head.ts';
import { METHODS, readRequest } from './differential/llhttp.ts';

const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1');

/** Characters from a range of codes. */
const from = (first: number, last: number, without = '') =>
  fc
    .integer({ min: first, max: last })
    .map((code) => String.fromCharCode(code))
    .filter((c) => !without.includes(c));

const TOKENS = [..."!#$%&'*+-.^_`|~0123456789ABCXYZabcxyz"];
const name = fc.string({ unit: fc.constantFrom(...TOKENS), minLength: 1, maxLength: 20 }).map((text) => `X-${text}`);
/** White space around a value is not part of it (RFC 9110 § 5.5), so none is made. */
const value = fc
  .string({ unit: fc.oneof(from(0x20, 0x7e), from(0x80, 0xff), fc.constant('\t')), maxLength: 30 })
  .map((text) => text.replaceAll(/^[ \t]+|[ \t]+$/g, ''));
const path = fc.string({ unit: from(0x21, 0x7e, '#'), maxLength: 40 }).map((text) => `/${text}`);
/** All that llhttp knows but CONNECT; PRI and SOURCE begin other protocols. */
const method = fc.constantFrom(...METHODS.filter((each) => !['CONNECT', 'PRI', 'SOURCE'].includes(each)));
const host = fc.constantFrom(
  'http://api.example.com',
  'http://127.0.0.1:8080',
  'https://[::1]:8443',
  'https://bücher.example',
);

describe('a request head', () => {
  it('is seen by a server on Node exactly as the call was', () => {
    fc.assert(
      fc.property(method, path, host, fc.array(fc.tuple(name, value), { maxLength: 40 }), (method, path, url, list) => {
        const origin = originOf(new URL(url));
        const fields = Fields.of(list);
        const text = new RequestHeads(origin.host).of(checkMethod(method), checkPath(path), fields, '');
        const seen = readRequest(latin1(text));
        assert.deepEqual(seen, { method, target: path, fields: ['Host', origin.host, ...list.flat()], body: '' });
      }),
      { numRuns: 2_000 },
    );
  });

  it('frames a body of known length', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (body) => {
        const framing = `Content-Length: ${body.length}\r\n`;
        const head = new RequestHeads('a').of('POST', '/', Fields.of({ accept: '*/*' }), framing);
        const seen = readRequest(Buffer.concat([latin1(head), body]));
        assert.equal(seen.body, Buffer.from(body).toString('latin1'));
      }),
      { numRuns: 300 },
    );
  });

  it('frames a body that comes in chunks', () => {
    const chunks = fc.array(fc.uint8Array({ minLength: 1, maxLength: 300 }), { maxLength: 10 });
    fc.assert(
      fc.property(chunks, (chunks) => {
        const head = new RequestHeads('a').of('PUT', '/', Fields.none, 'Transfer-Encoding: chunked\r\n');
        const framed = chunks.flatMap((chunk) => [latin1(chunkLine(chunk.length)), chunk, latin1('\r\n')]);
        const seen = readRequest(Buffer.concat([latin1(head), ...framed, latin1(LAST_CHUNK)]));
        assert.equal(seen.body, Buffer.concat(chunks).toString('latin1'));
      }),
      { numRuns: 300 },
    );
  });

  it('has the caller’s Host instead of the origin’s where there is one', () => {
    const text = new RequestHeads('origin.example').of('GET', '/', Fields.of({ host: 'virtual.example' }), '');
    assert.equal(text, 'GET / HTTP/1.1\r\nhost: virtual.example\r\n\r\n');
    assert.deepEqual(readRequest(latin1(text)).fields, ['host', 'virtual.example']);
  });

  it('may ask about the whole server', () => {
    const text = new RequestHeads('a').of('OPTIONS', checkPath('*'), Fields.none, '');
    assert.equal(readRequest(latin1(text)).target, '*');
  });
});

it('remembers the last head without ever giving it for another', () => {
  const heads = new RequestHeads('a.example');
  const [one, other] = [Fields.of({ x: '1' }), Fields.of({ x: '2', host: 'b.example' })];
  const asked: Parameters<RequestHeads['of']>[] = [
    ['GET', '/', one, ''],
    ['GET', '/', one, ''],
    ['GET', '/', one, 'Content-Length: 0\r\n'],
    ['GET', '/other', one, ''],
    ['POST', '/other', one, ''],
    ['POST', '/other', other, ''],
    ['POST', '/other', other, ''],
    ['GET', '/', one, ''],
  ];
  for (const args of [...asked, ...asked]) assert.equal(heads.of(...args), new RequestHeads('a.example').of(...args));
});

it('says of any body how long it is, and remembers no other', () => {
  const heads = new RequestHeads('a.example');
  const fields = fc.constantFrom(Fields.none, Fields.of({ x: '1' }), Fields.of({ x: '2', host: 'b.example' }));
  const asked = fc.record({
    method: fc.constantFrom('POST', 'PUT'),
    path: fc.constantFrom('/', '/other'),
    fields,
    bytes: fc.constantFrom(0, 1, 9, 10),
    length: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(asked, { maxLength: 20 }), (calls) => {
      for (const { method, path, fields, bytes, length } of calls) {
        const framing = `Content-Length: ${bytes}\r\n`;
        const expected = new RequestHeads('a.example').of(method, path, fields, framing);
        const head = length ? heads.ofLength(method, path, fields, bytes) : heads.of(method, path, fields, framing);
        assert.equal(head, expected);
      }
    }),
    { numRuns: 500 },
  );
});
