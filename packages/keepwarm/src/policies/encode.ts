/** Bodies into content codings: at once, beside the event loop, or as they are produced. */
import { pipeline, type Transform } from 'node:stream';
import {
  brotliCompress,
  brotliCompressSync,
  constants,
  createBrotliCompress,
  createGzip,
  createZstdCompress,
  gzip,
  gzipSync,
  zstdCompress,
  zstdCompressSync,
} from 'node:zlib';
import { type Abortable, listen, unlisten } from '../core/abort.ts';
import type { BodyProducer, Call } from '../core/call.ts';
import type { Due, DueList } from '../core/due.ts';
import { type Code, NetError } from '../core/error.ts';

export type Coding = 'gzip' | 'br' | 'zstd';

/**
 * Brotli's own default, 11, is for what is compressed once and sent often: at about 1 MB/s it would take longer than
 * most uploads. 4 is about as fast as gzip, and smaller. zlib's default (6) and zstd's (3) are meant for the moment.
 */
const BROTLI = { params: { [constants.BROTLI_PARAM_QUALITY]: 4 } };

export function encodeAtOnce(coding: Coding, bytes: Uint8Array): Uint8Array {
  switch (coding) {
    case 'gzip':
      return gzipSync(bytes);
    case 'br':
      return brotliCompressSync(bytes, BROTLI);
    case 'zstd':
      return zstdCompressSync(bytes);
  }
}

function encodeBeside(coding: Coding, bytes: Uint8Array, done: (error: Error | null, bytes: Uint8Array) => void): void {
  if (coding === 'gzip') gzip(bytes, done);
  else if (coding === 'br') brotliCompress(bytes, BROTLI, done);
  else zstdCompress(bytes, done);
}

function encoder(coding: Coding): Transform {
  if (coding === 'gzip') return createGzip();
  return coding === 'br' ? createBrotliCompress(BROTLI) : createZstdCompress();
}

/** The same body, encoded as it is produced; how long it will be is not known. */
export function encodedProducer(coding: Coding, body: BodyProducer): BodyProducer {
  return {
    bytes: undefined,
    repeatable: body.repeatable,
    open: () => encodedChunks(encoder(coding), body),
  };
}

/** Whoever stops reading ends the producer as well, and whatever ends the producer ends the reading. */
async function* encodedChunks(stage: Transform, body: BodyProducer): AsyncGenerator<Uint8Array> {
  pipeline(body.open(), stage, () => {}); // its error comes out of `stage` below
  try {
    for await (const chunk of stage) yield chunk;
  } finally {
    stage.destroy();
  }
}

/** Encodes on a thread; rejects at once when the caller aborts or its time is up. What then comes of it is dropped. */
export function encode(coding: Coding, bytes: Uint8Array, call: Call, due: DueList): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const encoding = new Encoding(call, due, reject);
    encodeBeside(coding, bytes, (error, encoded) => {
      encoding.settle();
      if (error === null) resolve(encoded);
      else reject(failed(call, 'INVALID', `its body could not be encoded as ${coding}`, error));
    });
  });
}

class Encoding implements Abortable, Due {
  readonly dueAt: number;
  before: Due | undefined;
  after: Due | undefined;
  listed = false;
  readonly #call: Call;
  readonly #list: DueList;
  readonly #reject: (error: NetError) => void;

  constructor(call: Call, list: DueList, reject: (error: NetError) => void) {
    this.#call = call;
    this.#list = list;
    this.#reject = reject;
    this.dueAt = call.deadlineAt;
    list.join(this);
    if (call.signal === undefined) return;
    if (call.signal.aborted) this.aborted(call.signal.reason);
    else listen(call.signal, this);
  }

  due(): void {
    this.settle();
    this.#reject(failed(this.#call, 'DEADLINE', 'it ran out of time while its body was encoded'));
  }

  aborted(reason: unknown): void {
    this.settle();
    this.#reject(failed(this.#call, 'ABORTED', 'it was aborted by its caller while its body was encoded', reason));
  }

  settle(): void {
    this.#list.leave(this);
    if (this.#call.signal !== undefined) unlisten(this.#call.signal, this);
  }
}

function failed({ method, origin }: Call, code: Code, what: string, cause?: unknown): NetError {
  const message = `${method} ${origin.key} was not sent: ${what}`;
  return new NetError(code, message, { reach: 'unsent', phase: 'queue', origin: origin.key, cause });
}
