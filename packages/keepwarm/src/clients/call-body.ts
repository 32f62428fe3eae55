/** What callers pass as a body, as what a call carries, with the content type it implies. */
import type { BodyProducer, CallBody } from '../core/call.ts';
import { invalid } from './options.ts';

/** Anything else is sent as JSON. */
export type BodyInput =
  | string
  | Uint8Array
  | ArrayBuffer
  | ArrayBufferView
  | URLSearchParams
  | FormData
  | Blob
  | ReadableStream<Uint8Array>
  | AsyncIterable<Uint8Array>
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

/** @throws NetError `INVALID` for what JSON cannot express */
export function prepareBody(input: BodyInput): Prepared {
  if (input === undefined) return NOTHING;
  if (typeof input === 'string') return { body: input, contentType: 'text/plain;charset=UTF-8' };
  if (typeof input !== 'object' || input === null) return json(input);
  if (input instanceof Uint8Array) return { body: input, contentType: undefined };
  if (ArrayBuffer.isView(input))
    return { body: new Uint8Array(input.buffer, input.byteOffset, input.byteLength), contentType: undefined };
  if (input instanceof ArrayBuffer || input instanceof SharedArrayBuffer)
    return { body: new Uint8Array(input), contentType: undefined };
  if (input instanceof URLSearchParams) {
    return { body: input.toString(), contentType: 'application/x-www-form-urlencoded;charset=UTF-8' };
  }
  if (input instanceof Blob) return ofBlob(input);
  if (Symbol.asyncIterator in input) return { body: once(input as AsyncIterable<Uint8Array>), contentType: undefined };
  if (input instanceof FormData) return ofForm(input);
  return json(input);
}

function json(value: unknown): Prepared {
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

/** Node's own Response writes the form, boundary included; it can do so once. */
function ofForm(form: FormData): Prepared {
  const response = new Response(form);
  const contentType = response.headers.get('content-type') ?? undefined;
  return { body: once(response.body!), contentType };
}

function once(stream: AsyncIterable<Uint8Array>): BodyProducer {
  return { bytes: undefined, repeatable: false, open: () => stream };
}
