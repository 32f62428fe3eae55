import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { broken, received, refusedFor } from './received.ts';

const head = (...lines: string[]): string => `${lines.join('\r\n')}\r\n\r\n`;
const ok = (...fields: string[]): string => head('HTTP/1.1 200 OK', 'Content-Length: 0', ...fields);

describe('the status line', () => {
  it('gives status, reason and minor version', () => {
    assert.partialDeepStrictEqual(received(head('HTTP/1.1 404 Not Found', 'Content-Length: 0')), {
      minor: 1,
      status: 404,
      reason: 'Not Found',
    });
    assert.partialDeepStrictEqual(received(head('HTTP/1.0 200 OK', 'Content-Length: 0')), { minor: 0, status: 200 });
  });

  it('may have an empty reason, with or without the space before it', () => {
    for (const line of ['HTTP/1.1 200 ', 'HTTP/1.1 200']) {
      assert.partialDeepStrictEqual(received(head(line, 'Content-Length: 0')), { status: 200, reason: '' });
    }
  });

  it('may have tabs and bytes beyond ASCII in its reason', () => {
    assert.equal(received(head('HTTP/1.1 200 caf\xe9\t!', 'Content-Length: 0')).reason, 'caf\xe9\t!');
  });

  it('may have any status from 200 to 999', () => {
    for (const status of [200, 299, 599, 600, 999]) {
      assert.equal(received(head(`HTTP/1.1 ${status} X`, 'Content-Length: 0')).status, status);
    }
  });

  for (const [line, why] of [
    ['HTTP/2.0 200 OK', 'the answer does not start with HTTP/1.'],
    ['HTTP/0.9 200 OK', 'the answer does not start with HTTP/1.'],
    ['http/1.1 200 OK', 'the answer does not start with HTTP/1.'],
    ['\r\nHTTP/1.1 200 OK', 'the answer does not start with HTTP/1.'],
    ['SSH-2.0-OpenSSH_9.6', 'the answer does not start with HTTP/1.'],
    ['HTTP/1.2 200 OK', 'an HTTP version other than 1.0 and 1.1'],
    ['HTTP/1.11 200 OK', 'a malformed status line'],
    ['HTTP/1.1  200 OK', 'a malformed status line'],
    ['HTTP/1.1\t200 OK', 'a malformed status line'],
    ['HTTP/1.1 20 OK', 'a malformed status line'],
    ['HTTP/1.1 099 OK', 'a malformed status line'],
    ['HTTP/1.1 2000 OK', 'a malformed status line'],
    ['HTTP/1.1 200OK', 'a malformed status line'],
    ['HTTP/1.1 2x0 OK', 'a malformed status line'],
    ['HTTP/1.1 200 O\x00K', 'a control character in the status line'],
    ['HTTP/1.1 200 O\x7fK', 'a control character in the status line'],
    ['HTTP/1.1 200 O\rK', 'a bare CR in the status line'],
    ['HTTP/1.1 200 OK\r', 'a bare CR in the status line'],
    ['HTTP/1.1 200 OK\nX: y', 'a bare LF in the status line'],
  ] as const) {
    it(`is refused as ${JSON.stringify(line)}`, () => assert.equal(refusedFor(head(line)), broken(why)));
  }
});

describe('a field', () => {
  it('keeps the spelling of its name and loses the white space around its value', () => {
    const { fields } = received(ok('X-Tra: \t a b \t', 'Empty:', 'Tight:v', 'Blank: \t '));
    assert.deepEqual(fields.slice(2), ['X-Tra', 'a b', 'Empty', '', 'Tight', 'v', 'Blank', '']);
  });

  it('may have any character of a token in its name', () => {
    const name = "!#$%&'*+-.^_`|~09azAZ";
    assert.deepEqual(received(ok(`${name}: 1`)).fields.slice(2), [name, '1']);
  });

  it('may have tabs and bytes beyond ASCII in its value', () => {
    assert.deepEqual(received(ok('X: \x80\t\xff')).fields.slice(2), ['X', '\x80\t\xff']);
  });

  it('may come many times', () => {
    assert.deepEqual(received(ok('A: 1', 'a: 2', 'A: 1')).fields.slice(2), ['A', '1', 'a', '2', 'A', '1']);
  });

  for (const [field, why] of [
    ['X : y', 'a character that no field name may have'],
    ['X\t: y', 'a character that no field name may have'],
    ['X y: z', 'a character that no field name may have'],
    ['X', 'a character that no field name may have'],
    ['\xe9: y', 'a field without a name'],
    ['X\xe9: y', 'a character that no field name may have'],
    ['X\0: y', 'a character that no field name may have'],
    ['"X": y', 'a field without a name'],
    [': y', 'a field without a name'],
    [' X: y', 'a folded line (obs-fold) in the head'],
    ['\tX: y', 'a folded line (obs-fold) in the head'],
    ['X: y\r\n z', 'a folded line (obs-fold) in the head'],
    ['X: y\r\n\tz', 'a folded line (obs-fold) in the head'],
    ['X: y\nZ: a', 'a bare LF in a field'],
    ['X: y\n', 'a bare LF in a field'],
    ['X: y\rZ: a', 'a bare CR in a field'],
    ['X: y\r', 'a bare CR in a field'],
    ['X:\ry', 'a bare CR in a field'],
    ['\rX: y', 'a bare CR in the head'],
    ['\nX: y', 'a bare LF in the head'],
    ['X: \0', 'a control character in a field'],
    ['X: a\x0bb', 'a control character in a field'],
    ['X: a\x0cb', 'a control character in a field'],
    ['X: a\x1fb', 'a control character in a field'],
    ['X: a\x7fb', 'a control character in a field'],
  ] as const) {
    it(`is refused as ${JSON.stringify(field)}`, () => assert.equal(refusedFor(ok(field)), broken(why)));
  }

  it('refuses every control character but the tab in a value', () => {
    for (let code = 0; code < 0x20; code++) {
      if (code === 0x09) continue;
      assert.match(refusedFor(ok(`X: a${String.fromCharCode(code)}b`)), /a (?:bare CR|bare LF|control character) in/);
    }
  });

  it('refuses every byte that is not of a token in a name', () => {
    for (let code = 0; code < 256; code++) {
      const character = String.fromCharCode(code);
      if (/[!#$%&'*+\-.^_`|~0-9A-Za-z:]/.test(character)) continue;
      assert.match(refusedFor(ok(`X${character}Y: z`)), /field name/, `byte ${code}`);
    }
  });
});

describe('an interim response', () => {
  const final = ok();

  it('is passed over, as often as the limit allows', () => {
    const interim = head('HTTP/1.1 103 Early Hints', 'Link: </a.css>');
    const outcome = received(head('HTTP/1.1 100 Continue') + interim.repeat(3) + final);
    assert.deepEqual(outcome.interims, [100, 103, 103, 103]);
    assert.equal(outcome.status, 200);
    assert.deepEqual(
      outcome.fields,
      ['Content-Length', '0'],
      'fields of interim responses are not those of the final one',
    );
  });

  it('has no body, whatever its fields say', () => {
    assert.equal(received(head('HTTP/1.1 100 Continue', 'Content-Length: 50') + final).status, 200);
    assert.equal(received(head('HTTP/1.1 102 Processing', 'Transfer-Encoding: chunked') + final).status, 200);
  });

  it('leaves nothing behind that would frame the final one', () => {
    const outcome = received(
      `${head('HTTP/1.1 103 E', 'Content-Length: 1')}${head('HTTP/1.1 200 OK', 'Transfer-Encoding: chunked')}0\r\n\r\n`,
    );
    assert.equal(outcome.body, '');
    assert.equal(outcome.persistent, true);
  });

  it('is refused when it comes without end', () => {
    const flood = head('HTTP/1.1 100 Continue').repeat(17);
    assert.equal(
      refusedFor(flood + final),
      'the reply has more than 16 interim responses before the final one (limit interimMax)',
    );
  });

  it('is refused as 101, which nobody asked for', () => {
    assert.equal(
      refusedFor(head('HTTP/1.1 101 Switching Protocols', 'Upgrade: x')),
      broken('101 Switching Protocols to a call that asked for no upgrade'),
    );
  });

  it('is refused when the connection is to end with it, so that no final one can follow', () => {
    const why = broken('an interim response that ends the connection');
    assert.equal(refusedFor(head('HTTP/1.1 100 Continue', 'Connection: close') + final), why);
    assert.equal(refusedFor(head('HTTP/1.0 100 Continue') + final), why);
  });
});
