/** What callers pass as a body, as what a call carries, with the content type it implies. */
import { wasRead } from '../core/body.ts';
import type { BodyProducer, CallBody } from '../core/call.ts';
import { type FormEntries, formBody } from './form-body.ts';
import { invalid } from './options.ts';

/** Text and bytes in all their forms, forms, streams; anything else is sent as JSON. */
export type BodyInput =
  | string
  | Uint8Array
  | ArrayBuffer
  | ArrayBufferView
  | URLSearchParams
  | FormData
  | Blob
  | ReadableStream<Uint8Array>
  | AsyncIterable<Uint8Array | string>
  | BodyProducer
  | object
  | number
  | boolean
  | null
  | undefined;

export interface Prepared {
  readonly body: CallBody | undefined;
  /** Used where the caller names none. */
  readonly contentType: string | undefined;
}

const NOTHING: Prepared = { body: undefined, contentType: undefined };

/** @throws NetError `INVALID` for what JSON cannot express, and for a stream that somebody else reads */
export function prepareBody(input: BodyInput): Prepared {
  if (input === undefined) return NOTHING;
  if (typeof input === 'string') return { body: input, contentType: 'text/plain;charset=UTF-8' };
  if (typeof input !== 'object' || input === null || isPlain(input)) return json(input);
  return prepareBytes(input) ?? json(input);
}

/** The kinds of body that are not JSON, which are those of the Fetch standard; nothing for any other object. */
export function prepareBytes(input: object): Prepared | undefined {
  if (input instanceof Uint8Array) return { body: input, contentType: undefined };
  if (ArrayBuffer.isView(input)) return bytes(new Uint8Array(input.buffer, input.byteOffset, input.byteLength));
  if (input instanceof ArrayBuffer || input instanceof SharedArrayBuffer) return bytes(new Uint8Array(input));
  if (input instanceof URLSearchParams) {
    return { body: input.toString(), contentType: 'application/x-www-form-urlencoded;charset=UTF-8' };
  }
  if (input instanceof Blob) return ofBlob(input);
  if ('open' in input && 'repeatable' in input) return { body: input as BodyProducer, contentType: undefined };
  if (Symbol.asyncIterator in input) return ofStream(input as AsyncIterable<Uint8Array | string>);
  return isForm(input) ? formBody(input) : undefined;
}

/** Most bodies; and those that need no further question, as nothing else is made of a bare object or a list. */
function isPlain(input: object): boolean {
  if (Array.isArray(input)) return true;
  const bare = Object.getPrototypeOf(input) === Object.prototype;
  return bare && !(Symbol.asyncIterator in input) && !('open' in input && 'repeatable' in input);
}

/** A form of any copy of undici: their classes differ, their name does not. */
function isForm(input: object): input is FormEntries {
  return Object.prototype.toString.call(input) === '[object FormData]' && Symbol.iterator in input;
}

function bytes(body: Uint8Array): Prepared {
  return { body, contentType: undefined };
}

function json(value: unknown): Prepared {
  if (value instanceof Promise) throw invalid('the body is a promise; await it first');
  if (value instanceof Map || value instanceof Set) {
    throw invalid(`a ${value.constructor.name} cannot be written as JSON; make an object or an array of it`);
  }
  let body: string | undefined;
  try {
    body = JSON.stringify(value);
  } catch (cause) {
    throw invalid(`the body cannot be written as JSON: ${cause instanceof Error ? cause.message : String(cause)}`);
  }
  if (body === undefined) throw invalid(`a body of type ${typeof value} cannot be written as JSON`);
  return { body, contentType: 'application/json' };
}

function ofBlob(blob: Blob): Prepared {
  const body: BodyProducer = { bytes: blob.size, repeatable: true, open: () => blob.stream() };
  return { body, contentType: blob.type === '' ? undefined : blob.type };
}

function ofStream(stream: AsyncIterable<Uint8Array | string>): Prepared {
  if (stream instanceof ReadableStream && (stream.locked || wasRead(stream))) {
    throw invalid('the body is a stream that somebody else reads, or has read from');
  }
  return { body: { bytes: undefined, repeatable: false, open: () => encoded(stream) }, contentType: undefined };
}

/**
 * Text within a stream goes out as UTF-8; what is neither text nor bytes is refused where it is written. Not a
 * generator: one that waits for its source cannot be told to stop before the source has answered.
 */
function encoded(source: AsyncIterable<Uint8Array | string>): AsyncIterable<Uint8Array> {
  return { [Symbol.asyncIterator]: () => encodedChunks(source) };
}

function encodedChunks(source: AsyncIterable<Uint8Array | string>): AsyncIterator<Uint8Array> {
  const { next, stop } = source instanceof ReadableStream ? readerOf(source) : iteratorOf(source);
  return {
    async next() {
      const { done, value } = await next();
      if (done === true) return { done, value: undefined };
      return { done: false, value: (typeof value === 'string' ? Buffer.from(value) : value) as Uint8Array };
    },
    async return() {
      await stop();
      return { done: true, value: undefined };
    },
  };
}

interface Chunks {
  next(): Promise<{ readonly done?: boolean; readonly value?: Uint8Array | string | undefined }>;
  stop(): Promise<unknown> | undefined;
}

/** A stream's own iterator would cancel it only after the chunk it waits for. */
function readerOf(stream: ReadableStream<Uint8Array | string>): Chunks {
  const reader = stream.getReader();
  return { next: () => reader.read(), stop: () => reader.cancel() };
}

function iteratorOf(source: AsyncIterable<Uint8Array | string>): Chunks {
  const iterator = source[Symbol.asyncIterator]();
  return { next: () => iterator.next(), stop: () => iterator.return?.() };
}

/**
 * A stream is as long as its caller's Content-Length says: it goes out with that length in place of chunks, and a call
 * whose stream turns out to be shorter or longer fails.
 *
 * @throws NetError `INVALID` when a body is known to have another length
 */
export function withLength(announced: number, body: CallBody | undefined): CallBody | undefined {
  const actual = bytesIn(body);
  if (actual === announced) return body;
  if (actual === undefined) return sized(body as BodyProducer, announced);
  throw invalid(`content-length says ${announced}, the body has ${actual} bytes`);
}

function sized(body: BodyProducer, bytes: number): BodyProducer {
  return { bytes, repeatable: body.repeatable, open: () => body.open() };
}

function bytesIn(body: CallBody | undefined): number | undefined {
  if (body === undefined) return 0;
  if (typeof body === 'string') return Buffer.byteLength(body);
  return body instanceof Uint8Array ? body.length : body.bytes;
}
