import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ResponseParser } from '../../src/wire/response-parser.ts';
import { LIMITS, readOurs } from './differential/ours.ts';
import { isCutShort, received, refusedFor } from './received.ts';

const exceeds = (limit: string, value: number, what: string) =>
  `the reply has more than ${value} ${what} (limit ${limit})`;
const CHUNKED = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n';

/** A reply whose head has exactly `bytes` bytes. */
function headOf(bytes: number): string {
  const [before, after] = ['HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX: ', '\r\n\r\n'];
  return before + 'x'.repeat(bytes - before.length - after.length) + after;
}

const everyByte = (text: string): number[] => Array.from({ length: text.length - 1 }, (_, i) => i + 1);

describe('headBytesMax', () => {
  const limits = { headBytesMax: 256 };

  it('allows a head of exactly that size, and no more', () => {
    assert.equal(received(headOf(256), { limits }).end, 256);
    assert.equal(refusedFor(headOf(257), { limits }), exceeds('headBytesMax', 256, 'bytes of head'));
  });

  it('counts the same when the head comes byte by byte, or the body comes with it', () => {
    for (const size of [255, 256, 257, 258]) {
      const bytes = Buffer.from(`${headOf(size)}rest`);
      const all = { ...LIMITS, ...limits };
      assert.deepEqual(
        readOurs(bytes, 'GET', everyByte(bytes.toString()), all),
        readOurs(bytes, 'GET', [], all),
        `${size} bytes`,
      );
    }
  });

  it('refuses a head without end as soon as the limit is reached', () => {
    for (const endless of [
      'HTTP/1.1 200 ',
      'HTTP/1.1 200 OK\r\nX',
      'HTTP/1.1 200 OK\r\nX: ',
      'HTTP/1.1 200 OK\r\nX: y\r\n',
    ]) {
      const bytes = Buffer.from(endless + 'x'.repeat(256 - endless.length));
      assert.equal(refusedFor(bytes.toString(), { limits }), exceeds('headBytesMax', 256, 'bytes of head'));
    }
  });

  it('is for each head: interim responses do not use up the final one’s share', () => {
    const interim = headOf(200).replace('200 OK', '103 EH');
    assert.equal(received(interim.repeat(3) + headOf(256), { limits }).interims.length, 3);
  });

  it('is for the trailers as well', () => {
    const trailers = (bytes: number): string => `${CHUNKED}0\r\nX: ${'x'.repeat(bytes - 7)}\r\n\r\n`;
    assert.equal(received(trailers(256), { limits }).trailers.length, 2);
    assert.equal(refusedFor(trailers(257), { limits }), exceeds('headBytesMax', 256, 'bytes of trailers'));
  });
});

describe('fieldsMax', () => {
  const limits = { fieldsMax: 3 };
  const fields = (count: number): string => 'X: y\r\n'.repeat(count);

  it('allows exactly that many fields', () => {
    assert.equal(received(`HTTP/1.1 200 OK\r\n${fields(3)}\r\n`, { limits }).fields.length, 6);
    const why = exceeds('fieldsMax', 3, 'header fields');
    assert.equal(refusedFor(`HTTP/1.1 200 OK\r\n${fields(4)}\r\n`, { limits }), why);
  });

  it('allows as many trailers', () => {
    assert.equal(received(`${CHUNKED}0\r\n${fields(3)}\r\n`, { limits }).trailers.length, 6);
    assert.equal(refusedFor(`${CHUNKED}0\r\n${fields(4)}\r\n`, { limits }), exceeds('fieldsMax', 3, 'trailer fields'));
  });

  it('refuses ten thousand fields within the default limits', () => {
    assert.match(refusedFor(`HTTP/1.1 200 OK\r\n${fields(10_000)}\r\n`), /limit (?:fieldsMax|headBytesMax)/);
  });
});

describe('interimMax', () => {
  it('allows exactly that many interim responses, and none with 0', () => {
    const interim = 'HTTP/1.1 100 Continue\r\n\r\n';
    assert.equal(received(interim.repeat(2) + headOf(100), { limits: { interimMax: 2 } }).status, 200);
    assert.match(refusedFor(interim.repeat(3) + headOf(100), { limits: { interimMax: 2 } }), /limit interimMax/);
    assert.match(refusedFor(interim + headOf(100), { limits: { interimMax: 0 } }), /limit interimMax/);
  });

  it('counts anew for each response', () => {
    const parser = new ResponseParser({ ...LIMITS, interimMax: 1 });
    const bytes = Buffer.from(`HTTP/1.1 100 C\r\n\r\n${headOf(100)}`);
    let ends = 0;
    for (let i = 0; i < 3; i++) {
      parser.begin('GET', { onInterim() {}, onHead() {}, onData() {}, onEnd: () => void ends++ });
      assert.equal(parser.read(bytes, 0, bytes.length), bytes.length);
    }
    assert.equal(ends, 3);
  });
});

describe('extensionBytesMax', () => {
  const limits = { extensionBytesMax: 10 };
  const why = exceeds('extensionBytesMax', 10, 'bytes of chunk extensions');

  it('counts over the whole body', () => {
    // The semicolon that begins an extension is not counted.
    assert.equal(received(`${CHUNKED}1;abcde\r\nx\r\n0;abcde\r\n\r\n`, { limits }).body, 'x');
    assert.equal(refusedFor(`${CHUNKED}1;abcde\r\nx\r\n0;abcdef\r\n\r\n`, { limits }), why);
  });

  it('refuses an extension without end as soon as the limit is reached', () => {
    assert.equal(refusedFor(`${CHUNKED}1;${'a'.repeat(11)}`, { limits }), why);
    isCutShort(`${CHUNKED}1;${'a'.repeat(10)}`, { limits });
  });

  it('refuses the smallest extensions on endless chunks', () => {
    assert.equal(refusedFor(CHUNKED + '1;a\r\nx\r\n'.repeat(11), { limits }), why);
  });
});
