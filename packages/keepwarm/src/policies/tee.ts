/** A body on its way to its reader, copied as it passes: the copy is given over if all came, and was not too large. */
import type { NetError } from '../core/error.ts';
import type { BodySink, BodySource } from '../core/reply.ts';

export class Tee implements BodySource, BodySink {
  readonly bytesExpected: number;
  readonly #source: BodySource;
  readonly #bytesMax: number;
  readonly #whole: (bytes: Uint8Array) => void;
  #chunks: Uint8Array[] | undefined = [];
  #bytes = 0;
  #sink: BodySink | undefined;

  constructor(source: BodySource, bytesMax: number, whole: (bytes: Uint8Array) => void) {
    this.bytesExpected = source.bytesExpected;
    this.#source = source;
    this.#bytesMax = bytesMax;
    this.#whole = whole;
  }

  start(sink: BodySink): void {
    this.#sink = sink;
    this.#source.start(this);
  }

  data(chunk: Uint8Array): boolean {
    this.#bytes += chunk.length;
    if (this.#bytes > this.#bytesMax) this.#chunks = undefined;
    this.#chunks?.push(Uint8Array.from(chunk));
    return this.#sink!.data(chunk);
  }

  end(trailers: readonly string[]): void {
    if (this.#chunks !== undefined) this.#whole(Buffer.concat(this.#chunks, this.#bytes));
    this.#chunks = undefined;
    this.#sink!.end(trailers);
  }

  fail(error: NetError): void {
    this.#chunks = undefined;
    this.#sink!.fail(error);
  }

  resume(): void {
    this.#source.resume();
  }

  cancel(reason: unknown): void {
    this.#chunks = undefined;
    this.#source.cancel(reason);
  }

  liftDeadline(until?: number): void {
    this.#source.liftDeadline(until);
  }
}
