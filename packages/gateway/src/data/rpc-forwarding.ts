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
import type { Serving } from 'keepwarm/otel';
import type { CallerRequest, CallerResponse } from './caller.ts';
import type { Problem } from './problem.ts';
import { BodyTooLarge, bodyLength, collected, discardRest } from './request-body.ts';
import { REQUEST_ID, spanAttributes } from './request-ids.ts';
import { deniedMethod, isBatch, type Looked, messageOf } from './rpc-message.ts';
import {
  beneath,
  ENCODED,
  failed,
  type Ids,
  idsOf,
  notAllowed,
  notPosted,
  oversized,
  type Refusal,
  refusing,
  tooMany,
  tooOften,
} from './rpc-refusal.ts';
import type { RpcUpstream } from './rpc-upstream.ts';

/** By the pool: nothing for notifications. */
interface Answered {
  readonly status: number;
  readonly text: string | undefined;
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
    const { method = 'POST', headers, requestId } = request;
    this.#serving = upstream.telemetry?.serve({ method, headers, attributes: spanAttributes(requestId) });
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
      (body) => this.#read(body.toString()),
      (error: unknown) => this.#unread(error, bytesMax),
    );
  }

  /** The caller may not ask now. Its body, and with it the id, has not been read. */
  refuse(problem: Problem): void {
    this.#refuse(null, tooOften(problem));
  }

  #unread(error: unknown, bytesMax: number): void {
    if (error instanceof BodyTooLarge) this.#refuse(null, oversized(bytesMax));
    else this.#response.destroy(); // the caller broke off
  }

  #read(text: string): void {
    const { config, callerRate } = this.#upstream;
    // The pool reads the message anyway: it is read here as well only where something is looked for.
    if (!isBatch(text) && config.methodsDenied.length === 0) return this.#ask(text);
    const looked = messageOf(text);
    const count = looked.ids.length;
    if (count > config.requestsMax) return this.#refuse(null, tooMany(count, config.requestsMax));
    const denied = deniedMethod(looked, config.methodsDenied);
    if (denied !== undefined) return this.#refuse(idsOf(looked), notAllowed(denied));
    const problem = callerRate?.batchObjection(this.#request, count);
    if (problem instanceof Promise) void problem.then((each) => this.#signal.aborted || this.#go(text, looked, each));
    else this.#go(text, looked, problem);
  }

  /** @param problem of a batch that has too many calls for now, or for good: then there is one answer for all of it */
  #go(text: string, looked: Looked, problem: Problem | undefined): void {
    if (problem === undefined) this.#ask(text);
    else this.#refuse(problem.retryAfterMs === undefined ? null : idsOf(looked), tooOften(problem));
  }

  #ask(text: string): void {
    const { rpc } = this.#upstream;
    const ask = async (): Promise<Answered> => {
      const answer = await rpc.fetch('', { method: 'POST', body: text, signal: this.#signal });
      const { status } = answer;
      return { status, text: status === 204 ? undefined : await answer.text() };
    };
    (this.#serving?.within(ask) ?? ask()).then(
      (answered) => this.#answered(answered),
      (error: unknown) => this.#failed(text, error),
    );
  }

  #answered({ status, text }: Answered): void {
    const { requestId } = this.#request;
    this.#send(status, text, requestId?.replies === true ? [REQUEST_ID, requestId.text] : []);
    this.#upstream.book.ended(this.#startedAt);
  }

  #failed(text: string, thrown: unknown): void {
    if (this.#signal.aborted) return; // nobody is left to be told
    this.#upstream.book.failed(beneath(thrown));
    this.#refuse(idsOf(messageOf(text)), failed(thrown, this.#upstream.name));
  }

  /** @param ids of the requests the refusal is for: a list when they came as one */
  #refuse(ids: Ids, refusal: Refusal): void {
    const { status, proxyError, fields = [] } = refusal;
    const { requestId } = this.#request;
    const told = ['proxy-status', `keepwarm; error=${proxyError}`, ...fields];
    if (requestId !== undefined) told.push(REQUEST_ID, requestId.text);
    this.#send(status, refusing(ids, refusal, this.#request, this.#upstream.name), told);
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
