/** What a connection and an exchange need of the engine they run in; and the engine's own limits. */
import type { Call } from '../../core/call.ts';
import type { Clock } from '../../core/clock.ts';
import type { DueList } from '../../core/due.ts';
import type { NetError } from '../../core/error.ts';
import type { CloseReason, Observer } from '../../core/observer.ts';
import type { Reply } from '../../core/reply.ts';
import type { LiveSocket, SocketRegistry } from '../../net/sockets.ts';
import type { Lifetime } from '../../pool/lifetime.ts';
import type { ParserLimits } from '../../wire/response-parser.ts';
import type { Connection } from './connection.ts';
import type { Incoming } from './incoming.ts';
import type { Turn } from './turn.ts';

export interface EngineLimits extends ParserLimits {
  /** Calls one connection serves before it is replaced. */
  readonly requestsMax: number;
  /** A lease held for longer is reported as a suspected leak, in ms. */
  readonly leakMs: number;
  /** Whether a call remembers where it was made, for leak reports. Costs microseconds per call. */
  readonly leakStacks: boolean;
}

/** Facts counted once, where they arise. */
export interface EngineCounters {
  leasesFresh: number;
  leasesReused: number;
  /** Those of both that are a place on an HTTP/2 connection. */
  leasesHttp2: number;
  hops: number;
  leaksSuspected: number;
  leaksRecovered: number;
}

/** A connection of any protocol, as whoever closes them all sees it. */
export interface Carrier extends LiveSocket {
  close(reason: CloseReason): void;
}

export interface Host {
  readonly clock: Clock;
  readonly observer: Observer;
  readonly limits: EngineLimits;
  readonly due: DueList;
  readonly turn: Turn;
  readonly sockets: SocketRegistry<Carrier>;
  readonly lifetime: Lifetime<Connection>;
  readonly counters: EngineCounters;
  /** The instant the client was made. */
  readonly epoch: number;
  /** Decodes a reply whose body is in a content coding. */
  decode(reply: Reply, call: Call): Reply;
  waited(ms: number): void;
  /** Whether the budget grants a replay. */
  mayHop(): boolean;
  /** A call goes to another connection, because its own turned out to be dead. */
  hopped(call: Call, error: NetError): void;
  borrowIncoming(): Incoming;
  returnIncoming(incoming: Incoming): void;
}
