/** What comes in over a WebSocket from clients, who mask it; and what servers send. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { closePayload, FrameReader, maskedFrame, OPCODE, plainFrame } from '../../src/websocket.ts';

function aReader(peer: 'server' | 'client', bytesMax = 1_000_000) {
  const told: string[] = [];
  const reader = new FrameReader(
    {
      onText: (text) => told.push(`text ${text}`),
      onBinary: (bytes) => told.push(`binary ${bytes.toString('hex')}`),
      onPing: (payload) => told.push(`ping ${payload.toString('hex')}`),
      onPong: () => told.push('pong'),
      onClose: (code, reason) => told.push(`close ${code} ${reason}`),
    },
    bytesMax,
    peer,
  );
  return { told, reader };
}

const MASK = Buffer.from([1, 2, 250, 7]);
const masked = (opcode: number, payload: string | Buffer) => maskedFrame(opcode, Buffer.from(payload), MASK);
/** A frame that says more follows. */
const cut = (bytes: Buffer): Buffer => {
  bytes[0] = bytes[0]! & 0x7f;
  return bytes;
};

describe('frames of clients', () => {
  it('give what was said, whatever the mask, the fragments, and the cuts', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.tuple(fc.string({ unit: 'grapheme', maxLength: 400 }), fc.uint8Array({ minLength: 4, maxLength: 4 })),
          {
            maxLength: 10,
          },
        ),
        fc.nat(3),
        fc.array(fc.nat(30), { minLength: 1, maxLength: 20 }),
        (messages, fragments, cuts) => {
          const wire: Buffer[] = [];
          const expected: string[] = [];
          for (const [text, mask] of messages) {
            const body = Buffer.from(text);
            const size = Math.ceil(body.length / (fragments + 1)) || 1;
            for (let at = 0; at === 0 || at < body.length; at += size) {
              const frame = maskedFrame(
                at === 0 ? OPCODE.text : OPCODE.continuation,
                body.subarray(at, at + size),
                mask,
              );
              const last = at + size >= body.length;
              wire.push(last ? frame : cut(frame));
              if (!last) {
                wire.push(masked(OPCODE.ping, 'still there'));
                expected.push(`ping ${Buffer.from('still there').toString('hex')}`);
              }
            }
            expected.push(`text ${text}`);
          }
          const { told, reader } = aReader('client');
          const all = Buffer.concat(wire);
          for (let at = 0, i = 0; at < all.length; i++) {
            const end = Math.min(all.length, at + 1 + cuts[i % cuts.length]!);
            reader.read(all, at, end);
            at = end;
          }
          assert.deepEqual(told, expected);
        },
      ),
      { numRuns: 300 },
    );
  });

  const cases: readonly [what: string, code: number, bytes: Buffer][] = [
    ['a frame without a mask', 1002, plainFrame(OPCODE.text, Buffer.from('x'))],
    ['a control frame without a mask', 1002, plainFrame(OPCODE.ping, Buffer.alloc(0))],
    ['a reserved opcode', 1002, masked(3, 'x')],
    ['text that is not UTF-8', 1007, masked(OPCODE.text, Buffer.from([0xc3, 0x28]))],
    ['a reason that is not UTF-8', 1007, masked(OPCODE.close, Buffer.from('03e8c328', 'hex'))],
    ['a close code nobody may send', 1002, masked(OPCODE.close, Buffer.from('03ee', 'hex'))],
    ['more than is taken', 1009, masked(OPCODE.text, 'x'.repeat(101))],
    ['a length beyond all', 1009, Buffer.from([0x81, 0xff, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4])],
  ];
  for (const [what, code, bytes] of cases) {
    it(`that break the rules are not read, and the client is told ${code}: ${what}`, () => {
      const { reader, told } = aReader('client', 100);
      assert.throws(() => reader.read(bytes, 0, bytes.length), { code: code === 1009 ? 'LIMIT' : 'PROTOCOL' });
      assert.equal(reader.fault, code);
      const later = masked(OPCODE.text, 'later');
      reader.read(later, 0, later.length);
      assert.deepEqual(told, []);
    });
  }
});

it('frames of servers are read by clients in each of the three forms of length', () => {
  for (const length of [0, 1, 125, 126, 65_535, 65_536]) {
    const { told, reader } = aReader('server');
    const bytes = plainFrame(OPCODE.text, Buffer.alloc(length, 'abc'));
    reader.read(bytes, 0, bytes.length);
    assert.deepEqual(told, [`text ${Buffer.alloc(length, 'abc')}`]);
  }
});

it('a reason too long for a close frame is cut between characters', () => {
  for (const reason of ['', 'short', 'é'.repeat(100), '🦀'.repeat(40), 'x'.repeat(123), `x${'🦀'.repeat(40)}`]) {
    const payload = closePayload(1013, reason);
    assert(payload.length <= 125 && payload.length >= Math.min(125 - 3, 2 + Buffer.byteLength(reason)));
    const { told, reader } = aReader('server');
    const bytes = plainFrame(OPCODE.close, payload);
    reader.read(bytes, 0, bytes.length);
    const [, said = ''] = /^close 1013 (.*)$/s.exec(told[0]!) ?? [];
    assert(reason.startsWith(said));
  }
});
