/** A reply whose body is still arriving, in its reader's hands: what the exchange tells both of them at the end. */
import type { NetError } from '../../core/error.ts';
import type { Reply } from '../../core/reply.ts';
import type { BodyPipe } from './body-pipe.ts';

export class Delivery {
  readonly reply: Reply;
  readonly #pipe: BodyPipe;

  constructor(reply: Reply, pipe: BodyPipe) {
    this.reply = reply;
    this.#pipe = pipe;
  }

  /** Whether the reader, not the peer, is what everyone waits for. */
  get stalled(): boolean {
    return this.#pipe.stalled;
  }

  end(trailers: readonly string[]): void {
    this.#pipe.end(trailers);
    this.reply.finish();
  }

  fail(error: NetError): void {
    this.#pipe.fail(error);
    this.reply.finish();
  }
}
