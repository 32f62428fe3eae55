import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { broken, isCutShort, received, refusedFor } from './received.ts';

const OK = 'HTTP/1.1 200 OK\r\n';
const CHUNKED = `${OK}Transfer-Encoding: chunked\r\n\r\n`;
const EMPTY_LAST = '0\r\n\r\n';

describe('a body of known length', () => {
  it('ends after Content-Length bytes, and what follows is left alone', () => {
    const message = `${OK}Content-Length: 5\r\n\r\nhello`;
    const outcome = received(`${message}HTTP/1.1 200 OK`);
    assert.equal(outcome.body, 'hello');
    assert.equal(outcome.end, message.length);
  });

  it('may be empty', () => {
    assert.partialDeepStrictEqual(received(`${OK}Content-Length: 0\r\n\r\nnext`), {
      body: '',
      persistent: true,
      end: 38,
    });
  });

  it('may be announced with leading zeros and white space around', () => {
    assert.equal(received(`${OK}Content-Length: \t 0003 \t\r\n\r\nabc`).body, 'abc');
  });

  it('is cut short by the end of the connection', () => isCutShort(`${OK}Content-Length: 5\r\n\r\nhell`));

  for (const value of ['', ' ', '+5', '-5', '5.0', '0x5', '5e0', '5, 5', '5,', '5 5', 'five', '\xb5', '5\t;']) {
    it(`is refused with the length ${JSON.stringify(value)}`, () => {
      assert.equal(
        refusedFor(`${OK}Content-Length: ${value}\r\n\r\nhello`),
        broken('a Content-Length that is not a number'),
      );
    });
  }

  it('is refused when its length cannot be counted exactly', () => {
    for (const value of ['9007199254740992', '18446744073709551616', '9'.repeat(400)]) {
      assert.equal(refusedFor(`${OK}Content-Length: ${value}\r\n\r\n`), broken('a Content-Length beyond 2^53'));
    }
    isCutShort(`${OK}Content-Length: 9007199254740991\r\n\r\n`);
  });

  it('is refused when its length is told twice, the same or not', () => {
    for (const second of ['5', '6']) {
      const text = `${OK}Content-Length: 5\r\nX: y\r\ncontent-length: ${second}\r\n\r\nhello`;
      assert.equal(refusedFor(text), broken('more than one Content-Length'));
    }
  });

  it('is refused when it is told to be chunked as well, in either order', () => {
    const why = broken('both Content-Length and Transfer-Encoding');
    const [length, coding] = ['Content-Length: 5\r\n', 'Transfer-Encoding: chunked\r\n'];
    assert.equal(refusedFor(`${OK}${length}${coding}\r\n${EMPTY_LAST}`), why);
    assert.equal(refusedFor(`${OK}${coding}${length}\r\n${EMPTY_LAST}`), why);
    assert.equal(refusedFor(`${OK}${coding}Content-Length: 0\r\n\r\n${EMPTY_LAST}`), why);
    assert.equal(refusedFor(`${OK}${coding}${length}\r\n`, { method: 'HEAD' }), why);
  });
});

describe('a body without length', () => {
  it('ends with the connection', () => {
    assert.partialDeepStrictEqual(received(`${OK}\r\nall of it`), {
      body: 'all of it',
      byClose: true,
      persistent: false,
    });
  });

  it('may be empty', () => {
    assert.partialDeepStrictEqual(received(`${OK}\r\n`), { body: '', byClose: true, persistent: false });
  });
});

describe('a response without body', () => {
  for (const [status, method] of [
    [200, 'HEAD'],
    [404, 'HEAD'],
    [204, 'GET'],
    [304, 'GET'],
    [204, 'POST'],
  ] as const) {
    it(`ends with its head: ${status} to ${method}`, () => {
      for (const field of ['', 'Content-Length: 5\r\n', 'Transfer-Encoding: chunked\r\n']) {
        const head = `HTTP/1.1 ${status} X\r\n${field}\r\n`;
        const outcome = received(`${head}hello`, { method });
        assert.partialDeepStrictEqual(outcome, {
          status,
          body: '',
          end: head.length,
          byClose: false,
          persistent: true,
        });
      }
    });
  }

  it('is not what 205 and other statuses are', () => {
    assert.equal(received('HTTP/1.1 205 Reset Content\r\nContent-Length: 2\r\n\r\nhi').body, 'hi');
  });
});

describe('a chunked body', () => {
  it('is its chunks, in order', () => {
    const message = `${CHUNKED}5\r\nhello\r\n1\r\n \r\nA\r\n0123456789\r\n${EMPTY_LAST}`;
    const outcome = received(`${message}next`);
    assert.equal(outcome.body, 'hello 0123456789');
    assert.equal(outcome.end, message.length);
    assert.equal(outcome.persistent, true);
  });

  it('may be empty', () => assert.equal(received(`${CHUNKED}${EMPTY_LAST}`).body, ''));

  it('may have sizes in either case and with leading zeros', () => {
    const ten = '0123456789';
    assert.equal(received(`${CHUNKED}a\r\n${ten}\r\nA\r\n${ten}\r\n00a\r\n${ten}\r\n000\r\n\r\n`).body, ten.repeat(3));
  });

  it('may be named in any case', () => {
    assert.equal(received(`${OK}TRANSFER-encoding: \t Chunked  \r\n\r\n1\r\n!\r\n${EMPTY_LAST}`).body, '!');
  });

  it('may hold what looks like framing', () => {
    assert.equal(received(`${CHUNKED}7\r\n0\r\n\r\nHT\r\n${EMPTY_LAST}`).body, '0\r\n\r\nHT');
  });

  for (const extension of [';a', ';a=b', ';a="b"', ';a="b;c=\\"d\\"\t "', ';a;b=c;d', ';a=""', ';!#$%=~']) {
    it(`may have extensions, which mean nothing: ${extension}`, () => {
      assert.equal(received(`${CHUNKED}1${extension}\r\nx\r\n0${extension}\r\n\r\n`).body, 'x');
    });
  }

  for (const extension of [
    ';',
    ';;a',
    ';=b',
    ';a=',
    ';a= b',
    '; a',
    ';a="b',
    ';a="b"c',
    ';a=b c',
    ' ;a',
    ' ',
    ';\xe9',
    ';a="\\',
  ]) {
    it(`is refused with a malformed extension: ${JSON.stringify(extension)}`, () => {
      assert.match(
        refusedFor(`${CHUNKED}1${extension}\r\nx\r\n${EMPTY_LAST}`),
        /a malformed chunk extension|not hexadecimal/,
      );
    });
  }

  for (const [chunks, why] of [
    ['\r\n', 'a chunk without a size'],
    [';a\r\n', 'a chunk without a size'],
    ['x\r\n', 'a chunk without a size'],
    ['-1\r\n', 'a chunk without a size'],
    ['0x1\r\n', 'a chunk size that is not hexadecimal'],
    ['1g\r\n', 'a chunk size that is not hexadecimal'],
    ['1 \r\nx', 'a chunk size that is not hexadecimal'],
    ['1\nx\r\n', 'a chunk size that is not hexadecimal'],
    ['1\rx\r\n', 'a chunk size line that does not end in CR LF'],
    ['1;a\nx\r\n', 'a control character in a chunk extension'],
    ['1;a\rb\r\n', 'a chunk size line that does not end in CR LF'],
    ['1;a=\0\r\n', 'a control character in a chunk extension'],
    ['1;a="\x7f"\r\n', 'a control character in a chunk extension'],
    ['1\r\nxy\r\n', 'a chunk longer than its size'],
    ['1\r\nx\n', 'a chunk longer than its size'],
    ['1\r\nx\rz', 'a chunk that does not end in CR LF'],
    ['fffffffffffffff\r\n', 'a chunk size of more than 13 digits'],
    ['10000000000000000\r\n', 'a chunk size of more than 13 digits'],
    ['00000000000001\r\nx', 'a chunk size of more than 13 digits'],
  ] as const) {
    it(`is refused as ${JSON.stringify(chunks)}`, () => {
      assert.equal(refusedFor(`${CHUNKED}${chunks}${EMPTY_LAST}`), broken(why));
    });
  }

  it('is cut short wherever it ends before its last line', () => {
    const message = `${CHUNKED}5;a=b\r\nhello\r\n0\r\nA: b\r\n\r\n`;
    for (let length = CHUNKED.length; length < message.length; length++) isCutShort(message.slice(0, length));
    assert.equal(received(message).body, 'hello');
  });

  for (const coding of [
    'gzip',
    'gzip, chunked',
    'chunked, gzip',
    'chunked, chunked',
    'identity',
    '',
    'chunked;q=1',
    'xchunked',
    'chunked\xa0',
    '"chunked"',
    'chunked\t',
    'chunked \t ',
  ]) {
    it(`is refused with the transfer coding ${JSON.stringify(coding)}`, () => {
      const text = `${OK}Transfer-Encoding: ${coding}\r\n\r\n${EMPTY_LAST}`;
      assert.equal(refusedFor(text), broken('a transfer coding other than one single "chunked"'));
    });
  }

  it('is refused when it is told to be chunked twice', () => {
    const coding = 'Transfer-Encoding: chunked\r\n';
    assert.match(refusedFor(`${OK}${coding}${coding}\r\n${EMPTY_LAST}`), /other than one single "chunked"/);
  });

  it('is refused in HTTP/1.0, which does not know it', () => {
    const text = `HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${EMPTY_LAST}`;
    assert.equal(refusedFor(text), broken('Transfer-Encoding in an HTTP/1.0 response'));
  });
});

describe('trailers', () => {
  const after = (...lines: string[]): string =>
    `${CHUNKED}1\r\nx\r\n0\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n`;

  it('are handed on with the end', () => {
    assert.deepEqual(received(after('Digest: a=b', 'X:', 'Y: \xff')).trailers, ['Digest', 'a=b', 'X', '', 'Y', '\xff']);
  });

  it('do not decide framing, routing or credentials: such a trailer is refused', () => {
    const names = [
      'Content-Length',
      'transfer-encoding',
      'Host',
      'Trailer',
      'Content-Encoding',
      'Set-Cookie',
      'Authorization',
    ];
    for (const name of names) assert.equal(refusedFor(after(`${name}: 1`)), broken('a trailer that may not be one'));
  });

  for (const [line, why] of [
    ['X', 'a malformed trailer'],
    [': y', 'a malformed trailer'],
    ['X : y', 'a malformed trailer'],
    [' X: y', 'a malformed trailer'],
    ['X: y\r\n z', 'a malformed trailer'],
    ['\xe9: y', 'a malformed trailer'],
    ['X: y\nZ: a', 'a bare LF in the trailers'],
    ['X: y\n', 'a bare LF in the trailers'],
    ['\nX: y', 'a bare LF in the trailers'],
    ['X: y\rZ: a', 'a bare CR in the trailers'],
    ['X: y\r', 'a bare CR in the trailers'],
    ['X: \0', 'a control character in the trailers'],
    ['X: \x7f', 'a control character in the trailers'],
  ] as const) {
    it(`are refused as ${JSON.stringify(line)}`, () => assert.equal(refusedFor(after(line)), broken(why)));
  }
});
