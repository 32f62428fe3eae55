/** A body between its connection and its reader, whatever the pieces and the pace. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { NetError } from '../../src/core/error.ts';
import { BodyPipe } from '../../src/engines/http1/body-pipe.ts';

const OWNER = { readMore() {}, waitForReader() {}, abandonBody() {}, liftDeadline() {} };

const step = fc.oneof(
  fc.record({ do: fc.constant('push' as const), bytes: fc.oneof(fc.nat({ max: 40 }), fc.nat({ max: 30_000 })) }),
  fc.record({ do: fc.constant('start' as const), bytes: fc.constant(0) }),
  fc.record({ do: fc.constant('resume' as const), bytes: fc.constant(0) }),
);

describe('a body pipe', () => {
  it('hands on each byte once, in order, then the end; nothing while its reader rests; and keeps copies', () => {
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 60 }),
        fc.infiniteStream(fc.boolean()),
        fc.constantFrom('end' as const, 'fail' as const),
        (steps, wants, how) => {
          const shared = Buffer.alloc(30_000);
          const pipe = new BodyPipe(OWNER, -1, [Buffer.from('abc'), Buffer.alloc(5_000, 'd')]);
          let pushed = `abc${'d'.repeat(5_000)}`;
          const got: Uint8Array[] = [];
          let over = '';
          let resting = false;
          const sink = {
            data(chunk: Uint8Array, yours?: boolean): boolean {
              assert(!resting && over === '');
              got.push(yours === true ? chunk : Buffer.from(chunk));
              resting = !wants.next().value;
              return !resting;
            },
            end: () => void (over += 'end'),
            fail: () => void (over += 'fail'),
          };
          let started = false;
          const goOn = (): void => {
            resting = false;
            pipe.resume();
          };
          for (const [i, { do: what, bytes }] of steps.entries()) {
            if (what === 'push') {
              const text = String.fromCharCode(101 + (i % 20));
              shared.fill(text, 0, bytes);
              pushed += text.repeat(bytes);
              pipe.push(shared, 0, bytes);
              shared.fill('!');
            } else if (what === 'resume') {
              if (resting) goOn();
            } else if (!started) {
              started = true;
              pipe.start(sink);
            }
          }
          if (how === 'end') pipe.end([]);
          else pipe.fail(new NetError('RESET', 'lost', { reach: 'answered' }));
          if (!started) pipe.start(sink);
          while (resting) goOn();
          assert.equal(over, how);
          assert.equal(Buffer.concat(got).toString(), pushed);
        },
      ),
    );
  });

  it('keeps a quarter of a million pieces of one byte as a few: they cost no more than their bytes', () => {
    const bytes = Buffer.alloc(1, 'x');
    for (const first of [[], Array.from({ length: 100_000 }, () => Buffer.from('y'))]) {
      const pipe = new BodyPipe(OWNER, -1, first);
      let room = true;
      for (let i = first.length; i < 256 * 1024; i++) room = pipe.push(bytes, 0, 1);
      assert(!room && pipe.full);
      let pieces = 0;
      let count = 0;
      pipe.start({
        data(chunk) {
          pieces++;
          count += chunk.length;
          return true;
        },
        end() {},
        fail() {},
      });
      assert.equal(count, 256 * 1024);
      assert(pieces <= 20, `${pieces} pieces`);
    }
  });

  it('tells one that cancels it in the middle of its data nothing more', () => {
    const pipe = new BodyPipe(OWNER, -1, [Buffer.from('abc')]);
    pipe.end([]);
    let told = '';
    pipe.start({
      data() {
        pipe.cancel(new Error('enough'));
        return true;
      },
      end: () => void (told += 'end'),
      fail: () => void (told += 'fail'),
    });
    assert.equal(told, '');
  });
});
