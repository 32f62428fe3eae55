/**
 * The HTTP/2 engine: sessions per origin and section, calls run on them. It stands beside the HTTP/1.1 engine and
 * shares with it whatever a client has one of: places, deadlines, the registry of sockets, counters.
 */
import type { Call } from '../../core/call.ts';
import { DueList } from '../../core/due.ts';
import type { NetError } from '../../core/error.ts';
import type { CloseReason } from '../../core/observer.ts';
import type { Origin } from '../../core/origin.ts';
import type { Reply } from '../../core/reply.ts';
import type { Dialled, Dialler } from '../../net/dial.ts';
import { Lifetime } from '../../pool/lifetime.ts';
import type { SharedPool } from '../../pool/slots.ts';
import type { StartGate } from '../../pool/start-gate.ts';
import type { EngineOptions, Http1Engine } from '../http1/engine.ts';
import type { Http2Host } from './host.ts';
import type { SessionOptions } from './options.ts';
import { OriginSessions } from './origin-sessions.ts';
import { Promised, type Run } from './promised.ts';
import { Session } from './session.ts';
import { Stream } from './stream.ts';

export interface Http2Options extends EngineOptions {
  /** What a dial offers, by preference; nothing on cleartext. */
  readonly protocols: readonly string[];
  /** From the end of the dial to the peer's settings, in ms. */
  readonly helloMs: number;
  readonly session: SessionOptions;
}

export interface Http2Parts {
  readonly http1: Http1Engine;
  readonly dialler: Dialler;
  /** Asked before each dial. */
  readonly starts: StartGate | undefined;
  /** Told what an origin has turned out to speak, or to require. */
  learnt(origin: Origin, protocol: 'h2' | 'http/1.1' | 'http/1.1 only'): void;
  /** Whether calls there are to be made over HTTP/1.1. */
  isHttp1Only(origin: Origin, section: string): boolean;
}

/** Origins from which on each new one has the unused ones forgotten. */
const ORIGINS_SWEPT = 1_000;

export class Http2Engine implements Http2Host {
  readonly options: Http2Options;
  readonly session: SessionOptions;
  readonly clock: Http1Engine['clock'];
  readonly observer: Http1Engine['observer'];
  readonly limits: Http1Engine['limits'];
  readonly due: DueList;
  readonly turn: Http1Engine['turn'];
  readonly counters: Http1Engine['counters'];
  readonly epoch: number;
  readonly sockets: Http1Engine['sockets'];
  readonly capacity: Http1Engine['capacity'];
  readonly phases: Http1Engine['phases'];
  readonly random: Http1Engine['random'];
  readonly sessionsDue: DueList;
  readonly lifetime: Lifetime<Session>;
  readonly #parts: Http2Parts;
  readonly #byKey = new Map<string, OriginSessions>();
  #lingering: Stream[] = [];
  #closed: NetError | undefined;

  constructor(options: Http2Options, parts: Http2Parts) {
    const { http1 } = parts;
    this.options = options;
    this.session = options.session;
    this.#parts = parts;
    this.clock = http1.clock;
    this.observer = http1.observer;
    this.limits = http1.limits;
    this.due = http1.due;
    this.turn = http1.turn;
    this.counters = http1.counters;
    this.epoch = http1.epoch;
    this.sockets = http1.sockets;
    this.capacity = http1.capacity;
    this.phases = http1.phases;
    this.random = http1.random;
    this.sessionsDue = new DueList(this.clock);
    this.lifetime = new Lifetime(options, this.clock, this.#sessions(), this.#pools());
  }

  run(call: Call, resolve: (reply: Reply) => void, reject: (error: NetError) => void, now: number): void {
    if (this.#closed !== undefined) return reject(this.#closed.about(call.origin.key));
    const promised = new Promised(call, this.decodeReply, resolve, reject);
    new Stream(this, this.place(call.origin, call.section), call, promised, now).start();
  }

  /** The sessions of an origin and section, made on first use. */
  place(origin: Origin, section: string): OriginSessions {
    const key = section === '' ? origin.key : `${section}\n${origin.key}`;
    let place = this.#byKey.get(key);
    if (place === undefined) {
      if (this.#byKey.size >= ORIGINS_SWEPT) this.#forgetUnused();
      place = new OriginSessions(this, origin, section);
      this.#byKey.set(key, place);
    }
    return place;
  }

  get places(): Iterable<OriginSessions> {
    return this.#byKey.values();
  }

  closeIdle(reason: CloseReason = 'closing'): number {
    let count = 0;
    for (const { pool } of this.places) count += pool.evictIdle(reason);
    return count;
  }

  /** Takes no more calls and closes what is idle; those under way go on, whether they have a place or wait for one. */
  refuse(error: NetError): void {
    this.#closed ??= error;
    this.closeIdle();
  }

  /** Takes no more calls, refuses those that wait, and opens nothing more; those that have a place go on. */
  shut(error: NetError): void {
    this.#closed ??= error;
    for (const place of this.places) place.shut(error);
  }

  /** Ends what is left. The calls under way are told by whoever shares the deadline list. */
  close(): void {
    for (const session of this.#sessions().live) session.close('closing');
    this.sessionsDue.close();
    this.lifetime.close();
  }

  readonly decodeReply = (reply: Reply, call: Call): Reply => this.#parts.http1.decode(reply, call);

  waited(ms: number): void {
    this.#parts.http1.waited(ms);
  }

  mayHop(): boolean {
    return this.#parts.http1.mayHop();
  }

  hopped(call: Call, error: NetError): void {
    this.#parts.http1.hopped(call, error);
  }

  learnt(origin: Origin, protocol: 'h2' | 'http/1.1'): void {
    this.#parts.learnt(origin, protocol);
  }

  http1Required(origin: Origin): boolean {
    // What was offered was HTTP/2 alone, or no TLS was there to offer anything: then there is nothing else.
    if (!this.handsOver || !origin.secure) return false;
    this.#parts.learnt(origin, 'http/1.1 only');
    return true;
  }

  elsewhere({ origin, section }: OriginSessions): Run | undefined {
    return this.#parts.isHttp1Only(origin, section) ? this.#runOverHttp1 : undefined;
  }

  readonly #runOverHttp1: Run = (call, resolve, reject) => this.#parts.http1.run(call, resolve, reject);

  get starts(): StartGate | undefined {
    return this.#parts.starts;
  }

  /** Whether an origin that does not agree to HTTP/2 is called over HTTP/1.1. */
  get handsOver(): boolean {
    return this.options.protocols.includes('http/1.1');
  }

  /** The origin speaks HTTP/1.1: its connection and its callers go to that engine. */
  handOver({ origin, section }: OriginSessions, dialled: Dialled, callers: readonly Stream[]): void {
    const { http1 } = this.#parts;
    http1.pool(origin, section).adopt(dialled);
    for (const caller of callers) caller.moved(this.#runOverHttp1);
  }

  dial(origin: Origin, signal: AbortSignal, onread: Parameters<Dialler['dial']>[1]): Promise<Dialled> {
    return this.#parts.dialler.dial(origin, onread, signal, this.options.protocols);
  }

  linger(stream: Stream): void {
    if (this.#lingering.push(stream) === 1) this.clock.nextTurn(this.#handOverBodies);
  }

  readonly #handOverBodies = (): void => {
    const streams = this.#lingering;
    this.#lingering = [];
    for (const stream of streams) stream.handOver();
  };

  #forgetUnused(): void {
    for (const [key, { pool }] of this.#byKey) {
      if (pool.size > 0 || pool.waiting > 0 || pool.slotsLent > 0) continue;
      this.#byKey.delete(key);
      this.capacity.leave(pool);
    }
  }

  #sessions(): { readonly live: Iterable<Session> } {
    const { sockets } = this;
    return {
      get live() {
        return [...sockets.live].filter((carrier) => carrier instanceof Session);
      },
    };
  }

  #pools(): Iterable<SharedPool<Session>> {
    const places = (): Iterable<OriginSessions> => this.places;
    return {
      *[Symbol.iterator]() {
        for (const { pool } of places()) yield pool;
      },
    };
  }
}
