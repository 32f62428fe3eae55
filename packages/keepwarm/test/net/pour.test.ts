/** A stream read as our own sockets are: its reader decides when, and no byte is lost, doubled or moved. */
import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import { pour } from '../../src/net/connector.ts';

type Step =
  | { readonly do: 'push'; readonly bytes: number }
  | { readonly do: 'pause' | 'resume' | 'turn' | 'refuse next' };

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.record({ do: fc.constant('push' as const), bytes: fc.integer({ min: 1, max: 40 }) }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('pause', 'resume', 'turn', 'refuse next') }) },
  ),
  { maxLength: 40 },
);

/** A source that pushes when it is asked (`pulled`), or of its own accord. */
function aSource(pulled: boolean) {
  const waiting: Buffer[] = [];
  let wanted = false;
  const stream = new Duplex({
    read() {
      wanted = true;
      const next = waiting.shift();
      if (next === undefined) return;
      wanted = false;
      this.push(next);
    },
    write: (_chunk, _encoding, done) => done(),
  });
  const give = (bytes: Buffer): void => {
    if (!pulled) return void stream.push(bytes);
    waiting.push(bytes);
    if (!wanted) return;
    wanted = false;
    stream.push(waiting.shift());
  };
  return { socket: stream as unknown as Socket, give, left: () => waiting.length };
}

describe('a stream whose reader decides', () => {
  for (const pulled of [false, true]) {
    const how = pulled ? 'is asked' : 'pushes';
    it(`gets every byte once, in order, never while it is stopped; the source ${how}`, async () => {
      await fc.assert(
        fc.asyncProperty(steps, fc.integer({ min: 1, max: 16 }), async (walk, size) => {
          const { socket, give, left } = aSource(pulled);
          const sent: number[] = [];
          const got: number[] = [];
          let refusing = false;
          let stopped = false;
          let ended = false;
          socket.on('end', () => {
            ended = true;
          });
          const buffer = Buffer.alloc(size);
          pour(socket, {
            buffer,
            callback(this: unknown, count: number, bytes: Uint8Array): boolean {
              assert.equal(this, socket);
              assert.equal(bytes, buffer);
              assert(!stopped, 'nothing is told while it is stopped');
              assert(!ended, 'nothing comes after the end');
              got.push(...bytes.subarray(0, count));
              stopped = refusing;
              refusing = false;
              return !stopped;
            },
          });
          const resume = (): void => {
            stopped = false;
            socket.resume();
          };
          for (const step of walk) {
            if (step.do === 'push') {
              const bytes = Buffer.from(Array.from({ length: step.bytes }, (_, i) => (sent.length + i) % 251));
              sent.push(...bytes);
              give(bytes);
            } else if (step.do === 'pause') {
              socket.pause();
              stopped = true;
            } else if (step.do === 'resume') resume();
            else if (step.do === 'turn') await turn();
            else refusing = true;
            assert.deepEqual(got, sent.slice(0, got.length), 'what came is what was sent, so far');
          }
          refusing = false;
          for (let i = 0; i < 100 && (got.length < sent.length || left() > 0); i++) {
            resume();
            await turn();
          }
          assert.deepEqual(got, sent);
          resume();
          socket.push(null);
          await turn();
          await turn();
          assert(ended, 'the end is told though nobody reads the stream itself');
          socket.destroy();
        }),
        { numRuns: 300 },
      );
    });
  }

  it('is told the end though nobody has ever read the stream itself', async () => {
    const { socket } = aSource(false);
    let ended = false;
    socket.on('end', () => {
      ended = true;
    });
    pour(socket, { buffer: Buffer.alloc(4), callback: () => true });
    socket.push(null);
    await turn();
    await turn();
    assert(ended);
  });

  it('is told the end after what is held, not before', async () => {
    const { socket, give } = aSource(false);
    const told: string[] = [];
    socket.on('end', () => told.push('end'));
    pour(socket, { buffer: Buffer.alloc(4), callback: (count) => told.push(`${count}`) < 0 });
    give(Buffer.alloc(6));
    socket.push(null);
    await turn();
    assert.deepEqual(told, ['4']);
    socket.resume();
    await turn();
    assert.deepEqual(told, ['4', '2']);
    socket.resume();
    await turn();
    await turn();
    assert.deepEqual(told, ['4', '2', 'end']);
  });

  it('keeps what is pushed from within for whoever reads the stream', async () => {
    const { socket, give } = aSource(false);
    const buffer = Buffer.alloc(64);
    pour(socket, { buffer, callback: (count, bytes) => socket.push(Buffer.from(bytes.subarray(0, count))) });
    let text = '';
    socket.on('data', (chunk: Buffer) => (text += chunk));
    for (const each of ['one ', 'two ', 'three']) give(Buffer.from(each));
    await turn();
    assert.equal(text, 'one two three');
  });
});
