import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ResponseParser } from '../../src/wire/response-parser.ts';

const limits = { headBytesMax: 1024, fieldsMax: 16, extensionBytesMax: 64, interimMax: 4 };

/** One parser, several messages in turn: what each was taken for, its body, and how many bytes it took. */
function inTurn(messages: readonly string[], cut?: number): string[] {
  const parser = new ResponseParser(limits);
  return messages.map((message) => {
    let told = '';
    parser.begin('GET', {
      onInterim: (status) => void (told += `${status} `),
      onHead: (head, text) => void (told += `${head.status} ${head.contentLength} ${text.length} `),
      onData: (bytes, from, to) => void (told += bytes.toString('latin1', from, to)),
      onEnd: (persistent) => void (told += ` ${persistent}`),
    });
    const bytes = Buffer.from(message, 'latin1');
    for (let at = 0; at < bytes.length && !parser.idle; ) {
      at += parser.read(bytes, at, cut === undefined ? bytes.length : Math.min(at + cut, bytes.length)) - at;
    }
    return told;
  });
}

const two = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab';
const three = 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc';
const early = 'HTTP/1.1 103 Early Hints\r\n\r\n';
const sequences = [
  [two, two, two],
  [two, three, two, three],
  [two, `${early}${two}`, two, `${early}${early}${two}`],
  [three, 'HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n', three],
  [two, 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX: y\r\n\r\nab', two],
];

describe('a head that equals the last one', () => {
  for (const [i, messages] of sequences.entries()) {
    it(`says the same as when it is read anew, however the bytes were cut (sequence ${i + 1})`, () => {
      const alone = messages.flatMap((message) => inTurn([message]));
      assert.deepEqual(inTurn(messages), alone);
      for (let cut = 1; cut < 60; cut++) assert.deepEqual(inTurn(messages, cut), alone, `pieces of ${cut}`);
    });
  }

  it('is forgotten when another one was refused', () => {
    const parser = new ResponseParser(limits);
    const handler = { onInterim() {}, onHead() {}, onData() {}, onEnd() {} };
    const bytes = Buffer.from(two);
    parser.begin('GET', handler);
    parser.read(bytes, 0, bytes.length);
    parser.begin('GET', handler);
    const bad = Buffer.from('HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 9\r\n\r\n');
    assert.throws(() => parser.read(bad, 0, bad.length), /more than one Content-Length/);
    assert.equal(parser.read(bytes, 0, bytes.length), 0);
  });
});
