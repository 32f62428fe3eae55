/**
 * A JSON-RPC request, or a batch, on its way through: read whole, checked against what callers may ask, answered by the
 * pool with the caller's own ids. What the gateway answers itself is a JSON-RPC error as well, as that is what callers
 * read, with an HTTP status and a Proxy-Status field for those who look there.
 *
 *   begun ──▶ read ──▶ checked ──▶ asked ──▶ answered
 *     └─────────┴─────────┴───────────┴──▶ ended: the caller left, or a refusal was answered
 *
 * Invariant: the caller gets one answer, and when its connection closes, what it asked for ends at once.
 */
import { STATUS_CODES } from 'node:http';
import { NetError } from 'keepwarm';
import type { Serving } from 'keepwarm/otel';
import type { CallerRequest, CallerResponse } from './caller.ts';
import { type Problem, problemOf } from './problem.ts';
import { BodyTooLarge, bodyLength, collected, discardRest, tooLarge } from './request-body.ts';
import { deniedMethod, isBatch, type Looked, messageOf } from './rpc-message.ts';
import type { RpcUpstream } from './rpc-upstream.ts';

/** Of a request that cannot be read as one; of what the gateway could not do (JSON-RPC 2.0 § 5.1). */
const INVALID_REQUEST = -32600;
const METHOD_NOT_FOUND = -32601;
const SERVER_ERROR = -32000;
/** EIP-1474. */
const LIMIT_EXCEEDED = -32005;

interface Refusal {
  readonly status: number;
  readonly code: number;
  readonly message: string;
  readonly proxyError: string;
  readonly data?: object;
  /** Field lines beside the usual ones: names and values in turn. */
  readonly fields?: readonly string[];
}

export class RpcForwarding {
  readonly #request: CallerRequest;
  readonly #response: CallerResponse;
  readonly #upstream: RpcUpstream;
  readonly #signal: AbortSignal;
  readonly #startedAt = performance.now();
  readonly #serving: Serving | undefined;
  /** Of the answer, once it has begun. */
  #status: number | undefined;

  /** `signal` fires when the caller's connection closes. */
  constructor(request: CallerRequest, response: CallerResponse, upstream: RpcUpstream, signal: AbortSignal) {
    this.#request = request;
    this.#response = response;
    this.#upstream = upstream;
    this.#signal = signal;
    this.#serving = upstream.telemetry?.serve({ method: request.method ?? 'POST', headers: request.headers });
    if (this.#serving !== undefined) response.on('close', () => this.#serving?.ended(this.#status));
  }

  start(): void {
    const { method, headers } = this.#request;
    const bytesMax = this.#upstream.config.requestBodyBytesMax;
    if (method !== 'POST') return this.#refuse(null, notPosted(method));
    if ((headers['content-encoding'] ?? 'identity') !== 'identity') return this.#refuse(null, ENCODED);
    if (bodyLength(this.#request) > bytesMax) return this.#refuse(null, oversized(bytesMax));
    if (/^100-continue$/i.test(headers.expect ?? '')) this.#response.writeContinue();
    collected(this.#request, bytesMax).then(
      (body) => this.#ask(body.toString()),
      (error: unknown) => this.#unread(error, bytesMax),
    );
  }

  /** The caller may not ask now. Its body, and with it the id, has not been read. */
  refuse({ status, code, detail, proxyError, limit, value, retryAfterMs = 0 }: Problem): void {
    const data = { code, reach: 'unsent', limit, value };
    const fields = ['retry-after', String(Math.ceil(retryAfterMs / 1_000))];
    this.#refuse(null, { status, code: LIMIT_EXCEEDED, message: detail, proxyError, data, fields });
  }

  #unread(error: unknown, bytesMax: number): void {
    if (error instanceof BodyTooLarge) this.#refuse(null, oversized(bytesMax));
    else this.#response.destroy(); // the caller broke off
  }

  #ask(text: string): void {
    const { rpc, config } = this.#upstream;
    // The pool reads the message anyway: it is read here as well only where something is looked for.
    const looked = isBatch(text) || config.methodsDenied.length > 0 ? messageOf(text) : undefined;
    if (looked !== undefined) {
      const count = looked.ids.length;
      if (count > config.requestsMax) return this.#refuse(null, tooMany(count, config.requestsMax));
      const denied = deniedMethod(looked, config.methodsDenied);
      if (denied !== undefined) return this.#refuse(idsOf(looked), notAllowed(denied));
    }
    const ask = () => rpc.fetch('', { method: 'POST', body: text, signal: this.#signal });
    (this.#serving?.within(ask) ?? ask()).then(
      (answer) => this.#answered(answer),
      (error: unknown) => this.#failed(text, error),
    );
  }

  async #answered(answer: Response): Promise<void> {
    const { status } = answer;
    this.#send(status, status === 204 ? undefined : await answer.text(), []);
    this.#upstream.book.ended(this.#startedAt);
  }

  #failed(text: string, thrown: unknown): void {
    if (this.#signal.aborted) return; // nobody is left to be told
    this.#upstream.book.failed();
    const cause = thrown instanceof Error && thrown.cause instanceof NetError ? thrown.cause : NetError.from(thrown);
    const { status, code, detail, reach, phase, limit, value, proxyError } = problemOf(
      cause,
      this.#upstream.name,
      false,
    );
    this.#refuse(idsOf(messageOf(text)), {
      status,
      code: SERVER_ERROR,
      message: `${code}: ${detail}`,
      proxyError,
      data: { code, reach, phase, limit, value },
    });
  }

  /** @param ids of the requests the refusal is for: a list when they came as one */
  #refuse(ids: Ids, { status, code, message, data, proxyError, fields = [] }: Refusal): void {
    const one = (id: unknown): object => ({ jsonrpc: '2.0', id, error: { code, message, data } });
    const said = Array.isArray(ids) ? ids.map(one) : one(ids);
    this.#send(status, JSON.stringify(said), ['proxy-status', `keepwarm; error=${proxyError}`, ...fields]);
    discardRest(this.#request);
  }

  #send(status: number, text: string | undefined, fields: readonly string[]): void {
    const response = this.#response;
    this.#status = status;
    if (text === undefined) {
      response.writeHead(status, STATUS_CODES[status] ?? '', [...fields]);
      response.end();
      return;
    }
    const body = Buffer.from(text);
    const length = ['content-type', 'application/json', 'content-length', String(body.length)];
    response.writeHead(status, STATUS_CODES[status] ?? '', [...length, 'cache-control', 'no-store', ...fields]);
    response.end(this.#request.method === 'HEAD' ? undefined : body);
  }
}

/** Of one request, of several sent as one (then a list), or of what has none (`null`). */
type Ids = unknown;

const idsOf = ({ batch, ids }: Looked): Ids => (batch ? ids : (ids[0] ?? null));

const ENCODED: Refusal = {
  status: 415,
  code: INVALID_REQUEST,
  message: 'the body is in a content coding; send it as it is',
  proxyError: 'http_request_error',
};

function notPosted(method = 'GET'): Refusal {
  const message = `${method} is no way to send JSON-RPC; POST is`;
  return { status: 405, code: INVALID_REQUEST, message, proxyError: 'http_request_error', fields: ['allow', 'POST'] };
}

function oversized(bytesMax: number): Refusal {
  const { status, detail, proxyError } = tooLarge(bytesMax);
  return { status, code: INVALID_REQUEST, message: detail, proxyError };
}

function tooMany(count: number, limit: number): Refusal {
  const message = `the batch has ${count} requests; at most ${limit} are taken (limit requestsMax)`;
  return { status: 413, code: INVALID_REQUEST, message, proxyError: 'http_request_error' };
}

function notAllowed(method: string): Refusal {
  const message = `the method ${method} is not offered here`;
  return { status: 403, code: METHOD_NOT_FOUND, message, proxyError: 'http_request_denied' };
}
