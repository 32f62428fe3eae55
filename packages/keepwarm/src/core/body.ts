/** Readers of a body: all of it as bytes, or as a stream with backpressure. */
import { Buffer } from 'node:buffer'; // the global of this name is a getter, which a hot path would feel
import { Readable } from 'node:stream';
import type { UnderlyingByteSource } from 'node:stream/web';
import { NetError } from './error.ts';
import type { BodySink, BodySource } from './reply.ts';

/** A peer may announce any length; memory is taken as bytes come, in steps from here on. */
const FIRST_ALLOCATION_MAX = 1024 * 1024;
/** Fresh memory costs more to touch than a body costs to copy: one buffer up to this size is used again and again. */
const SPARE_BYTES_MAX = 4 * 1024 * 1024;

let spare: Buffer | undefined;

/** Collects a body that is still arriving, into memory of its own. */
export function collect(source: BodySource): Promise<Uint8Array> {
  return gather(source, firstBuffer(source), (buffer, length) => buffer.subarray(0, length));
}

/** Collects a body for something that is made of it at once. `use` must not keep the bytes it is given. */
export function collectFor<T>(source: BodySource, use: (bytes: Buffer) => T): Promise<T> {
  const buffer = spare ?? firstBuffer(source);
  spare = undefined;
  return gather(source, buffer, (filled, length) => {
    try {
      return use(filled.subarray(0, length));
    } finally {
      // The larger of two that are given back stays: bodies that arrived together had buffers of their own.
      if (filled.length <= SPARE_BYTES_MAX && filled.length > (spare?.length ?? 0)) spare = filled;
    }
  });
}

function firstBuffer(source: BodySource): Buffer {
  return Buffer.allocUnsafeSlow(Math.min(Math.max(source.bytesExpected, 0) || 16 * 1024, FIRST_ALLOCATION_MAX));
}

function gather<T>(source: BodySource, into: Buffer, make: (buffer: Buffer, length: number) => T): Promise<T> {
  return new Promise((resolve, reject) => {
    let buffer = into;
    let length = 0;
    const sink: BodySink = {
      data(chunk) {
        if (length + chunk.length > buffer.length) buffer = grown(buffer, length, length + chunk.length);
        buffer.set(chunk, length);
        length += chunk.length;
        return true;
      },
      end() {
        try {
          resolve(make(buffer, length));
        } catch (error) {
          reject(error);
        }
      },
      fail: reject,
    };
    source.start(sink);
  });
}

function grown(buffer: Buffer, length: number, needed: number): Buffer {
  const larger = Buffer.allocUnsafeSlow(Math.max(needed, buffer.length * 2));
  buffer.copy(larger, 0, 0, length);
  return larger;
}

/** Bytes a stream holds ahead of its reader before the connection is paused. */
const AHEAD_BYTES = 64 * 1024;

/**
 * A body as a WHATWG byte stream; reading slowly slows the peer down, cancelling gives the connection up.
 *
 * @param thrown what a reader gets to see of a failure; the NetError itself when left out
 */
export function streamOf(
  body: Uint8Array | BodySource,
  thrown: (error: NetError) => unknown = (error) => error,
): ReadableStream<Uint8Array> {
  const source = body instanceof Uint8Array ? wholeStream(body) : arrivingStream(body, thrown);
  return new ReadableStream(source, { highWaterMark: AHEAD_BYTES });
}

function wholeStream(bytes: Uint8Array): UnderlyingByteSource {
  return {
    type: 'bytes',
    start(controller) {
      if (bytes.length > 0) controller.enqueue(new Uint8Array(bytes)); // a copy: its buffer goes over to the reader
      controller.close();
    },
  };
}

function arrivingStream(source: BodySource, thrown: (error: NetError) => unknown): UnderlyingByteSource {
  let started = false;
  let over = false;
  return {
    type: 'bytes',
    pull(controller) {
      if (over) return;
      if (started) return source.resume();
      started = true;
      source.start({
        keeps: true,
        data(chunk, yours) {
          if (over) return false;
          // Its buffer goes over to the reader, and must hold nothing else.
          const whole = yours === true && chunk.length === chunk.buffer.byteLength;
          controller.enqueue(whole ? chunk : new Uint8Array(chunk));
          return (controller.desiredSize ?? 0) > 0;
        },
        end() {
          if (over) return;
          over = true;
          try {
            controller.close();
            controller.byobRequest?.respond(0);
          } catch {
            // A reader asked for wider elements than bytes are left. Closing has failed the stream, for it alone.
          }
        },
        fail(error) {
          if (over) return;
          over = true;
          controller.error(thrown(error));
        },
      });
    },
    cancel(reason) {
      over = true;
      source.cancel(reason);
    },
  };
}

/** Whether anybody has read from a stream or cancelled it; Node answers this for its own streams and for WHATWG's. */
export function wasRead(stream: ReadableStream): boolean {
  return Readable.isDisturbed(stream as unknown as NodeJS.ReadableStream);
}

/** Bytes as text: UTF-8, a byte order mark left out, what is not UTF-8 replaced (as WHATWG `text()` does). */
export function textOf(bytes: Uint8Array): string {
  const buffer = bytes instanceof Buffer ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const marked = buffer.length >= 3 && buffer[0] === 0xef && buffer[1] === 0xbb && buffer[2] === 0xbf;
  return marked ? buffer.toString('utf8', 3) : buffer.toString();
}

/** The text of a body parsed as JSON. @throws as `parseJson` */
export function parseText(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw notJson(error, Buffer.byteLength(text));
  }
}

/** @throws NetError `DECODE` when it is not JSON */
export function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(textOf(bytes));
  } catch (error) {
    throw notJson(error, bytes.length);
  }
}

/** It tells where it broke and not what stood there: a body is not for logs, and V8's own message quotes it. */
function notJson(error: unknown, length: number): NetError {
  const position = /position (\d+)/.exec(String(error))?.[1];
  const where = length === 0 ? 'it is empty' : `it breaks at ${position ?? 'the end'} of ${length} bytes`;
  return new NetError('DECODE', `the body is not JSON: ${where}`, { reach: 'answered', phase: 'body' });
}
