/**
 * A reply whose body is still arriving, in its reader's hands: what the exchange tells both of them at the end. It
 * holds the ways to the reader and not the reply: one that nobody else holds is collected, and its body given up.
 */
import type { NetError } from '../../core/error.ts';
import type { Ending } from '../../core/reply.ts';
import type { BodyPipe } from './body-pipe.ts';

export class Delivery {
  readonly #ending: Ending;
  readonly #pipe: BodyPipe;

  constructor(ending: Ending, pipe: BodyPipe) {
    this.#ending = ending;
    this.#pipe = pipe;
  }

  /** Whether the reader, not the peer, is what everyone waits for. */
  get stalled(): boolean {
    return this.#pipe.stalled;
  }

  /** Whether reading should stop until the reader has caught up. */
  get full(): boolean {
    return this.#pipe.full;
  }

  /** Whether the reader keeps what it is given. */
  get keeps(): boolean {
    return this.#pipe.keeps;
  }

  end(trailers: readonly string[]): void {
    this.#pipe.end(trailers);
    this.#ending.finish(trailers);
  }

  fail(error: NetError): void {
    this.#pipe.fail(error);
    this.#ending.finish([], error);
  }
}
