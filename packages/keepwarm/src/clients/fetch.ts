/**
 * A drop-in for the global `fetch`, for code that calls APIs: same arguments, same rejections, a Response that passes
 * for one. What differs on purpose stands in docs/guide/fetch.md: no CORS, no cookies, no cache, stricter redirects.
 */
import type { Call } from '../core/call.ts';
import { NetError } from '../core/error.ts';
import type { FieldsInput } from '../core/fields.ts';
import type { Reply } from '../core/reply.ts';
import type { Turnstile } from '../core/turnstile.ts';
import { isRedirect } from '../policies/redirect.ts';
import type { Prepared } from './call-body.ts';
import { abortReason, asFetchError } from './fetch-error.ts';
import {
  bodyOf,
  bodyOfRequest,
  type FetchInit,
  type FetchInput,
  methodOf,
  redirectOf,
  signalOf,
} from './fetch-request.ts';
import { adoptResponse, KeepwarmResponse } from './fetch-response.ts';

export type { FetchInit, FetchInput, RequestLike } from './fetch-request.ts';

/**
 * Silence within a body that `fetch` hands out, in ms, unless `limits.betweenBytesMs` is set: server-sent events may be
 * far apart. 300 s as the global fetch has it. A body that is collected is still bounded by the deadline.
 */
export const FETCH_BETWEEN_BYTES_MS = 300_000;

/** What fetch needs of a client. */
export interface FetchDoor {
  /** Runs `task` after one turn of the event loop. */
  turn(task: () => void): void;
  /** Through which callers are told of failures. */
  turnstile(): Turnstile;
  /** @throws NetError `INVALID` before anything is queued */
  makeCall(
    method: string,
    url: string | URL,
    body: Prepared,
    headers: FieldsInput | undefined,
    signal: AbortSignal | undefined,
  ): Call;
  /** `manual` hands a redirect over as it came. */
  send(call: Call, redirect: 'follow' | 'manual'): Promise<Reply>;
}

const NONE: FetchInit = {};

export async function fetchWith(door: FetchDoor, input: FetchInput, init: FetchInit = NONE): Promise<Response> {
  adoptResponse();
  const request = typeof input === 'string' || input instanceof URL ? undefined : input;
  let signal: AbortSignal | undefined;
  let call: Call | undefined;
  try {
    const redirect = redirectOf(init, request);
    signal = signalOf(init, request);
    const body = request === undefined || hasBody(init) ? given(init.body) : await bodyOfRequest(request, door.turn);
    call = makeCall(door, request?.url ?? (input as string | URL), init, request, body, signal);
    if (signal?.aborted) throw abortReason(signal);
    const reply = await door.send(call, redirect === 'follow' ? 'follow' : 'manual');
    if (redirect === 'error' && isRedirect(reply.status)) throw unexpectedRedirect(call, reply);
    return new KeepwarmResponse(call, reply, signal) as unknown as Response;
  } catch (error) {
    if (call === undefined) return door.turnstile().refuse(error);
    const thrown = asFetchError(error, signal);
    abandon(init.body, thrown);
    return door.turnstile().refuse(thrown);
  }
}

/** @throws TypeError for a stream that somebody else reads */
function given(body: FetchInit['body']): Prepared {
  try {
    return bodyOf(body);
  } catch (error) {
    throw asFetchError(error, undefined);
  }
}

/** `null` means the Request's own body, as the standard has it. */
function hasBody(init: FetchInit): boolean {
  return init.body !== undefined && init.body !== null;
}

/** @throws TypeError for everything that is wrong with the arguments */
function makeCall(
  door: FetchDoor,
  url: string | URL,
  init: FetchInit,
  request: RequestShape,
  body: Prepared,
  signal: AbortSignal | undefined,
): Call {
  const method = methodOf(init.method ?? request?.method ?? 'GET');
  if (body.body !== undefined && (method === 'GET' || method === 'HEAD')) {
    throw new TypeError('Request with GET/HEAD method cannot have body.');
  }
  if (init.integrity !== undefined && init.integrity !== '') {
    throw new TypeError('RequestInit: integrity is not checked by this fetch, so it is not accepted');
  }
  const headers = (init.headers ?? request?.headers) as FieldsInput | undefined;
  try {
    const call = door.makeCall(method, url, body, headers, signal);
    // As the standard has it: code that passes on the headers it received must not send them to the wrong site.
    return call.headers.ownsHost ? { ...call, headers: call.headers.without((name) => name === 'host') } : call;
  } catch (error) {
    const trimmed = trimmedHeaders(headers);
    if (trimmed === undefined) throw asFetchError(error, undefined);
    return makeCall(door, url, { ...init, headers: trimmed }, request, body, signal);
  }
}

type RequestShape = Parameters<typeof signalOf>[1];

/**
 * The standard trims white space around header values, line breaks included: keys read from files end with one. It is
 * asked for its opinion only about what we refuse. @returns nothing when it has no other
 */
function trimmedHeaders(headers: FieldsInput | undefined): Headers | undefined {
  if (headers === undefined || headers instanceof Headers) return undefined;
  try {
    return new Headers(headers as ConstructorParameters<typeof Headers>[0]);
  } catch {
    return undefined; // it refuses them too; our own words leave the value out
  }
}

function unexpectedRedirect(call: Call, reply: Reply): NetError {
  reply.discard();
  const { key } = call.origin;
  const details = { reach: 'answered', phase: 'redirect', origin: key, status: reply.status } as const;
  return new NetError(
    'REDIRECT',
    `${call.method} ${key} was redirected, which redirect: 'error' does not allow`,
    details,
  );
}

/** A stream that will not be sent, or not to its end, is told so. */
function abandon(body: unknown, reason: unknown): void {
  if (body instanceof ReadableStream && !body.locked) body.cancel(reason).catch(() => undefined); // its own affair
}
