/** Messages on their way in and out, in any order of events: the invariants named at the heads of both files. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { NetError } from '../../../src/core/error.ts';
import type { BodySink, BodySource } from '../../../src/core/reply.ts';
import { AHEAD_BYTES, Incoming } from '../../../src/engines/grpc/incoming.ts';
import { KEPT_BYTES_MAX, Outgoing } from '../../../src/engines/grpc/outgoing.ts';
import { framed } from '../../../src/wire/grpc/message.ts';

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A connection that pushes while it may. */
class Source implements BodySource {
  readonly bytesExpected = -1;
  sink: BodySink | undefined;
  paused = false;
  cancelled = 0;
  readonly pending: Uint8Array[] = [];

  start(sink: BodySink): void {
    this.sink = sink;
  }
  resume(): void {
    assert(this.paused, 'nobody resumes what flows');
    this.paused = false;
    this.flow();
  }
  cancel(): void {
    this.cancelled++;
  }
  liftDeadline(): void {}
  flow(): void {
    while (!this.paused && this.pending.length > 0) this.paused = !this.sink!.data(this.pending.shift()!);
  }
}

const lost = new NetError('RESET', 'lost', { reach: 'answered' });

const LONGEST = 90_000;
const EVENT = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ kind: fc.constant('chunk' as const), bytes: fc.integer({ min: 0, max: LONGEST - 4 }) }),
  },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('read' as const), bytes: fc.constant(0) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('end', 'fail', 'drop'), bytes: fc.constant(0) }) },
);

describe('messages on their way in', () => {
  it('come once, in order, at the pace of their reader, whatever happens', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(EVENT, { maxLength: 60 }), async (events) => {
        const source = new Source();
        let outcomes = 0;
        const incoming = new Incoming({ bytesMax: 1_000_000, path: '/a.B/C' }, () => void outcomes++);
        incoming.start(source, []);
        const [read, failures]: [number[], unknown[]] = [[], []];
        const sizes: number[] = [];
        let [sent, ends, asked] = [0, 0, 0];
        let over: string | undefined;
        const verify = (step: string): void => {
          const kept = sizes.slice(read.length, read.length + incoming.unread);
          const weight = kept.reduce((sum, size) => sum + size + 64, 0);
          assert(weight <= AHEAD_BYTES + LONGEST + 64, `(2) after ${step}: ${weight}`);
          assert(asked === read.length + ends + failures.length || incoming.unread === 0, `(3) after ${step}`);
          assert(outcomes === (over === undefined ? 0 : 1), `told once, after ${step}`);
        };
        for (const { kind, bytes } of events) {
          if (kind === 'chunk' && over === undefined) {
            const message = Buffer.alloc(4 + bytes);
            message.writeUInt32BE(sent++);
            sizes.push(message.length);
            source.pending.push(framed(message, false));
            source.flow();
          } else if (kind === 'read') {
            asked++;
            Promise.resolve(incoming.next()).then(
              (message) => {
                if (message === undefined) ends++;
                else read.push(Buffer.from(message as Uint8Array).readUInt32BE());
              },
              (error) => void failures.push(error),
            );
          } else if (kind === 'drop') {
            incoming.drop(lost);
            over ??= 'drop';
          } else if (over === undefined && source.pending.length === 0) {
            if (kind === 'end') incoming.end([]);
            if (kind === 'fail') incoming.fail(lost);
            over = kind;
          }
          await settle();
          verify(kind);
        }
        assert.deepEqual(
          read,
          read.map((_, i) => i),
          '(1) in order, each once',
        );
        if (over === 'end') assert.equal(failures.length, 0);
        if (over !== undefined) assert.equal(asked, read.length + ends + failures.length, 'nobody is left waiting');
        assert(source.cancelled <= 1);
      }),
      { numRuns: 200 },
    );
  });
});

describe('messages on their way out', () => {
  it('go once, in order, and are the same when the body is opened again', async () => {
    const scenario = fc.record({
      sizes: fc.array(fc.integer({ min: 0, max: 30_000 }), { maxLength: 12 }),
      /** After so many messages, the peer says that it has processed nothing. */
      again: fc.array(fc.integer({ min: 0, max: 6 }), { maxLength: 3 }),
      commit: fc.option(fc.integer({ min: 0, max: 6 }), { nil: undefined }),
      slow: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(scenario, async ({ sizes, again, commit, slow }) => {
        let [made, stopped] = [0, 0];
        const source = {
          [Symbol.asyncIterator]: () => ({
            async next(): Promise<IteratorResult<number>> {
              if (slow) await settle();
              return made < sizes.length ? { done: false, value: made++ } : { done: true, value: undefined };
            },
            async return(): Promise<IteratorResult<number>> {
              stopped++;
              return { done: true, value: undefined };
            },
          }),
        };
        const outgoing = new Outgoing(source, (i) => Buffer.alloc(sizes[i]! + 1, i), '/a.B/C');
        for (const after of again) {
          const iterator = outgoing.open();
          for (let i = 0; i < after; i++) {
            const { done, value } = await iterator.next();
            if (done) break;
            assert.deepEqual([value[0], value.length], [i, sizes[i]! + 1], '(1) (2)');
          }
          const hanging = iterator.next();
          await iterator.return?.();
          await hanging;
          if (!outgoing.repeatable) break;
        }
        if (outgoing.repeatable) {
          const got: number[] = [];
          for await (const frame of outgoing.open()) {
            got.push(frame.length - 1);
            if (got.length === commit) outgoing.commit();
          }
          assert.deepEqual(got, sizes, '(1) (2)');
        } else {
          const total = sizes.slice(0, made).reduce((sum, size) => sum + size + 1, 0);
          assert(total > KEPT_BYTES_MAX, 'what is little is kept');
        }
        outgoing.close();
        outgoing.close();
        await settle();
        assert(stopped <= 1, '(3)');
        assert(outgoing.sent <= sizes.length);
      }),
      { numRuns: 200 },
    );
  });
});
