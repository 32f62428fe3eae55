/**
 * One monitor: what somebody wants to be told of, as they would ask a Geyser server themselves, and what waits.
 *
 *   new ──first request──▶ served ──its reader leaves, close()──────────────▶ closed
 *    └───────────────────────┴──refused, upstream gone, too slow: error─────▶ failed
 *
 * Invariants:
 *   (1) It gets what it would get alone: its updates with its own names, a ping every ten seconds, a pong to each ping.
 *   (2) A request replaces the filters of the one before it; one that is a ping changes nothing.
 *   (3) What waits when it fails is read first, then what it failed of. Nothing comes in after that.
 */
import { Buffer } from 'node:buffer';
import type { Clock, Timer } from '../../../core/clock.ts';
import { GrpcError } from '../../../engines/grpc/error.ts';
import type { LinkError } from './link.ts';
import type { SettledMultiplexer } from './options.ts';
import { MonitorQueue } from './queue.ts';
import { RequestFault, readRequest, type SubscribeAsked } from './request.ts';
import type { Told } from './routes.ts';
import { pingBody, pongBody, type Update } from './update.ts';
import { lagged } from './verdicts.ts';

/** An update as a monitor gets it: `head` and `body` together are a `SubscribeUpdate`. */
export interface MonitorUpdate {
  readonly told: Told;
  /** The same for every monitor that gets the update; nobody may change it. */
  readonly body: Buffer;
  /** The update upstream, by which whatever is made of it can be shared; nothing for the monitor's own pings. */
  readonly update: Update | undefined;
}

export interface MonitorOptions {
  /** By which it is known in statistics. Default `monitor N`. */
  readonly name?: string | undefined;
  /** Over the multiplexer's. */
  readonly queue?: Partial<Pick<SettledMultiplexer, 'queueUpdatesMax' | 'queueBytesMax' | 'queuePolicy'>> | undefined;
}

export interface MonitorHost {
  readonly clock: Clock;
  readonly options: SettledMultiplexer;
  asked(monitor: Monitor, asked: SubscribeAsked): void;
  left(monitor: Monitor): void;
}

type State = 'new' | 'served' | 'failed' | 'closed';

/** How often servers say that they are there, in ms (yellowstone-grpc, grpc.rs). */
const PING_MS = 10_000;
const UNNAMED: Told = { names: [], head: Buffer.alloc(0) };

export class Monitor {
  readonly id: number;
  readonly name: string;
  readonly #host: MonitorHost;
  readonly #queue: MonitorQueue<MonitorUpdate>;
  readonly #sinceMs: number;
  #state: State = 'new';
  #error: LinkError | undefined;
  #wake: (() => void) | undefined;
  #ping: Timer | undefined;
  #filters = 0;
  #updates = 0;
  #bytes = 0;

  /** @internal */
  constructor(id: number, host: MonitorHost, { name, queue }: MonitorOptions = {}) {
    this.id = id;
    this.name = name ?? `monitor ${id}`;
    this.#host = host;
    this.#sinceMs = host.clock.now();
    const limits = { ...host.options, ...queue };
    this.#queue = new MonitorQueue(
      { updatesMax: limits.queueUpdatesMax, bytesMax: limits.queueBytesMax, policy: limits.queuePolicy },
      ({ told, body }) => told.head.length + body.length,
    );
  }

  /** Whether it was told anything yet. */
  get fed(): boolean {
    return this.#updates > 0;
  }

  get rewindSlots(): number {
    return this.#host.options.rewindSlots;
  }

  get over(): boolean {
    return this.#state === 'failed' || this.#state === 'closed';
  }

  /** What it failed of, once what waited before has been read. */
  get error(): LinkError | undefined {
    return this.#queue.size === 0 ? this.#error : undefined;
  }

  /** A `SubscribeRequest`, as its client wrote it. */
  write(request: Uint8Array): void {
    if (this.over) return;
    let asked: SubscribeAsked;
    try {
      asked = readRequest(request);
    } catch (fault) {
      if (!(fault instanceof RequestFault)) throw fault;
      return this.fail(new GrpcError('INVALID_ARGUMENT', fault.message, { reach: 'unsent', cause: fault }));
    }
    if (this.#state === 'new') {
      this.#state = 'served';
      this.#pingLater();
    }
    if (asked.ping !== undefined) return this.#say(pongBody(asked.ping, this.#host.clock.wall()));
    this.#filters = asked.filters.length;
    this.#host.asked(this, asked);
  }

  /** The next update that waits; nothing when none does. */
  read(): MonitorUpdate | undefined {
    return this.#queue.shift();
  }

  /** `wake` runs once for each time that something is there to be read, or it is over, after nothing was. */
  attend(wake: () => void): void {
    this.#wake = wake;
    if (this.#queue.size > 0 || this.over) wake();
  }

  /** @internal */
  take(update: Update, told: Told): void {
    this.#updates++;
    this.#bytes += told.head.length + update.body.length;
    this.#push({ told, body: update.body, update });
  }

  /** Its reader has left. Twice is harmless. */
  close(): void {
    if (this.#state === 'closed') return;
    const failed = this.#state === 'failed';
    this.#state = 'closed';
    this.#queue.clear();
    this.#ping?.cancel();
    if (!failed) this.#host.left(this);
    this.#wake?.();
  }

  fail(error: LinkError): void {
    if (this.over) return;
    this.#state = 'failed';
    this.#error = error;
    this.#ping?.cancel();
    this.#host.left(this);
    this.#wake?.();
  }

  stats(alone: boolean) {
    return {
      name: this.name,
      state: this.#state,
      /** Whether its stream upstream is its own: it is being replayed, or could not be shared. */
      alone,
      filters: this.#filters,
      updates: this.#updates,
      bytes: this.#bytes,
      waiting: this.#queue.size,
      waitingBytes: this.#queue.bytes,
      dropped: this.#queue.dropped,
      ageMs: this.#host.clock.now() - this.#sinceMs,
    };
  }

  #pingLater(): void {
    this.#ping = this.#host.clock.after(PING_MS, () => {
      this.#say(pingBody(this.#host.clock.wall()));
      this.#pingLater();
    });
  }

  #say(body: Buffer): void {
    this.#push({ told: UNNAMED, body, update: undefined });
  }

  #push(item: MonitorUpdate): void {
    if (this.over) return;
    const queue = this.#queue;
    const idle = queue.size === 0;
    if (!queue.push(item)) return this.fail(lagged(queue.size, queue.bytes));
    if (idle) this.#wake?.();
  }
}

export type MonitorStats = ReturnType<Monitor['stats']>;
