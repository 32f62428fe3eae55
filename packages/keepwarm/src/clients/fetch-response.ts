/**
 * What `fetch` resolves with: a Response to all who look, costing what a small reply should. Headers, stream and blob
 * are made when they are asked for. `instanceof Response` holds.
 */
import { collect, collectFor, streamOf, textOf, wasRead } from '../core/body.ts';
import type { Call } from '../core/call.ts';
import type { BodySource, Reply } from '../core/reply.ts';
import { abortReason, asBodyError } from './fetch-error.ts';

/** Bytes, a source still to be started, or null where the standard has a reply without a body. */
type Content = Uint8Array | BodySource | ReadableStream<Uint8Array> | null;

const EMPTY = new Uint8Array(0);

/** What a Response tells of the call it answers. */
export interface Answered extends Pick<Call, 'method' | 'path'> {
  readonly origin: Pick<Call['origin'], 'key'>;
}

export class KeepwarmResponse {
  readonly type = 'basic';
  readonly #call: Answered;
  readonly #reply: Reply;
  readonly #signal: AbortSignal | undefined;
  #content: Content;
  #headers: Headers | undefined;
  #used = false;

  constructor(
    call: Answered,
    reply: Reply,
    signal: AbortSignal | undefined,
    content: Content = contentOf(call, reply),
  ) {
    this.#call = call;
    this.#reply = reply;
    this.#signal = signal;
    this.#content = content;
  }

  get status(): number {
    return this.#reply.status;
  }

  get statusText(): string {
    return this.#reply.statusText;
  }

  get ok(): boolean {
    return this.#reply.ok;
  }

  get url(): string {
    return this.#reply.movedTo ?? this.#call.origin.key + this.#call.path;
  }

  get redirected(): boolean {
    return this.#reply.movedTo !== undefined;
  }

  /** As they came: `content-encoding` and `content-length` tell of the encoded body, as with the global fetch. */
  get headers(): Headers {
    if (this.#headers === undefined) {
      const headers = new Headers();
      for (const [name, value] of this.#reply.received.list) headers.append(name, value);
      this.#headers = headers;
    }
    return this.#headers;
  }

  get bodyUsed(): boolean {
    return this.#used || (this.#content instanceof ReadableStream && wasRead(this.#content));
  }

  /** As a stream; the call's deadline does not end it: its reader sets the pace, and the signal ends it. */
  get body(): ReadableStream<Uint8Array> | null {
    const content = this.#content;
    if (content === null || content instanceof ReadableStream) return content;
    if (!(content instanceof Uint8Array)) content.liftDeadline();
    return this.#stream(content);
  }

  async json(): Promise<unknown> {
    return JSON.parse(this.#wholeText() ?? (await this.#restText()));
  }

  async text(): Promise<string> {
    return this.#wholeText() ?? this.#restText();
  }

  async bytes(): Promise<Uint8Array> {
    return new Uint8Array(this.#whole() ?? (await this.#rest())); // a copy: the caller may give its buffer away
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    return (await this.bytes()).buffer as ArrayBuffer;
  }

  async blob(): Promise<Blob> {
    return (await this.#standard()).blob();
  }

  async formData(): Promise<FormData> {
    return (await this.#standard()).formData();
  }

  /** Both copies can be read; what one has read and the other has not is kept in memory, as the standard has it. */
  clone(): Response {
    this.#assertUnread('Response.clone: Body has already been consumed.');
    let theirs = this.#content;
    if (theirs !== null && !(theirs instanceof Uint8Array)) {
      const stream = theirs instanceof ReadableStream ? theirs : this.#stream(theirs);
      [this.#content, theirs] = stream.tee();
    }
    const copy = new KeepwarmResponse(this.#call, this.#reply, this.#signal, theirs);
    if (this.#headers !== undefined) copy.#headers = new Headers(this.#headers);
    return copy as unknown as Response;
  }

  /** What a log shows. Looking must not start the body. */
  [Symbol.for('nodejs.util.inspect.custom')](
    _depth: number,
    options: object,
    inspect: typeof import('node:util').inspect,
  ) {
    const { status, statusText, url, redirected, type, bodyUsed, headers } = this;
    return `Response ${inspect({ status, statusText, headers, bodyUsed, redirected, type, url }, options)}`;
  }

  #stream(content: Uint8Array | BodySource): ReadableStream<Uint8Array> {
    const stream = streamOf(this.#used ? EMPTY : content, (error) => asBodyError(error, this.#signal));
    this.#content = stream;
    return stream;
  }

  /** The body when it is at hand, which takes no turn of promises. */
  #whole(): Uint8Array | undefined {
    this.#assertUnread('Body is unusable: Body has already been read');
    const content = this.#content;
    if (content === null) return EMPTY;
    if (!(content instanceof Uint8Array)) return undefined;
    if (this.#signal?.aborted) throw abortReason(this.#signal);
    this.#used = true;
    this.#content = EMPTY;
    return content;
  }

  #wholeText(): string | undefined {
    const whole = this.#whole();
    return whole === undefined ? undefined : textOf(whole);
  }

  #rest(): Promise<Uint8Array> {
    return this.#gather(collect, (bytes) => bytes);
  }

  /** Text is made in the buffer that all bodies are collected in: no memory is taken for their bytes. */
  #restText(): Promise<string> {
    return this.#gather((source) => collectFor(source, textOf), textOf);
  }

  async #gather<T>(whole: (source: BodySource) => Promise<T>, made: (bytes: Uint8Array) => T): Promise<T> {
    const content = this.#content as BodySource | ReadableStream<Uint8Array>;
    if (content instanceof ReadableStream) return made(await readAll(content));
    this.#used = true;
    this.#content = EMPTY;
    try {
      return await whole(content);
    } catch (error) {
      throw asBodyError(error, this.#signal);
    }
  }

  /** For what is rarely asked for: the platform's own Response, which parses types and forms. */
  async #standard(): Promise<Response> {
    const body = (this.#whole() ?? (await this.#rest())) as Uint8Array<ArrayBuffer>;
    const type = this.headers.get('content-type');
    return new Response(body, type === null ? {} : { headers: { 'content-type': type } });
  }

  #assertUnread(message: string): void {
    const locked = this.#content instanceof ReadableStream && this.#content.locked;
    if (this.bodyUsed || locked) throw new TypeError(message);
  }
}

/** 204, 205, 304 and answers to HEAD have a body of `null`, not an empty one. */
function contentOf(call: Answered, reply: Reply): Uint8Array | BodySource | null {
  const { status } = reply;
  if (status !== 204 && status !== 205 && status !== 304 && call.method !== 'HEAD') return reply.take();
  reply.discard();
  return null;
}

async function readAll(stream: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

let adopted = false;

/** Lets `instanceof Response` hold. Done at the first fetch: touching the global loads Node's own fetch. */
export function adoptResponse(): void {
  if (adopted) return;
  adopted = true;
  Object.setPrototypeOf(KeepwarmResponse.prototype, Response.prototype);
}
