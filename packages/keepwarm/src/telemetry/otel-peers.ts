/** What is known of open connections, by their ids: facts about calls name only those. One client's. */
import type { Clock } from '../core/clock.ts';
import type { SessionChanged, SocketFact, SocketOpened } from '../core/observer.ts';

export interface Peer {
  readonly opened: SocketOpened;
  /** Of HTTP. */
  readonly version: '1.1' | '2';
  /** When it was opened, on the client's clock. */
  readonly at: number;
}

export class Peers {
  readonly #clock: Clock;
  readonly #open = new Map<number, Peer>();
  /** Said to speak HTTP/2 before they were said to be open. */
  readonly #early = new Set<number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  opened(fact: SocketOpened): void {
    const version = this.#early.delete(fact.socketId) ? '2' : '1.1';
    this.#open.set(fact.socketId, { opened: fact, version, at: this.#clock.now() });
  }

  /** Told of HTTP/2 connections alone. */
  session({ socketId, leaving }: SessionChanged): void {
    const peer = this.#open.get(socketId);
    if (peer !== undefined) {
      if (peer.version !== '2') this.#open.set(socketId, { ...peer, version: '2' });
    } else if (!leaving && this.#early.size < EARLY_MAX) this.#early.add(socketId);
  }

  closed({ socketId }: SocketFact): Peer | undefined {
    const peer = this.#open.get(socketId);
    this.#open.delete(socketId);
    this.#early.delete(socketId);
    return peer;
  }

  of(socketId: number | undefined): Peer | undefined {
    return socketId === undefined ? undefined : this.#open.get(socketId);
  }
}

const EARLY_MAX = 1_000;
