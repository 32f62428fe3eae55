/**
 * The answer to a call that gets a stream: its messages, read at the reader's pace, and what came before and after.
 *
 *   sent ──head──▶ open ──trailers──▶ ended (what is unread is still read)
 *     └─────────────┴──────────────── failed, cancelled (nothing more is read)
 *
 * Invariants:
 *   (1) `headers` and `trailers` settle once each, whether anybody reads messages or not; both reject when the call
 *       fails before they came.
 *   (2) Messages that arrived before a failure are read before it is thrown; after `cancel` nothing but CANCELLED is.
 *   (3) Leaving the loop, `cancel`, the signal and the deadline end the stream at the peer (RST_STREAM with CANCEL),
 *       and stop whoever makes the messages that are sent.
 */
import { listen, unlisten } from '../../core/abort.ts';
import type { NetError, Reach } from '../../core/error.ts';
import type { Reply } from '../../core/reply.ts';
import type { Turnstile } from '../../core/turnstile.ts';
import { decompress } from '../../engines/grpc/coding.ts';
import { GrpcError } from '../../engines/grpc/error.ts';
import { failureOf, tell } from '../../engines/grpc/failures.ts';
import { Incoming } from '../../engines/grpc/incoming.ts';
import { Compressed, type Received } from '../../engines/grpc/unread.ts';
import { fieldsOf, isTrailersOnly, verdictOf } from '../../engines/grpc/verdict.ts';
import { Metadata } from '../../wire/grpc/metadata.ts';
import type { StatusName } from '../../wire/grpc/status.ts';
import type { StreamWatch } from './watch.ts';

export interface StreamParts<O> {
  readonly path: string;
  readonly bytesMax: number;
  readonly decode: (bytes: Uint8Array) => O;
  readonly signal: AbortSignal | undefined;
  readonly send: (signal: AbortSignal) => Promise<Reply>;
  /** The answer has begun: what was sent need not be sent again. */
  readonly begun: () => void;
  /** It is over. Told once. */
  readonly ended: (status: StatusName) => void;
  /** A message was read, or could not be. */
  readonly received: (readable: boolean) => void;
  /** Whether the deadline has passed. */
  readonly late: () => boolean;
  /** Through which whoever reads is told of the failure. */
  readonly turnstile: Turnstile;
  /** Made at once where silence has a limit. */
  readonly watch?: ((unread: () => number, stalled: (error: NetError) => void) => StreamWatch) | undefined;
}

type Failure = GrpcError | NetError;

export class GrpcStream<O> implements AsyncIterableIterator<O> {
  /** What the server said before its messages. */
  readonly headers: Promise<Metadata>;
  /** What it said at the end. Rejects with a GrpcError when the call did not end with OK. */
  readonly trailers: Promise<Metadata>;
  readonly #parts: StreamParts<O>;
  readonly #ending = new AbortController();
  readonly #incoming: Incoming;
  readonly #head = Promise.withResolvers<Metadata>();
  readonly #tail = Promise.withResolvers<Metadata>();
  readonly #watch: StreamWatch | undefined;
  #coding: string | undefined;
  #over = false;
  #cancelled = false;
  #reach: Reach = 'unsent';
  /** To be thrown to the reader, once. */
  #failure: Failure | undefined;

  /** @internal */
  constructor(parts: StreamParts<O>) {
    this.#parts = parts;
    this.headers = this.#head.promise;
    this.trailers = this.#tail.promise;
    // Whoever does not look at them must not be told of a failure as one that nobody handles.
    this.headers.catch(ignored);
    this.trailers.catch(ignored);
    this.#watch = parts.watch?.(
      () => this.unread,
      (error) => this.#stalled(error),
    );
    const arrived = this.#watch && (() => this.#watch?.arrived());
    this.#incoming = new Incoming(parts, (outcome) => this.#ended(outcome), arrived);
    const { signal } = parts;
    if (signal?.aborted) this.cancel(signal.reason);
    else if (signal !== undefined) listen(signal, this);
    if (this.#over) return;
    this.#reach = 'unknown';
    parts.send(this.#ending.signal).then(
      (reply) => this.#begun(reply),
      (thrown: unknown) => this.#fail(thrown),
    );
  }

  /** Ends the call; its reader gets CANCELLED. Twice is harmless, as after the end. */
  cancel(reason: unknown = new Error('the stream was cancelled')): void {
    if (this.#cancelled) return;
    this.#cancelled = true;
    const { path } = this.#parts;
    this.#incoming.drop(
      new GrpcError('CANCELLED', 'cancelled by the caller', { reach: this.#reach, path, cause: reason }),
    );
    this.#ending.abort(reason);
  }

  /** @internal */
  aborted(reason: unknown): void {
    this.cancel(reason);
  }

  /** Messages that were received and not read yet. */
  get unread(): number {
    return this.#incoming.unread;
  }

  /** @throws GrpcError */
  next(): Promise<IteratorResult<O>> {
    let message: Received | undefined | Promise<Received | undefined>;
    try {
      message = this.#incoming.next();
      // The usual case of a stream that is busy: the message lies there, and is not compressed.
      if (message instanceof Uint8Array) return Promise.resolve({ done: false, value: this.#decoded(message) });
    } catch (error) {
      return Promise.reject(error);
    }
    return this.#later(message);
  }

  /**
   * The next message, where it has come already; nothing otherwise, and then `next` waits for it. For those who read
   * very many: it costs no promise. Not to be called while a `next` waits.
   *
   * @throws GrpcError
   */
  ready(): O | undefined {
    const message = this.#incoming.ready();
    return message === undefined ? undefined : this.#decoded(message);
  }

  async return(): Promise<IteratorResult<O>> {
    if (!this.#over || this.unread > 0) this.cancel(new Error('its reader has left'));
    this.#failure = undefined;
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cancel();
  }

  async #later(coming: Received | undefined | Promise<Received | undefined>): Promise<IteratorResult<O>> {
    let message: Received | undefined;
    try {
      message = await coming;
    } catch {
      // what broke it is the failure that was noted when it did
    }
    if (message === undefined) {
      const failure = this.#failure;
      this.#failure = undefined;
      if (failure !== undefined) return this.#parts.turnstile.refuse(failure);
      return { done: true, value: undefined };
    }
    const bytes = message instanceof Compressed ? await this.#inflated(message) : message;
    return { done: false, value: this.#decoded(bytes) };
  }

  /** @throws GrpcError */
  async #inflated({ bytes }: Compressed): Promise<Uint8Array> {
    const { bytesMax, path } = this.#parts;
    try {
      return await decompress(bytes, this.#coding, bytesMax, path);
    } catch (error) {
      throw this.#broken(error);
    }
  }

  /** A message that cannot be read ends the call; it is thrown where it was to be read. */
  #broken(error: unknown): unknown {
    this.#parts.received(false);
    this.#incoming.drop(error);
    this.#failure = undefined;
    return error;
  }

  /** @throws GrpcError */
  #decoded(bytes: Uint8Array): O {
    let message: O;
    try {
      message = this.#parts.decode(bytes);
    } catch (cause) {
      throw this.#broken(tell.decode(cause, this.#parts.path));
    }
    this.#parts.received(true);
    return message;
  }

  #begun(reply: Reply): void {
    if (reply.made instanceof GrpcError) return this.#fail(reply.made);
    if (this.#over) return reply.discard(this.#failure);
    this.#reach = 'answered';
    this.#parts.begun();
    this.#coding = reply.headers.get('grpc-encoding');
    this.#head.resolve(Metadata.received(reply.headers.list));
    const lines = reply.headers.list.map(([name, value]) => `${name}: ${value}`);
    this.#incoming.start(reply.take(), isTrailersOnly(reply) ? lines : reply.trailers);
  }

  /** Nothing comes any more, although nobody says so. */
  #stalled(error: NetError): void {
    this.#fail(error);
    this.#ending.abort(error);
  }

  #fail(thrown: unknown): void {
    this.#incoming.drop(failureOf(thrown, this.#parts.path, this.#parts.late()));
  }

  /** The body is at its end, or broken; messages may still be unread. */
  #ended(outcome: readonly string[] | Failure): void {
    const { path, late } = this.#parts;
    if (outcome instanceof Error) return this.#settle(failureOf(outcome, path, late()), undefined);
    const trailers = fieldsOf(outcome);
    const failure = verdictOf(trailers, path) ?? (this.#incoming.half ? tell.half(path) : undefined);
    this.#settle(failure, failure === undefined ? Metadata.received(trailers) : undefined);
  }

  #settle(failure: Failure | undefined, trailers: Metadata | undefined): void {
    if (this.#over) return;
    this.#over = true;
    this.#failure = failure;
    this.#watch?.stop();
    if (this.#parts.signal !== undefined) unlisten(this.#parts.signal, this);
    this.#parts.ended(failure === undefined ? 'OK' : failure instanceof GrpcError ? failure.status : 'INTERNAL');
    if (trailers !== undefined) return this.#tail.resolve(trailers);
    this.#parts.turnstile.pass(() => {
      this.#head.reject(failure);
      this.#tail.reject(failure);
    });
  }
}

function ignored(): void {}
