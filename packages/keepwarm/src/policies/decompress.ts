/**
 * Decodes replies: gzip, deflate (with and without its zlib wrapper), br, zstd, and several of them in a row.
 *
 * What comes out is bounded twice: in bytes, and as a multiple of what came in once it is larger than a megabyte. A few
 * hundred bytes can decode to gigabytes; the bound is checked while decoding, not after (as CVE-2026-22036 and its
 * relatives teach). Bodies that arrived whole and small are decoded in place, without a thread and without a stream.
 */

import type { Transform } from 'node:stream';
import type { Call } from '../core/call.ts';
import { NetError } from '../core/error.ts';
import type { BodySink, BodySource, Reply } from '../core/reply.ts';
import { type Coding, codingsOf, decodeOne, decoder, undecodable } from './codings.ts';

export interface DecompressOptions {
  /**
   * Decoded bytes of one body are bounded by the call's `bodyBytesMax`; beyond this many, also by `inflationMax`.
   * Default 1 MiB.
   */
  readonly inflationFreeBytes: number;
  /** How many times larger than what was received a body may decode to. Default 200. */
  readonly inflationMax: number;
  /** Adds up what it has done, in bytes. */
  readonly tally: { encodedBytes: number; decodedBytes: number };
}

/** Encoded bodies up to this size are decoded at once. Decoding them takes less than handing them to a thread. */
const AT_ONCE_BYTES = 16 * 1024;
const AT_ONCE_DECODED_BYTES = 1024 * 1024;
/** Codings in a row: nobody honest needs more than two. */
const CODINGS_MAX = 5;

export const ACCEPT_ENCODING = 'gzip, deflate, br, zstd';

/**
 * Turns an encoded reply into a decoded one. Waits for nothing, so it is no policy: the engine applies it to replies
 * that need it.
 */
export type Decode = (reply: Reply, call: Call) => Reply;

export const decompress =
  (options: DecompressOptions): Decode =>
  (reply, call) =>
    decoded(reply, options, call.limits.bodyBytesMax);

/** The reply with its body decoded; the fields that described the encoded body are left out of `headers`. */
function decoded(reply: Reply, options: DecompressOptions, bodyBytesMax: number): Reply {
  const codings = codingsOf(reply.headers.get('content-encoding') ?? '');
  if (codings === undefined) return reply; // a coding we never asked for: the caller may know it
  if (codings.length > CODINGS_MAX) {
    reply.discard();
    throw new NetError(
      'LIMIT',
      `the body has ${codings.length} content codings in a row; at most ${CODINGS_MAX} are decoded`,
      {
        reach: 'answered',
        phase: 'body',
        value: CODINGS_MAX,
        ...placeOf(reply),
      },
    );
  }
  const headers = reply.headers.without('content-encoding', 'content-length');
  const place = placeOf(reply);
  const body = reply.take();
  if (body instanceof Uint8Array) {
    if (body.length === 0) return reply.with(body, headers);
    const whole = decodeAtOnce(body, codings, Math.min(AT_ONCE_DECODED_BYTES, bodyBytesMax), place);
    if (whole !== undefined) {
      options.tally.encodedBytes += body.length;
      options.tally.decodedBytes += whole.length;
      return reply.with(whole, headers);
    }
    return reply.with(new Decoding(wholeSource(body), codings, options, bodyBytesMax, place), headers);
  }
  return reply.with(new Decoding(body, codings, options, bodyBytesMax, place), headers);
}

/** Where a reply came from, as errors say it. */
interface Place {
  readonly origin: string | undefined;
  readonly socketId: number;
}

const placeOf = ({ from, socketId }: Reply): Place => ({ origin: from?.key, socketId });

/** @returns nothing when it is not small after all, so that the bounded stream must do it */
function decodeAtOnce(
  body: Uint8Array,
  codings: readonly Coding[],
  maxOutputLength: number,
  { origin, socketId }: Place,
): Uint8Array | undefined {
  if (body.length > AT_ONCE_BYTES) return undefined;
  let bytes: Uint8Array = body;
  for (const coding of codings) {
    if (bytes.length === 0) return bytes;
    try {
      bytes = decodeOne(coding, bytes, maxOutputLength);
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') return undefined;
      throw undecodable(coding, cause).about(origin, socketId);
    }
  }
  return bytes;
}

/** A body at hand, as a source. */
function wholeSource(bytes: Uint8Array): BodySource {
  return {
    bytesExpected: bytes.length,
    start(sink) {
      sink.data(bytes);
      sink.end([]);
    },
    resume() {},
    cancel() {},
    liftDeadline() {},
  };
}

/**
 * A body decoded as it arrives. The chain of decoders is built when the first byte is there.
 * Invariant: the sink hears exactly one `end` or `fail`, and after that nothing; the decoders are destroyed by then.
 */
class Decoding implements BodySource, BodySink {
  readonly bytesExpected = -1;
  readonly keeps = true;
  readonly #source: BodySource;
  readonly #codings: readonly Coding[];
  readonly #options: DecompressOptions;
  readonly #bodyBytesMax: number;
  readonly #place: Place;
  #chain: Transform[] = [];
  #sink: BodySink | undefined;
  #bytesIn = 0;
  #bytesOut = 0;
  #trailers: readonly string[] = [];
  #over = false;

  constructor(
    source: BodySource,
    codings: readonly Coding[],
    options: DecompressOptions,
    bodyBytesMax: number,
    place: Place,
  ) {
    this.#source = source;
    this.#place = place;
    this.#codings = codings;
    this.#options = options;
    this.#bodyBytesMax = bodyBytesMax;
  }

  start(sink: BodySink): void {
    this.#sink = sink;
    this.#source.start(this);
  }

  resume(): void {
    this.#chain.at(-1)?.resume();
  }

  cancel(reason: unknown): void {
    if (this.#over) return;
    this.#stop();
    this.#source.cancel(reason);
  }

  liftDeadline(until?: number): void {
    this.#source.liftDeadline(until);
  }

  data(chunk: Uint8Array, yours = false): boolean {
    if (this.#over || chunk.length === 0) return true;
    if (this.#chain.length === 0) this.#build(chunk[0]!);
    this.#bytesIn += chunk.length;
    this.#options.tally.encodedBytes += chunk.length;
    return this.#chain[0]!.write(yours ? chunk : Buffer.from(chunk)); // the decoder reads it later
  }

  end(trailers: readonly string[]): void {
    if (this.#over) return;
    this.#trailers = trailers;
    if (this.#chain.length === 0) this.#finish();
    else this.#chain[0]!.end();
  }

  fail(error: NetError): void {
    if (this.#over) return;
    this.#stop();
    this.#sink!.fail(error);
  }

  #build(first: number): void {
    // Only the outermost coding's first byte is known; inner deflate is taken for the standard, wrapped one.
    this.#chain = this.#codings.map((coding, i) => decoder(coding, i === 0 ? first : 0x78));
    this.#chain.forEach((stage, i) => {
      stage.on('error', (cause) => this.#broken(undecodable(this.#codings[i]!, cause)));
      const following = this.#chain[i + 1];
      if (following !== undefined) stage.pipe(following);
    });
    this.#chain[0]!.on('drain', () => this.#source.resume());
    const last = this.#chain.at(-1)!;
    last.on('data', (chunk: Buffer) => this.#decoded(chunk, last));
    last.on('end', () => this.#finish());
  }

  #decoded(chunk: Buffer, last: Transform): void {
    if (this.#over) return;
    this.#bytesOut += chunk.length;
    const { inflationFreeBytes, inflationMax, tally } = this.#options;
    tally.decodedBytes += chunk.length;
    if (this.#bytesOut > this.#bodyBytesMax)
      return this.#broken(tooMuch('bodyBytesMax', this.#bodyBytesMax, 'decoded bytes'));
    if (this.#bytesOut > inflationFreeBytes && this.#bytesOut > this.#bytesIn * inflationMax) {
      return this.#broken(tooMuch('inflationMax', inflationMax, 'times its encoded size'));
    }
    if (!this.#sink!.data(chunk)) last.pause();
  }

  #finish(): void {
    if (this.#over) return;
    this.#stop();
    this.#sink!.end(this.#trailers);
  }

  #broken(error: NetError): void {
    if (this.#over) return;
    this.#stop();
    this.#source.cancel(error);
    this.#sink!.fail(error.about(this.#place.origin, this.#place.socketId));
  }

  #stop(): void {
    this.#over = true;
    for (const stage of this.#chain) stage.destroy();
  }
}

function tooMuch(limit: string, value: number, what: string): NetError {
  return new NetError('LIMIT', `the reply decodes to more than ${value} ${what} (limit ${limit})`, {
    reach: 'answered',
    phase: 'body',
    limit,
    value,
  });
}
