/** What the gateway itself answers to JSON-RPC: errors of JSON-RPC, as that is what callers read. */
import { NetError } from 'keepwarm';
import type { CallerRequest } from './caller.ts';
import { type Problem, problemOf, retryAfter } from './problem.ts';
import { tooLarge } from './request-body.ts';
import type { Looked } from './rpc-message.ts';

/** Of a request that cannot be read as one; of what the gateway could not do (JSON-RPC 2.0 § 5.1). */
const INVALID_REQUEST = -32600;
const METHOD_NOT_FOUND = -32601;
const SERVER_ERROR = -32000;
/** EIP-1474. */
const LIMIT_EXCEEDED = -32005;

export interface Refusal {
  /** Of the answer by HTTP. */
  readonly status: number;
  readonly code: number;
  readonly message: string;
  readonly proxyError: string;
  readonly data?: Readonly<Partial<Pick<Problem, 'code' | 'reach' | 'phase' | 'limit' | 'value'>>>;
  /** Field lines beside the usual ones: names and values in turn. */
  readonly fields?: readonly string[];
}

/** Of one request, of several sent as one (then a list), or of what has none (`null`). */
export type Ids = unknown;

export const idsOf = ({ batch, ids }: Looked): Ids => (batch ? ids : (ids[0] ?? null));

/**
 * The text of a refusal, which is told of by then.
 *
 * @param ids of the requests the refusal is for: a list when they came as one
 * @param by what they came by: a request, or the handshake of a WebSocket
 */
export function refusing(ids: Ids, refusal: Refusal, { requestId }: CallerRequest, upstream: string): string {
  const { status, code, message, data } = refusal;
  requestId?.answered({ status, upstream, ...data, code: data?.code ?? String(code) });
  const told = requestId === undefined ? data : { ...data, requestId: requestId.text };
  const one = (id: unknown): object => ({ jsonrpc: '2.0', id, error: { code, message, data: told } });
  return JSON.stringify(Array.isArray(ids) ? ids.map(one) : one(ids));
}

export const ENCODED: Refusal = {
  status: 415,
  code: INVALID_REQUEST,
  message: 'the body is in a content coding; send it as it is',
  proxyError: 'http_request_error',
};

/** The caller may not ask now. */
export function tooOften({ status, code, detail, proxyError, limit, value, retryAfterMs }: Problem): Refusal {
  const data = { code, reach: 'unsent', limit, value };
  const fields = retryAfterMs === undefined ? [] : ['retry-after', retryAfter(retryAfterMs)];
  return { status, code: LIMIT_EXCEEDED, message: detail, proxyError, data, fields };
}

export function notPosted(method = 'GET'): Refusal {
  const message = `${method} is no way to send JSON-RPC; POST is`;
  return { status: 405, code: INVALID_REQUEST, message, proxyError: 'http_request_error', fields: ['allow', 'POST'] };
}

export function oversized(bytesMax: number): Refusal {
  const { status, detail, proxyError } = tooLarge(bytesMax);
  return { status, code: INVALID_REQUEST, message: detail, proxyError };
}

export function tooMany(count: number, limit: number): Refusal {
  const message = `the batch has ${count} requests; at most ${limit} are taken (limit requestsMax)`;
  return { status: 413, code: INVALID_REQUEST, message, proxyError: 'http_request_error' };
}

export function notAllowed(method: string): Refusal {
  const message = `the method ${method} is not offered here`;
  return { status: 403, code: METHOD_NOT_FOUND, message, proxyError: 'http_request_denied' };
}

/** What a fetch rejects with has ours beneath it. */
export const beneath = (thrown: unknown): NetError =>
  thrown instanceof Error && thrown.cause instanceof NetError ? thrown.cause : NetError.from(thrown);

/** The pool could not have it answered. */
export function failed(thrown: unknown, upstream: string): Refusal {
  const { status, code, detail, reach, phase, limit, value, proxyError, retryAfterMs } = problemOf(
    beneath(thrown),
    upstream,
    false,
  );
  const data = { code, reach, phase, limit, value };
  const fields = retryAfterMs === undefined ? [] : ['retry-after', retryAfter(retryAfterMs)];
  return { status, code: SERVER_ERROR, message: `${code}: ${detail}`, proxyError, data, fields };
}
