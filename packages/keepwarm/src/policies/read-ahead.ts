/**
 * Reads a body into memory up to a bound, and if it is larger or slower than hoped, gives it on as it arrives: first
 * what has been read, then the rest.
 *
 *   gathering ──end──▶ whole      told once, with all of it
 *      │   └────fail──▶ failed    told once
 *      └──more than bytesMax, or `giveUp`──▶ live: a body source; paused until somebody starts it
 */
import { NetError } from '../core/error.ts';
import type { BodySink, BodySource } from '../core/reply.ts';

export interface ReadAheadEvents {
  whole(bytes: Uint8Array): void;
  /** It is a source from now on. */
  live(): void;
  failed(error: NetError): void;
}

export class ReadAhead implements BodySink, BodySource {
  readonly bytesExpected: number;
  readonly #source: BodySource;
  readonly #bytesMax: number;
  #events: ReadAheadEvents | undefined;
  #chunks: Uint8Array[] = [];
  #bytes = 0;
  #to: BodySink | undefined;
  #trailers: readonly string[] | undefined;
  #error: NetError | undefined;
  /** Whether it hands chunks on at the moment; handing one on may ask for more. */
  #flowing = false;

  constructor(source: BodySource, bytesMax: number) {
    this.bytesExpected = source.bytesExpected;
    this.#source = source;
    this.#bytesMax = bytesMax;
  }

  gather(events: ReadAheadEvents): void {
    this.#events = events;
    this.#source.start(this);
  }

  /** Waits no longer for the end. Nothing happens when it is whole, live or failed already. */
  giveUp(): void {
    const events = this.#events;
    this.#events = undefined;
    events?.live();
  }

  data(chunk: Uint8Array): boolean {
    if (this.#to !== undefined && this.#chunks.length === 0) return this.#to.data(chunk);
    this.#chunks.push(Uint8Array.from(chunk));
    this.#bytes += chunk.length;
    if (this.#bytes > this.#bytesMax) this.giveUp();
    return this.#events !== undefined;
  }

  end(trailers: readonly string[]): void {
    this.#trailers = trailers;
    const events = this.#events;
    this.#events = undefined;
    if (events !== undefined) events.whole(Buffer.concat(this.#chunks, this.#bytes));
    else if (this.#chunks.length === 0) this.#ended(trailers);
  }

  fail(error: NetError): void {
    this.#error = error;
    const events = this.#events;
    this.#events = undefined;
    if (events !== undefined) events.failed(error);
    else this.#to?.fail(error);
  }

  start(sink: BodySink): void {
    this.#to = sink;
    if (this.#error !== undefined) return sink.fail(this.#error);
    this.resume();
  }

  resume(): void {
    if (this.#to === undefined || this.#flowing || this.#error !== undefined) return;
    this.#flowing = true;
    let more = true;
    while (more && this.#chunks.length > 0) more = this.#to.data(this.#chunks.shift()!);
    this.#flowing = false;
    if (!more || this.#error !== undefined) return;
    if (this.#trailers === undefined) this.#source.resume();
    else this.#ended(this.#trailers);
  }

  /** To be told once: a reader may ask for more after it. */
  #ended(trailers: readonly string[]): void {
    const to = this.#to;
    this.#to = undefined;
    to?.end(trailers);
  }

  cancel(reason: unknown): void {
    this.#events = undefined;
    this.#chunks = [];
    this.#error ??= new NetError('ABORTED', 'the body was given up', {
      reach: 'answered',
      phase: 'body',
      cause: reason,
    });
    this.#source.cancel(reason);
  }

  liftDeadline(until?: number): void {
    this.#source.liftDeadline(until);
  }
}
