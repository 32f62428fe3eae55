/**
 * The gRPC client: four kinds of calls over HTTP/2 sessions of our own, with the limits, retries, breakers and records
 * of the HTTP client it stands on, which see the statuses of gRPC.
 */
import { systemClock } from '../../core/clock.ts';
import type { WarmUpResult } from '../../engines/http1/origin-pool.ts';
import type { ConnectionLimiter } from '../../pool/start-gate.ts';
import { Client, protocolDoorOf } from '../client.ts';
import { answers } from './answers.ts';
import { Calls } from './calls.ts';
import { makeRate } from './connection-rate.ts';
import { GrpcKinds, type Messages } from './kinds.ts';
import type { GrpcMethod } from './method.ts';
import { type GrpcCallOptions, type GrpcClientOptions, settleGrpc } from './options.ts';
import { GrpcRecord, type GrpcStats } from './record.ts';
import type { GrpcReply } from './reply.ts';
import type { GrpcStream } from './stream.ts';

export class GrpcClient {
  /** Where its calls go, with the path that stands before those of methods. */
  readonly target: string;
  readonly #client: Client;
  readonly #kinds: GrpcKinds;
  readonly #record = new GrpcRecord();
  readonly #rate: ConnectionLimiter | undefined;
  readonly #unwatch: (() => void) | undefined;

  /** @throws NetError `INVALID` naming the option that is not acceptable */
  constructor(options: GrpcClientOptions) {
    const settled = settleGrpc(options);
    this.target = settled.target;
    const clock = options.clock ?? systemClock;
    const rate = settled.rate && makeRate(settled.rate, clock);
    this.#rate = rate;
    const policies = { answers: answers(clock, rate && ((askedMs) => rate.penalise(askedMs))) };
    this.#client = new Client(settled.client, { policies, balance: {}, starts: this.#rate });
    this.#unwatch = options.telemetry?.watch(this);
    const door = protocolDoorOf(this.#client);
    this.#kinds = new GrpcKinds({
      target: settled.target,
      clock,
      record: this.#record,
      send: door.send,
      calls: new Calls(door, clock, settled),
    });
  }

  /**
   * One message, and one for an answer.
   *
   * @throws GrpcError; NetError `INVALID` when the call itself is malformed
   */
  unary<I, O>(method: GrpcMethod<I, O>, message: I, options?: GrpcCallOptions): Promise<GrpcReply<O>> {
    return this.#kinds.unary(method, message, options);
  }

  /**
   * A stream of messages, and one for an answer.
   *
   * @throws as `unary`
   */
  clientStream<I, O>(
    method: GrpcMethod<I, O>,
    messages: Messages<I>,
    options?: GrpcCallOptions,
  ): Promise<GrpcReply<O>> {
    return this.#kinds.clientStream(method, messages, options);
  }

  /**
   * One message, and a stream for an answer.
   *
   * @throws NetError `INVALID`, GrpcError for a message that cannot be encoded; whatever else happens, the stream tells
   */
  serverStream<I, O>(method: GrpcMethod<I, O>, message: I, options?: GrpcCallOptions): GrpcStream<O> {
    return this.#kinds.serverStream(method, message, options);
  }

  /**
   * Messages both ways, in whatever order the two sides agree on.
   *
   * @throws as `serverStream`
   */
  bidi<I, O>(method: GrpcMethod<I, O>, messages: Messages<I>, options?: GrpcCallOptions): GrpcStream<O> {
    return this.#kinds.bidi(method, messages, options);
  }

  /** One snapshot: calls by status, messages, and all that the connections beneath know. */
  stats(): GrpcStats {
    return this.#record.snapshot(this.#client.stats(), this.#rate?.snapshot());
  }

  /** Open, and more than half of the calls so far were answered. */
  isHealthy(): boolean {
    return this.#client.isHealthy();
  }

  /** Opens a session ahead of the first call. Never throws for a peer that cannot be reached. */
  warmUp(options: { readonly count?: number } = {}): Promise<WarmUpResult> {
    return this.#client.warmUp(options);
  }

  /** Takes no more calls, lets those under way finish for `deadlineMs`, then closes everything. Twice is harmless. */
  close(options: { readonly deadlineMs?: number } = {}): Promise<void> {
    return this.#client.close(options).finally(() => this.#end());
  }

  /** Closes everything now; calls under way end with UNAVAILABLE. */
  destroy(): void {
    this.#client.destroy();
    this.#end();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #end(): void {
    this.#unwatch?.();
    this.#rate?.close();
  }
}

/** A client of gRPC. See docs/reference/grpc.md for every option and its default. */
export function createGrpcClient(options: GrpcClientOptions): GrpcClient {
  return new GrpcClient(options);
}
