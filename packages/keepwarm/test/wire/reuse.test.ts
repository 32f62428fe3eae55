import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ResponseHead, readHead } from '../../src/wire/response-head.ts';
import { LIMITS } from './differential/ours.ts';
import { received } from './received.ts';

const reply = (version: string, ...fields: string[]): string =>
  `HTTP/${version} 200 OK\r\nContent-Length: 2\r\n${fields.map((field) => `${field}\r\n`).join('')}\r\nok`;

function headOf(...fields: string[]): ResponseHead {
  const bytes = Buffer.from(reply('1.1', ...fields), 'latin1');
  const head = new ResponseHead();
  readHead(bytes, 0, bytes.length, head, LIMITS);
  return head;
}

describe('a connection', () => {
  for (const [version, fields, persistent] of [
    ['1.1', [], true],
    ['1.1', ['Connection: keep-alive'], true],
    ['1.1', ['Connection: close'], false],
    ['1.1', ['connection: CLOSE'], false],
    ['1.1', ['Connection: x, close\t,y'], false],
    ['1.1', ['Connection: ,,close'], false],
    ['1.1', ['Connection: keep-alive, close'], false],
    ['1.1', ['Connection: keep-alive', 'Connection: close'], false],
    ['1.1', ['Connection: close', 'Connection: keep-alive'], false],
    ['1.1', ['Connection: closed', 'X-Connection: close', 'Connections: close'], true],
    ['1.1', ['Connection: "close"'], true],
    ['1.1', ['Connection:'], true],
    ['1.1', ['Proxy-Connection: close'], false],
    ['1.1', ['Proxy-Connection: keep-alive'], true],
    ['1.0', ['Proxy-Connection: keep-alive'], false],
    ['1.0', [], false],
    ['1.0', ['Connection: keep-alive'], true],
    ['1.0', ['Connection: \tKeep-Alive \t'], true],
    ['1.0', ['Connection: x, Keep-Alive'], true],
    ['1.0', ['Connection: keep-alive, close'], false],
    ['1.0', ['Connection: close'], false],
    ['1.0', ['Keep-Alive: timeout=5'], false],
    ['1.0', ['Connection: keep-alive\xa0'], false],
    ['1.0', ['Connection: x, keep-alive\xa0'], false],
  ] as const) {
    const said = fields.join(' and ') || 'nothing said';
    it(`${persistent ? 'is kept' : 'ends'} after HTTP/${version} with ${said}`, () => {
      assert.equal(received(reply(version, ...fields)).persistent, persistent);
    });
  }

  it('ends with a body that only its end ends, whatever the head says', () => {
    assert.equal(received('HTTP/1.1 200 OK\r\nConnection: keep-alive\r\n\r\nx').persistent, false);
  });
});

describe('a Keep-Alive hint', () => {
  for (const [value, seconds] of [
    ['timeout=5', 5],
    ['timeout=5, max=100', 5],
    ['max=100, timeout=75', 75],
    ['max=100,timeout=75', 75],
    ['Timeout=20', 20],
    ['timeout=0', 0],
    ['max=100', -1],
    ['timeout', -1],
    ['timeout=', -1],
    ['timeout=x', -1],
    ['timeout=-1', -1],
    ['xtimeout=5', -1],
    ['', -1],
  ] as const) {
    it(`of ${JSON.stringify(value)} means ${seconds < 0 ? 'nothing' : `${seconds} s`}`, () => {
      assert.equal(headOf(`Keep-Alive: ${value}`).keepAliveSeconds, seconds);
    });
  }
});

describe('what is noted of a head', () => {
  it('does not outlive it', () => {
    const bytes = Buffer.from(
      reply('1.0', 'Connection: keep-alive, close', 'Keep-Alive: timeout=5', 'Content-Encoding: br'),
    );
    const plain = Buffer.from('HTTP/1.1 200 OK\r\n\r\n');
    const head = new ResponseHead();
    readHead(bytes, 0, bytes.length, head, LIMITS);
    assert.partialDeepStrictEqual(head, {
      minor: 0,
      saysClose: true,
      saysKeepAlive: true,
      keepAliveSeconds: 5,
      encoded: true,
      contentLength: 2,
      fields: 4,
    });
    readHead(plain, 0, plain.length, head, LIMITS);
    assert.deepEqual(head, Object.assign(new ResponseHead(), { status: 200 }));
  });

  it('is whether the body is encoded, identity being no coding', () => {
    assert.equal(headOf().encoded, false);
    assert.equal(headOf('Content-Encoding: identity').encoded, false);
    assert.equal(headOf('Content-Encoding: gzip').encoded, true);
    assert.equal(headOf('Content-Encoding: identity', 'content-encoding: br').encoded, true);
    assert.equal(headOf('Content-Encoding: br', 'Content-Encoding: identity').encoded, true);
  });
});
