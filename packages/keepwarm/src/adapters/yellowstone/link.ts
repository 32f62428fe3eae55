/**
 * One upstream stream of a subscription: its writes, its pings, and whether anything has come of it.
 *
 *   opened ──first message──▶ begun ──lost, cancelled──▶ over: pings under way fail, no timer is left
 */
import { create } from '@bufbuild/protobuf';
import type { GrpcCaller } from '../../clients/grpc/kinds.ts';
import { Outbox } from '../../clients/grpc/outbox.ts';
import type { GrpcStream } from '../../clients/grpc/stream.ts';
import type { Clock, Timer } from '../../core/clock.ts';
import { NetError } from '../../core/error.ts';
import { turnstileOf } from '../../core/turnstile.ts';
import {
  type CommitmentLevel,
  GetSlotRequestSchema,
  type SubscribeRequest,
  SubscribeRequestSchema,
  type SubscribeUpdate,
} from '../../wire/geyser/generated/geyser_pb.js';
import { METHODS } from './methods.ts';
import type { YellowstoneNumbers } from './options.ts';

export interface LinkParts {
  readonly caller: GrpcCaller;
  readonly numbers: YellowstoneNumbers;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

interface Ping {
  readonly at: number;
  readonly timer: Timer;
  resolve(rttMs: number): void;
  reject(error: NetError): void;
}

/** Pings under way at once. */
const PINGS_MAX = 100;
/** Ids of our own pings, which nobody waits for. */
const OWN_ID = 0;
/** How long the slot that a resumption begins at may take to be told, in ms. */
const HEAD_MS = 5_000;

export class Link {
  readonly startedAt: number;
  readonly replayed: boolean;
  /** Slots up to this one had happened when it was opened: what it tells of them was asked for. */
  behind = Number.NEGATIVE_INFINITY;
  begun = false;
  readonly #parts: LinkParts;
  readonly #outbox = new Outbox<SubscribeRequest>();
  readonly #stream: GrpcStream<SubscribeUpdate>;
  readonly #pings = new Map<number, Ping>();
  #timer: Timer | undefined;
  #id = OWN_ID;
  #over = false;

  /** @throws NetError when the call is malformed, or the client is closed */
  constructor(parts: LinkParts, first: SubscribeRequest) {
    const { caller, numbers, clock, signal } = parts;
    const { firstMessageMs, silenceMs } = numbers;
    this.#parts = parts;
    this.startedAt = clock.now();
    this.replayed = first.fromSlot !== undefined;
    this.#stream = caller.bidi(METHODS.subscribe, this.#outbox, { signal, firstMessageMs, silenceMs });
    this.write(first).catch(ignored); // a stream that is lost tells its reader
    this.#arm();
  }

  get unread(): number {
    return this.#stream.unread;
  }

  /** @throws GrpcError, NetError: what it was lost by */
  async next(): Promise<SubscribeUpdate> {
    const { done, value } = await this.#stream.next();
    if (done) throw new NetError('RESET', 'the server ended the subscription', { reach: 'answered', phase: 'body' });
    return this.#heard(value);
  }

  /** What has come already: most of a busy stream is read so. @throws GrpcError */
  ready(): SubscribeUpdate | undefined {
    const update = this.#stream.ready();
    return update === undefined ? undefined : this.#heard(update);
  }

  write(request: SubscribeRequest): Promise<void> {
    return this.#outbox.write(request);
  }

  /** From now on `behind` is the server's slot, as soon as it tells. @param fallback where it does not */
  catchUp(commitment: CommitmentLevel, fallback: number): void {
    this.behind = Number.POSITIVE_INFINITY;
    const { caller, signal } = this.#parts;
    const request = create(GetSlotRequestSchema, { commitment });
    caller.unary(METHODS.getSlot, request, { signal, deadlineMs: HEAD_MS }).then(
      ({ message }) => {
        this.behind = Number(message.slot);
      },
      () => {
        this.behind = fallback;
      },
    );
  }

  /** @returns how long the answer took, in ms. @throws NetError */
  ping(deadlineMs: number): Promise<number> {
    const { clock } = this.#parts;
    if (this.#pings.size >= PINGS_MAX) {
      const words = `${PINGS_MAX} pings are under way, as many as there may be`;
      return turnstileOf(clock).refuse(new NetError('SATURATED', words, { reach: 'unsent', value: PINGS_MAX }));
    }
    const id = ++this.#id;
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    const late = () => {
      this.#pings.delete(id);
      reject(new NetError('TIMEOUT', `no pong came within ${deadlineMs} ms`, { reach: 'unknown', phase: 'body' }));
    };
    this.#pings.set(id, { at: clock.now(), timer: clock.after(deadlineMs, late), resolve, reject });
    this.write(create(SubscribeRequestSchema, { ping: { id } })).catch(ignored); // as above: `close` fails the ping
    return promise;
  }

  close(): void {
    if (this.#over) return;
    this.#over = true;
    this.#timer?.cancel();
    this.#stream.cancel();
    this.#outbox.end();
    for (const { timer, reject } of this.#pings.values()) {
      timer.cancel();
      reject(new NetError('RESET', 'the subscription was lost before the pong', { reach: 'unknown', phase: 'body' }));
    }
    this.#pings.clear();
  }

  #heard(update: SubscribeUpdate): SubscribeUpdate {
    if (update.updateOneof.case === 'pong') this.#pong(update.updateOneof.value.id);
    return update;
  }

  #pong(id: number): void {
    const ping = this.#pings.get(id);
    if (ping === undefined) return;
    this.#pings.delete(id);
    ping.timer.cancel();
    ping.resolve(this.#parts.clock.now() - ping.at);
  }

  /** Proxies close what a client is silent on. */
  #arm(): void {
    const { numbers, clock } = this.#parts;
    if (numbers.pingMs === Number.POSITIVE_INFINITY) return;
    this.#timer = clock.after(numbers.pingMs, () => {
      this.write(create(SubscribeRequestSchema, { ping: { id: OWN_ID } })).catch(ignored);
      this.#arm();
    });
  }
}

function ignored(): void {}
