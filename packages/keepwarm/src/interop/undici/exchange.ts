/**
 * One dispatch: undici's handler on one side, a call of ours on the other.
 *
 *   started ──▶ sent ──▶ answered ⇄ paused ──▶ over
 *      └──────────┴──────────┴────────────────▶ over (failed, aborted)
 *
 * Invariants:
 *   (1) The handler hears `onRequestStart` first, then `onResponseStart` for each interim reply and at most once for a
 *       final one, then exactly one of `onResponseEnd` and `onResponseError`; after that nothing, and nothing of the
 *       call is left.
 *   (2) An abort is answered by `onResponseError` before it returns, whatever the call is doing: also while it queues.
 *   (3) While the controller is paused, the handler is given nothing: no data, no end.
 *   (4) What the handler throws aborts the call, and the handler is told that it failed.
 */
import { Readable } from 'node:stream';
import type { Link } from '../../algo/chain.ts';
import type { FetchDoor } from '../../clients/fetch.ts';
import type { Call } from '../../core/call.ts';
import type { NetError } from '../../core/error.ts';
import type { BodySink, BodySource, Reply } from '../../core/reply.ts';
import type { ReplyFields } from '../../core/reply-fields.ts';
import type { Endings } from './endings.ts';
import { aborted, asUndiciError } from './errors.ts';
import { objectOf, rawTrailersOf } from './fields.ts';
import { gather, mayBeWhole } from './gather.ts';
import type { Controller, Handler } from './handlers.ts';
import { bufferOf, Pieces, type Taker } from './pieces.ts';
import { type CallWatch, callOf, type DispatchOptions, streamOf } from './request.ts';

export class DispatchExchange implements Controller, BodySink, CallWatch, Taker, Link<DispatchExchange> {
  chainBefore: DispatchExchange | undefined;
  chainAfter: DispatchExchange | undefined;
  readonly keeps = true;
  rawHeaders: string[] | null = null;
  rawTrailers: string[] | null = null;
  readonly #handler: Handler;
  #body: unknown;
  readonly #left: (exchange: DispatchExchange) => void;
  readonly #endings: Endings;
  readonly #ending: AbortController;
  #source: BodySource | undefined;
  #door: FetchDoor | undefined;
  #pieces: Pieces | undefined;
  /** What waits for the controller to be resumed. */
  #held: (() => void) | undefined;
  #paused = false;
  #reason: Error | null = null;
  #bodySent = false;
  #over = false;

  /** @param left called once, when the dispatch is over */
  constructor(handler: Handler, body: unknown, endings: Endings, left: (exchange: DispatchExchange) => void) {
    this.#handler = handler;
    this.#body = body;
    this.#endings = endings;
    this.#ending = endings.take();
    this.#left = left;
  }

  get aborted(): boolean {
    return this.#reason !== null;
  }
  get reason(): Error | null {
    return this.#reason;
  }
  get paused(): boolean {
    return this.#paused;
  }
  get over(): boolean {
    return this.#over;
  }

  start(door: FetchDoor, options: DispatchOptions): void {
    const { body } = options;
    this.#door = door;
    // A stream that fails before it is read would otherwise fail the process.
    if (body instanceof Readable) body.on('error', this.#sourceFailed);
    try {
      const call = callOf(door, options, this.#ending.signal, this);
      this.#handler.onRequestStart?.(this, {});
      if (this.#over) return;
      const announced = call.headers.contentLength;
      if (announced === undefined || !mayBeWhole(body)) return this.#send(door, call);
      gather(body, announced, door.turn, (gathered) => this.#gathered(door, call, gathered));
    } catch (error) {
      door.turnstile().pass(() => this.#fail(asUndiciError(error)));
    }
  }

  #gathered(door: FetchDoor, call: Call, body: Uint8Array | AsyncIterator<unknown>): void {
    if (body instanceof Uint8Array) {
      if (this.#over) return;
      this.#body = body;
      return this.#send(door, { ...call, body });
    }
    if (this.#over) return void body.return?.().catch(ignored);
    this.#send(door, { ...call, body: streamOf(body, call.headers.contentLength, this) });
  }

  #send(door: FetchDoor, call: Call): void {
    door.send(call, 'manual').then(
      (reply) => this.#answered(reply),
      (error: unknown) => this.#fail(asUndiciError(error)),
    );
  }

  abort(reason?: Error): void {
    if (this.#over) return;
    this.#reason = reason ?? aborted();
    this.#fail(this.#reason);
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#pieces?.flush();
    if (this.#paused) return;
    const held = this.#held;
    this.#held = undefined;
    if (held !== undefined) held();
    else this.#source?.resume();
  }

  sent(chunk: Uint8Array): void {
    if (!this.#over) this.#handler.onBodySent?.(bufferOf(chunk));
  }

  ended(): void {
    if (this.#over || this.#bodySent) return;
    this.#bodySent = true;
    this.#handler.onRequestSent?.();
  }

  readonly interim = (status: number, fields: ReplyFields): void => {
    if (this.#over) return;
    this.#try(() => {
      this.rawHeaders = fields.flat();
      this.#handler.onResponseStart?.(this, status, objectOf(this.rawHeaders), fields.reason);
    });
  };

  data(chunk: Uint8Array, yours = false): boolean {
    if (this.#over) return false;
    this.#pieces!.add(chunk, yours);
    return !this.#paused && !this.#over;
  }

  take(bytes: Buffer): void {
    this.#try(() => this.#handler.onResponseData?.(this, bytes));
  }

  turn(task: () => void): void {
    this.#door!.turn(task);
  }

  end(trailers: readonly string[]): void {
    this.rawTrailers = rawTrailersOf(trailers);
    const { rawTrailers } = this;
    if (!this.#paused) this.#pieces?.flush();
    this.#whenResumed(() => {
      if (this.#over) return;
      this.#finish();
      this.#letGo();
      try {
        this.#handler.onResponseEnd?.(this, objectOf(rawTrailers));
      } catch (error) {
        this.#handler.onResponseError?.(this, asUndiciError(error));
      }
    });
  }

  fail(error: NetError): void {
    if (!this.#paused) this.#pieces?.flush();
    this.#fail(asUndiciError(error));
  }

  #answered(reply: Reply): void {
    if (this.#over) return reply.discard();
    this.#try(() => {
      this.#tellSent();
      this.rawHeaders = reply.headers.flat();
      this.#handler.onResponseStarted?.();
      this.#handler.onResponseStart?.(this, reply.status, objectOf(this.rawHeaders), reply.statusText);
    });
    if (this.#over) return reply.discard();
    this.#whenResumed(() => this.#read(reply));
  }

  /** A body that goes out with its head is not watched on its way; when the answer has begun, it has gone. */
  #tellSent(): void {
    if (this.#bodySent) return;
    const body = this.#body;
    if (typeof body === 'string' && body !== '') this.sent(Buffer.from(body));
    else if (body instanceof Uint8Array && body.length > 0) this.sent(body);
    this.ended();
  }

  #read(reply: Reply): void {
    if (this.#over) return reply.discard();
    const body = reply.take();
    if (body instanceof Uint8Array) {
      if (body.length > 0) this.#try(() => this.#handler.onResponseData?.(this, bufferOf(body)));
      if (!this.#over) this.end(reply.trailers);
      return;
    }
    this.#source = body;
    this.#pieces = new Pieces(this, body.bytesExpected);
    body.liftDeadline(); // from here on the handler sets the pace
    body.start(this);
  }

  #whenResumed(task: () => void): void {
    if (this.#paused) this.#held = task;
    else task();
  }

  #try(tell: () => void): void {
    try {
      tell();
    } catch (error) {
      this.abort(asUndiciError(error));
    }
  }

  #fail(error: Error): void {
    if (this.#over) return;
    this.#finish();
    this.#ending.abort(error);
    this.#source?.cancel(error);
    dropBody(this.#body, error);
    this.#handler.onResponseError?.(this, error);
  }

  #finish(): void {
    this.#over = true;
    this.#held = undefined;
    if (this.#body instanceof Readable) this.#body.off('error', this.#sourceFailed);
    this.#left(this);
  }

  /** Whoever listened may hold the controller for long: what the call was made of is not kept with it. */
  #letGo(): void {
    this.#endings.giveBack(this.#ending);
    this.#body = this.#source = this.#pieces = this.#door = undefined;
  }

  readonly #sourceFailed = (error: Error): void => this.abort(error);
}

/** A body nobody will read any more is told so, as undici does. */
function dropBody(body: unknown, error: Error): void {
  if (body instanceof Readable) body.on('error', ignored).destroy(error);
  else if (body instanceof ReadableStream && !body.locked) body.cancel(error).catch(ignored);
}

/** The one who gave up knows why already. */
function ignored(): void {}
