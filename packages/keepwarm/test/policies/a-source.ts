/** A body that arrives by hand. */
import type { NetError } from '../../src/core/error.ts';
import type { BodySink, BodySource } from '../../src/core/reply.ts';

export class HandSource implements BodySource {
  readonly bytesExpected: number;
  cancelled: unknown;
  paused = false;
  #sink: BodySink | undefined;
  readonly #waiting: ((sink: BodySink) => void)[] = [];

  constructor(bytesExpected = -1) {
    this.bytesExpected = bytesExpected;
  }

  get started(): boolean {
    return this.#sink !== undefined;
  }

  start(sink: BodySink): void {
    this.#sink = sink;
    this.resume();
  }

  resume(): void {
    this.paused = false;
    while (!this.paused && this.#waiting.length > 0) this.#waiting.shift()!(this.#sink!);
  }

  cancel(reason: unknown): void {
    this.cancelled ??= reason ?? 'cancelled';
    this.#waiting.length = 0;
  }

  liftDeadline(): void {}

  /** As the engine pushes: kept while the sink has said stop, or is not there yet. */
  push(text: string): void {
    this.#give((sink) => {
      const chunk = Buffer.from(text);
      this.paused = !sink.data(chunk);
      chunk.fill(0); // valid during the call only
    });
  }

  end(): void {
    this.#give((sink) => sink.end([]));
  }

  fail(error: NetError): void {
    this.#give((sink) => sink.fail(error));
  }

  #give(event: (sink: BodySink) => void): void {
    if (this.cancelled !== undefined) return;
    this.#waiting.push(event);
    if (this.#sink !== undefined && !this.paused) this.resume();
  }
}
