import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { framed, MessageFault, MessageReader } from '../../../src/wire/grpc/message.ts';

interface Told {
  readonly text: string;
  readonly compressed: boolean;
}

function aReader(bytesMax = 1_000) {
  const told: Told[] = [];
  const reader = new MessageReader(bytesMax, (bytes, compressed) => {
    told.push({ text: bytes.toString('latin1'), compressed });
  });
  return { told, reader };
}

describe('messages in a body', () => {
  it('come out as they went in, however the bytes are cut', () => {
    const messages = fc.array(fc.tuple(fc.uint8Array({ maxLength: 300 }), fc.boolean()), { maxLength: 12 });
    fc.assert(
      fc.property(
        messages,
        fc.infiniteStream(fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 2_000 }))),
        (sent, cuts) => {
          const { told, reader } = aReader();
          const bytes = Buffer.concat(sent.map(([message, compressed]) => framed(message, compressed)));
          for (let at = 0; at < bytes.length; ) {
            const { value: count } = cuts.next();
            // What it is given is the connection's: once it has returned, other bytes stand there.
            const shared = Buffer.from(bytes.subarray(at, at + count));
            reader.push(shared);
            shared.fill(0xee);
            at += count;
          }
          const wanted = sent.map(([message, compressed]) => ({
            text: Buffer.from(message).toString('latin1'),
            compressed,
          }));
          assert.deepEqual(told, wanted, 'invariant 1');
          assert.equal(reader.partial, false);
        },
      ),
    );
  });

  it('lie in memory that is not shared by many, however much comes at once', () => {
    let kept = 0;
    const reader = new MessageReader(10_000, (bytes) => {
      kept = Math.max(kept, bytes.buffer.byteLength);
    });
    reader.push(
      Buffer.concat(Array.from({ length: 1_000 }, (_, i) => framed(new Uint8Array((i * 37) % 5_000), false))),
    );
    assert(kept <= Math.max(Buffer.poolSize, 16 * 1024 + 4 * 1024 + 5), `one message keeps ${kept} bytes`);
  });

  it('keeps the order of large and small ones, and a fault behind them', () => {
    const { told, reader } = aReader(10_000);
    const sent = [10, 0, 4_096, 4_097, 3, 9_000, 1].map((length) => Buffer.alloc(length, `${length}`));
    const fault = framed(new Uint8Array(10_001), false);
    const bytes = Buffer.concat([...sent.map((each, i) => framed(each, i % 2 === 1)), fault]);
    assert.throws(() => reader.push(bytes), MessageFault);
    const wanted = sent.map((each, i) => ({ text: each.toString('latin1'), compressed: i % 2 === 1 }));
    assert.deepEqual(told, wanted, 'invariant 3');
  });

  it('tells whether one has begun that is not whole', () => {
    const { reader, told } = aReader();
    reader.push(Uint8Array.of(0, 0, 0));
    assert.equal(reader.partial, true, 'within the prefix');
    reader.push(Uint8Array.of(0, 2, 65));
    assert.equal(reader.partial, true, 'within the message');
    reader.push(Uint8Array.of(66));
    assert.equal(reader.partial, false);
    assert.deepEqual(told, [{ text: 'AB', compressed: false }]);
  });

  it('refuses one that is announced to be larger than the limit, before a byte of it has come', () => {
    const { reader } = aReader(10);
    reader.push(framed(new Uint8Array(10), false));
    assert.throws(
      () => reader.push(Uint8Array.of(0, 0, 0, 0, 11)),
      (thrown) => thrown instanceof MessageFault && thrown.why === 'too large' && thrown.value === 11,
    );
  });

  it('refuses a flag that is neither 0 nor 1', () => {
    assert.throws(
      () => aReader().reader.push(Uint8Array.of(2, 0, 0, 0, 0)),
      (thrown) => thrown instanceof MessageFault && thrown.why === 'bad flag' && thrown.value === 2,
    );
  });

  it('takes memory as bytes come, not as they are announced', () => {
    const { reader } = aReader(2 ** 32 - 1);
    const before = process.memoryUsage().arrayBuffers;
    reader.push(Uint8Array.of(0, 0xff, 0xff, 0xff, 0xff, 1, 2, 3));
    assert(process.memoryUsage().arrayBuffers - before < 8 * 1024 * 1024, 'invariant 2');
  });

  it('puts a large message together that came in many pieces', () => {
    const message = Buffer.alloc(3_000_001, 'keepwarm');
    let got: Buffer | undefined;
    const reader = new MessageReader(4_000_000, (bytes) => {
      got = bytes;
    });
    const bytes = framed(message, false);
    for (let at = 0; at < bytes.length; at += 16_384) reader.push(bytes.subarray(at, at + 16_384));
    assert(got?.equals(message));
  });
});
