/**
 * One request on its way through: body up, reply down, each at the pace of its slower side.
 *
 *   begun ──▶ (body read whole) ──▶ called ──▶ replied ──▶ passed on
 *     └───────────────┴───────────────┴───────────┴──▶ ended: the caller left, or a problem was answered
 *
 * Invariants:
 *   (1) The caller gets one answer: the upstream's or ours, never a part of the first followed by the second.
 *   (2) A reply that breaks off upstream breaks off downstream; it never ends as if it were whole.
 *   (3) When the caller's connection closes, the call upstream ends at once, wherever it is.
 *   (4) While the caller does not read, nothing more is read from the upstream.
 */

import { NetError, type Reply } from 'keepwarm';
import type { Serving } from 'keepwarm/otel';
import type { Asked } from '../config/rate-tables.ts';
import type { CallerRequest, CallerResponse } from './caller.ts';
import { idFields, replyFields, requestFields } from './fields.ts';
import { answerProblem, type Problem, problemOf } from './problem.ts';
import { BodyTooLarge, bodyLength, discardRest, readWhole, StreamedBody, tooLarge, whole } from './request-body.ts';
import { spanAttributes } from './request-ids.ts';
import type { Upstream } from './upstream.ts';

type BodySource = Exclude<ReturnType<Reply['take']>, Uint8Array>;
type BodySink = Parameters<BodySource['start']>[0];

/** Where it goes: an upstream, and path and query below its base path. */
interface Way {
  readonly upstream: Upstream;
  readonly path: string;
}

export class Forwarding implements BodySink {
  readonly #request: CallerRequest;
  readonly #response: CallerResponse;
  readonly #route: Way;
  readonly #signal: AbortSignal;
  readonly #startedAt = performance.now();
  #source: BodySource | undefined;
  #stalled = false;
  readonly #serving: Serving | undefined;
  /** Of the answer, once it has begun. */
  #status: number | undefined;

  /** `signal` fires when the caller's connection closes. */
  constructor(request: CallerRequest, response: CallerResponse, route: Way, signal: AbortSignal) {
    this.#request = request;
    this.#response = response;
    this.#route = route;
    this.#signal = signal;
    const { method = 'GET', headers, requestId } = request;
    this.#serving = route.upstream.telemetry?.serve({ method, headers, attributes: spanAttributes(requestId) });
    if (this.#serving !== undefined) response.on('close', () => this.#serving?.ended(this.#status));
  }

  start(): void {
    const length = bodyLength(this.#request);
    const bytesMax = this.#route.upstream.config.requestBodyBytesMax;
    if (length > bytesMax) return this.#answer(tooLarge(bytesMax));
    if (/^100-continue$/i.test(this.#request.headers.expect ?? '')) this.#response.writeContinue();
    if (length === 0) this.#call(undefined);
    else if (readWhole(length)) whole(this.#request, length, (body) => this.#call(body));
    else this.#call(new StreamedBody(this.#request, length, bytesMax));
  }

  #call(body: Uint8Array | AsyncIterable<Uint8Array> | undefined): void {
    const { upstream, path } = this.#route;
    const { client, config } = upstream;
    const headers = requestFields(this.#request, config);
    const method = this.#request.method ?? 'GET';
    const about: Asked | undefined = upstream.looks
      ? { path, address: this.#request.socket.remoteAddress ?? '' }
      : undefined;
    const tag = this.#request.requestId?.text;
    const call = () => client.request(path, { method, headers, body, signal: this.#signal, tag, about });
    (this.#serving?.within(call) ?? call()).then(
      (reply) => this.#replied(reply),
      (thrown: unknown) => this.#failed(NetError.from(thrown)),
    );
  }

  #replied(reply: Reply): void {
    const { status } = reply;
    this.#status = status;
    this.#route.upstream.book.answered(reply, this.#startedAt);
    const response = this.#response;
    const rules = this.#route.upstream.config.headers?.reply;
    const fields = replyFields(reply.headers, status, rules);
    fields.push(...idFields(this.#request.requestId, (name) => reply.headers.has(name), rules));
    const body = reply.take();
    if (body instanceof Uint8Array) {
      if (this.#lengthIsNews(reply)) fields.push('content-length', String(body.length));
      response.writeHead(status, reply.statusText, fields);
      response.end(body);
      this.#passedOn();
    } else {
      // From here on the pace is the caller's; silence of the upstream is still limited.
      body.liftDeadline();
      this.#source = body;
      response.writeHead(status, reply.statusText, fields);
      body.start(this);
      response.flushHeaders();
    }
  }

  /** A reply that came whole, but chunked or up to the close, goes on with its length. */
  #lengthIsNews({ status, headers }: Reply): boolean {
    return status !== 204 && status !== 304 && this.#request.method !== 'HEAD' && !headers.has('content-length');
  }

  // --- the reply's sink --------------------------------------------------------------------------------------------

  data(chunk: Uint8Array): boolean {
    // A copy: the chunk is the connection's read buffer, and the caller's socket may keep what it is given.
    if (this.#response.write(Buffer.from(chunk))) return true;
    if (!this.#stalled) this.#response.on('drain', () => this.#source?.resume());
    this.#stalled = true;
    return false;
  }

  end(): void {
    this.#response.end();
    this.#passedOn();
  }

  fail(error: NetError): void {
    this.#response.destroy();
    if (!this.#signal.aborted) this.#route.upstream.book.failed(error);
  }

  // --- ends --------------------------------------------------------------------------------------------------------

  #passedOn(): void {
    this.#route.upstream.book.ended(this.#startedAt);
    discardRest(this.#request);
  }

  #failed(error: NetError): void {
    if (this.#signal.aborted) return; // nobody is left to be told
    const { upstream } = this.#route;
    if (error.cause instanceof BodyTooLarge) return this.#answer(tooLarge(upstream.config.requestBodyBytesMax));
    if (error.code !== 'INVALID') upstream.book.failed(error);
    this.#answer(problemOf(error, upstream.name, !this.#request.complete), error.code !== 'INVALID');
  }

  /** @param isTold whether the client has told that the call failed */
  #answer(problem: Problem, isTold = false): void {
    this.#status = problem.status;
    answerProblem(this.#response, problem, isTold);
    discardRest(this.#request);
  }
}
