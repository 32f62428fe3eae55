/**
 * The HTTP/1.1 engine: a pool per origin and section, connections dialled for it, exchanges run on them.
 * Everything a client shares between its calls stands here and is closed here.
 */

import { Histogram } from '../../algo/histogram.ts';
import type { Call, Outlet, Send } from '../../core/call.ts';
import { factOf } from '../../core/call-fact.ts';
import type { Clock, Random } from '../../core/clock.ts';
import { type Due, DueList } from '../../core/due.ts';
import { NetError } from '../../core/error.ts';
import type { CloseReason, Observer } from '../../core/observer.ts';
import type { Origin } from '../../core/origin.ts';
import { sending } from '../../core/relay.ts';
import type { Reply } from '../../core/reply.ts';
import type { Dialler } from '../../net/dial.ts';
import { SocketRegistry } from '../../net/sockets.ts';
import { Capacity } from '../../pool/capacity.ts';
import type { StartGate } from '../../pool/connection-rate.ts';
import type { ExclusivePool } from '../../pool/exclusive.ts';
import { Lifetime, type LifetimeOptions } from '../../pool/lifetime.ts';
import { Connection } from './connection.ts';
import { Exchange } from './exchange.ts';
import type { Carrier, EngineCounters, EngineLimits, Host } from './host.ts';
import { Incoming } from './incoming.ts';
import { OriginPool, type PoolSnapshot, type WarmUpResult } from './origin-pool.ts';
import { Turn } from './turn.ts';

export interface EngineOptions extends LifetimeOptions {
  readonly limits: EngineLimits;
  /** Connections per origin and section. */
  readonly socketsMax: number;
  readonly socketsTotalMax: number;
  readonly idleMin: number;
  readonly waitersMax: number;
  readonly scheduling: 'lifo' | 'fifo';
  /** Closed connections whose lives are remembered. */
  readonly socketHistoryMax: number;
}

export interface EngineParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly observer: Observer;
  readonly dialler: Dialler;
  /** What becomes of replies in a content coding; without it they are handed on as they came. */
  readonly decode?: ((reply: Reply, call: Call) => Reply) | undefined;
  /** Asked before a call is replayed that may have been received; without it, every replay is granted. */
  readonly mayHop?: (() => boolean) | undefined;
  /** Asked before each dial of HTTP/2; without it, every dial begins at once. */
  readonly starts?: StartGate | undefined;
}

/** Kept for the next exchanges: as many as are usually under way at once. */
const INCOMING_KEPT = 64;

export class Http1Engine implements Host {
  readonly clock: Clock;
  readonly observer: Observer;
  readonly limits: EngineLimits;
  readonly due: DueList;
  readonly turn: Turn;
  /** Connections of every protocol, where this engine shares its registry with others. */
  readonly sockets: SocketRegistry<Carrier>;
  readonly lifetime: Lifetime<Connection>;
  readonly counters: EngineCounters = {
    leasesFresh: 0,
    leasesReused: 0,
    leasesHttp2: 0,
    hops: 0,
    leaksSuspected: 0,
    leaksRecovered: 0,
  };
  readonly epoch: number;
  readonly capacity: Capacity;
  /** Times waited for a connection; 0 for calls that waited not at all. */
  readonly waits = new Histogram();
  readonly phases = { dns: new Histogram(), tcp: new Histogram(), tls: new Histogram() };
  readonly options: EngineOptions;
  readonly send: Send;
  readonly #parts: EngineParts;
  readonly #byKey = new Map<string, OriginPool>();
  readonly #incoming: Incoming[] = [];
  /** Why no more calls are taken. Those that were go on until `#ended`. */
  #closed: NetError | undefined;
  #ended = false;

  constructor(options: EngineOptions, parts: EngineParts) {
    this.options = options;
    this.#parts = parts;
    this.clock = parts.clock;
    this.observer = parts.observer;
    this.limits = options.limits;
    this.epoch = parts.clock.now();
    this.due = new DueList(parts.clock);
    this.turn = new Turn(parts.clock);
    this.sockets = new SocketRegistry(options.socketHistoryMax);
    this.capacity = new Capacity(options.socketsTotalMax);
    this.send = sending((call, to, now) => this.relay(call, to, now), parts.clock);
    this.lifetime = new Lifetime(options, parts.clock, this.#connections(), this.#pools());
  }

  /** @throws NetError when it is closed */
  relay(call: Call, to: Outlet, now: number): void {
    if (this.#closed !== undefined) throw this.#closed.about(call.origin.key);
    new Exchange(this, this.pool(call.origin, call.section), call, to, now).start();
  }

  /** As `send`, for an engine that has promised the reply already: it has taken the call, so a drain lets it end. */
  run(call: Call, resolve: (reply: Reply) => void, reject: (error: NetError) => void): void {
    if (this.#ended) return reject(this.#closed!.about(call.origin.key));
    const to: Outlet = { replied: resolve, failed: (error) => reject(NetError.from(error)) };
    new Exchange(this, this.pool(call.origin, call.section), call, to, this.clock.now()).start();
  }

  /** The pool of an origin and section, made on first use. */
  pool(origin: Origin, section: string): OriginPool {
    const key = section === '' ? origin.key : `${section}\n${origin.key}`;
    let pool = this.#byKey.get(key);
    if (pool === undefined) {
      if (this.#byKey.size >= POOLS_SWEPT) this.#forgetUnused();
      pool = new OriginPool(this, origin, section);
      this.#byKey.set(key, pool);
    }
    return pool;
  }

  /** Opens connections (TCP and TLS, no request) until `count` are open, as far as limits allow. */
  async warmUp(origin: Origin, section: string, count: number): Promise<WarmUpResult> {
    if (this.#closed !== undefined) throw this.#closed;
    return this.pool(origin, section).warmUp(count);
  }

  pools(): PoolSnapshot[] {
    return [...this.#byKey.values()].map((pool) => pool.snapshot());
  }

  /** Closes idle connections, never one in use. @returns how many */
  closeIdle(reason: CloseReason = 'closing'): number {
    let count = 0;
    for (const { pool } of this.#byKey.values()) count += pool.evictIdle(reason);
    return count;
  }

  /** Takes no more calls and closes what is idle; those under way go on, whether they have a connection or wait. */
  refuse(error: NetError): void {
    this.#closed ??= error;
    this.closeIdle();
  }

  /** Ends everything now. */
  close(): void {
    const error = (this.#closed ??= new NetError('CLOSED', 'the client was closed', {
      reach: 'unsent',
      phase: 'closing',
    }));
    this.#ended = true;
    for (const pool of this.#byKey.values()) pool.shut(error);
    for (const member of this.due) (member as Due & Closable).closed(error);
    for (const connection of this.sockets.live) connection.close('closing');
    this.due.close();
    this.lifetime.close();
  }

  get closed(): boolean {
    return this.#closed !== undefined;
  }

  decode(reply: Reply, call: Call): Reply {
    return this.#parts.decode === undefined ? reply : this.#parts.decode(reply, call);
  }

  waited(ms: number): void {
    this.waits.record(ms);
  }

  mayHop(): boolean {
    return this.#parts.mayHop?.() ?? true;
  }

  hopped(call: Call, error: NetError): void {
    this.counters.hops++;
    this.observer.hopped?.({ ...factOf(call), error, hop: 1 });
  }

  borrowIncoming(): Incoming {
    return this.#incoming.pop() ?? new Incoming(this.limits);
  }

  returnIncoming(incoming: Incoming): void {
    incoming.release();
    if (this.#incoming.length < INCOMING_KEPT) this.#incoming.push(incoming);
  }

  dial(origin: Origin, signal: AbortSignal, onread: Parameters<Dialler['dial']>[1]): ReturnType<Dialler['dial']> {
    return this.#parts.dialler.dial(origin, onread, signal);
  }

  get random(): Random {
    return this.#parts.random;
  }

  /**
   * A crawler meets more origins than it has connections: a pool that holds nothing and is waited for by nobody goes.
   */
  #forgetUnused(): void {
    for (const [key, place] of this.#byKey) {
      if (place.pool.size > 0 || place.pool.waiting > 0) continue;
      this.#byKey.delete(key);
      this.capacity.leave(place.pool);
    }
  }

  #connections(): { readonly live: Iterable<Connection> } {
    const { sockets } = this;
    return {
      get live() {
        return connectionsAmong(sockets.live);
      },
    };
  }

  #pools(): Iterable<ExclusivePool<Connection>> {
    const all = (): Iterable<OriginPool> => this.#byKey.values();
    return {
      *[Symbol.iterator]() {
        for (const { pool } of all()) yield pool;
      },
    };
  }

  /** Resolves when no call is under way, on any protocol, or that time has passed. */
  untilQuiet(deadlineMs: number): Promise<void> {
    return new Promise((resolve) => {
      const end = this.clock.now() + deadlineMs;
      const look = (): void => {
        if (this.due.size === 0 || this.clock.now() >= end) resolve();
        else this.clock.after(Math.min(DRAIN_LOOK_MS, end - this.clock.now()), look);
      };
      look();
    });
  }
}

/** Whoever joins the deadline list of calls can be told that the client is closed. */
export interface Closable {
  closed(cause: NetError): void;
}

function* connectionsAmong(carriers: Iterable<Carrier>): Generator<Connection> {
  for (const carrier of carriers) if (carrier instanceof Connection) yield carrier;
}

/** Pools from which on each new one has the unused ones forgotten. At most so many, and those in use, are kept. */
const POOLS_SWEPT = 1_000;

/** How often a draining engine looks whether the last call has ended. */
const DRAIN_LOOK_MS = 5;
