/**
 * The four kinds of calls, made and counted, whoever sends them: a client over its own sessions, or a lease over the
 * connection it has at the moment.
 */
import type { Call, CallBody, Send } from '../../core/call.ts';
import type { Clock } from '../../core/clock.ts';
import type { Reply } from '../../core/reply.ts';
import { type Turnstile, turnstileOf } from '../../core/turnstile.ts';
import { decompress } from '../../engines/grpc/coding.ts';
import { GrpcError } from '../../engines/grpc/error.ts';
import { failureOf, tell } from '../../engines/grpc/failures.ts';
import { Outgoing } from '../../engines/grpc/outgoing.ts';
import type { Single } from '../../engines/grpc/single.ts';
import type { Calls } from './calls.ts';
import type { GrpcMethod } from './method.ts';
import type { GrpcCallOptions } from './options.ts';
import type { GrpcRecord } from './record.ts';
import { GrpcReply } from './reply.ts';
import { GrpcStream, type StreamParts } from './stream.ts';
import { StreamWatch } from './watch.ts';

/** Messages to be sent: there already, made on demand, or written into an `Outbox`. */
export type Messages<I> = AsyncIterable<I> | Iterable<I>;

/** What carries calls: a client, or a lease. */
export type GrpcCaller = Pick<GrpcKinds, 'target' | 'unary' | 'clientStream' | 'serverStream' | 'bidi'>;

export interface KindsParts {
  readonly target: string;
  readonly calls: Calls;
  readonly clock: Clock;
  readonly record: GrpcRecord;
  readonly send: Send;
}

export class GrpcKinds {
  /** Where its calls go, with the path that stands before those of methods. */
  readonly target: string;
  readonly #calls: Calls;
  readonly #clock: Clock;
  readonly #record: GrpcRecord;
  readonly #send: Send;
  readonly #turnstile: Turnstile;

  constructor({ target, calls, clock, record, send }: KindsParts) {
    this.target = target;
    this.#calls = calls;
    this.#clock = clock;
    this.#record = record;
    this.#send = send;
    this.#turnstile = turnstileOf(clock);
  }

  /**
   * One message, and one for an answer.
   *
   * @throws GrpcError; NetError `INVALID` when the call itself is malformed
   */
  async unary<I, O>(method: GrpcMethod<I, O>, message: I, options?: GrpcCallOptions): Promise<GrpcReply<O>> {
    let call: Call;
    try {
      this.#calls.check(options);
      const encoded = this.#calls.encode(method, message, this.#calls.coding(options));
      const body = encoded instanceof Uint8Array ? encoded : await encoded;
      call = this.#calls.make(method, body, true, options);
    } catch (error) {
      return this.#turnstile.refuse(error);
    }
    this.#record.started();
    this.#record.sent++;
    return this.#single(method, call);
  }

  /**
   * A stream of messages, and one for an answer.
   *
   * @throws as `unary`
   */
  async clientStream<I, O>(
    method: GrpcMethod<I, O>,
    messages: Messages<I>,
    options?: GrpcCallOptions,
  ): Promise<GrpcReply<O>> {
    const outgoing = this.#outgoing(method, messages, options);
    let call: Call | undefined;
    try {
      this.#calls.check(options);
      call = this.#calls.make(method, outgoing, true, options);
      this.#record.started();
      return await this.#single(method, call);
    } catch (error) {
      if (call !== undefined) throw error;
      return await this.#turnstile.refuse(error);
    } finally {
      this.#record.sent += outgoing.sent;
      outgoing.close();
    }
  }

  /**
   * One message, and a stream for an answer.
   *
   * @throws NetError `INVALID`, GrpcError for a message that cannot be encoded; whatever else happens, the stream tells
   */
  serverStream<I, O>(method: GrpcMethod<I, O>, message: I, options?: GrpcCallOptions): GrpcStream<O> {
    this.#calls.check(options);
    const encoded = this.#calls.encode(method, message, this.#calls.coding(options));
    const body = encoded instanceof Uint8Array ? encoded : new Outgoing([encoded], (each) => each, method.path);
    return this.#stream(method, body, options, () => {
      this.#record.sent++;
      if (body instanceof Outgoing) body.close();
    });
  }

  /**
   * Messages both ways, in whatever order the two sides agree on.
   *
   * @throws as `serverStream`
   */
  bidi<I, O>(method: GrpcMethod<I, O>, messages: Messages<I>, options?: GrpcCallOptions): GrpcStream<O> {
    this.#calls.check(options);
    const outgoing = this.#outgoing(method, messages, options);
    return this.#stream(method, outgoing, options, () => {
      this.#record.sent += outgoing.sent;
      outgoing.close();
    });
  }

  #outgoing<I>(
    method: GrpcMethod<I, unknown>,
    messages: Messages<I>,
    options: GrpcCallOptions | undefined,
  ): Outgoing<I> {
    const coding = this.#calls.coding(options);
    return new Outgoing(messages, (message) => this.#calls.encode(method, message, coding), method.path);
  }

  #single<O>(method: GrpcMethod<never, O>, call: Call): Promise<GrpcReply<O>> {
    return this.#send(call)
      .then((reply) => this.#replied(method, call, reply))
      .then(
        (reply) => {
          this.#record.ended('OK');
          return reply;
        },
        (thrown: unknown) => {
          const failure = failureOf(thrown, method.path, this.#late(call));
          this.#record.ended(failure instanceof GrpcError ? failure.status : 'INTERNAL');
          return this.#turnstile.refuse(failure);
        },
      );
  }

  #replied<O>(method: GrpcMethod<never, O>, call: Call, reply: Reply): GrpcReply<O> | Promise<GrpcReply<O>> {
    if (reply.made instanceof GrpcError) throw reply.made;
    const { message, compressed, trailers } = reply.made as Single;
    const done = (bytes: Uint8Array) => new GrpcReply(this.#decoded(method, bytes), reply.headers, trailers);
    if (!compressed) return done(message!);
    const { bytesMax } = call.about as { readonly bytesMax: number };
    const bytes = decompress(message!, reply.headers.get('grpc-encoding'), bytesMax, method.path);
    return bytes instanceof Uint8Array ? done(bytes) : bytes.then(done);
  }

  /** @throws GrpcError */
  #decoded<O>(method: GrpcMethod<never, O>, bytes: Uint8Array): O {
    this.#record.received++;
    try {
      return method.decode(bytes);
    } catch (cause) {
      this.#record.unreadable++;
      throw tell.decode(cause, method.path);
    }
  }

  #stream<O>(
    method: GrpcMethod<never, O>,
    body: CallBody,
    options: GrpcCallOptions | undefined,
    over: () => void,
  ): GrpcStream<O> {
    let call: Call;
    try {
      call = this.#calls.make(method, body, false, options);
    } catch (error) {
      if (body instanceof Outgoing) body.close(); // whoever makes messages must not wait for a call that is none
      throw error;
    }
    this.#record.started();
    return new GrpcStream({
      path: method.path,
      bytesMax: this.#calls.bytesMax(options),
      decode: method.decode,
      signal: options?.signal,
      send: (signal) => this.#send({ ...call, signal }),
      begun: () => {
        if (body instanceof Outgoing) body.commit();
      },
      ended: (status) => {
        this.#record.ended(status);
        over();
      },
      received: (readable) => {
        this.#record.received++;
        if (!readable) this.#record.unreadable++;
      },
      late: () => this.#late(call),
      turnstile: this.#turnstile,
      watch: this.#watch(options),
    });
  }

  #watch(options: GrpcCallOptions | undefined): StreamParts<unknown>['watch'] {
    const limits = this.#calls.watchLimits(options);
    if (limits === undefined) return undefined;
    return (unread, stalled) => new StreamWatch(limits, this.#clock, unread, stalled);
  }

  #late({ deadlineAt }: Call): boolean {
    return this.#clock.now() >= deadlineAt;
  }
}
