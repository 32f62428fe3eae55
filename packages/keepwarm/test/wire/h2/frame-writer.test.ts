/** What our writer writes, our reader reads; and the bytes are those of the RFC. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { FrameWriter } from '../../../src/wire/h2/frame-writer.ts';
import { data, goaway, headers, ping, reset, settings, settingsAck, windowUpdate } from './raw.ts';
import { told } from './told.ts';

const written = (write: (writer: FrameWriter) => void): Buffer => {
  const writer = new FrameWriter();
  write(writer);
  return Buffer.from(writer.take());
};

describe('frames as they are written', () => {
  it('are those of RFC 9113', () => {
    const bytes = written((writer) => {
      writer.settings([
        [2, 0],
        [4, 1_048_576],
      ]);
      writer.settingsAck();
      writer.headers(1, Buffer.from('abc'), 3, false, 16_384);
      writer.data(1, Buffer.from('hello'), 1, 5, true);
      writer.ping(true, Buffer.from('xx12345678'), 2);
      writer.reset(3, 8);
      writer.windowUpdate(0, 70_000);
      writer.goaway(5, 1, 'why');
    });
    const wanted = Buffer.concat([
      settings(['enablePush', 0], ['initialWindowSize', 1_048_576]),
      settingsAck(),
      headers(1, 'abc'),
      data(1, 'ello', true),
      ping('12345678', true),
      reset(3, 8),
      windowUpdate(0, 70_000),
      goaway(5, 1, 'why'),
    ]);
    assert.deepEqual(bytes, wanted);
  });

  it('split a header block over what the peer allows, and nothing else', () => {
    const block = Buffer.alloc(40_000, 'x');
    const bytes = written((writer) => {
      writer.settings([]);
      writer.headers(1, block, block.length, true, 16_384);
    });
    assert.deepEqual(told(bytes), ['settings []', `headers 1 ${block.toString('hex')} end`, 'between']);
  });

  it('text bodies are UTF-8, whatever is in them', () => {
    const text = 'grüße, 世界 and ASCII';
    const bytes = written((writer) => {
      writer.settings([]);
      writer.textData(1, text, Buffer.byteLength(text));
      writer.textData(3, 'ascii', 5);
    });
    const [, first, second] = told(bytes);
    assert.equal(
      first,
      `data 1 ${JSON.stringify(Buffer.from(text).toString('latin1'))} flow ${Buffer.byteLength(text)} end`,
    );
    assert.equal(second, 'data 3 "ascii" flow 5 end');
  });

  it('come out as they went in, however large the buffer must grow', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 1, max: 2 ** 31 - 1 }), fc.nat({ max: 16_384 })), { maxLength: 20 }),
        (list) => {
          const bytes = written((writer) => {
            writer.settings([]);
            for (const [stream, length] of list) writer.data(stream, Buffer.alloc(length, 'd'), 0, length, false);
          });
          const events = told(bytes).slice(1, -1);
          assert.deepEqual(
            events,
            list.map(
              ([stream, length]) =>
                `data ${stream} "${'d'.repeat(length)}" flow ${length}${length === 0 ? ' empty' : ''}`,
            ),
          );
        },
      ),
      { numRuns: 50 },
    );
  });
});

describe('buffers', () => {
  it('that were handed out are not touched until they are given back', () => {
    const writer = new FrameWriter();
    writer.reset(1, 8);
    const first = writer.take();
    const copy = Buffer.from(first);
    for (let i = 0; i < 10_000; i++) writer.reset(3, 7);
    assert.deepEqual(first, copy);
    writer.reuse(first);
    writer.take();
    writer.reset(5, 1);
    assert.equal(writer.size, 13);
    assert.deepEqual(Buffer.from(writer.take()), reset(5, 1));
  });

  it('holds no memory while there is nothing to say (3)', () => {
    const before = process.memoryUsage().arrayBuffers;
    const writers = Array.from({ length: 1_000 }, () => new FrameWriter());
    for (const writer of writers) {
      writer.settingsAck();
      const taken = writer.take();
      assert.equal(taken.length, 9);
      writer.reuse(taken);
      assert.equal(writer.size, 0);
    }
    assert(process.memoryUsage().arrayBuffers - before < 1024 * 1024, 'one buffer serves them all');
  });
});
