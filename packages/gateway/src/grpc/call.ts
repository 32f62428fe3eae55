/**
 * One call of a caller, on the side that serves it: messages in at the pace of whoever takes them, messages and a
 * status out at the pace of the caller.
 *
 *   open ──begin──▶ answering ──end──▶ over
 *     │  └──────────────────────end───▶ over (one head and nothing else: trailers-only)
 *     └── the caller resets it, or is gone: over, and `signal` fires
 */
import { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { GrpcError, MessageFault, MessageReader, Metadata, STATUS, type StatusName } from 'keepwarm/grpc';
import { REQUEST_ID, type RequestId } from '../data/request-ids.ts';
import { fieldsOf } from './fields.ts';

const inflate = promisify(gunzip);
const TYPE = 'application/grpc';

export class GrpcCall {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly raw: readonly string[];
  readonly stream: ServerHttp2Stream;
  readonly requestId: RequestId;
  readonly #upstream: string;
  readonly #messageBytesMax: number;
  readonly #leaving = new AbortController();
  #begun = false;
  #status: StatusName | undefined;
  #ended = false;

  constructor(
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
    raw: readonly string[],
    messageBytesMax: number,
    by: { readonly requestId: RequestId; readonly upstream: string },
  ) {
    this.requestId = by.requestId;
    this.#upstream = by.upstream;
    this.stream = stream;
    this.headers = headers;
    this.raw = raw;
    this.path = headers[':path'] ?? '';
    this.#messageBytesMax = messageBytesMax;
    stream.on('error', ignored); // resets by the caller and lost connections: `signal` tells
    stream.once('close', () => this.#leaving.abort(new Error('the call is over')));
  }

  /** Fires when the caller has left, or the call has ended. */
  get signal(): AbortSignal {
    return this.#leaving.signal;
  }

  /** What it ended with; nothing before, and where the caller left without being told. */
  get status(): StatusName | undefined {
    return this.#status;
  }

  get over(): boolean {
    return this.#ended || this.stream.destroyed;
  }

  /** What the caller sends. @throws GrpcError for what is not to be read */
  async *messages(): AsyncGenerator<Uint8Array> {
    let waiting: { bytes: Buffer; compressed: boolean }[] = [];
    const reader = new MessageReader(this.#messageBytesMax, (bytes, compressed) => {
      waiting.push({ bytes, compressed });
    });
    // Whoever takes messages may stop before the caller does: the answer is still to come.
    for await (const chunk of this.stream.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      try {
        reader.push(chunk);
      } catch (fault) {
        throw unreadable(fault, this.#messageBytesMax);
      }
      const ready = waiting;
      waiting = [];
      for (const { bytes, compressed } of ready) yield compressed ? await this.#inflated(bytes) : bytes;
    }
    if (reader.partial) throw broken('the stream ended within a message');
  }

  /** Answers with a head; messages follow. Twice is harmless. */
  begin(metadata: Metadata = Metadata.none): void {
    if (this.#begun || this.over) return;
    this.#begun = true;
    const head = {
      ':status': 200,
      'content-type': TYPE,
      ...this.#idField(this.requestId.replies),
      ...fieldsOf(metadata),
    };
    this.stream.respond(head, { waitForTrailers: true });
  }

  /**
   * @param sent told when the bytes have left, and their memory may be used again; not when the stream ended meanwhile,
   *             as part of them may be on its way still
   * @returns whether the caller takes more at once; if not, `drained` tells when
   */
  write(frames: Uint8Array, sent: () => void = ignored): boolean {
    if (this.over) return true;
    this.begin();
    return this.stream.write(frames, (error) => {
      if (error === undefined || error === null) sent();
    });
  }

  /** Resolves when the caller has taken what was written, or is gone. */
  drained(): Promise<void> {
    const { stream } = this;
    if (this.over || !stream.writableNeedDrain) return Promise.resolve();
    return new Promise((resolve) => {
      const done = (): void => {
        stream.off('drain', done).off('close', done);
        resolve();
      };
      stream.on('drain', done).on('close', done);
    });
  }

  /** Ends it with a status. Twice is harmless. */
  end(status: StatusName, message = '', metadata: Metadata = Metadata.none, details?: Uint8Array): void {
    if (this.over) return;
    this.#ended = true;
    this.#status = status;
    const trailers = {
      'grpc-status': String(STATUS[status]),
      ...(message === '' ? {} : { 'grpc-message': quoted(message) }),
      ...(details === undefined ? {} : { 'grpc-status-details-bin': Buffer.from(details).toString('base64') }),
      ...this.#idField(status !== 'OK'),
      ...fieldsOf(metadata),
    };
    const { stream } = this;
    if (!this.#begun) {
      stream.respond({ ':status': 200, 'content-type': TYPE, ...trailers }, { endStream: true });
      this.#leaveUnread();
      return;
    }
    stream.once('wantTrailers', () => {
      try {
        stream.sendTrailers(trailers);
      } catch {
        // What an upstream says beside its status may be more than node:http2 lets us say; the status is what counts.
        stream.sendTrailers({ 'grpc-status': trailers['grpc-status'] });
      }
      this.#leaveUnread();
    });
    stream.end();
  }

  /** As an error says: the upstream's own, or one of what could not be done. */
  fail(error: unknown): void {
    if (!(error instanceof GrpcError))
      return this.refused('INTERNAL', error instanceof Error ? error.message : String(error));
    const { status, statusMessage, metadata, details, reach, limit, value } = error;
    if (reach !== 'answered' && !this.over) this.#told(status, { reach, limit, value });
    this.end(status, statusMessage, metadata, details);
  }

  /** Ends it with a status of our own. */
  refused(status: StatusName, message: string): void {
    if (!this.over) this.#told(status);
    this.end(status, message);
  }

  #told(code: StatusName, more: object = {}): void {
    this.requestId.answered({ code, ...more, upstream: this.#upstream });
  }

  /** Where the upstream says one of its own, that is the one that stands. */
  #idField(isWanted: boolean): { readonly [name: string]: string } {
    return isWanted ? { [REQUEST_ID]: this.requestId.text } : {};
  }

  /** What no gRPC is gets an answer of HTTP. */
  refuse(status: number): void {
    if (this.over) return;
    this.#ended = true;
    this.stream.respond({ ':status': status }, { endStream: true });
    this.#leaveUnread();
  }

  /**
   * The caller may be sending still. Callers that see the end of a call stop by themselves; one that does not is told
   * (RFC 9113 § 8.1), after the status has surely left: what closes a stream overtakes what is about to be sent on it.
   */
  #leaveUnread(): void {
    const { stream } = this;
    if (stream.readableEnded) return;
    stream.resume();
    const told = setTimeout(() => stream.close(constants.NGHTTP2_NO_ERROR), UNREAD_MS);
    stream.once('close', () => clearTimeout(told));
  }

  /** @throws GrpcError */
  async #inflated(bytes: Buffer): Promise<Buffer> {
    const coding = this.headers['grpc-encoding'];
    if (coding !== 'gzip') {
      const why = `messages in the coding ${JSON.stringify(coding ?? '')} are not read; allowed: identity, gzip`;
      throw new GrpcError('UNIMPLEMENTED', why, { reach: 'unsent' });
    }
    try {
      return await inflate(bytes, { maxOutputLength: this.#messageBytesMax });
    } catch (cause) {
      if ((cause as { code?: unknown }).code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge(this.#messageBytesMax);
      throw broken('a message is not what its coding says');
    }
  }
}

/** How long a caller may go on sending after its call has ended, in ms. */
const UNREAD_MS = 1_000;

/** A status message is for people; longer ones would not fit into the callers' limits on trailers. */
const MESSAGE_CHARS_MAX = 1_000;

/** As trailers have it (gRPC over HTTP/2, § Responses); half a character at the cut cannot be written. */
const quoted = (message: string): string => encodeURIComponent(message.slice(0, MESSAGE_CHARS_MAX).toWellFormed());

function ignored(): void {}

function unreadable(fault: unknown, bytesMax: number): unknown {
  if (!(fault instanceof MessageFault)) return fault;
  return fault.why === 'too large'
    ? tooLarge(bytesMax)
    : broken(`a message begins with ${fault.value}, neither 0 nor 1`);
}

function tooLarge(bytesMax: number): GrpcError {
  const why = `a message is larger than ${bytesMax} bytes (limit messageBytesMax)`;
  return new GrpcError('RESOURCE_EXHAUSTED', why, { reach: 'unsent', limit: 'messageBytesMax', value: bytesMax });
}

const broken = (why: string): GrpcError => new GrpcError('INTERNAL', why, { reach: 'unsent' });
