/**
 * A stream of HTTP/2 in the shape that the data path knows. nghttp2, under Node, has refused by then what RFC 9113
 * calls malformed: pseudo-fields out of place, repeated or unknown, names in capitals, values with CR, LF or NUL,
 * fields of a connection, and bodies that are not as long as `content-length` says.
 */
import type { IncomingHttpHeaders } from 'node:http';
import { constants, type ServerHttp2Stream } from 'node:http2';
import type { CallerRequest, CallerResponse } from './caller.ts';
import type { RequestId } from './request-ids.ts';

export class Http2Request implements CallerRequest {
  readonly httpVersion = '2';
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly rawHeaders: readonly string[];
  readonly socket: { readonly remoteAddress?: string | undefined };
  readonly lengthUntold: boolean;
  readonly secure: boolean;
  requestId: RequestId | undefined;
  readonly #stream: ServerHttp2Stream;

  /** @param raw names and values in turn, pseudo-fields first */
  constructor(stream: ServerHttp2Stream, raw: readonly string[]) {
    this.#stream = stream;
    const { pseudo, fields } = parted(raw);
    this.method = pseudo.get(':method');
    this.url = pseudo.get(':path');
    this.rawHeaders = fields;
    this.headers = byName(fields);
    this.lengthUntold = !stream.endAfterHeaders && this.headers['content-length'] === undefined;
    const { socket, encrypted } = stream.session ?? {};
    this.socket = { remoteAddress: socket?.remoteAddress };
    this.secure = encrypted === true;
  }

  get complete(): boolean {
    return this.#stream.endAfterHeaders || this.#stream.readableEnded;
  }
  get destroyed(): boolean {
    return this.#stream.destroyed;
  }

  on(event: 'data' | 'end', listener: (chunk: Buffer) => void): void {
    this.#stream.on(event, listener);
  }

  iterator(options: { readonly destroyOnReturn: boolean }): AsyncIterator<Buffer> & AsyncIterable<Buffer> {
    return this.#stream.iterator(options);
  }

  resume(): void {
    this.#stream.resume();
  }

  /** What is still to come of the body is refused; the answer stays. */
  destroy(): void {
    this.#stream.close(constants.NGHTTP2_NO_ERROR);
  }
}

export class Http2Response implements CallerResponse {
  readonly req: Http2Request;
  readonly #stream: ServerHttp2Stream;
  /** Held back until it is known whether the body comes whole. */
  #head: Record<string, string | number | string[]> | undefined;
  #broken = false;

  constructor(stream: ServerHttp2Stream, request: Http2Request) {
    this.#stream = stream;
    this.req = request;
  }

  writeHead(status: number, _reason: string, fields: string[]): void {
    if (this.#gone) return;
    // What is no status to HTTP/2 is a fault of the server (RFC 9110 § 15).
    const headers: Record<string, string | number | string[]> = { ':status': status > 599 ? 502 : status };
    for (let i = 0; i < fields.length; i += 2) {
      const name = fields[i]!.toLowerCase();
      if (name === 'connection') continue; // the stream ends with its answer anyway
      const value = fields[i + 1]!;
      const before = headers[name];
      if (before === undefined) headers[name] = value;
      else headers[name] = [...(Array.isArray(before) ? before : [String(before)]), value];
    }
    this.#head = joined(headers);
  }

  writeContinue(): void {
    if (!this.#gone) this.#stream.additionalHeaders({ ':status': 100 });
  }

  flushHeaders(): void {
    if (this.#gone || this.#head === undefined) return;
    // Node ends what is closed before it resets it, and a body cut off would look whole: so the end waits for a word.
    this.#stream.on('wantTrailers', () => {
      if (!this.#broken) this.#stream.sendTrailers({});
    });
    this.#stream.respond(this.#head, { waitForTrailers: true });
    this.#head = undefined;
  }

  write(chunk: Uint8Array): boolean {
    this.flushHeaders();
    return this.#gone || this.#stream.write(chunk);
  }

  end(chunk?: Uint8Array | string): void {
    if (this.#gone) return;
    if (this.#head !== undefined) this.#stream.respond(this.#head);
    this.#head = undefined;
    this.#stream.end(chunk);
  }

  /** Breaks off: what was sent is not whole. */
  destroy(): void {
    this.#broken = true;
    if (!this.#gone) this.#stream.close(constants.NGHTTP2_INTERNAL_ERROR);
  }

  on(event: 'drain' | 'close', listener: () => void): void {
    this.#stream.on(event, listener);
  }

  get #gone(): boolean {
    return this.#stream.destroyed || this.#stream.closed;
  }
}

function parted(raw: readonly string[]): { pseudo: ReadonlyMap<string, string>; fields: string[] } {
  const pseudo = new Map<string, string>();
  const fields: string[] = [];
  const cookies: string[] = [];
  for (let i = 0; i < raw.length; i += 2) {
    const [name, value] = [raw[i]!, raw[i + 1]!];
    if (name.startsWith(':')) pseudo.set(name, value);
    else if (name === 'cookie') cookies.push(value);
    else fields.push(name, value);
  }
  // In pieces in HTTP/2, one field in HTTP/1.1 (RFC 9113 § 8.2.3).
  if (cookies.length > 0) fields.push('cookie', cookies.join('; '));
  const authority = pseudo.get(':authority');
  // A Host that says something else stays beside it, so that two are seen where two were meant.
  const told = fields.findIndex((name, i) => i % 2 === 0 && name === 'host');
  if (authority !== undefined && (told < 0 || fields[told + 1] !== authority)) fields.unshift('host', authority);
  return { pseudo, fields };
}

/** As Node gives those of HTTP/1.1: of some there is one, others are joined. */
function byName(fields: readonly string[]): IncomingHttpHeaders {
  const headers: Record<string, string> = Object.create(null);
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i]!;
    const before = headers[name];
    if (before === undefined) headers[name] = fields[i + 1]!;
    else if (name !== 'host' && name !== 'content-length') headers[name] = `${before}, ${fields[i + 1]}`;
  }
  return headers;
}

/** Node refuses to repeat some fields that it knows to be single; joined they say the same. */
function joined(headers: Record<string, string | number | string[]>): Record<string, string | number | string[]> {
  for (const [name, value] of Object.entries(headers)) {
    if (Array.isArray(value) && name !== 'set-cookie') headers[name] = value.join(', ');
  }
  return headers;
}
