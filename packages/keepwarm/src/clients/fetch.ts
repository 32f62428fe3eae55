/**
 * A drop-in for the global `fetch`, for code that calls APIs: same arguments, same rejections, a Response that passes
 * for one. What differs on purpose stands in docs/guide/fetch.md: no CORS, no cookies, no cache, stricter redirects.
 */
import { NetError } from '../core/error.ts';
import type { FieldsInput } from '../core/fields.ts';
import type { Reply } from '../core/reply.ts';
import type { BodyInput } from './call-body.ts';
import type { CallOptions } from './client.ts';
import { adoptResponse, KeepwarmResponse } from './fetch-response.ts';

/** A Request of any realm: whatever has its shape. */
export interface RequestLike {
  readonly url: string;
  readonly method: string;
  readonly headers: Iterable<readonly [string, string]>;
  readonly body: ReadableStream<Uint8Array> | null;
  readonly signal?: AbortSignal | undefined;
  readonly redirect?: string | undefined;
}

export type FetchInput = string | URL | RequestLike;

export interface FetchInit {
  readonly method?: string | undefined;
  readonly headers?: FieldsInput | Headers | undefined;
  readonly body?: BodyInput;
  readonly signal?: AbortSignal | null | undefined;
  readonly redirect?: 'follow' | 'error' | 'manual' | undefined;
  /** Accepted and without effect, as with any fetch outside a browser. */
  readonly [ignored: string]: unknown;
}

export interface FetchCall extends CallOptions {
  readonly redirect: 'follow' | 'error' | 'manual';
}

export type SendFetch = (method: string, url: URL, body: BodyInput, options: FetchCall) => Promise<Reply>;

const NORMALISED = /^(?:get|head|post|put|delete|options)$/i;

export async function fetchWith(send: SendFetch, input: FetchInput, init: FetchInit = {}): Promise<Response> {
  const request = typeof input === 'string' || input instanceof URL ? undefined : input;
  const signal = init.signal === null ? undefined : (init.signal ?? request?.signal);
  signal?.throwIfAborted();
  const url = urlOf(typeof input === 'string' || input instanceof URL ? input : input.url);
  const given = init.method ?? request?.method ?? 'GET';
  const method = NORMALISED.test(given) ? given.toUpperCase() : given;
  const body = init.body === undefined || init.body === null ? (request?.body ?? undefined) : fetchBody(init.body);
  const redirect = (init.redirect ?? request?.redirect ?? 'follow') as FetchCall['redirect'];
  const headers = (init.headers ?? request?.headers) as FieldsInput | undefined;
  adoptResponse();
  try {
    const reply = await send(method, url, body, { headers, signal, redirect });
    return new KeepwarmResponse(reply, url.href, signal) as unknown as Response;
  } catch (error) {
    throw asFetch(error, signal);
  }
}

/** What fetch rejects with: the signal's reason when it was aborted, a TypeError with the cause otherwise. */
export function asFetch(error: unknown, signal: AbortSignal | undefined): unknown {
  if (signal?.aborted) return signal.reason;
  if (!(error instanceof NetError)) return error;
  return new TypeError(error.code === 'INVALID' ? error.message : 'fetch failed', { cause: error });
}

function urlOf(url: string | URL): URL {
  const parsed = url instanceof URL ? url : URL.canParse(url) ? new URL(url) : undefined;
  if (parsed === undefined) throw new TypeError(`Failed to parse URL from ${url}`);
  if (parsed.username !== '' || parsed.password !== '') {
    throw new TypeError(`a URL that includes credentials cannot be fetched: ${parsed.origin}`);
  }
  return parsed;
}

/** Objects that are not bodies become text, as fetch does: `String(value)`, never JSON. */
function fetchBody(body: NonNullable<BodyInput>): BodyInput {
  if (typeof body !== 'object') return String(body);
  const isBody =
    ArrayBuffer.isView(body) ||
    body instanceof ArrayBuffer ||
    body instanceof URLSearchParams ||
    body instanceof Blob ||
    Symbol.asyncIterator in body ||
    body instanceof FormData;
  return isBody ? body : String(body);
}
