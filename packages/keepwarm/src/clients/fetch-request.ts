/** What `fetch` is given, as what a call is made of: the rules of the Fetch standard's Request, without making one. */
import type { BodyProducer } from '../core/call.ts';
import type { FieldsInput } from '../core/fields.ts';
import { type BodyInput, type Prepared, prepareBytes } from './call-body.ts';

/** A Request of any realm and library: whatever has its shape. */
export interface RequestLike {
  readonly url: string;
  readonly method: string;
  readonly headers: Iterable<readonly [string, string]>;
  readonly body: AsyncIterable<Uint8Array> | null;
  readonly bodyUsed?: boolean | undefined;
  readonly signal?: AbortSignal | null | undefined;
  readonly redirect?: string | undefined;
}

export type FetchInput = string | URL | RequestLike;

/** What is not named here (`cache`, `credentials`, `mode`, …) is accepted and without effect, as outside a browser. */
export interface FetchInit extends Omit<RequestInit, 'method' | 'headers' | 'body' | 'signal' | 'redirect'> {
  readonly method?: string | undefined;
  readonly headers?: FieldsInput | RequestInit['headers'] | undefined;
  readonly body?: BodyInput;
  readonly signal?: AbortSignal | null | undefined;
  readonly redirect?: RedirectMode | undefined;
}

export type RedirectMode = 'follow' | 'error' | 'manual';

/** Names that are upper-cased; others, `patch` among them, are sent as they are spelt. */
const NORMALISED = /^(?:get|head|post|put|delete|options)$/i;
const FORBIDDEN = /^(?:connect|trace|track)$/i;
const NOTHING: Prepared = { body: undefined, contentType: undefined };

/** @throws TypeError for methods that fetch may not use */
export function methodOf(given: string): string {
  if (given === 'GET' || given === 'POST') return given;
  if (FORBIDDEN.test(given)) throw new TypeError(`'${given}' HTTP method is unsupported.`);
  return NORMALISED.test(given) ? given.toUpperCase() : given;
}

/** @throws TypeError for what is neither nothing nor a signal */
export function signalOf(init: FetchInit, request: RequestLike | undefined): AbortSignal | undefined {
  const signal = init.signal === undefined ? request?.signal : init.signal;
  if (signal === undefined || signal === null) return undefined;
  if (typeof signal.aborted === 'boolean' && typeof signal.addEventListener === 'function') return signal;
  throw new TypeError('RequestInit: signal is not an AbortSignal');
}

/** @throws TypeError for an unknown mode */
export function redirectOf(init: FetchInit, request: RequestLike | undefined): RedirectMode {
  const mode = init.redirect ?? request?.redirect ?? 'follow';
  if (mode === 'follow' || mode === 'error' || mode === 'manual') return mode;
  throw new TypeError(`RequestInit: redirect is ${JSON.stringify(mode)}; it may be follow, error or manual`);
}

/** A body as fetch takes it: objects that are no bodies become text, `String(value)`, never JSON. */
export function bodyOf(body: BodyInput): Prepared {
  if (body === undefined || body === null) return NOTHING;
  const known = typeof body === 'object' ? prepareBytes(body) : undefined;
  return known ?? { body: `${body}`, contentType: 'text/plain;charset=UTF-8' };
}

/** Runs a task after one turn of the event loop. */
type Turn = (task: () => void) => void;

/** Having read this much of a Request's body, no more is taken than the chunk that brought it here, in bytes. */
const AHEAD_BYTES_MAX = 64 * 1024;
/** Turns of the event loop a chunk may take to count as being there already; Node's blobs take two to three. */
const AHEAD_TURNS = 4;

/**
 * A Request shows its body as a stream only, even when it was made from a string. What is there already is taken as
 * bytes, so that it has a length and can be sent again; what is really a stream is sent as one.
 */
export async function bodyOfRequest(request: RequestLike, turn: Turn): Promise<Prepared> {
  if (request.bodyUsed === true) throw new TypeError('the body of the Request has already been read');
  if (request.body === null || request.body === undefined) return NOTHING;
  const iterator = request.body[Symbol.asyncIterator]();
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for (;;) {
    const next = iterator.next();
    const result = await Promise.race([next, turns(turn, AHEAD_TURNS)]);
    if (result?.done === true) return { body: Buffer.concat(chunks), contentType: undefined };
    if (result === undefined || bytes >= AHEAD_BYTES_MAX) return stream(chunks, iterator, next);
    chunks.push(result.value);
    bytes += result.value.length;
  }
}

function stream(
  read: readonly Uint8Array[],
  iterator: AsyncIterator<Uint8Array>,
  next: Promise<IteratorResult<Uint8Array>>,
): Prepared {
  next.catch(() => undefined); // heard where it is read; until then nobody listens
  const body: BodyProducer = { bytes: undefined, repeatable: false, open: () => onward(read, iterator, next) };
  return { body, contentType: undefined };
}

async function* onward(
  read: readonly Uint8Array[],
  iterator: AsyncIterator<Uint8Array>,
  next: Promise<IteratorResult<Uint8Array>>,
): AsyncGenerator<Uint8Array> {
  try {
    yield* read;
    for (let result = await next; result.done !== true; result = await iterator.next()) yield result.value;
  } finally {
    await iterator.return?.();
  }
}

function turns(turn: Turn, count: number): Promise<undefined> {
  return new Promise((resolve) => {
    const after = (left: number): void => (left === 0 ? resolve(undefined) : turn(() => after(left - 1)));
    after(count);
  });
}
