/** What comes in over a WebSocket, in any pieces; and what RFC 6455 forbids. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { NetError } from '../../src/index.ts';
import { FrameReader, maskedFrame, OPCODE } from '../../src/wire/websocket-frames.ts';

type Told = readonly [kind: string, value: unknown];

function aReader(bytesMax = 1_000_000) {
  const told: Told[] = [];
  const reader = new FrameReader(
    {
      onText: (text) => told.push(['text', text]),
      onBinary: (bytes) => told.push(['binary', bytes.toString('hex')]),
      onPing: (payload) => told.push(['ping', payload.toString('hex')]),
      onPong: () => told.push(['pong', undefined]),
      onClose: (code, reason) => told.push(['close', `${code} ${reason}`]),
    },
    bytesMax,
  );
  return { told, reader };
}

/** A frame as a server sends it. */
function frame(first: number, payload: Buffer | string = '', form: 'shortest' | 'long' | 'longest' = 'shortest') {
  const body = Buffer.from(payload);
  const { length } = body;
  if (form === 'longest' || length > 65_535) {
    const head = Buffer.from([first, 127, 0, 0, 0, 0, 0, 0, 0, 0]);
    head.writeUInt32BE(length, 6);
    return Buffer.concat([head, body]);
  }
  if (form === 'long' || length > 125) {
    const head = Buffer.from([first, 126, 0, 0]);
    head.writeUInt16BE(length, 2);
    return Buffer.concat([head, body]);
  }
  return Buffer.concat([Buffer.from([first, length]), body]);
}

const FIN = 0x80;
const feed = (reader: FrameReader, bytes: Buffer) => reader.read(bytes, 0, bytes.length);

describe('frames that come in', () => {
  it('(1) (2) give the same messages however the bytes are cut', () => {
    const piece = fc.oneof(
      fc.string({ unit: 'grapheme', maxLength: 300 }).map((text) => ({ kind: 'text' as const, text })),
      fc.uint8Array({ maxLength: 200 }).map((bytes) => ({ kind: 'binary' as const, bytes })),
      fc.uint8Array({ maxLength: 125 }).map((bytes) => ({ kind: 'ping' as const, bytes })),
    );
    fc.assert(
      fc.property(
        fc.array(piece, { maxLength: 12 }),
        fc.array(fc.nat(40), { minLength: 1, maxLength: 20 }),
        fc.nat(4),
        (pieces, cuts, fragments) => {
          const wire: Buffer[] = [];
          const expected: Told[] = [];
          for (const each of pieces) {
            if (each.kind === 'ping') {
              wire.push(frame(FIN | OPCODE.ping, Buffer.from(each.bytes)));
              expected.push(['ping', Buffer.from(each.bytes).toString('hex')]);
              continue;
            }
            const body = each.kind === 'text' ? Buffer.from(each.text) : Buffer.from(each.bytes);
            expected.push([each.kind, each.kind === 'text' ? each.text : body.toString('hex')]);
            const opcode = each.kind === 'text' ? OPCODE.text : OPCODE.binary;
            const size = Math.ceil(body.length / (fragments + 1)) || 1;
            for (let at = 0; at === 0 || at < body.length; at += size) {
              const last = at + size >= body.length;
              const part = body.subarray(at, at + size);
              wire.push(frame((last ? FIN : 0) | (at === 0 ? opcode : OPCODE.continuation), part));
              if (!last) wire.push(frame(FIN | OPCODE.pong));
              if (!last) expected.splice(-1, 0, ['pong', undefined]);
            }
          }
          const { told, reader } = aReader();
          const all = Buffer.concat(wire);
          for (let at = 0, cut = 0; at < all.length; cut++) {
            const end = Math.min(all.length, at + 1 + cuts[cut % cuts.length]!);
            reader.read(all, at, end);
            at = end;
          }
          assert.deepEqual(told, expected);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('may be longer than 64 KiB', () => {
    const { told, reader } = aReader();
    const text = 'é'.repeat(50_000);
    feed(reader, frame(FIN | OPCODE.text, text));
    assert.deepEqual(told, [['text', text]]);
  });

  it('(5) say goodbye, and nothing after that is read', () => {
    const { told, reader } = aReader();
    feed(reader, Buffer.concat([frame(FIN | OPCODE.close, Buffer.from('03e8627965', 'hex')), frame(FIN | 1, 'x')]));
    feed(reader, frame(FIN | 1, 'y'));
    assert.deepEqual(told, [['close', '1000 bye']]);
  });

  it('(3) above messageBytesMax are refused when they are announced, fragments counted together', () => {
    const announced = aReader(100);
    const head = frame(FIN | 1, Buffer.alloc(101)).subarray(0, 2);
    assert.throws(() => feed(announced.reader, head), { code: 'LIMIT', limit: 'messageBytesMax', value: 100 });
    const inParts = aReader(100);
    feed(inParts.reader, frame(OPCODE.text, 'x'.repeat(60)));
    assert.throws(() => feed(inParts.reader, frame(FIN, 'x'.repeat(41))), { code: 'LIMIT' });
    const huge = Buffer.from([FIN | 1, 127, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
    assert.throws(() => feed(aReader(100).reader, huge), { code: 'LIMIT' });
  });
});

describe('(4) what RFC 6455 forbids ends the reading', () => {
  const close = (hex: string) => frame(FIN | OPCODE.close, Buffer.from(hex, 'hex'));
  const cases: Record<string, Buffer> = {
    'a reserved bit': frame(FIN | 0x40 | 1, 'x'),
    'a masked frame': Buffer.from([FIN | 1, 0x80, 0, 0, 0, 0]),
    'a reserved data opcode': frame(FIN | 3, 'x'),
    'a reserved control opcode': frame(FIN | 11),
    'a control frame in pieces': frame(OPCODE.ping),
    'a control frame too long': frame(FIN | OPCODE.ping, Buffer.alloc(126)),
    'a continuation of nothing': frame(FIN, 'x'),
    'a message within another': Buffer.concat([frame(1, 'x'), frame(FIN | 1, 'y')]),
    'a 16-bit length for less than 126': frame(FIN | 1, 'x', 'long'),
    'a 64-bit length for less than 64 KiB': frame(FIN | 1, 'x'.repeat(200), 'longest'),
    'a length with its highest bit': Buffer.from([FIN | 1, 127, 0x80, 0, 0, 0, 0, 0, 0, 1]),
    'text that is not UTF-8': frame(FIN | 1, Buffer.from([0xc3, 0x28])),
    'text cut within a character': frame(FIN | 1, Buffer.from([0xe2, 0x82])),
    'a close code of one byte': close('03'),
    'close code 999': close('03e7'),
    'close code 1005': close('03ed'),
    'close code 1006': close('03ee'),
    'close code 5000': close('1388'),
    'a close reason that is not UTF-8': close('03e8c328'),
  };
  for (const [what, bytes] of Object.entries(cases)) {
    it(what, () => {
      const { reader, told } = aReader();
      assert.throws(
        () => feed(reader, bytes),
        (error) => error instanceof NetError && error.code === 'PROTOCOL',
      );
      const before = told.length;
      feed(reader, frame(FIN | 1, 'later'));
      assert.equal(told.length, before, 'nothing is read after a fault');
    });
  }
});

it('frames that go out unmask to what was said, in each of the three forms of length', () => {
  for (const length of [0, 5, 125, 126, 65_535, 65_536]) {
    const payload = Buffer.alloc(length, 'abcdefg');
    const mask = Buffer.from([1, 2, 250, 7]);
    const bytes = maskedFrame(OPCODE.text, payload, mask);
    const start = bytes.length - length;
    assert.equal(bytes[0], FIN | OPCODE.text);
    assert.equal(bytes[1]! & 0x80, 0x80, 'the mask bit');
    assert.deepEqual(bytes.subarray(start - 4, start), mask);
    const clear = Buffer.from(bytes.subarray(start).map((byte, i) => byte ^ mask[i & 3]!));
    assert.deepEqual(clear, payload);
  }
});
