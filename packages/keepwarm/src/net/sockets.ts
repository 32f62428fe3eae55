/**
 * The socket registry: every connection has a number and a recorded life, readable while it lives and for a while
 * after. A connection is its own record; only when it closes is a summary copied into a ring of bounded size.
 */
import { Ring } from '../algo/ring.ts';
import type { CloseReason } from '../core/observer.ts';

/** One connection's life as others may see it. Times are in ms; instants are counted from the client's creation. */
export interface SocketLife {
  readonly id: number;
  readonly origin: string;
  readonly section: string;
  readonly address: string;
  readonly state: 'in use' | 'idle' | 'closed';
  readonly openedAtMs: number;
  readonly dnsMs: number;
  readonly tcpMs: number;
  /** 0 on cleartext. */
  readonly tlsMs: number;
  readonly tlsResumed: boolean;
  /** Calls it has served, the present one included. */
  readonly leases: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** Since when it has been idle or in use, or when it was closed. */
  readonly sinceMs: number;
  readonly closeReason: CloseReason | undefined;
  /** The proxy it goes through, without credentials. */
  readonly proxy?: string | undefined;
  /** What is spoken on it; HTTP/1.1 where nothing is said. */
  readonly protocol?: 'h2' | undefined;
  /** Calls under way on it, where it carries several at once. */
  readonly streams?: number | undefined;
  /** From a ping to its answer, in ms, as last measured, where the protocol has pings. */
  readonly rttMs?: number | undefined;
}

export interface LiveSocket {
  readonly id: number;
  life(): SocketLife;
}

export class SocketRegistry<T extends LiveSocket> {
  readonly #live = new Map<number, T>();
  readonly #closed: Ring<SocketLife>;
  #opened = 0;
  #closedCount = 0;

  /** `historyMax` closed connections are remembered. */
  constructor(historyMax: number) {
    this.#closed = new Ring(historyMax);
  }

  nextId(): number {
    return ++this.#opened;
  }

  add(socket: T): void {
    this.#live.set(socket.id, socket);
  }

  remove(socket: T): void {
    if (!this.#live.delete(socket.id)) return;
    this.#closedCount++;
    this.#closed.push(socket.life());
  }

  /** Live connections, oldest first. */
  get live(): Iterable<T> {
    return this.#live.values();
  }

  get size(): number {
    return this.#live.size;
  }
  get closedCount(): number {
    return this.#closedCount;
  }

  /** Lives of the connections there are, oldest first, then of those closed last, latest last. */
  lives(): { live: SocketLife[]; closed: SocketLife[] } {
    return { live: [...this.#live.values()].map((socket) => socket.life()), closed: this.#closed.toArray() };
  }
}
