/**
 * One connection of a pool: a client that may dial once. What would have another open a new session unasked fails here
 * instead, unsent, and is placed anew by the pool.
 *
 *   made ──▶ waits for a start ──granted──▶ dials ──the peer's SETTINGS──▶ ready ──▶ ended
 *                └─────────────────────────────┴──failed, or connectMs over──────────▶ ended
 *
 * Invariants:
 *   (1) At most one start is asked for in its life.
 *   (2) Its end is told once; after `close` nothing is told any more.
 */
import type { Send } from '../../core/call.ts';
import { afterInput, type Clock, type Timer } from '../../core/clock.ts';
import { NetError } from '../../core/error.ts';
import type { Observer } from '../../core/observer.ts';
import type { TlsSetup } from '../../net/tls.ts';
import type { ConnectionLimiter, Start, StartGate, StartKind } from '../../pool/start-gate.ts';
import { Client, protocolDoorOf } from '../client.ts';
import type { ClientOptions } from '../client-options.ts';
import { FACTS } from '../facts.ts';
import { answers } from './answers.ts';

export interface PoolConnectionParts {
  readonly options: ClientOptions;
  readonly rate: ConnectionLimiter | undefined;
  /** Of all connections of the pool: each resumes the TLS session of another. */
  readonly tls: TlsSetup;
  readonly clock: Clock;
  readonly connectMs: number;
  readonly observer: Observer | undefined;
}

export interface PoolConnectionEvents {
  ready(streamsMax: number): void;
  /** The peer has changed its mind. */
  allows(streamsMax: number): void;
  /** It takes no more streams: the peer will close it, or it is lost and its socket still heard out. */
  leaving(): void;
  /** It could not be opened, or is lost. */
  ended(error: Error | undefined): void;
}

export class PoolConnection implements StartGate {
  readonly send: Send;
  readonly #client: Client;
  readonly #parts: PoolConnectionParts;
  readonly #events: PoolConnectionEvents;
  readonly #kind: StartKind;
  #dialled = false;
  #timer: Timer | undefined;
  #streamsMax = 0;
  #state: 'opening' | 'ready' | 'ended' = 'opening';

  constructor(kind: StartKind, parts: PoolConnectionParts, events: PoolConnectionEvents) {
    this.#kind = kind;
    this.#parts = parts;
    this.#events = events;
    const { options, rate, clock, tls } = parts;
    const policies = { answers: answers(clock, rate && ((askedMs) => rate.penalise(askedMs))) };
    const observer = joined(this.#watch(), parts.observer);
    this.#client = new Client({ ...options, observer }, { policies, balance: {}, starts: this, tls });
    this.send = protocolDoorOf(this.#client).send;
  }

  open(): void {
    this.#client.warmUp({ count: 1 }).then(
      ({ open, error }) => {
        this.#timer?.cancel();
        if (open === 0) return this.#end(error);
        if (this.#state !== 'opening') return;
        this.#state = 'ready';
        this.#events.ready(this.#streamsMax);
      },
      (error: unknown) => this.#end(NetError.from(error)),
    );
  }

  async start(_kind: StartKind, signal?: AbortSignal): Promise<Start> {
    if (this.#dialled) {
      if (this.#state === 'ready') this.#events.leaving(); // whoever tries again at once is placed on another
      const why = 'this connection of the pool has ended, and another is opened in its place';
      throw new NetError('RESET', why, { reach: 'unsent', phase: 'connect' }); // not CLOSED: nobody wanted that
    }
    this.#dialled = true;
    const { rate, clock, connectMs } = this.#parts;
    const start = rate === undefined ? UNCOUNTED : await rate.start(this.#kind, signal);
    this.#timer = afterInput(clock, connectMs, () => {
      const why = `no HTTP/2 settings came within ${connectMs} ms (limit connectMs)`;
      this.#end(
        new NetError('TIMEOUT', why, { reach: 'unsent', phase: 'connect', limit: 'connectMs', value: connectMs }),
      );
      this.#client.destroy();
    });
    return start;
  }

  /** Closes what there is, and says nothing any more. Twice is harmless. */
  close(): void {
    this.#timer?.cancel();
    // Once its socket is closed there is no hurry, and its streams are being told: those that may be placed anew must
    // not find the engine gone. Otherwise the socket is to be closed before another is opened in its place.
    if (this.#state === 'ended') return this.#parts.clock.nextTurn(() => this.#client.destroy());
    this.#state = 'ended';
    this.#client.destroy();
  }

  #end(error: Error | undefined): void {
    if (this.#state === 'ended') return;
    this.#state = 'ended';
    this.#timer?.cancel();
    this.#events.ended(error);
  }

  #watch(): Observer {
    return {
      sessionChanged: ({ streamsMax, leaving }) => {
        this.#streamsMax = streamsMax;
        if (this.#state !== 'ready') return;
        if (leaving) this.#events.leaving();
        else this.#events.allows(streamsMax);
      },
      socketClosed: ({ reason }) => {
        const why = `the connection was closed (${reason})`;
        this.#end(new NetError('RESET', why, { reach: 'unknown' }));
      },
    };
  }
}

const nothing = (): void => {};
const UNCOUNTED: Start = { settled: nothing, thrownOut: nothing, lost: nothing, cancelled: nothing };

type Listener = (fact: never) => void;

/** Both are told, ours first; theirs has a method only where it has one. */
function joined(ours: Observer, theirs: Observer | undefined): Observer {
  if (theirs === undefined) return ours;
  const both: Observer = {};
  for (const name of FACTS) {
    const mine = ours[name] as Listener | undefined;
    const told = (fact: never): void => {
      mine?.(fact);
      (theirs[name] as Listener | undefined)?.call(theirs, fact);
    };
    const get = (): Listener | undefined => (mine === undefined && theirs[name] === undefined ? undefined : told);
    Object.defineProperty(both, name, { get, enumerable: true });
  }
  return both;
}
