/**
 * The messages of a streamed request, on their way into a body. What was sent is kept for as long as it is little and
 * nothing came back: until then the peer may say that it has processed nothing (GOAWAY, REFUSED_STREAM), and the same
 * messages go out again.
 *
 *   replayable ──the answer begins, or more than KEPT_BYTES_MAX were sent──▶ once
 *        └────────────────────────────┴──close──▶ closed
 *
 * Invariants:
 *   (1) Each message is asked for and encoded once, in order, and never before the one before it was taken.
 *   (2) A body that is opened again gives the same bytes, or `repeatable` was false by then.
 *   (3) The source is told to stop exactly once, unless it has ended by itself.
 */
import type { BodyProducer } from '../../core/call.ts';
import { stopSource } from '../stop-source.ts';
import { GrpcError } from './error.ts';
import { tell } from './failures.ts';

/** Bytes kept for a replay. */
export const KEPT_BYTES_MAX = 64 * 1024;

type Frame = Uint8Array | undefined;

export class Outgoing<I> implements BodyProducer {
  readonly bytes = undefined;
  readonly #source: AsyncIterator<I> | Iterator<I>;
  readonly #encode: (message: I) => Uint8Array | Promise<Uint8Array>;
  readonly #path: string;
  #kept: Uint8Array[] = [];
  #keptBytes = 0;
  /** Messages that went before the first one that is kept. */
  #gone = 0;
  #repeatable = true;
  #pulling: Promise<void> | undefined;
  #ended = false;
  #closed = false;
  /** Messages taken from the source. */
  sent = 0;

  /** @param encode makes a message of it, prefix and compression included */
  constructor(
    messages: AsyncIterable<I> | Iterable<I>,
    encode: (message: I) => Uint8Array | Promise<Uint8Array>,
    path: string,
  ) {
    this.#source = Symbol.asyncIterator in messages ? messages[Symbol.asyncIterator]() : messages[Symbol.iterator]();
    this.#encode = encode;
    this.#path = path;
  }

  get repeatable(): boolean {
    return this.#repeatable;
  }

  /** The peer has processed some of it: from now on it cannot be sent again, and need not be kept. */
  commit(): void {
    this.#repeatable = false;
  }

  open(): AsyncIterable<Uint8Array> & AsyncIterator<Uint8Array> {
    let at = 0;
    let over = false;
    const next = async (): Promise<IteratorResult<Uint8Array>> => {
      while (!over && at >= this.#gone + this.#kept.length && !this.#ended) await (this.#pulling ??= this.#pull());
      const frame = over ? undefined : this.#take(at++);
      return frame === undefined ? { done: true, value: undefined } : { done: false, value: frame };
    };
    const stop = async (): Promise<IteratorResult<Uint8Array>> => {
      over = true; // the source is not: the body may be opened again
      return { done: true, value: undefined };
    };
    const iterator = { next, return: stop, [Symbol.asyncIterator]: () => iterator };
    return iterator;
  }

  /** The call is over: whoever makes messages is told to stop. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#repeatable = false;
    this.#kept = [];
    if (this.#ended) return;
    this.#ended = true;
    stopSource(this.#source);
  }

  #take(at: number): Frame {
    const frame = this.#kept[at - this.#gone];
    if (!this.#repeatable && frame !== undefined) {
      this.#kept.splice(0, at - this.#gone + 1);
      this.#gone = at + 1;
    }
    return frame;
  }

  async #pull(): Promise<void> {
    try {
      const { done, value } = await this.#asked();
      if (this.#closed) return;
      if (done) {
        this.#ended = true;
        return;
      }
      const frame = await this.#encoded(value);
      if (this.#closed) return;
      this.sent++;
      this.#kept.push(frame);
      this.#keptBytes += frame.length;
      if (this.#keptBytes > KEPT_BYTES_MAX) this.#repeatable = false;
    } finally {
      this.#pulling = undefined;
    }
  }

  async #asked(): Promise<IteratorResult<I>> {
    try {
      return await this.#source.next();
    } catch (thrown) {
      this.#ended = true;
      throw thrown instanceof GrpcError ? thrown : tell.source(thrown, this.#path);
    }
  }

  async #encoded(message: I): Promise<Uint8Array> {
    try {
      return await this.#encode(message);
    } catch (thrown) {
      throw thrown instanceof GrpcError ? thrown : tell.encode(thrown, this.#path, 'unknown');
    }
  }
}
