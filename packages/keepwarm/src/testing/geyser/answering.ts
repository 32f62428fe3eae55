/** One call of gRPC as a server over `node:http2` sees it: messages in, messages and a status out. */
import type { Buffer } from 'node:buffer';
import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import { MessageReader } from '../../wire/grpc/message.ts';
import { STATUS, type StatusName } from '../../wire/grpc/status.ts';

/** Requests larger than this are refused: no list of filters is. */
const REQUEST_BYTES_MAX = 16 * 1024 * 1024;

export interface Caller {
  message(bytes: Buffer): void;
  /** The client has nothing more to say. */
  half?(): void;
  /** It is over, whoever ended it. */
  closed?(): void;
}

export class Answering {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly #stream: ServerHttp2Stream;
  #begun = false;
  #ended = false;

  constructor(stream: ServerHttp2Stream, headers: IncomingHttpHeaders) {
    this.#stream = stream;
    this.headers = headers;
    this.path = headers[':path'] ?? '';
    // Resets by the client and lost connections end it; `closed` tells.
    stream.on('error', () => undefined);
  }

  get over(): boolean {
    return this.#ended || this.#stream.destroyed;
  }

  read(caller: Caller): void {
    const stream = this.#stream;
    const reader = new MessageReader(REQUEST_BYTES_MAX, (bytes, compressed) => {
      if (this.over) return;
      if (compressed) this.end('UNIMPLEMENTED', 'this test server takes no compressed messages');
      else caller.message(bytes);
    });
    stream.on('data', (chunk: Buffer) => {
      try {
        if (!this.over) reader.push(chunk);
      } catch (error) {
        this.end('RESOURCE_EXHAUSTED', String(error));
      }
    });
    stream.on('end', () => caller.half?.());
    stream.once('close', () => caller.closed?.());
  }

  /** @returns whether more may be written before `drained` is told */
  write(bytes: Uint8Array): boolean {
    if (this.over) return true;
    this.begin();
    return this.#stream.write(bytes);
  }

  drained(told: () => void): void {
    this.#stream.once('drain', told);
  }

  /** Says that it is being answered, before there is a message. */
  begin(): void {
    if (this.#begun || this.over) return;
    this.#begun = true;
    this.#stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
  }

  end(status: StatusName, message = ''): void {
    if (this.over) return;
    this.#ended = true;
    const trailers = {
      'grpc-status': String(STATUS[status]),
      ...(message !== '' && { 'grpc-message': message.replaceAll(/[^ -$&-~]/gu, encodeURIComponent) }),
    };
    if (!this.#begun) {
      this.#stream.respond({ ':status': 200, 'content-type': 'application/grpc', ...trailers }, { endStream: true });
      return;
    }
    this.#stream.once('wantTrailers', () => this.#stream.sendTrailers(trailers));
    this.#stream.end();
  }

  /** As a gateway in front does, which speaks no gRPC. */
  refuse(httpStatus: number): void {
    if (this.over) return;
    this.#ended = true;
    this.#stream.respond({ ':status': httpStatus, 'content-type': 'text/plain' }, { endStream: true });
  }
}
