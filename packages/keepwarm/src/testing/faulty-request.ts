/**
 * Reads requests off a connection, so that a script can answer them: one after another, in whatever pieces they come.
 * It is lenient where that costs nothing, and meant for clients under test, not for the open network.
 */

/** One request as it came. It is handed out as soon as its head is there; its body may still be on its way. */
export interface FaultyRequest {
  /** 1 for the first request the server got on any connection. */
  readonly ordinal: number;
  /** 1 for the first request on its connection. */
  readonly turn: number;
  readonly method: string;
  readonly path: string;
  /** Names in lower case; values of one name joined by `, `. */
  readonly headers: Readonly<Record<string, string>>;
  /** The head as it came, the final empty line included. */
  readonly head: string;
  /** All of the body, framing removed. Rejects when the client leaves before its end. */
  readonly body: Promise<Buffer>;
}

/** What a reader needs of its server. */
export interface RequestSink {
  nextOrdinal(): number;
  request(request: FaultyRequest): void;
}

type Framing = 'head' | 'length' | 'size' | 'chunk' | 'trailer';

export class RequestReader {
  readonly #sink: RequestSink;
  #buffer: Buffer = Buffer.alloc(0);
  #state: Framing = 'head';
  #left = 0;
  #turn = 0;
  #parts: Buffer[] = [];
  #body: PromiseWithResolvers<Buffer> | undefined;

  constructor(sink: RequestSink) {
    this.#sink = sink;
  }

  /** Requests whose head has come. */
  get turn(): number {
    return this.#turn;
  }

  read(chunk: Buffer): void {
    this.#buffer = this.#buffer.length === 0 ? chunk : Buffer.concat([this.#buffer, chunk]);
    while (this.#step());
  }

  /** The client has left. */
  end(): void {
    this.#body?.reject(new Error('the client left before the end of its request'));
  }

  /** @returns whether something was read, so that it is worth to look again */
  #step(): boolean {
    switch (this.#state) {
      case 'head':
        return this.#head();
      case 'length':
      case 'chunk':
        return this.#bytes();
      case 'size':
        return this.#line((line) => {
          this.#left = Number.parseInt(line, 16) + 2; // the data's own CR LF comes with it
          this.#state = this.#left === 2 ? 'trailer' : 'chunk';
        });
      default:
        return this.#line((line) => {
          if (line === '') this.#finish();
        });
    }
  }

  #head(): boolean {
    const end = this.#buffer.indexOf('\r\n\r\n');
    if (end < 0) return false;
    const head = this.#take(end + 4).toString('latin1');
    const [start = '', ...lines] = head.trimEnd().split('\r\n');
    const [method = '', path = ''] = start.split(' ');
    const headers: Record<string, string> = Object.create(null);
    for (const line of lines) {
      const colon = line.indexOf(':');
      const name = line.slice(0, colon).toLowerCase();
      const value = line.slice(colon + 1).trim();
      headers[name] = headers[name] === undefined ? value : `${headers[name]}, ${value}`;
    }
    this.#body = Promise.withResolvers<Buffer>();
    this.#body.promise.catch(() => undefined); // whoever does not wait for the body need not hear that it is short
    const { promise: body } = this.#body;
    const ordinal = this.#sink.nextOrdinal();
    this.#sink.request({ ordinal, turn: ++this.#turn, method, path, headers, head, body });
    this.#left = Number(headers['content-length'] ?? 0);
    if (headers['transfer-encoding'] !== undefined) this.#state = 'size';
    else if (this.#left > 0) this.#state = 'length';
    else this.#finish();
    return true;
  }

  #bytes(): boolean {
    if (this.#buffer.length === 0) return false;
    const part = this.#take(Math.min(this.#left, this.#buffer.length));
    this.#left -= part.length;
    this.#parts.push(part);
    if (this.#left > 0) return true;
    if (this.#state === 'length') this.#finish();
    else this.#endChunk();
    return true;
  }

  #endChunk(): void {
    const chunk = Buffer.concat(this.#parts);
    this.#parts = [chunk.subarray(0, -2)];
    this.#state = 'size';
  }

  #line(read: (line: string) => void): boolean {
    const end = this.#buffer.indexOf('\r\n');
    if (end < 0) return false;
    read(this.#take(end + 2).toString('latin1', 0, end));
    return true;
  }

  #finish(): void {
    this.#body?.resolve(Buffer.concat(this.#parts));
    this.#body = undefined;
    this.#parts = [];
    this.#state = 'head';
  }

  #take(bytes: number): Buffer {
    const taken = this.#buffer.subarray(0, bytes);
    this.#buffer = this.#buffer.subarray(bytes);
    return taken;
  }
}
