/**
 * One Subscribe, as the plugin serves it.
 *
 *   open ──first filters──▶ told of what matches ──lagged, failed, both sides done──▶ over
 *           └ each later write replaces them all; a write with a ping is answered with a pong and replaces nothing
 *
 * Invariants:
 *   (1) Updates go out in the order in which they happened, pongs and pings between them.
 *   (2) At most `waitingMax` updates wait; one more ends the subscription with "lagged to send an update".
 *   (3) While the peer takes nothing, nothing is encoded for it.
 */
import { Buffer } from 'node:buffer';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import type { Clock, Timer } from '../../core/clock.ts';
import {
  CommitmentLevel,
  type SubscribeRequest,
  SubscribeRequestSchema,
  SubscribeUpdateSchema,
} from '../../wire/geyser/generated/geyser_pb.js';
import { PREFIX_BYTES } from '../../wire/grpc/message.ts';
import type { StatusName } from '../../wire/grpc/status.ts';
import type { Answering } from './answering.ts';
import { Encoded, type GeyserEvent } from './events.ts';
import { FilterFault, Filters, type Match } from './filters.ts';
import type { Ledger, Listener } from './ledger.ts';
import type { LimitOptions } from './options.ts';

/** Bytes that are put together before they are written. */
const WRITE_BYTES = 256 * 1024;

export interface SubscriptionParts {
  readonly call: Answering;
  readonly ledger: Ledger;
  readonly limits: LimitOptions;
  readonly clock: Clock;
  /** Nothing goes out while this says so. */
  readonly silent: () => boolean;
  readonly wrote: (request: SubscribeRequest) => void;
  readonly sent: (updates: number) => void;
  readonly over: (subscription: Subscription) => void;
}

export class Subscription implements Listener {
  readonly #parts: SubscriptionParts;
  #filters: Filters | undefined;
  #waiting: Match[] = [];
  /** Where the first that waits stands in `#waiting`. */
  #at = 0;
  #flushing = false;
  #blocked = false;
  #ping: Timer | undefined;
  #over = false;
  /** Bytes that say which filters matched, by their names. */
  readonly #names = new Map<string, Buffer>();
  /** Writes of filters in the second that began then. */
  #writes = { sinceMs: Number.NEGATIVE_INFINITY, count: 0 };

  constructor(parts: SubscriptionParts) {
    this.#parts = parts;
    parts.call.begin();
    parts.call.read({
      message: (bytes) => this.#request(bytes),
      closed: () => this.#end(),
    });
    this.#pings();
  }

  get level(): CommitmentLevel {
    return this.#filters?.commitment ?? CommitmentLevel.PROCESSED;
  }

  /** Updates that wait to be sent. */
  get waiting(): number {
    return this.#waiting.length - this.#at;
  }

  /** How many filters it has now. */
  get filters(): number {
    return this.#filters?.size ?? 0;
  }

  told(event: GeyserEvent): void {
    if (this.#filters !== undefined) for (const match of this.#filters.match(event)) this.#push(match);
  }

  fail(status: StatusName, message: string): void {
    this.#parts.call.end(status, message);
    this.#end();
  }

  /** Goes on after a silence. */
  wake(): void {
    this.#flushSoon();
  }

  #request(bytes: Buffer): void {
    let request: SubscribeRequest;
    try {
      request = fromBinary(SubscribeRequestSchema, bytes);
    } catch {
      return this.fail('INTERNAL', 'failed to decode Protobuf message');
    }
    this.#parts.wrote(request);
    if (request.ping !== undefined) return this.#own({ case: 'pong', value: { id: request.ping.id } });
    if (this.#tooFast()) return this.fail('RESOURCE_EXHAUSTED', 'too many writes of filters');
    const { ledger, limits } = this.#parts;
    try {
      const filters = new Filters(request, limits);
      this.#filters = filters;
    } catch (error) {
      if (!(error instanceof FilterFault)) throw error;
      return this.fail('INVALID_ARGUMENT', error.message);
    }
    ledger.join(this);
    if (request.fromSlot !== undefined) this.#replay(request.fromSlot);
  }

  #replay(from: bigint): void {
    const { ledger, limits } = this.#parts;
    if (limits.replaySlots === 0) return this.fail('INTERNAL', 'from_slot is not supported');
    const { first } = ledger;
    if (first !== undefined && from < first) {
      return this.fail('OUT_OF_RANGE', `broadcast from ${from} is not available, last available: ${first}`);
    }
    for (const event of ledger.replay(from, this.level)) this.told(event);
  }

  #tooFast(): boolean {
    const now = this.#parts.clock.now();
    if (now - this.#writes.sinceMs >= 1_000) this.#writes = { sinceMs: now, count: 0 };
    return ++this.#writes.count > this.#parts.limits.writesPerSecondMax;
  }

  /** What the server says by itself: pings and pongs. */
  #own(updateOneof: { case: 'ping'; value: object } | { case: 'pong'; value: { id: number } }): void {
    const update = create(SubscribeUpdateSchema, { updateOneof } as Parameters<
      typeof create<typeof SubscribeUpdateSchema>
    >[1]);
    const bytes = Buffer.from(toBinary(SubscribeUpdateSchema, update));
    this.#push({ names: [], body: new Encoded(() => bytes) });
  }

  #pings(): void {
    this.#ping = this.#parts.clock.after(this.#parts.limits.pingMs, () => {
      this.#own({ case: 'ping', value: {} });
      if (!this.#over) this.#pings();
    });
  }

  #push(match: Match): void {
    if (this.#over) return;
    if (this.waiting >= this.#parts.limits.waitingMax) return this.fail('INTERNAL', 'lagged to send an update');
    this.#waiting.push(match);
    this.#flushSoon();
  }

  /** What is pushed in one turn goes out in one write. */
  #flushSoon(): void {
    if (this.#flushing || this.#blocked || this.#over) return;
    this.#flushing = true;
    this.#parts.clock.nextTurn(() => {
      this.#flushing = false;
      this.#flush();
    });
  }

  #flush(): void {
    const { call, silent, sent } = this.#parts;
    while (this.waiting > 0 && !this.#over && !silent()) {
      const before = this.#at;
      const frames: Uint8Array[] = [];
      let bytes = 0;
      while (this.#at < this.#waiting.length && bytes < WRITE_BYTES)
        bytes += this.#frame(this.#waiting[this.#at++]!, frames);
      sent(this.#at - before);
      const writable = call.write(Buffer.concat(frames, bytes));
      if (this.#at * 2 >= this.#waiting.length) {
        this.#waiting = this.#waiting.slice(this.#at);
        this.#at = 0;
      }
      if (writable) continue;
      this.#blocked = true;
      call.drained(() => {
        this.#blocked = false;
        this.#flushSoon();
      });
      return;
    }
  }

  #frame({ names, body }: Match, frames: Uint8Array[]): number {
    const head = this.#namesOf(names);
    const { bytes } = body;
    const prefix = Buffer.allocUnsafe(PREFIX_BYTES);
    prefix[0] = 0;
    prefix.writeUInt32BE(head.length + bytes.length, 1);
    frames.push(prefix, head, bytes);
    return PREFIX_BYTES + head.length + bytes.length;
  }

  #namesOf(names: readonly string[]): Buffer {
    const key = names.length === 1 ? names[0]! : JSON.stringify(names);
    let head = this.#names.get(key);
    if (head === undefined) {
      head = Buffer.from(toBinary(SubscribeUpdateSchema, create(SubscribeUpdateSchema, { filters: [...names] })));
      if (this.#names.size >= NAMES_MAX) this.#names.clear();
      this.#names.set(key, head);
    }
    return head;
  }

  #end(): void {
    if (this.#over) return;
    this.#over = true;
    this.#ping?.cancel();
    this.#waiting = [];
    this.#at = 0;
    this.#parts.ledger.leave(this);
    this.#parts.over(this);
  }
}

/** Combinations of names whose bytes are remembered. */
const NAMES_MAX = 10_000;
