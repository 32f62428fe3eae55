/**
 * What `fetch` resolves with: a Response to all who look, costing what a small reply should. Headers, stream and blob
 * are made when they are asked for. `instanceof Response` holds.
 */
import { collect, streamOf, textOf } from '../core/body.ts';
import { NetError } from '../core/error.ts';
import type { BodySource, Reply } from '../core/reply.ts';
import { asFetch } from './fetch.ts';

export class KeepwarmResponse {
  readonly status: number;
  readonly url: string;
  readonly redirected: boolean;
  readonly type = 'basic';
  readonly #reply: Reply;
  readonly #signal: AbortSignal | undefined;
  /** Bytes, a source still to be started, or nothing once it was taken. */
  #content: Uint8Array | BodySource | undefined;
  #headers: Headers | undefined;
  #stream: ReadableStream<Uint8Array> | null | undefined;
  #used = false;

  constructor(reply: Reply, url: string, signal: AbortSignal | undefined, redirected = false) {
    this.status = reply.status;
    this.url = url;
    this.redirected = redirected;
    this.#reply = reply;
    this.#signal = signal;
    this.#content = reply.take();
  }

  get ok(): boolean {
    return this.status >= 200 && this.status < 300;
  }

  get statusText(): string {
    return this.#reply.statusText;
  }

  get headers(): Headers {
    if (this.#headers === undefined) {
      const headers = new Headers();
      for (const [name, value] of this.#reply.headers.list) headers.append(name, value);
      this.#headers = headers;
    }
    return this.#headers;
  }

  get bodyUsed(): boolean {
    return this.#used;
  }

  /** As a stream; the call's deadline does not end it: its reader sets the pace, and the signal ends it. */
  get body(): ReadableStream<Uint8Array> | null {
    if (this.#stream === undefined) {
      const content = this.#content;
      this.#content = undefined;
      if (content !== undefined && !(content instanceof Uint8Array)) content.liftDeadline();
      this.#stream = this.#isNullBody() || content === undefined ? null : this.#watched(streamOf(content));
    }
    return this.#stream;
  }

  async json(): Promise<unknown> {
    return JSON.parse(await this.text());
  }

  async text(): Promise<string> {
    return textOf(await this.#bytes());
  }

  async bytes(): Promise<Uint8Array> {
    return new Uint8Array(await this.#bytes());
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    return (await this.bytes()).buffer as ArrayBuffer;
  }

  async blob(): Promise<Blob> {
    const type = this.headers.get('content-type') ?? '';
    return new Blob([(await this.bytes()) as Uint8Array<ArrayBuffer>], { type });
  }

  async formData(): Promise<FormData> {
    const type = this.headers.get('content-type') ?? '';
    return new Response((await this.bytes()) as Uint8Array<ArrayBuffer>, {
      headers: { 'content-type': type },
    }).formData();
  }

  /** Both copies can be read; what one has read and the other has not is kept in memory, as the standard has it. */
  clone(): Response {
    if (this.#used || this.#stream?.locked) throw new TypeError('Response.clone: the body has already been read');
    const [mine, theirs] = this.#split();
    const copy = new KeepwarmResponse(this.#reply.with(new Uint8Array(0)), this.url, this.#signal, this.redirected);
    this.#adopt(mine);
    copy.#adopt(theirs);
    return copy as unknown as Response;
  }

  #split(): [Uint8Array | ReadableStream<Uint8Array> | null, Uint8Array | ReadableStream<Uint8Array> | null] {
    if (this.#content instanceof Uint8Array) return [this.#content, this.#content];
    return this.body === null ? [null, null] : this.body.tee();
  }

  #adopt(content: Uint8Array | ReadableStream<Uint8Array> | null): void {
    this.#content = content instanceof Uint8Array ? content : undefined;
    this.#stream = content instanceof Uint8Array ? undefined : content;
  }

  async #bytes(): Promise<Uint8Array> {
    if (this.#used || this.#stream?.locked) throw new TypeError('Body is unusable: it has already been read');
    this.#used = true;
    if (this.#stream !== undefined) return this.#stream === null ? new Uint8Array(0) : readAll(this.#stream);
    const content = this.#content!;
    this.#content = undefined;
    if (content instanceof Uint8Array) return content;
    try {
      return await collect(content);
    } catch (error) {
      throw this.#signal?.aborted ? this.#signal.reason : terminated(error);
    }
  }

  #isNullBody(): boolean {
    return this.status === 204 || this.status === 205 || this.status === 304;
  }

  /** The same stream, noting when it is read from: `bodyUsed` is about that, not about `body` having been looked at. */
  #watched(stream: ReadableStream<Uint8Array>): ReadableStream<Uint8Array> {
    const getReader = stream.getReader.bind(stream) as (options?: {
      mode: 'byob';
    }) => ReadableStreamDefaultReader<Uint8Array>;
    const noted = (options?: { mode: 'byob' }): ReadableStreamDefaultReader<Uint8Array> => {
      this.#used = true;
      return getReader(options);
    };
    Object.defineProperty(stream, 'getReader', { value: noted, configurable: true });
    return stream;
  }
}

async function readAll(stream: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function terminated(error: unknown): unknown {
  return error instanceof NetError ? new TypeError('terminated', { cause: error }) : asFetch(error, undefined);
}

let adopted = false;

/** Lets `instanceof Response` hold. Done at the first fetch: touching the global loads Node's own fetch. */
export function adoptResponse(): void {
  if (adopted) return;
  adopted = true;
  Object.setPrototypeOf(KeepwarmResponse.prototype, Response.prototype);
}
