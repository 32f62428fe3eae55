/**
 * The messages of a streamed answer, as they came: told to one reader, at the reader's pace.
 *
 *   flowing ──`AHEAD_BYTES` unread──▶ paused ──half of them read──▶ flowing ──▶ ended, or failed
 *      └────────────────────────────────┴──drop──▶ dropped
 *
 * Invariants:
 *   (1) The reader gets every message once, in order, then the end or what broke it; after `drop` nothing but that.
 *   (2) Unread messages weigh at most AHEAD_BYTES and one chunk more: beyond, the connection is not read for this
 *       stream, whose window then stops the peer. A message that is not whole is read on whatever its size.
 *   (3) While the reader waits, nothing is unread.
 */
import { NetError } from '../../core/error.ts';
import type { BodySink, BodySource } from '../../core/reply.ts';
import { MessageFault, MessageReader } from '../../wire/grpc/message.ts';
import { GrpcError } from './error.ts';
import { tell } from './failures.ts';
import type { SingleParts } from './single.ts';
import { Compressed, type Received, Unread } from './unread.ts';

/** Bytes of unread messages at which reading stops. */
export const AHEAD_BYTES = 256 * 1024;

interface Waiting {
  resolve(message: Received | undefined): void;
  reject(error: unknown): void;
}

export class Incoming implements BodySink {
  readonly #parts: SingleParts;
  readonly #reader: MessageReader;
  readonly #over: (outcome: readonly string[] | GrpcError | NetError) => void;
  readonly #arrived: (() => void) | undefined;
  #source: BodySource | undefined;
  readonly #messages = new Unread();
  #waiting: Waiting[] = [];
  #paused = false;
  /** Of what is being read, `arrived` has been told. */
  #told = false;
  #ended = false;
  #error: unknown;

  /**
   * @param over told once, as soon as it is known: the trailers, or what broke it
   * @param arrived told that messages have come: of those in one piece, once, before their reader is
   */
  constructor(
    parts: SingleParts,
    over: (outcome: readonly string[] | GrpcError | NetError) => void,
    arrived?: (() => void) | undefined,
  ) {
    this.#parts = parts;
    this.#over = over;
    this.#arrived = arrived;
    this.#reader = new MessageReader(parts.bytesMax, (bytes, compressed) =>
      this.#push(compressed ? new Compressed(bytes) : bytes),
    );
  }

  /** @param trailers of a body that is whole */
  start(body: Uint8Array | BodySource, trailers: readonly string[]): void {
    if (body instanceof Uint8Array) {
      this.data(body);
      this.end(trailers);
    } else {
      this.#source = body;
      body.start(this);
    }
  }

  /** Messages that were received and not read yet. */
  get unread(): number {
    return this.#messages.size;
  }

  data(chunk: Uint8Array): boolean {
    if (this.#ended) return true;
    this.#told = false;
    try {
      this.#reader.push(chunk);
    } catch (thrown) {
      const { bytesMax, path } = this.#parts;
      const error = thrown instanceof MessageFault ? tell.fault(thrown, bytesMax, path) : NetError.from(thrown);
      this.#finish(error, error);
      this.#source?.cancel(error);
      return true;
    }
    this.#paused = this.#messages.weight >= AHEAD_BYTES;
    return !this.#paused;
  }

  end(trailers: readonly string[]): void {
    this.#finish(undefined, trailers);
  }

  fail(error: NetError): void {
    this.#finish(error, error);
  }

  /** Whether the end came within a message. */
  get half(): boolean {
    return this.#reader.partial;
  }

  /** The next message, nothing at the end. @throws what broke it */
  next(): Received | undefined | Promise<Received | undefined> {
    const message = this.#shift();
    if (message !== undefined) return message;
    if (this.#ended) return this.#error === undefined ? undefined : Promise.reject(this.#error);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
    });
  }

  /** The next message if it lies there and is not compressed: a busy stream is read without a promise for each. */
  ready(): Uint8Array | undefined {
    const message = this.#messages.peek();
    if (message === undefined || message instanceof Compressed) return undefined;
    this.#shift();
    return message;
  }

  /** The reader wants no more; what is still to come is given up. */
  drop(error: unknown): void {
    this.#messages.clear();
    if (this.#ended) return;
    const outcome = error instanceof GrpcError ? error : NetError.from(error);
    this.#finish(outcome, outcome);
    this.#source?.cancel(error);
  }

  #push(message: Received): void {
    if (!this.#told) {
      this.#told = true;
      this.#arrived?.();
    }
    const waiting = this.#waiting.shift();
    if (waiting !== undefined) return waiting.resolve(message);
    this.#messages.push(message);
  }

  #shift(): Received | undefined {
    const message = this.#messages.shift();
    if (this.#paused && this.#messages.weight <= AHEAD_BYTES / 2) {
      this.#paused = false;
      this.#source?.resume();
    }
    return message;
  }

  #finish(error: GrpcError | NetError | undefined, outcome: readonly string[] | GrpcError | NetError): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#error = error;
    this.#over(outcome);
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { resolve, reject } of waiting) {
      if (error === undefined) resolve(undefined);
      else reject(error);
    }
  }
}
