/** The one message that answers a call, and what came with it. */
import { type FieldLines, fieldsOf } from '../../engines/grpc/verdict.ts';
import { Metadata } from '../../wire/grpc/metadata.ts';

export class GrpcReply<O> {
  readonly message: O;
  readonly #head: { readonly list: FieldLines };
  readonly #trailers: readonly string[];

  /** @internal */
  constructor(message: O, head: { readonly list: FieldLines }, trailers: readonly string[]) {
    this.message = message;
    this.#head = head;
    this.#trailers = trailers;
  }

  /** What the server said before its message. */
  get headers(): Metadata {
    return Metadata.received(this.#head.list);
  }

  /** What it said after it. */
  get trailers(): Metadata {
    return Metadata.received(fieldsOf(this.#trailers));
  }
}
