/** Where large bodies lie when they are handed on: in memory that no later read, and no other reply, touches. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { Socket } from 'node:net';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { Call } from '../../src/core/call.ts';
import { Incoming } from '../../src/engines/http1/incoming.ts';
import { LANDING_BYTES, landingFor, own, readBuffer, sharedRead } from '../../src/engines/reading.ts';
import { withReads } from '../../src/net/onread.ts';
import { LIMITS } from '../wire/differential/ours.ts';

const KB = 1_024;
const HALF = LANDING_BYTES / 2;

/** A socket as the dialler opens it, never connected. */
function aSocket(): Socket {
  return withReads(() => new Socket(), { onread: sharedRead as { buffer: () => Buffer; callback: () => boolean } });
}

const nextBuffer = (): Buffer | undefined => (sharedRead.buffer as () => Buffer | undefined)();

const OWNER = { readMore() {}, waitForReader() {}, abandonBody() {}, liftDeadline() {} };

/** Node and an exchange on such a socket: what the peer sends lands where Node was told to put it. */
function aReading() {
  const socket = aSocket();
  const incoming = new Incoming(LIMITS);
  const limits = { bodyBytesMax: 64 * KB * KB };
  incoming.begin({ method: 'GET', limits } as unknown as Call);
  const got: Buffer[] = [];
  /** What was given away: whoever has it may do with it what it likes. */
  const given = new Set<ArrayBufferLike>();
  let piped = false;
  const sink = {
    keeps: true,
    data(chunk: Uint8Array, yours = false): boolean {
      got.push(Buffer.from(chunk));
      if (!yours) return true;
      chunk.fill(0x21);
      if (chunk.buffer.byteLength !== LANDING_BYTES) return true; // from the pool that Node makes small copies in
      assert(!given.has(chunk.buffer), 'no two pieces share their memory');
      given.add(chunk.buffer);
      structuredClone(chunk.buffer, { transfer: [chunk.buffer as ArrayBuffer] });
      return true;
    },
    end() {},
    fail: assert.fail,
  };
  const owner = {
    landing: undefined as Buffer | undefined,
    received(count: number, bytes: Buffer): boolean {
      owner.landing = undefined;
      assert.equal(incoming.read(bytes, count), count);
      if (incoming.ended) return true;
      if (incoming.begun && !piped) {
        piped = true;
        const { reply } = incoming.piped({ id: 1, leases: 1 } as never, OWNER);
        const body = reply.take();
        assert(!(body instanceof Uint8Array));
        body.start(sink);
      }
      if (piped) owner.landing = incoming.landing(socket, count);
      return true;
    },
    ended() {},
    lost() {},
  };
  own(socket, owner);
  let into = nextBuffer() as Buffer;
  assert.equal(into, readBuffer, 'a socket begins with the shared buffer');
  return {
    incoming,
    got,
    given,
    close: () => void socket.emit('close'),
    /** @returns how many bytes there was room for */
    read(bytes: Buffer): number {
      const count = bytes.copy(into);
      assert(!given.has(into.buffer), 'what was handed on is not read into');
      assert.equal(sharedRead.callback.call(socket, count), true);
      into = nextBuffer() ?? into;
      readBuffer.fill(0x3f); // another socket was read
      return count;
    },
    get into(): Buffer {
      return into;
    },
  };
}

/** Bytes that tell where in the body they belong. */
function pattern(length: number, seed: number): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  for (let i = 0; i < length; i++) bytes[i] = 32 + ((i * 7 + (i >> 9) + seed) % 64);
  return bytes;
}

function framed(body: Buffer, chunks: readonly number[] | undefined): Buffer {
  if (chunks === undefined) return Buffer.concat([head(`Content-Length: ${body.length}`), body]);
  const parts = [head('Transfer-Encoding: chunked')];
  for (let at = 0, i = 0; at < body.length; i++) {
    const chunk = body.subarray(at, at + chunks[i % chunks.length]!);
    parts.push(Buffer.from(`${chunk.length.toString(16)}\r\n`), chunk, Buffer.from('\r\n'));
    at += chunk.length;
  }
  return Buffer.concat([...parts, Buffer.from('0\r\n\r\n')]);
}

const head = (field: string): Buffer => Buffer.from(`HTTP/1.1 200 OK\r\n${field}\r\n\r\n`);

const around = (bytes: number) => fc.integer({ min: -3, max: 3 }).map((by) => bytes + by);
const readSize = fc.oneof(
  { weight: 3, arbitrary: fc.constant(1_000 * KB) },
  around(HALF),
  around(LANDING_BYTES),
  fc.integer({ min: 1, max: 128 * KB }),
  fc.integer({ min: 1, max: 40 }),
);
const bodySize = fc.oneof(
  around(LANDING_BYTES),
  around(2 * LANDING_BYTES),
  around(readBuffer.length + LANDING_BYTES),
  fc.integer({ min: 1, max: 600 * KB }),
);
const framing = fc.option(
  fc.array(fc.oneof(around(LANDING_BYTES), fc.integer({ min: 500, max: 200 * KB })), { minLength: 1, maxLength: 4 }),
  { nil: undefined },
);

describe('a body on its way to a reader who keeps it', () => {
  it('is the same however it was cut into reads and chunks, and whatever becomes of what was given away', () => {
    let handed = 0;
    fc.assert(
      fc.property(
        bodySize,
        framing,
        fc.array(readSize, { minLength: 1, maxLength: 6 }),
        fc.nat({ max: 63 }),
        (length, chunks, sizes, seed) => {
          const body = pattern(length, seed);
          const wire = framed(body, chunks);
          const reading = aReading();
          for (let at = 0, i = 0; at < wire.length; i++) {
            // Cut small for a while, then as it comes: a million reads of a byte would show no more.
            const size = i < 200 ? sizes[i % sizes.length]! : wire.length;
            at += reading.read(wire.subarray(at, at + size));
          }
          assert(reading.incoming.ended);
          if (reading.got.length > 0)
            assert(Buffer.concat(reading.got).subarray(-length).equals(tail(body, reading.got)));
          assert.equal(reading.into, readBuffer, 'when it has ended, the shared buffer is read into');
          handed += reading.given.size;
          reading.close();
        },
      ),
      { numRuns: 100 },
    );
    assert(handed > 0, 'some of it was handed on as it lay');
  });

  it('lies in memory of its own while much comes at a time, and never to its end', () => {
    const reading = aReading();
    const body = pattern(3 * LANDING_BYTES + readBuffer.length, 1);
    const wire = framed(body, undefined);
    const where: boolean[] = [];
    for (let at = 0; at < wire.length; ) {
      where.push(reading.into === readBuffer);
      at += reading.read(wire.subarray(at));
    }
    assert.deepEqual(where, [true, false, false, false, true]);
    reading.close();
  });

  it('shares where little comes at a time', () => {
    const reading = aReading();
    const wire = framed(pattern(400 * KB, 1), undefined);
    for (let at = 0; at < wire.length; ) {
      assert.equal(reading.into, readBuffer);
      at += reading.read(wire.subarray(at, at + 16 * KB));
    }
    reading.close();
  });
});

/** What of the body the sink must have got: all of it, or what came once it was there. */
function tail(body: Buffer, got: readonly Buffer[]): Buffer {
  return body.subarray(body.length - got.reduce((sum, { length }) => sum + length, 0));
}

describe('memory for reads', () => {
  it('is lent to so many sockets at once, and to others when they are closed', () => {
    const wire = framed(pattern(600 * KB, 1), undefined);
    const readings = Array.from({ length: 100 }, aReading);
    for (const reading of readings) reading.read(wire);
    const withTheirs = readings.filter(({ into }) => into !== readBuffer);
    assert.equal(withTheirs.length, 64);
    assert.equal(landingFor(aSocket()), undefined);
    for (const { close } of readings) {
      close();
      close();
    }
    assert.equal(landingFor(aSocket())?.length, LANDING_BYTES);
  });

  it('is for sockets only that Node asks for after each read', () => {
    assert.equal(landingFor(new Socket()), undefined);
    const fixed = { buffer: readBuffer, callback: () => true };
    assert.equal(landingFor(withReads(() => new Socket(), { onread: fixed })), undefined);
  });

  it('closes the socket of an owner that throws, as it may have handed on where Node reads into', () => {
    const socket = aSocket();
    const failing = { received: () => assert.fail('ours'), ended() {}, lost() {} };
    own(socket, failing);
    assert.throws(() => sharedRead.callback.call(socket, 1), /ours/);
    assert(socket.destroyed);
    assert.equal(nextBuffer(), readBuffer);
  });
});
