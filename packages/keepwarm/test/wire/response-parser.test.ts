import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { NetError } from '../../src/core/error.ts';
import { type MessageHandler, ResponseParser } from '../../src/wire/response-parser.ts';
import { LIMITS } from './differential/ours.ts';

const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1');
const CHUNKED = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n';
const chunk = (data: string): string => `${data.length.toString(16)}\r\n${data}\r\n`;

/** A parser that waits for a response, and all it reports, in order. */
function aParser(method = 'GET', also: Partial<MessageHandler> = {}) {
  const parser = new ResponseParser(LIMITS);
  const told: string[] = [];
  const pieces: string[] = [];
  parser.begin(method, {
    onInterim: (status) => void told.push(`interim ${status}`),
    onHead: (head, text, hasBody) => void told.push(`head ${head.status} ${text.length} ${hasBody}`),
    onData: (bytes, from, to) => void pieces.push(bytes.toString('latin1', from, to)),
    onEnd: (persistent, trailers) => void told.push(`end ${persistent} ${trailers.join('|')}`),
    ...also,
  });
  const read = (text: string): number => {
    const bytes = latin1(text);
    return parser.read(bytes, 0, bytes.length);
  };
  return { parser, told, pieces, read };
}

function thrownBy(attempt: () => unknown): NetError {
  try {
    attempt();
  } catch (error) {
    assert(error instanceof NetError, String(error));
    return error;
  }
  assert.fail('nothing was thrown');
}

describe('invariant (1): head, data, end', () => {
  it('come once each and in this order, after the interim responses', () => {
    const { told, pieces, read, parser } = aParser();
    read('HTTP/1.1 103 E\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab');
    assert.deepEqual(told, ['interim 103', 'head 200 38 true']);
    assert.equal(parser.bytesLeft, 2);
    assert.equal(read('cdHTTP'), 2);
    assert.deepEqual(told, ['interim 103', 'head 200 38 true', 'end true ']);
    assert.deepEqual(pieces, ['ab', 'cd']);
  });

  it('come without data where there is no body, and the head says so', () => {
    const { told, pieces, read } = aParser('HEAD');
    read('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n');
    assert.deepEqual(told, ['head 200 38 false', 'end true ']);
    assert.deepEqual(pieces, []);
  });

  it('come with the trailers at the end', () => {
    const { told, read } = aParser();
    read(`${CHUNKED}0\r\nA: b\r\nC: d\r\n\r\n`);
    assert.deepEqual(told, ['head 200 47 true', 'end true A: b|C: d']);
  });

  it('come with the end when the connection ends a body that only it can end', () => {
    const { told, read, parser } = aParser();
    read('HTTP/1.1 200 OK\r\n\r\nabc');
    assert.equal(parser.bytesLeft, -1);
    parser.finish();
    assert.deepEqual(told, ['head 200 19 true', 'end false ']);
    assert.equal(parser.idle, true);
  });
});

describe('invariant (3): what follows a message', () => {
  it('is neither consumed nor touched', () => {
    const { read, parser, told } = aParser();
    const message = `${CHUNKED}${chunk('a')}${chunk('b')}0\r\n\r\n`;
    const bytes = latin1(`${message}${chunk('c')}`);
    assert.equal(parser.read(bytes, 0, bytes.length), message.length);
    assert.equal(bytes.toString('latin1', message.length), chunk('c'));
    assert.equal(parser.idle, true);
    assert.equal(read('anything'), 0, 'an idle parser consumes nothing');
    assert.equal(told.length, 2);
  });

  it('can be the next message, on the same parser', () => {
    const { parser, read } = aParser();
    assert.equal(read('HTTP/1.1 204 No\r\n\r\n'), 19);
    const second: string[] = [];
    parser.begin('GET', {
      onInterim() {},
      onHead: (head) => void second.push(String(head.status)),
      onData: (bytes, from, to) => void second.push(bytes.toString('latin1', from, to)),
      onEnd: (persistent) => void second.push(String(persistent)),
    });
    read('HTTP/1.0 201 Yes\r\nContent-Length: 1\r\n\r\n!');
    assert.deepEqual(second, ['201', '!', 'false']);
  });
});

describe('invariant (5): after a fault', () => {
  for (const [phase, text, expected] of [
    ['head', 'HTTP/1.1 200 OK\nX: y\r\n\r\n', 'PROTOCOL'],
    ['head', `HTTP/1.1 200 OK\r\nX: ${'y'.repeat(32 * 1024)}`, 'LIMIT'],
    ['body', `${CHUNKED}x`, 'PROTOCOL'],
    ['body', `${CHUNKED}0\r\nX: ${'y'.repeat(32 * 1024)}`, 'LIMIT'],
  ] as const) {
    it(`in the ${phase}, ${expected}, nothing more is read or begun`, () => {
      const { parser, read, told } = aParser();
      const error = thrownBy(() => read(text));
      assert.deepEqual([error.code, error.phase, error.reach], [expected, phase, 'answered']);
      const before = told.length;
      assert.equal(read('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'), 0);
      assert.equal(told.length, before);
      assert.throws(() => parser.begin('GET', {} as MessageHandler), /keepwarm bug/);
    });
  }

  it('of its handler, nothing more is read either', () => {
    const { read } = aParser('GET', {
      onHead() {
        throw new NetError('LIMIT', 'too long', { reach: 'answered' });
      },
    });
    assert.equal(thrownBy(() => read('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n')).code, 'LIMIT');
    assert.equal(read('123456789'), 0);
  });

  it('a limit is named with its value', () => {
    const { read } = aParser();
    const { code, limit, value, reach } = thrownBy(() => read('HTTP/1.1 100 C\r\n\r\n'.repeat(17)));
    assert.deepEqual([code, limit, value, reach], ['LIMIT', 'interimMax', 16, 'answered']);
  });
});

describe('the end of the connection', () => {
  it('is nothing to a parser that expects nothing', () => new ResponseParser(LIMITS).finish());

  for (const [text, message, reach, phase] of [
    ['', 'before it answered', 'unknown', 'head'],
    ['HTTP/1.1 100 Continue\r\n\r\n', 'before it answered', 'answered', 'head'],
    ['HTTP/1.1 200 OK\r\nX', 'in the middle of the head', 'answered', 'head'],
    ['HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n1234', '5 bytes short of its Content-Length', 'answered', 'body'],
    [`${CHUNKED}${chunk('abc')}`, 'before the last chunk', 'answered', 'body'],
  ] as const) {
    it(`after ${JSON.stringify(text)} is a loss: ${message}`, () => {
      const { parser, read } = aParser();
      read(text);
      const error = thrownBy(() => parser.finish());
      assert.deepEqual([error.code, error.reach, error.phase], ['RESET', reach, phase]);
      assert.match(error.message, new RegExp(message));
      assert.equal(parser.idle, false, 'and the parser is of no more use');
    });
  }
});

describe('chunks smaller than what is around them', () => {
  it('become one piece per read, however many there are', () => {
    const { pieces, read } = aParser();
    const data = Array.from({ length: 10_000 }, (_, i) => String.fromCharCode(i % 251));
    assert.equal(read(`${CHUNKED}${data.map(chunk).join('')}`), CHUNKED.length + 60_000);
    assert.equal(pieces.length, 1);
    assert.equal(pieces[0], data.join(''));
  });

  it('are joined to a large one before them, and a large one is never moved', () => {
    const { pieces, read } = aParser();
    const [large, small] = ['L'.repeat(4_097), 's'.repeat(4_096)];
    read(`${CHUNKED}${[small, small, large, small, large, large].map(chunk).join('')}0\r\n\r\n`);
    assert.deepEqual(pieces, [small + small, large + small, large, large]);
  });
});
