/**
 * A client of Geyser as Yellowstone serves it: subscriptions that go on when their stream is lost, and the calls that
 * get one message, typed.
 */
import { create } from '@bufbuild/protobuf';
import { createGrpcClient, type GrpcClient } from '../../clients/grpc/client.ts';
import type { GrpcCaller } from '../../clients/grpc/kinds.ts';
import type { GrpcCallOptions } from '../../clients/grpc/options.ts';
import type { GrpcStats } from '../../clients/grpc/record.ts';
import { type Clock, type Random, systemClock, systemRandom } from '../../core/clock.ts';
import { NetError } from '../../core/error.ts';
import type { StreamObserver } from '../../core/subscribe.ts';
import {
  type CommitmentLevel,
  GetBlockHeightRequestSchema,
  GetLatestBlockhashRequestSchema,
  type GetLatestBlockhashResponse,
  GetSlotRequestSchema,
  GetVersionRequestSchema,
  IsBlockhashValidRequestSchema,
  type IsBlockhashValidResponse,
  PingRequestSchema,
  SubscribeReplayInfoRequestSchema,
} from '../../wire/geyser/generated/geyser_pb.js';
import { METHODS } from './methods.ts';
import { settleYellowstone, type YellowstoneNumbers, type YellowstoneOptions } from './options.ts';
import type { Subscription } from './request.ts';
import { YellowstoneStream } from './stream.ts';
import type { YellowstoneStreamStats } from './stream-stats.ts';

export interface YellowstoneStats {
  readonly subscriptions: readonly YellowstoneStreamStats[];
  /** Of the connections; nothing when they are not this client's own. */
  readonly grpc: GrpcStats | undefined;
}

interface OfLevel extends GrpcCallOptions {
  /** Default: processed. */
  readonly commitment?: CommitmentLevel | undefined;
}

export class Yellowstone {
  /** Where its calls go. */
  readonly target: string;
  readonly #own: GrpcClient | undefined;
  readonly #caller: GrpcCaller;
  readonly #numbers: YellowstoneNumbers;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #observer: StreamObserver;
  readonly #streams = new Set<YellowstoneStream>();
  #closed = false;

  /** @throws NetError `INVALID` naming the option that is not acceptable */
  constructor(options: YellowstoneOptions) {
    const { numbers, own } = settleYellowstone(options);
    this.#own = own === undefined ? undefined : createGrpcClient(own);
    this.#caller = options.client ?? this.#own!;
    this.#numbers = numbers;
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? systemRandom;
    this.#observer = options.observer ?? {};
    this.target = this.#caller.target;
  }

  /**
   * Opens a subscription. It goes on until it is closed, its signal fires, its loop is left, or the server refuses the
   * request itself: a lost stream is opened again, and what was missed is asked for.
   *
   * @throws NetError `INVALID`, `CLOSED`
   */
  subscribe(request: Subscription, options: { readonly signal?: AbortSignal | undefined } = {}): YellowstoneStream {
    if (this.#closed) throw new NetError('CLOSED', 'the client is closed', { reach: 'unsent' });
    const stream = new YellowstoneStream(request, {
      ...{ caller: this.#caller, numbers: this.#numbers, clock: this.#clock, random: this.#random },
      ...{ observer: this.#observer, signal: options.signal },
      over: (each) => this.#streams.delete(each),
    });
    if (stream.stats().state !== 'closed') this.#streams.add(stream);
    return stream;
  }

  /** The newest slot of a level. @throws GrpcError, as all below */
  async getSlot({ commitment, ...options }: OfLevel = {}): Promise<bigint> {
    const request = create(GetSlotRequestSchema, level(commitment));
    return (await this.#caller.unary(METHODS.getSlot, request, options)).message.slot;
  }

  async getBlockHeight({ commitment, ...options }: OfLevel = {}): Promise<bigint> {
    const request = create(GetBlockHeightRequestSchema, level(commitment));
    return (await this.#caller.unary(METHODS.getBlockHeight, request, options)).message.blockHeight;
  }

  async getLatestBlockhash({ commitment, ...options }: OfLevel = {}): Promise<GetLatestBlockhashResponse> {
    const request = create(GetLatestBlockhashRequestSchema, level(commitment));
    return (await this.#caller.unary(METHODS.getLatestBlockhash, request, options)).message;
  }

  async isBlockhashValid(
    blockhash: string,
    { commitment, ...options }: OfLevel = {},
  ): Promise<IsBlockhashValidResponse> {
    const request = create(IsBlockhashValidRequestSchema, { blockhash, ...level(commitment) });
    return (await this.#caller.unary(METHODS.isBlockhashValid, request, options)).message;
  }

  /** What the server says of itself: JSON, with Yellowstone. */
  async getVersion(options?: GrpcCallOptions): Promise<string> {
    return (await this.#caller.unary(METHODS.getVersion, create(GetVersionRequestSchema), options)).message.version;
  }

  /** @returns the count as the server gives it back */
  async ping(count = 1, options?: GrpcCallOptions): Promise<number> {
    return (await this.#caller.unary(METHODS.ping, create(PingRequestSchema, { count }), options)).message.count;
  }

  /** The lowest slot that a replay may begin with; nothing where the server has none. */
  async firstReplaySlot(options?: GrpcCallOptions): Promise<bigint | undefined> {
    const request = create(SubscribeReplayInfoRequestSchema);
    return (await this.#caller.unary(METHODS.subscribeReplayInfo, request, options)).message.firstAvailable;
  }

  /** Opens a connection ahead of the first call. With connections of others it does nothing. */
  async warmUp(): Promise<void> {
    await this.#own?.warmUp();
  }

  stats(): YellowstoneStats {
    return { subscriptions: [...this.#streams].map((stream) => stream.stats()), grpc: this.#own?.stats() };
  }

  /** Ends all subscriptions, and its own connections once calls under way are done. Twice is harmless. */
  async close(options: { readonly deadlineMs?: number } = {}): Promise<void> {
    this.#closed = true;
    for (const stream of this.#streams) stream.close();
    await this.#own?.close(options);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

const level = (commitment: CommitmentLevel | undefined): { readonly commitment?: CommitmentLevel } =>
  commitment === undefined ? {} : { commitment };

/** A client of Geyser. See docs/reference/yellowstone.md for every option and its default. */
export function createYellowstone(options: YellowstoneOptions): Yellowstone {
  return new Yellowstone(options);
}
