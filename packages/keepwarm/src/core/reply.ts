/**
 * What comes back: status and fields at once, the body whole or as it arrives.
 *
 * A body has one reader. Small replies arrive whole and never become a stream; larger ones are pushed from the
 * connection into a sink, which says when to pause. Until somebody reads it, a body waits in the connection, and the
 * connection waits with it: read it, cancel it, or let the deadline do so.
 */
import { Buffer } from 'node:buffer'; // the global of this name is a getter, which a hot path would feel
import { collect, collectFor, parseJson, parseText, streamOf, textOf } from './body.ts';
import { NetError } from './error.ts';
import type { Origin } from './origin.ts';
import { ReplyFields } from './reply-fields.ts';

const NO_TRAILERS: readonly string[] = [];

/** Where a body goes. `chunk` is valid during the call only, unless it is `yours`: copy what must outlive it. */
export interface BodySink {
  /**
   * Whether it keeps what it is given. Then large pieces are read into memory that becomes its own, where that spares a
   * copy; to one who is done with a chunk when `data` returns, all of them come in the same memory, which costs less.
   */
  readonly keeps?: boolean;
  /** @returns false to pause until `resume` */
  data(chunk: Uint8Array, yours?: boolean): boolean;
  end(trailers: readonly string[]): void;
  fail(error: NetError): void;
}

/** A body that is still arriving. */
export interface BodySource {
  /** Content-Length, or -1. */
  readonly bytesExpected: number;
  /** Sends what has arrived and what will to `sink`. At most once. */
  start(sink: BodySink): void;
  resume(): void;
  /** Ends it early; its connection is given up when bytes are still to come. */
  cancel(reason: unknown): void;
  /**
   * From now on the body must have ended by this instant rather than by the call's deadline; by none when left out: the
   * reader sets the pace.
   */
  liftDeadline(until?: number): void;
}

/** The end of an exchange whose body is still arriving: how it came is told with it. */
export class Ending {
  trailers: readonly string[] = NO_TRAILERS;
  /** What ended the exchange before its end. */
  error: NetError | undefined;
  #over = false;
  #listeners: (() => void)[] = [];

  get over(): boolean {
    return this.#over;
  }

  /** Runs when the exchange has ended, at once if it has. It should not hold the reply. */
  listen(listener: () => void): void {
    if (this.#over) listener();
    else this.#listeners.push(listener);
  }

  /** Said by whoever owns the exchange; once is enough. */
  finish(trailers: readonly string[] = NO_TRAILERS, error?: NetError): void {
    if (this.#over) return;
    this.#over = true;
    this.trailers = trailers;
    this.error = error;
    const listeners = this.#listeners;
    this.#listeners = [];
    for (const listener of listeners) listener();
  }
}

export class Reply {
  readonly status: number;
  /** Whether the body is still in the content coding its fields name. */
  readonly encoded: boolean;
  /** Id, in the socket registry, of the connection it came over. */
  readonly socketId: number;
  /** Whether that connection had served a call before this one. */
  readonly reused: boolean;
  /** Where that connection leads, said by whoever read it there; nothing for a reply that came over none. */
  from: Origin | undefined = undefined;
  /** The head as text until somebody looks, its fields from then on. */
  #head: string | ReplyFields;
  #received: ReplyFields | undefined;
  #movedTo: string | undefined;
  /** As text where that is what is usually asked for, and the bytes it was made of can be had of it again. */
  #body: Uint8Array | string | BodySource | undefined;
  /** What a policy has made of the body it took, for whoever stands above it: nobody reads or parses it twice. */
  made: unknown = undefined;
  /** Lines of the trailers of a body that arrived whole, `name: value` each. Ask `trailerFields` for those of any. */
  trailers: readonly string[] = NO_TRAILERS;
  /** Nothing once the body is there: then the exchange is over. */
  #ending: Ending | undefined;

  /**
   * Plain values and no object among them: one of these is made for every small call.
   *
   * @param body whole as bytes, or as text that is what `textOf` makes of them and UTF-8 makes them of again
   */
  constructor(
    status: number,
    head: string | ReplyFields,
    body: Uint8Array | string | BodySource,
    encoded: boolean,
    socketId: number,
    reused: boolean,
  ) {
    this.status = status;
    this.encoded = encoded;
    this.socketId = socketId;
    this.reused = reused;
    this.#head = head;
    this.#body = body;
    this.#ending = typeof body === 'string' || body instanceof Uint8Array ? undefined : new Ending();
  }

  get headers(): ReplyFields {
    if (typeof this.#head === 'string') this.#head = new ReplyFields(this.#head);
    return this.#head;
  }

  get statusText(): string {
    return this.headers.reason;
  }

  get ok(): boolean {
    return this.status >= 200 && this.status < 300;
  }

  /** The fields as they came. `headers` leaves out those that decoding the body has made untrue. */
  get received(): ReplyFields {
    return this.#received ?? this.headers;
  }

  /** Where redirects led: the absolute URL this reply came from. Nothing when it came from where the call was sent. */
  get movedTo(): string | undefined {
    return this.#movedTo;
  }

  /** Said by whoever followed a redirect to this reply. */
  moved(url: string): Reply {
    this.#movedTo = url;
    return this;
  }

  /** Said by whoever knows where it came from, when its Location was relative to that. */
  located(url: string): Reply {
    const { headers } = this;
    this.#received ??= headers;
    const list = headers.list.map(([name, value]) => [name, name.toLowerCase() === 'location' ? url : value] as const);
    this.#head = ReplyFields.of(list, headers.reason);
    return this;
  }

  /** Whether the exchange is over: nothing is held for it any more. */
  get ended(): boolean {
    return this.#ending === undefined || this.#ending.over;
  }

  /**
   * Through which the end is told. Whoever will tell it holds this alone, so that a reply nobody reads can be
   * collected.
   */
  get ending(): Ending | undefined {
    return this.#ending;
  }

  /** Whether the body has been taken by a reader. */
  get used(): boolean {
    return this.#body === undefined;
  }

  /** The body, given over to the one who asks. @throws NetError `INVALID` when it was taken before */
  take(): Uint8Array | BodySource {
    const body = this.#taken();
    return typeof body === 'string' ? Buffer.from(body) : body;
  }

  /** The same as text, at once when the body is there. @throws as `take`, or what ended it */
  takeText(): string | Promise<string> {
    const body = this.#taken();
    if (typeof body === 'string') return body;
    return body instanceof Uint8Array ? textOf(body) : collectFor(body, textOf);
  }

  /** The body as bytes, whatever the status. @throws NetError `INVALID` when it was taken before, or what ended it */
  async bytes(): Promise<Uint8Array> {
    const body = this.take();
    return body instanceof Uint8Array ? body : collect(body);
  }

  /** The body as text, whatever the status. @throws as `bytes` */
  async text(): Promise<string> {
    return this.takeText();
  }

  /** The body parsed as JSON, whatever the status. @throws as `bytes`, and `DECODE` for what is not JSON */
  async json<T = unknown>(): Promise<T> {
    return this.parsed() as T | Promise<T>;
  }

  /** As `json`, at once when the body is there. @throws as `json` */
  parsed(): unknown {
    const body = this.#taken();
    if (typeof body === 'string') return this.#read(body, parseText);
    if (body instanceof Uint8Array) return this.#read(body, parseJson);
    return collectFor(body, (bytes) => this.#read(bytes, parseJson));
  }

  #read<T>(body: T, parse: (body: T) => unknown): unknown {
    try {
      return parse(body);
    } catch (error) {
      throw NetError.from(error).about(this.from?.key, this.socketId);
    }
  }

  /** The body as it arrives, whatever the status. The deadline of the call still holds for all of it. */
  stream(): ReadableStream<Uint8Array> {
    return streamOf(this.take());
  }

  /**
   * The fields that came after the body (RFC 9110 § 6.5), empty where there were none. They are known once all of the
   * body has come, so it must be read, or given up, for this to settle.
   *
   * @throws what ended the body before its end
   */
  async trailerFields(): Promise<ReplyFields> {
    const ending = this.#ending;
    if (ending === undefined) return ReplyFields.ofLines(this.trailers);
    await new Promise<void>((resolve) => ending.listen(resolve));
    if (ending.error !== undefined) throw ending.error;
    return ReplyFields.ofLines(ending.trailers);
  }

  /** The same reply, decoded: with another body in place of the one taken from it; both end together. */
  with(body: Uint8Array | BodySource, headers: ReplyFields = this.headers): Reply {
    const reply = new Reply(this.status, headers, body, false, this.socketId, this.reused);
    reply.trailers = this.#ending?.trailers ?? this.trailers;
    reply.from = this.from;
    reply.#received = this.received;
    reply.#movedTo = this.#movedTo;
    reply.#ending = body instanceof Uint8Array ? undefined : this.#ending;
    return reply;
  }

  /** Runs when the exchange has ended, at once if it has. */
  onEnd(listener: () => void): void {
    if (this.#ending === undefined) listener();
    else this.#ending.listen(listener);
  }

  /** Said once by whoever owns the exchange, or has made this of another, which has ended so. */
  finish(as?: Ending): void {
    this.#ending?.finish(as?.trailers, as?.error);
  }

  /** Gives a body that is still arriving until this instant. Said before it is taken, by whoever set an earlier one. */
  extendDeadline(until: number): void {
    const body = this.#body;
    if (typeof body === 'object' && !(body instanceof Uint8Array)) body.liftDeadline(until);
  }

  /** Gives the body up unread. */
  discard(reason: unknown = new NetError('ABORTED', 'the reply was discarded', { reach: 'answered' })): void {
    const body = this.#body;
    this.#body = undefined;
    if (typeof body === 'object' && !(body instanceof Uint8Array)) body.cancel(reason);
  }

  #taken(): Uint8Array | string | BodySource {
    const body = this.#body;
    if (body === undefined) throw new NetError('INVALID', 'the body has already been read', { reach: 'answered' });
    this.#body = undefined;
    return body;
  }
}
