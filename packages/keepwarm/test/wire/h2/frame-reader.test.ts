/** Each rule of RFC 9113 § 4 to § 6 about single frames, told by its section; then all of them cut anywhere. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { FLAG, TYPE } from '../../../src/wire/h2/codes.ts';
import {
  continuation,
  data,
  frame,
  goaway,
  headers,
  ping,
  reset,
  settings,
  settingsAck,
  u32,
  windowUpdate,
} from './raw.ts';
import { told } from './told.ts';

const hello = settings();
const after = (...frames: Buffer[]): string[] => told(Buffer.concat([hello, ...frames])).slice(1);

describe('frames that are right', () => {
  const right: readonly [string, Buffer, string][] = [
    ['DATA', data(1, 'abc'), 'data 1 "abc" flow 3'],
    ['DATA that ends its stream', data(1, 'abc', true), 'data 1 "abc" flow 3 end'],
    ['empty DATA', data(3, ''), 'data 3 "" flow 0 empty'],
    ['padded DATA, whose padding counts', frame(TYPE.data, FLAG.padded, 1, '\x02ab\0\0'), 'data 1 "ab" flow 5'],
    ['DATA that is padding only', frame(TYPE.data, FLAG.padded, 1, '\x02\0\0'), 'data 1 "" flow 3 empty'],
    ['HEADERS', headers(1, 'xyz'), 'headers 1 78797a'],
    ['HEADERS that end', headers(1, 'x', FLAG.endHeaders | FLAG.endStream), 'headers 1 78 end'],
    ['padded HEADERS', headers(1, '\x02xy\0\0', FLAG.endHeaders | FLAG.padded), 'headers 1 7879'],
    ['HEADERS with priority', headers(1, '\0\0\0\0\0xy', FLAG.endHeaders | FLAG.priority), 'headers 1 7879'],
    ['both', headers(1, '\x01\0\0\0\0\0xy\0', FLAG.endHeaders | FLAG.priority | FLAG.padded), 'headers 1 7879'],
    ['RST_STREAM', reset(5, 8), 'reset 5 8'],
    ['SETTINGS', settings(['maxFrameSize', 16_384], [99, 7]), 'settings [[5,16384],[99,7]]'],
    ['SETTINGS with ACK', settingsAck(), 'settings ack'],
    ['PING', ping(), 'ping 3132333435363738'],
    ['PING with ACK', ping('abcdefgh', true), 'ping 6162636465666768 ack'],
    ['GOAWAY', goaway(7, 2, 'why'), 'goaway 7 2 "why"'],
    ['GOAWAY with the reserved bit set', goaway(0x80000007, 2), 'goaway 7 2 ""'],
    ['WINDOW_UPDATE of the connection', windowUpdate(0, 10), 'window 0 +10'],
    ['WINDOW_UPDATE with the reserved bit set', windowUpdate(1, 0x8000000a), 'window 1 +10'],
    ['PRIORITY', frame(TYPE.priority, 0, 3, '\0\0\0\0\0'), 'ignored 3'],
    ['a type nobody knows (§ 4.1)', frame(0xbe, 0xff, 0, 'anything'), 'ignored 0'],
    ['flags that mean nothing', frame(TYPE.ping, 0xfe, 0, '12345678'), 'ping 3132333435363738'],
    ['the reserved bit of the stream id', frame(TYPE.data, 0, 0x80000001, 'a'), 'data 1 "a" flow 1'],
    ['DATA of all it may be', data(1, 'a'.repeat(16_384)), `data 1 "${'a'.repeat(16_384)}" flow 16384`],
  ];
  for (const [name, bytes, event] of right) it(name, () => assert.deepEqual(after(bytes), [event, 'between']));

  it('a header block in three frames is one block', () => {
    const frames = [headers(1, 'ab', FLAG.endStream), continuation(1, '', false), continuation(1, 'cd', true)];
    assert.deepEqual(after(...frames), ['headers 1 61626364 end', 'between']);
  });
  it('GOAWAY text is cut to what anybody would read', () => {
    assert.deepEqual(after(goaway(1, 0, 'x'.repeat(1_000))), [`goaway 1 0 "${'x'.repeat(256)}"`, 'between']);
  });
});

describe('frames that are wrong end the connection', () => {
  const wrong: readonly [string, Buffer, RegExp][] = [
    ['longer than we allow (§ 4.2)', data(1, 'a'.repeat(16_385)), /16385 bytes, where 16384/],
    ['DATA on stream 0 (§ 6.1)', data(0, 'a'), /stream 0/],
    ['padding as long as the frame (§ 6.1)', frame(TYPE.data, FLAG.padded, 1, '\x02ab'.slice(0, 2)), /padding longer/],
    ['padded DATA without a length', frame(TYPE.data, FLAG.padded, 1), /without the length/],
    ['HEADERS on stream 0 (§ 6.2)', headers(0, 'a'), /stream 0/],
    ['padding longer than the HEADERS', headers(1, '\x05ab', FLAG.endHeaders | FLAG.padded), /padding or priority/],
    ['padded HEADERS without a length', headers(1, '', FLAG.endHeaders | FLAG.padded), /without the length/],
    [
      'HEADERS too short for their priority',
      headers(1, 'abcd', FLAG.endHeaders | FLAG.priority),
      /padding or priority/,
    ],
    ['PRIORITY on stream 0 (§ 6.3)', frame(TYPE.priority, 0, 0, '\0\0\0\0\0'), /stream 0/],
    ['RST_STREAM on stream 0 (§ 6.4)', reset(0, 8), /stream 0/],
    ['RST_STREAM of 5 bytes', frame(TYPE.rstStream, 0, 1, '12345'), /RST_STREAM of 5 bytes/],
    ['SETTINGS on a stream (§ 6.5)', frame(TYPE.settings, 0, 1), /on stream 1/],
    ['SETTINGS with ACK and values', frame(TYPE.settings, FLAG.ack, 0, '123456'), /ACK of 6 bytes/],
    ['SETTINGS cut short', frame(TYPE.settings, 0, 0, '12345'), /cut within a setting/],
    ['PUSH_PROMISE (§ 8.4)', frame(TYPE.pushPromise, FLAG.endHeaders, 1, '\0\0\0\x02'), /PUSH_PROMISE/],
    ['PUSH_PROMISE on stream 0', frame(TYPE.pushPromise, 0, 0, '\0\0\0\x02'), /stream 0/],
    ['PING on a stream (§ 6.7)', frame(TYPE.ping, 0, 1, '12345678'), /on stream 1/],
    ['PING of 7 bytes', frame(TYPE.ping, 0, 0, '1234567'), /PING of 7 bytes/],
    ['GOAWAY on a stream (§ 6.8)', frame(TYPE.goaway, 0, 3, u32(0, 0)), /on stream 3/],
    ['GOAWAY of 7 bytes', frame(TYPE.goaway, 0, 0, '1234567'), /shorter than 8/],
    ['WINDOW_UPDATE of 3 bytes (§ 6.9)', frame(TYPE.windowUpdate, 0, 0, '123'), /WINDOW_UPDATE of 3 bytes/],
    ['WINDOW_UPDATE of the connection by 0', windowUpdate(0, 0), /by 0/],
    ['CONTINUATION of nothing (§ 6.10)', continuation(1, 'a', true), /without the HEADERS/],
    ['CONTINUATION on stream 0', continuation(0, 'a', true), /stream 0/],
  ];
  for (const [name, bytes, why] of wrong) {
    it(name, () => {
      const events = after(bytes);
      assert.equal(events.length, 1);
      assert.match(events[0]!, why);
    });
  }

  it('anything within a header block (§ 4.3)', () => {
    for (const intruder of [ping(), data(1, 'a'), continuation(3, 'a', true), frame(0xbe, 0, 0)]) {
      assert.match(after(headers(1, 'a', 0), intruder)[0]!, /within the header block of stream 1/);
    }
  });
  it('a first frame that is not SETTINGS (§ 3.4)', () => {
    for (const first of [ping(), settingsAck(), data(1, 'a')])
      assert.match(told(first)[0]!, /first frame is not SETTINGS/);
  });
  it('a peer that answers in HTTP/1, however little of it has come', () => {
    const answer = Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n');
    for (const length of [6, 7, 8, 9, answer.length])
      assert.match(told(answer.subarray(0, length))[0]!, /HTTP\/1|SETTINGS/);
  });
});

describe('faults of one stream leave the connection alone', () => {
  it('WINDOW_UPDATE by 0, PRIORITY of a wrong length', () => {
    assert.deepEqual(after(windowUpdate(3, 0), frame(TYPE.priority, 0, 3, '1234'), ping()), [
      'fault 3 1 WINDOW_UPDATE by 0',
      'fault 3 6 PRIORITY that is not 5 bytes long',
      'ping 3132333435363738',
      'between',
    ]);
  });
});

describe('a header block without end', () => {
  const limits = { blockBytesMax: 100, continuationsMax: 4 };
  const run = (...frames: Buffer[]) => told(Buffer.concat([hello, ...frames]), [], limits).at(-1)!;
  it('is stopped at its number of frames, even empty ones', () => {
    const four = Array.from({ length: 4 }, () => continuation(1, '', false));
    assert.equal(run(headers(1, 'a', 0), ...four), 'within');
    assert.match(run(headers(1, 'a', 0), ...four, continuation(1, '', false)), /more than 4 CONTINUATION/);
  });
  it('is stopped at its bytes', () => {
    assert.equal(run(headers(1, 'a'.repeat(50), 0), continuation(1, 'a'.repeat(50), true)), 'between');
    assert.match(run(headers(1, 'a'.repeat(50), 0), continuation(1, 'a'.repeat(51), true)), /more than 100 bytes/);
  });
});

describe('cuts', () => {
  const payload = fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes));
  const stream = fc.nat({ max: 4 });
  const likely = fc.oneof(
    fc.tuple(stream, payload, fc.boolean()).map(([id, bytes, end]) => data(id + 1, bytes, end)),
    fc.tuple(stream, payload).map(([id, bytes]) => headers(id + 1, bytes)),
    fc
      .tuple(stream, payload, payload)
      .map(([id, a, b]) => Buffer.concat([headers(id + 1, a, 0), continuation(id + 1, b, true)])),
    fc.constantFrom(ping(), settings(['maxConcurrentStreams', 3]), goaway(1), reset(1, 8), windowUpdate(1, 5)),
  );
  const any = fc
    .tuple(fc.nat({ max: 11 }), fc.nat({ max: 255 }), stream, payload)
    .map(([type, flags, id, bytes]) => frame(type, flags, id, bytes));
  const frames = fc.array(fc.oneof({ weight: 6, arbitrary: likely }, { weight: 1, arbitrary: any }), { maxLength: 8 });

  it('make no difference, wherever they are', () => {
    const one = Buffer.concat([
      hello,
      data(1, 'abc'),
      headers(1, 'abc', 0),
      continuation(1, 'd', true),
      ping(),
      goaway(3),
    ]);
    const whole = told(one);
    const everywhere = Array.from({ length: one.length - 1 }, (_, i) => i + 1);
    assert.deepEqual(told(one, everywhere), whole);
    for (const cut of everywhere) assert.deepEqual(told(one, [cut]), whole, `cut at ${cut}`);
  });

  it('make no difference for any frames, right or wrong', () => {
    fc.assert(
      fc.property(frames, fc.array(fc.nat({ max: 400 }), { maxLength: 12 }), (list, offsets) => {
        const bytes = Buffer.concat([hello, ...list]);
        const cuts = [...new Set(offsets)].filter((at) => at > 0 && at < bytes.length).sort((a, b) => a - b);
        assert.deepEqual(told(bytes, cuts), told(bytes));
      }),
      { numRuns: 1_000 },
    );
  });

  it('any bytes at all end in events or in a fault that says why', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        assert(told(Buffer.concat([hello, bytes])).length > 0);
      }),
      { numRuns: 2_000 },
    );
  });
});
