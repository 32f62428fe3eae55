/** What whoever dials needs of a limit on starts, and what is said of each start: the words of `connection-rate.ts`. */
import type { StartKind } from '../algo/start-window.ts';
import type { ConnectionCapSnapshot } from './connection-cap.ts';

export type { StartKind };

/** The right to dial once. Exactly one of the four is to be said; the first word counts. */
export interface Start {
  /** The peer has answered, or has refused. */
  settled(): void;
  /** The peer took the connection and threw it out before it could be used: counted, and a reason to pause. */
  thrownOut(): void;
  /** No answer came, and the attempt is over: its socket is destroyed. */
  lost(): void;
  /** No packet was sent. */
  cancelled(): void;
  /** The connection that came of it is closed, or none did. Said after one of the above, where this is there. */
  readonly closed?: (() => void) | undefined;
}

/** What whoever dials needs of it. */
export interface StartGate {
  /**
   * Resolves when a connection may be opened.
   *
   * @throws NetError `SATURATED`, `ABORTED` or `CLOSED`, `CONNECT` when it could not be recorded; all unsent
   */
  start(kind: StartKind, signal?: AbortSignal): Promise<Start>;
}

/** A gate that several clients and pools may share. Whoever made it closes it. */
export interface ConnectionLimiter extends StartGate {
  /**
   * Whether a start that is asked for now would be granted without waiting: of nobody else, as far as this process
   * knows.
   */
  admits(kind: StartKind): boolean;
  /**
   * The provider says that it was too much: RESOURCE_EXHAUSTED, HTTP 429. Nothing is opened for a while.
   *
   * @param askedMs how long the provider wants to be left alone, in ms, where it says so
   */
  penalise(askedMs?: number): void;
  snapshot(): ConnectionRateSnapshot;
  /** Refuses whoever waits. What is under way is still accounted for. Twice is harmless. */
  close(): void;
}

export interface ConnectionRateSnapshot {
  readonly name: string;
  readonly limit: number;
  readonly windowMs: number;
  /** Places that growth leaves to reconnects. */
  readonly reserve: number;
  /** Places taken, those under way included; where several processes share them, those of this one. */
  readonly used: number;
  readonly underWay: number;
  readonly waiting: number;
  readonly granted: number;
  /** Times the provider had too much, connections that were thrown out included. */
  readonly penalties: number;
  /** What is left of a pause, in ms. */
  readonly pausedMs: number;
  /** What is left of the window that earlier runs are taken to have used up, as nothing is known of them, in ms. */
  readonly assumedMs?: number | undefined;
  /** Connections at once, where they have a limit as well. */
  readonly connections?: ConnectionCapSnapshot | undefined;
}
