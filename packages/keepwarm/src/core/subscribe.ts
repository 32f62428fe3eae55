/**
 * The second verb. A call has one reply and may be repeated; a stream goes on, and when its connection is lost it is
 * *resumed*: somewhere else if need be, with what was missed filled in or at least told.
 *
 * Rules every Subscribe keeps:
 *   (1) Each iterator is a subscriber of its own, from the moment it is made: what came before is not repeated for it.
 *   (2) Messages come in order. Where some are missing, a gap stands in their place: nothing is missed in silence.
 *   (3) After the signal fires, or the iterator returns, it settles at once and nothing is held for it.
 *   (4) A stream ends by its own meaning (a signature was confirmed), by its subscriber, or by an error that no other
 *       endpoint could help.
 */
import type { NetError } from './error.ts';

/** What is subscribed to. */
export interface Topic {
  /** Equal for topics whose messages are the same: those share one upstream subscription. */
  readonly key: string;
  /** What facts and stats show: the kind of topic, without its parameters. */
  readonly name: string;
  readonly method: string;
  readonly params: unknown;
}

export interface Data<T = unknown> {
  readonly kind: 'data';
  readonly value: T;
  /** Where it stands: block number or slot, where the topic has such. */
  readonly height: number | undefined;
  /** It was asked for after it had been missed. */
  readonly filled: boolean;
}

/**
 *  - `lost`: the connection was, and what came before the next is not known or was asked for.
 *  - `skipped`: the peer left some out.
 *  - `slow`: the subscriber did not keep up, and its oldest were dropped.
 */
export type GapReason = 'lost' | 'skipped' | 'slow';

/** In place of messages that did not come. */
export interface Gap {
  readonly kind: 'gap';
  readonly reason: GapReason;
  /** The first and the last height concerned; nothing where that is not known. */
  readonly from: number | undefined;
  readonly to: number | undefined;
  /** Whether all that was missed follows, in order, as data with `filled`. Otherwise some or all of it never comes. */
  readonly filled: boolean;
  /** With `slow`: how many messages were dropped. */
  readonly dropped: number | undefined;
}

export type Message<T = unknown> = Data<T> | Gap;

/** `standing` is told once, when a peer has agreed: what comes from then on is told, or its loss is. */
export type Subscribe<T = unknown> = (
  topic: Topic,
  signal?: AbortSignal,
  standing?: () => void,
) => AsyncIterable<Message<T>>;
export type StreamPolicy = (next: Subscribe) => Subscribe;

/** One upstream subscription. Its messages end with an error when the connection does. */
export interface Stream extends AsyncIterable<Message> {
  /** The endpoint it comes from. */
  readonly endpoint: string;
  /**
   * Whether it has ended, by its peer or by us, and asking fails for that: what had come may still be read, and then
   * the error. False where asking does not depend on it.
   */
  readonly over: boolean;
  /** Asks the peer, or whoever knows the same, for what was missed. */
  ask(method: string, params: unknown): Promise<unknown>;
  /** Gives it up; twice is harmless. */
  leave(): void;
}

export interface StreamFact {
  /** The name of the topic. */
  readonly topic: string;
  readonly endpoint: string;
}

export interface StreamOpened extends StreamFact {
  /** Whether it goes on with one that was lost. */
  readonly resumed: boolean;
  /** From the wish to the peer's agreement, in ms. */
  readonly openMs: number;
}

export interface StreamLost extends StreamFact {
  readonly error: NetError;
}

export interface StreamGap extends Omit<Gap, 'kind'> {
  readonly topic: string;
}

export interface StreamUnread {
  readonly endpoint: string;
  /** `malformed`: its bytes are no message. `unknown`: of a kind there was not; told once for each on a connection. */
  readonly reason: 'malformed' | 'unknown';
  /** How long it was. */
  readonly bytes: number;
  readonly error: NetError;
}

/** Facts about streams, for an Observer. */
export interface StreamObserver {
  /** A peer agreed to send the messages of a topic. */
  streamOpened?(fact: StreamOpened): void;
  /** An upstream subscription was lost, or fell silent; another follows. */
  streamLost?(fact: StreamLost): void;
  /** Messages are missing; a subscriber is told, and perhaps gets them after all. */
  streamGap?(fact: StreamGap): void;
  /** A binary message of a stream's connection was left out; the connection goes on. */
  streamUnread?(fact: StreamUnread): void;
}
