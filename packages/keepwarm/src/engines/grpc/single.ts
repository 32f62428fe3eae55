/**
 * The answer to a call that gets one message: all of it, as it arrived.
 *
 * A second message, one that is too large, or a broken prefix end the stream at once.
 */
import type { NetError } from '../../core/error.ts';
import type { BodySource } from '../../core/reply.ts';
import { MessageFault, MessageReader, PREFIX_BYTES } from '../../wire/grpc/message.ts';
import type { GrpcError } from './error.ts';
import { tell } from './failures.ts';

export interface Single {
  /** Nothing when none came. */
  readonly message: Uint8Array | undefined;
  readonly compressed: boolean;
  /** Whether the end came within a message. */
  readonly half: boolean;
  readonly trailers: readonly string[];
}

export interface SingleParts {
  readonly bytesMax: number;
  readonly path: string;
}

/** @throws GrpcError */
export function singleOf(body: Uint8Array, trailers: readonly string[], parts: SingleParts): Single {
  const length = body.length - PREFIX_BYTES;
  // The usual case: nothing but one message, which lies in memory of its own already.
  if (length >= 0 && length <= parts.bytesMax && body[0]! <= 1 && lengthIn(body) === length) {
    return { message: body.subarray(PREFIX_BYTES), compressed: body[0] === 1, half: false, trailers };
  }
  const one = new One(parts);
  one.push(body);
  return one.end(trailers);
}

/** Reads it to its end. @throws GrpcError; NetError for what ended it early */
export function readSingle(source: BodySource, parts: SingleParts): Promise<Single> {
  return new Promise((resolve, reject) => {
    const one = new One(parts);
    let over = false;
    const fail = (error: GrpcError | NetError): void => {
      over = true;
      reject(error);
    };
    source.start({
      data(chunk) {
        if (over) return true;
        try {
          one.push(chunk);
        } catch (thrown) {
          fail(thrown as GrpcError);
          source.cancel(thrown);
        }
        return true;
      },
      end: (trailers) => resolve(one.end(trailers)),
      fail,
    });
  });
}

class One {
  readonly #parts: SingleParts;
  readonly #reader: MessageReader;
  #message: Uint8Array | undefined;
  #compressed = false;
  #more = false;

  constructor(parts: SingleParts) {
    this.#parts = parts;
    this.#reader = new MessageReader(parts.bytesMax, (message, compressed) => {
      if (this.#message !== undefined) this.#more = true;
      this.#message ??= message;
      this.#compressed = compressed;
    });
  }

  /** @throws GrpcError */
  push(chunk: Uint8Array): void {
    const { bytesMax, path } = this.#parts;
    try {
      this.#reader.push(chunk);
    } catch (thrown) {
      throw thrown instanceof MessageFault ? tell.fault(thrown, bytesMax, path) : thrown;
    }
    if (this.#more) throw tell.count(2, path);
  }

  end(trailers: readonly string[]): Single {
    return { message: this.#message, compressed: this.#compressed, half: this.#reader.partial, trailers };
  }
}

function lengthIn(body: Uint8Array): number {
  return ((body[1]! << 24) | (body[2]! << 16) | (body[3]! << 8) | body[4]!) >>> 0;
}
