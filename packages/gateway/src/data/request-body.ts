/**
 * The body of a request on its way up. A small one of known length is read whole, goes out in one write with the head,
 * and can be replayed when the connection turns out to be dead; any other is streamed at the pace of the slower side.
 */
import type { CallerRequest } from './caller.ts';
import { type Problem, refusal } from './problem.ts';

/** Up to here waiting for the last byte costs less than streaming would. */
const WHOLE_BYTES_MAX = 64 * 1024;
/** What is still read of a request whose answer is known, so that the caller gets to read it, and the next one in. */
const DISCARD_BYTES_MAX = 1024 * 1024;

/** A body longer than the upstream's `requestBodyBytesMax`. */
export class BodyTooLarge extends Error {}

/** -1 for a body whose length is not told, 0 for none. Node's parser has checked that the two are not mixed. */
export function bodyLength({ headers, lengthUntold }: CallerRequest): number {
  if (headers['transfer-encoding'] !== undefined || lengthUntold === true) return -1;
  return headers['content-length'] === undefined ? 0 : Number(headers['content-length']);
}

export function tooLarge(bytesMax: number): Problem {
  const detail = `the request's body has more than ${bytesMax} bytes (limit requestBodyBytesMax)`;
  return refusal(413, 'TOO_LARGE', detail, { limit: 'requestBodyBytesMax', value: bytesMax });
}

export const readWhole = (length: number): boolean => length > 0 && length <= WHOLE_BYTES_MAX;

/** The whole body, once it is there; never, when the caller goes away. What came in one piece is not copied. */
export function whole(request: CallerRequest, length: number, then: (body: Uint8Array) => void): void {
  let body: Buffer | undefined;
  let at = 0;
  request.on('data', (chunk: Buffer) => {
    if (chunk.length === length) body = chunk;
    else {
      body ??= Buffer.allocUnsafeSlow(length);
      body.set(chunk, at);
      at += chunk.length;
    }
  });
  request.on('end', () => then(body!));
}

/** The whole body, however it comes. @throws BodyTooLarge, or what broke it off */
export async function collected(request: CallerRequest, bytesMax: number): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of counted(request, bytesMax)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** A body as it arrives. Giving it up early leaves the request, and its connection, alone. */
export class StreamedBody implements AsyncIterable<Uint8Array> {
  /** Its length, where the caller told it. */
  readonly bytes: number | undefined;
  readonly repeatable = false;
  readonly #request: CallerRequest;
  readonly #bytesMax: number;

  /** `length` as `bodyLength` tells it. */
  constructor(request: CallerRequest, length: number, bytesMax: number) {
    this.bytes = length < 0 ? undefined : length;
    this.#request = request;
    this.#bytesMax = bytesMax;
  }

  open(): AsyncIterable<Uint8Array> {
    return counted(this.#request, this.#bytesMax);
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    return this.open()[Symbol.asyncIterator]();
  }
}

async function* counted(request: CallerRequest, bytesMax: number): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    bytes += chunk.length;
    if (bytes > bytesMax) throw new BodyTooLarge();
    yield chunk;
  }
}

/** Reads on to the end of a request that has been answered, within reason. */
export function discardRest(request: CallerRequest): void {
  if (request.complete || request.destroyed) return;
  let bytes = 0;
  request.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > DISCARD_BYTES_MAX) request.destroy();
  });
  request.resume();
}
