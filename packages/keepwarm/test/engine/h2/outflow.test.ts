/** Bodies on their way out: no window is ever exceeded, nothing is lost or reordered, and nobody starves. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Inflow } from '../../../src/engines/http2/inflow.ts';
import { Outflow, Outgoing } from '../../../src/engines/http2/outflow.ts';
import { FrameReader } from '../../../src/wire/h2/frame-reader.ts';
import { FrameWriter } from '../../../src/wire/h2/frame-writer.ts';
import { settings, windowUpdate } from '../../wire/h2/raw.ts';
import { LIMITS, Told } from '../../wire/h2/told.ts';
import { leavesNothing } from '../setup.ts';
import { aTalk } from './a-peer.ts';

leavesNothing();

const step = fc.oneof(
  fc.record({ do: fc.constant('widen' as const), id: fc.nat({ max: 4 }), bytes: fc.integer({ min: 1, max: 3_000 }) }),
  fc.record({ do: fc.constant('shift' as const), id: fc.constant(0), bytes: fc.integer({ min: -2_000, max: 2_000 }) }),
  fc.record({ do: fc.constant('pump' as const), id: fc.constant(0), bytes: fc.integer({ min: 1, max: 5_000 }) }),
  fc.record({ do: fc.constant('drop' as const), id: fc.integer({ min: 1, max: 4 }), bytes: fc.constant(0) }),
);

describe('outflow', () => {
  it('keeps every window in any order of events, and each body its order', () => {
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 80 }),
        fc.array(fc.nat({ max: 6_000 }), { minLength: 4, maxLength: 4 }),
        (steps, sizes) => {
          const outflow = new Outflow();
          const writer = new FrameWriter();
          const told = new Told();
          const reader = new FrameReader(LIMITS, told);
          reader.read(settings(), 0, 9);
          outflow.window = 2_000;
          const allowed = [2_000, 1_000, 1_000, 1_000, 1_000];
          const sent = [0, 0, 0, 0, 0];
          const dropped = new Set<number>();
          const bodies = sizes.map((size, i) => {
            const body = new Outgoing(i + 1, 1_000, () => {});
            outflow.add(body);
            const bytes = Buffer.alloc(size, 'abcdefghij');
            outflow.offer(body, i % 2 === 0 ? bytes : bytes.toString(), true);
            return body;
          });
          let seen = 0;
          for (const { do: what, id, bytes } of steps) {
            if (what === 'widen') {
              allowed[id]! += bytes;
              outflow.widen(id, bytes);
            } else if (what === 'shift') {
              for (let i = 1; i < 5; i++) allowed[i]! += bytes;
              outflow.shift(bytes);
            } else if (what === 'drop') {
              dropped.add(id);
              outflow.drop(id);
            } else {
              const before = sent.slice(1);
              outflow.pump(writer, 1_000, bytes);
              const frames = Buffer.from(writer.take());
              reader.read(frames, 0, frames.length);
              for (const event of told.events.slice(1 + seen)) {
                const [, stream, flow] = /^data (\d) .* flow (\d+)/.exec(event)!;
                sent[Number(stream)]! += Number(flow);
                sent[0]! += Number(flow);
              }
              seen = told.events.length - 1;
              assert(sent[0]! <= allowed[0]!, 'the window of the session');
              for (let i = 1; i < 5; i++) {
                if (sent[i] !== before[i - 1]) assert(sent[i]! <= allowed[i]!, `the window of stream ${i}`);
              }
            }
          }
          outflow.widen(0, 100_000);
          for (const { id } of bodies) outflow.widen(id, 100_000);
          while (outflow.pump(writer, 1_000, 1_000_000));
          const rest = Buffer.from(writer.take());
          reader.read(rest, 0, rest.length);
          for (const [i, size] of sizes.entries()) {
            const frames = told.events.filter((event) => event.startsWith(`data ${i + 1} `));
            const text = frames.map((event) => JSON.parse(/"[a-j]*"/.exec(event)![0]) as string).join('');
            const whole = Buffer.alloc(size, 'abcdefghij').toString();
            if (dropped.has(i + 1)) assert(whole.startsWith(text));
            else {
              assert.equal(text, whole);
              assert.equal(frames.filter((event) => event.includes(' end')).length, 1, 'one end');
            }
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  it('a large body lets a small one pass', () => {
    const outflow = new Outflow();
    const writer = new FrameWriter();
    const [large, small] = [new Outgoing(1, 60_000, () => {}), new Outgoing(3, 60_000, () => {})];
    for (const body of [large, small]) outflow.add(body);
    outflow.offer(large, Buffer.alloc(60_000), true);
    outflow.offer(small, Buffer.alloc(10), true);
    outflow.pump(writer, 16_384, 20_000);
    assert(small.over, 'it went after one frame of the large one');
    assert(!large.over);
  });

  it('goes in small frames, also to a peer that would take a large body as one', async (t) => {
    const hello = settings(['maxFrameSize', 2 ** 24 - 1], ['initialWindowSize', 2 ** 30]);
    let frames = 0;
    const { client } = await aTalk(t, {
      hello: Buffer.concat([hello, windowUpdate(0, 2 ** 30)]),
      data: () => void frames++,
      request: (line, { id }) => {
        line.answer(id, String(frames));
        frames = 0;
      },
    });
    for (const body of ['x'.repeat(100_000), 'é'.repeat(50_000), Buffer.alloc(100_000)]) {
      assert.equal(await client.post('/', body).text(), '7', 'frames of 16 KiB');
    }
  });

  it('an end without bytes needs no window', () => {
    const outflow = new Outflow();
    const writer = new FrameWriter();
    outflow.window = 0;
    const [stuck, ending] = [new Outgoing(1, 10, () => {}), new Outgoing(3, 0, () => {})];
    for (const body of [stuck, ending]) outflow.add(body);
    outflow.offer(stuck, Buffer.alloc(5), true);
    outflow.offer(ending, Buffer.alloc(0), true);
    outflow.pump(writer, 16_384, 20_000);
    assert(ending.over);
    assert(!stuck.over);
  });
});

describe('inflow', () => {
  it('never credits more than was sent, and a peer that keeps to it is never refused', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat({ max: 400 }), fc.boolean()), { maxLength: 100 }), (steps) => {
        const inflow = new Inflow(1_000);
        let window = 1_000;
        for (const [wanted, reads] of steps) {
          const bytes = Math.min(wanted, window);
          window -= bytes;
          assert(inflow.used(bytes));
          if (reads) window += inflow.credit(Number.POSITIVE_INFINITY);
          assert(window <= 1_000);
        }
        assert(!inflow.used(window + 1), 'one byte more than its window');
      }),
    );
  });
});
