/** Peers that lie: each broken rule ends what it concerns, with its code, and never more. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { describe, it } from 'node:test';
import { ERROR, FLAG, TYPE } from '../../../src/wire/h2/codes.ts';
import {
  continuation,
  data,
  frame,
  headers,
  ping,
  reset,
  settings,
  settingsAck,
  windowUpdate,
} from '../../wire/h2/raw.ts';
import { errorOf, fails, leavesNothing, until } from '../setup.ts';
import { aPeer, aTalk, type Line, STATUS_200 } from './a-peer.ts';

leavesNothing();

const END = FLAG.endHeaders | FLAG.endStream;
/** A field without indexing, both parts as they are. */
const literal = (name: string, value: string): string =>
  `\0${String.fromCharCode(name.length)}${name}${String.fromCharCode(value.length)}${value}`;

describe('what breaks one stream', () => {
  const bad: readonly [string, (id: number) => Buffer[], RegExp][] = [
    ['a head without :status', (id) => [headers(id, literal('a', 'b'), END)], /:status/],
    ['a pseudo-header of requests', (id) => [headers(id, STATUS_200 + literal(':path', '/'), END)], /pseudo-header/],
    ['a second :status', (id) => [headers(id, STATUS_200 + STATUS_200, END)], /pseudo-header/],
    ['an upper-case name', (id) => [headers(id, STATUS_200 + literal('Bad', 'b'), END)], /upper-case/],
    [
      'a field of HTTP/1.1',
      (id) => [headers(id, STATUS_200 + literal('connection', 'close'), END)],
      /speaks of a connection/,
    ],
    [
      'a control in a value',
      (id) => [headers(id, STATUS_200 + literal('a', 'b\r\nc: d'), END)],
      /no field value may have/,
    ],
    ['white space around a value', (id) => [headers(id, STATUS_200 + literal('a', ' b'), END)], /white space/],
    ['status 101', (id) => [headers(id, literal(':status', '101'), FLAG.endHeaders)], /101/],
    ['a status of two digits', (id) => [headers(id, literal(':status', '20'), END)], /three digits/],
    [
      'two lengths',
      (id) => [headers(id, STATUS_200 + literal('content-length', '1') + literal('content-length', '1'))],
      /more than one/,
    ],
    ['a length that is no number', (id) => [headers(id, STATUS_200 + literal('content-length', '1x'))], /not a number/],
    [
      'a body shorter than it said',
      (id) => [headers(id, STATUS_200 + literal('content-length', '9')), data(id, 'abc', true)],
      /body of 3 bytes/,
    ],
    [
      'a body longer than it said',
      (id) => [headers(id, STATUS_200 + literal('content-length', '2')), data(id, 'abc', true)],
      /longer than/,
    ],
    ['DATA before HEADERS', (id) => [data(id, 'abc', true)], /before its HEADERS/],
    ['an interim reply that ends', (id) => [headers(id, literal(':status', '103'), END)], /interim/],
    ['an end without a reply', (id) => [headers(id, literal(':status', '103')), data(id, '', true)], /without a reply/],
    ['a second head', (id) => [headers(id, STATUS_200), headers(id, STATUS_200)], /second head/],
    ['a pseudo-header in trailers', (id) => [headers(id, STATUS_200), headers(id, STATUS_200, END)], /pseudo-header/],
    ['WINDOW_UPDATE by 0', (id) => [windowUpdate(id, 0)], /by 0/],
  ];
  for (const [name, frames, message] of bad) {
    it(`${name}: its call fails, the session goes on`, async (t) => {
      const { client, peer } = await aTalk(t, {
        request: (line, { id, path }) => (path === '/bad' ? line.send(...frames(id)) : line.answer(id)),
      });
      const error = await errorOf(client.get('/bad').text());
      assert.equal(error.code, 'PROTOCOL', error.message);
      assert.match(error.message, message);
      assert.equal(await client.get('/good').text(), 'ok');
      assert.equal(peer.lines.length, 1);
      assert.equal(peer.asked[0]!.reset, ERROR.PROTOCOL_ERROR);
    });
  }

  it('a body after HEAD', async (t) => {
    const { client } = await aTalk(t, { request: (line, { id }) => line.answer(id, 'no') });
    await fails(client.head('/'), { code: 'PROTOCOL', reach: 'answered', phase: 'body', message: /can be none/ });
  });

  it('more than its window', async (t) => {
    const block = Buffer.alloc(16_000);
    const { client, peer } = await aTalk(t, {
      request: (line, { id, path }) => {
        if (path === '/good') return line.answer(id);
        line.send(headers(id, STATUS_200), ...Array.from({ length: 200 }, () => data(id, block)));
      },
    });
    const reply = await client.get('/bad');
    await until(() => peer.asked[0]!.reset !== undefined, 'the stream is reset');
    assert.equal(peer.asked[0]!.reset, ERROR.FLOW_CONTROL_ERROR);
    assert.equal((await errorOf(reply.text())).code, 'PROTOCOL');
    assert.equal(await client.get('/good').text(), 'ok');
  });

  it('more than our own limits: LIMIT, by name', async (t) => {
    const { client, peer } = await aTalk(
      t,
      {
        request: (line, { id, path }) => {
          if (path === '/fields') line.send(headers(id, STATUS_200 + literal('a', 'b').repeat(11), END));
          else if (path === '/head') line.send(headers(id, STATUS_200 + literal('a', 'b'.repeat(100)).repeat(9), END));
          else if (path === '/body') line.send(headers(id, STATUS_200), data(id, 'x'.repeat(101)));
          else if (path === '/said') line.send(headers(id, STATUS_200 + literal('content-length', '101')));
          else if (path === '/interim')
            line.send(...Array.from({ length: 17 }, () => headers(id, literal(':status', '103'))));
          else line.answer(id);
        },
      },
      { limits: { fieldsMax: 10, headBytesMax: 1_000, bodyBytesMax: 100 } },
    );
    const limits: readonly [string, string, number][] = [
      ['/fields', 'fieldsMax', 10],
      ['/head', 'headBytesMax', 1_000],
      ['/body', 'bodyBytesMax', 100],
      ['/said', 'bodyBytesMax', 100],
      ['/interim', 'interimMax', 16],
    ];
    for (const [path, limit, value] of limits) {
      const error = await errorOf(client.get(path).text());
      assert.deepEqual([error.code, error.limit, error.value], ['LIMIT', limit, value], path);
    }
    assert.equal(await client.get('/good').text(), 'ok');
    assert.equal(peer.lines.length, 1);
  });
});

describe('what breaks the session', () => {
  const bad: readonly [string, (line: Line, id: number) => void, number][] = [
    [
      'a block that does not decode',
      (line, id) => line.send(headers(id, '\xff\xff\xff\xff\xff\xff', END)),
      ERROR.COMPRESSION_ERROR,
    ],
    ['DATA on a stream nobody opened', (line) => line.send(data(99, 'x')), ERROR.PROTOCOL_ERROR],
    ['HEADERS on a stream of its own', (line) => line.send(headers(2, STATUS_200, END)), ERROR.PROTOCOL_ERROR],
    [
      'PUSH_PROMISE',
      (line, id) => line.send(frame(TYPE.pushPromise, FLAG.endHeaders, id, '\0\0\0\x02')),
      ERROR.PROTOCOL_ERROR,
    ],
    ['a frame too long', (line, id) => line.send(data(id, 'x'.repeat(16_385))), ERROR.FRAME_SIZE_ERROR],
    ['a window beyond 2^31-1', (line) => line.send(windowUpdate(0, 2 ** 31 - 1)), ERROR.FLOW_CONTROL_ERROR],
    ['a setting it cannot have', (line) => line.send(settings(['enablePush', 1])), ERROR.PROTOCOL_ERROR],
    ['a head interrupted', (line, id) => line.send(headers(id, STATUS_200, 0), ping()), ERROR.PROTOCOL_ERROR],
    [
      'a head without end',
      (line, id) =>
        line.send(headers(id, STATUS_200, 0), ...Array.from({ length: 9 }, () => continuation(id, '', false))),
      ERROR.ENHANCE_YOUR_CALM,
    ],
    [
      'a head without measure',
      (line, id) =>
        line.send(
          headers(id, 'x'.repeat(16_000), 0),
          ...Array.from({ length: 8 }, () => continuation(id, 'x'.repeat(16_384), false)),
        ),
      ERROR.ENHANCE_YOUR_CALM,
    ],
    ['a flood of PING', (line) => line.send(...Array.from({ length: 3_000 }, () => ping())), ERROR.ENHANCE_YOUR_CALM],
    [
      'a flood of SETTINGS',
      (line) => line.send(...Array.from({ length: 3_000 }, () => settings())),
      ERROR.ENHANCE_YOUR_CALM,
    ],
    [
      'a flood of acknowledgements',
      (line) => line.send(...Array.from({ length: 3_000 }, () => settingsAck())),
      ERROR.ENHANCE_YOUR_CALM,
    ],
    [
      'a flood of empty DATA',
      (line, id) => line.send(headers(id, STATUS_200), ...Array.from({ length: 3_000 }, () => data(id, ''))),
      ERROR.ENHANCE_YOUR_CALM,
    ],
    [
      'a flood of HEADERS on a stream that is over',
      (line, id) => {
        line.send(reset(id, ERROR.CANCEL), ...Array.from({ length: 3_000 }, () => headers(id, STATUS_200)));
      },
      ERROR.ENHANCE_YOUR_CALM,
    ],
    [
      'a flood of resets',
      (line, id) => line.send(...Array.from({ length: 3_000 }, () => frame(TYPE.rstStream, 0, id, '\0\0\0\x08'))),
      ERROR.ENHANCE_YOUR_CALM,
    ],
    [
      'a flood of frames nobody knows',
      (line) => line.send(...Array.from({ length: 3_000 }, () => frame(0x99, 0, 0))),
      ERROR.ENHANCE_YOUR_CALM,
    ],
  ];
  for (const [name, lie, code] of bad) {
    it(`${name}: GOAWAY with its code, and a new session for the next call`, async (t) => {
      const { client, peer } = await aTalk(t, {
        request: (line, { id, path }) => (path === '/bad' ? lie(line, id) : line.answer(id)),
      });
      const error = await errorOf(client.post('/bad', 'x', { deadlineMs: 5_000 }).text());
      assert.match(error.code, /PROTOCOL|RESET/, error.message);
      await until(
        () => peer.lines[0]!.heard.includes(`goaway 0 ${code}`),
        `GOAWAY, instead of ${peer.lines[0]!.heard.slice(-3)}`,
      );
      assert.equal(await client.get('/good').text(), 'ok');
      assert.equal(peer.lines.length, 2);
      assert.equal(client.stats().sockets.history[0]?.closeReason, 'protocol');
    });
  }

  it('others on it are told how far they got, and are not done twice', async (t) => {
    const { client, peer } = await aTalk(t, {
      request: (line, { id, path }) => {
        if (path === '/warm') return line.answer(id);
        if (path === '/bad') line.send(data(99, 'x'));
        if (line.asked.length === 1) line.answer(id);
      },
    });
    await client.get('/warm');
    const calls = [client.post('/a', 'x').text(), client.post('/bad', 'x').text()];
    for (const outcome of await Promise.allSettled(calls)) assert.equal(outcome.status, 'rejected');
    assert.equal(peer.asked.filter(({ path }) => path === '/a').length, 1);
  });
});

describe('a peer that does not get as far as a session', () => {
  it('speaks HTTP/1.1: CONNECT, and nothing was sent', async (t) => {
    const { client } = await aTalk(t, { connected: (line) => line.socket.write('HTTP/1.1 400 Bad Request\r\n\r\n') });
    await fails(client.post('/', 'x'), { code: 'CONNECT', reach: 'unsent', phase: 'connect', message: /HTTP\/1/ });
  });
  it('says nothing at all: CONNECT once connectMs is over', async (t) => {
    const { client, peer } = await aTalk(t, { acks: false, connected: () => {} }, { connect: { connectMs: 60 } });
    await fails(client.get('/'), { code: 'CONNECT', reach: 'unsent', phase: 'connect', message: /60 ms/ });
    assert.equal(peer.asked.length, 0);
  });
  it('closes at once', async (t) => {
    const { client } = await aTalk(t, { connected: (line) => line.socket.destroy() });
    await fails(client.get('/'), { code: 'CONNECT', reach: 'unsent', phase: 'connect' });
  });
  it('leaves before it has come', async (t) => {
    const { client } = await aTalk(t, { connected: (line) => line.send(frame(TYPE.goaway, 0, 0, '\0\0\0\0\0\0\0\0')) });
    await fails(client.get('/'), { code: 'CONNECT', reach: 'unsent', phase: 'connect' });
  });
  it('allows no streams: calls wait, and their time in the queue is theirs to limit', async (t) => {
    const { client, peer } = await aTalk(t, { hello: settings(['maxConcurrentStreams', 0]) });
    await fails(client.get('/', { queueMs: 50 }), {
      code: 'TIMEOUT',
      reach: 'unsent',
      phase: 'queue',
      limit: 'queueMs',
      value: 50,
    });
    assert.equal(peer.lines.length, 1, 'no storm of sessions that would allow none either');
  });
  it('sends its frames one byte at a time', async (t) => {
    const peer = await aPeer(t, {
      request: (line, { id }) => {
        const bytes = Buffer.concat([
          headers(id, STATUS_200 + literal('content-length', '5')),
          data(id, 'hello', true),
        ]);
        let at = 0;
        const next = (): void => {
          if (at === bytes.length) return;
          line.socket.write(bytes.subarray(at, ++at));
          setImmediate(next);
        };
        next();
      },
    });
    const { client } = await aTalk(t, peer.script);
    assert.equal(await client.get('/').text(), 'hello');
  });
});
