/**
 * What the gateway answers when it cannot forward: a JSON problem (RFC 9457) that names the code, the limit and the
 * upstream, and a Proxy-Status field (RFC 9209) by which a program tells our answers from the upstream's own. Neither
 * ever holds a path, a query, a header or a body.
 */
import { STATUS_CODES } from 'node:http';
import type { NetError } from 'keepwarm';
import type { CallerResponse } from './caller.ts';
import { REQUEST_ID } from './request-ids.ts';

export interface Problem {
  readonly status: number;
  /** The library's code, or one of the gateway's own: `NOT_ROUTED`, `REFUSED`, `TOO_LARGE`, `LOOP`, `DRAINING`. */
  readonly code: string;
  readonly detail: string;
  /** Error type of RFC 9209 § 2.3. */
  readonly proxyError: string;
  readonly upstream?: string | undefined;
  readonly reach?: string | undefined;
  readonly phase?: string | undefined;
  readonly limit?: string | undefined;
  readonly value?: number | undefined;
  /** When to come back, where that is known. */
  readonly retryAfterMs?: number | undefined;
  /** The connection cannot be used for another request. */
  readonly close?: boolean | undefined;
}

export function refusal(status: number, code: string, detail: string, more: Partial<Problem> = {}): Problem {
  return { status, code, detail, proxyError: 'http_request_error', ...more };
}

/** Status and RFC 9209 error type by code; where the phase matters, see below. */
const BY_CODE: Readonly<Record<string, readonly [status: number, proxyError: string]>> = {
  INVALID: [400, 'http_request_error'],
  CLOSED: [503, 'proxy_internal_response'],
  SATURATED: [503, 'connection_limit_reached'],
  OPEN: [503, 'destination_unavailable'],
  DNS: [502, 'dns_error'],
  CONNECT: [502, 'connection_refused'],
  TLS: [502, 'tls_protocol_error'],
  RESET: [502, 'connection_terminated'],
  PROTOCOL: [502, 'http_protocol_error'],
  LIMIT: [502, 'http_response_body_size'],
  DECODE: [502, 'http_response_content_coding'],
};

/** A step or the whole call took too long: whose fault it is decides the status. */
const BY_PHASE: Readonly<Record<string, readonly [status: number, proxyError: string]>> = {
  queue: [503, 'connection_limit_reached'],
  dns: [504, 'dns_timeout'],
  connect: [504, 'connection_timeout'],
  tls: [504, 'connection_timeout'],
  write: [504, 'connection_write_timeout'],
};

/** The library's error as an answer. `slowCaller` when the request's own body had not all arrived. */
export function problemOf(error: NetError, upstream: string, slowCaller: boolean): Problem {
  const late = error.code === 'TIMEOUT' || error.code === 'DEADLINE';
  const [status, proxyError] = late
    ? error.phase === 'write' && slowCaller
      ? [408, 'http_request_error']
      : (BY_PHASE[error.phase ?? ''] ?? [504, 'http_response_timeout'])
    : (BY_CODE[error.code] ?? [502, 'proxy_internal_error']);
  const { code, message, reach, phase, limit, value, retryAfterMs } = error;
  return { status, code, detail: message, proxyError, upstream, reach, phase, limit, value, retryAfterMs };
}

/** In whole seconds, and never none of them: that would ask for a storm. */
export const retryAfter = (ms: number): string => String(Math.max(1, Math.ceil(ms / 1_000)));

/**
 * Answers with a problem; `response` must not have begun.
 *
 * @param isTold whether somebody else tells of it already: of calls that failed their client does
 */
export function answerProblem(response: CallerResponse, problem: Problem, isTold = false): void {
  const { status, close, proxyError, retryAfterMs, ...told } = problem;
  const { requestId } = response.req;
  if (!isTold) requestId?.answered(problem);
  const all = { type: 'about:blank', title: STATUS_CODES[status], status, ...told, requestId: requestId?.text };
  const body = Buffer.from(JSON.stringify(all));
  const headers = [
    'content-type',
    'application/problem+json',
    'content-length',
    String(body.length),
    'cache-control',
    'no-store',
    'proxy-status',
    `keepwarm; error=${proxyError}`,
  ];
  if (requestId !== undefined) headers.push(REQUEST_ID, requestId.text);
  if (retryAfterMs !== undefined) headers.push('retry-after', retryAfter(retryAfterMs));
  else if (status === 503) headers.push('retry-after', '1');
  if (close === true) headers.push('connection', 'close');
  response.writeHead(status, STATUS_CODES[status] ?? '', headers);
  response.end(response.req.method === 'HEAD' ? undefined : body);
}
