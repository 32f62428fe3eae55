/**
 * A streamed request body on its way into a stream, with backpressure from both windows and the socket.
 *
 *   sending ──▶ done
 *      └──▶ stopped        the producer was told at once
 *
 * Invariants:
 *   (1) `failed` is told at most once, and never after `stop`: whoever stopped it knows why.
 *   (2) The producer's `return` is called whenever it was not read to its end, even while it keeps us waiting.
 *   (3) The stream is ended only once the producer has, and has given what it announced.
 */
import type { BodyProducer } from '../../core/call.ts';
import { NetError } from '../../core/error.ts';
import { sourceFailed, wrongBody } from '../http1/upload.ts';
import { stopSource } from '../stop-source.ts';

const NOTHING = new Uint8Array(0);

export class Upload {
  #state: 'sending' | 'done' | 'stopped' = 'sending';
  #chunks: AsyncIterator<Uint8Array> | undefined;
  readonly #announced: number | undefined;
  readonly #offer: (chunk: Uint8Array, last: boolean) => void;
  #taken: () => void = () => {};

  /** @param failed gets NetError `INVALID` for a body that is not what it announced, `ABORTED` for one that threw */
  constructor(
    body: BodyProducer,
    offer: (chunk: Uint8Array, last: boolean) => void,
    done: () => void,
    failed: (error: NetError) => void,
  ) {
    this.#announced = body.bytes;
    this.#offer = offer;
    this.#send(body).then(
      () => {
        if (this.#state === 'done') done();
      },
      (thrown: unknown) => {
        if (this.#state !== 'sending') return;
        this.stop();
        failed(thrown instanceof NetError ? thrown : sourceFailed(thrown));
      },
    );
  }

  get done(): boolean {
    return this.#state === 'done';
  }

  /** The chunk offered last has gone out. */
  taken(): void {
    this.#taken();
  }

  stop(): void {
    if (this.#state !== 'sending') return;
    this.#state = 'stopped';
    this.#taken();
    stopSource(this.#chunks);
  }

  async #send(body: BodyProducer): Promise<void> {
    const chunks = body.open()[Symbol.asyncIterator]();
    this.#chunks = chunks;
    let sent = 0;
    for (;;) {
      const { done, value: chunk } = await chunks.next();
      if (this.#state !== 'sending') return;
      if (done) break;
      if (!(chunk instanceof Uint8Array)) throw wrongBody('yielded something that is not bytes');
      if (chunk.length === 0) continue;
      sent += chunk.length;
      if (this.#announced !== undefined && sent > this.#announced) {
        throw wrongBody(`yielded more than the ${this.#announced} bytes it announced`);
      }
      await this.#give(chunk, false);
      if (this.#state !== 'sending') return;
    }
    if (this.#announced !== undefined && sent !== this.#announced) {
      throw wrongBody(`yielded ${sent} of the ${this.#announced} bytes it announced`);
    }
    await this.#give(NOTHING, true);
    if (this.#state === 'sending') this.#state = 'done';
  }

  #give(chunk: Uint8Array, last: boolean): Promise<void> {
    return new Promise((resolve) => {
      this.#taken = resolve;
      this.#offer(chunk, last);
    });
  }
}
