/**
 * Distance on loopback: a TCP proxy through which every byte takes `oneWayMs` longer, each way.
 *
 *     const distance = await startDistance({ port: server.port, oneWayMs: 20 });
 *     const client = createClient({ origin: `http://127.0.0.1:${distance.port}` });
 *
 * The system completes TCP handshakes before a program hears of them, so a connection's first bytes wait for that round
 * trip as well: what a connection costs as a whole is right, and TLS comes on top of it as it does out there.
 */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { systemClock } from '../core/clock.ts';

export interface DistanceOptions {
  /** Where the server listens, on 127.0.0.1. */
  readonly port: number;
  /** Half a round trip, in ms. */
  readonly oneWayMs: number;
}

export interface Distance {
  /** Where it listens, on 127.0.0.1. */
  readonly port: number;
  /** Connections accepted so far. */
  readonly connections: number;
  /** Ends it and every connection through it. Twice is harmless. */
  close(): void;
}

/** Bytes under way in one direction before their sender is told to pause: what a link of this length might hold. */
const UNDER_WAY_BYTES_MAX = 1_048_576;
const BACKLOG = 4_096;

export async function startDistance({ port, oneWayMs }: DistanceOptions): Promise<Distance> {
  const sockets = new Set<Socket>();
  let connections = 0;
  const server = createServer({ noDelay: true, allowHalfOpen: true }, (near) => {
    connections++;
    const far = connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true });
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on('close', () => sockets.delete(socket));
    }
    relay(near, far, oneWayMs, systemClock.now() + 2 * oneWayMs);
    relay(far, near, oneWayMs, 0);
  });
  server.listen({ port: 0, host: '127.0.0.1', backlog: BACKLOG });
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    get connections() {
      return connections;
    },
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** @param openAt from when on bytes may set out */
function relay(from: Socket, to: Socket, oneWayMs: number, openAt: number): void {
  let underWay = 0;
  const road = new Road(oneWayMs, openAt);
  from.on('data', (chunk: Buffer) => {
    underWay += chunk.length;
    if (underWay > UNDER_WAY_BYTES_MAX) from.pause();
    road.later(() => {
      underWay -= chunk.length;
      if (underWay <= UNDER_WAY_BYTES_MAX) from.resume();
      if (to.writable) to.write(chunk);
    });
  });
  from.on('end', () => road.later(() => to.end()));
  from.on('error', () => to.destroy()); // the other side hears of it that way
  from.on('close', () => road.later(() => to.destroy()));
}

/** One direction: who sets out first arrives first, which timers of different lengths do not promise. */
class Road {
  readonly #oneWayMs: number;
  readonly #openAt: number;
  readonly #onIt: { readonly at: number; readonly arrive: () => void }[] = [];

  constructor(oneWayMs: number, openAt: number) {
    this.#oneWayMs = oneWayMs;
    this.#openAt = openAt;
  }

  later(arrive: () => void): void {
    this.#onIt.push({ at: Math.max(this.#openAt, systemClock.now()) + this.#oneWayMs, arrive });
    if (this.#onIt.length === 1) this.#wait();
  }

  #wait(): void {
    const [first] = this.#onIt;
    if (first === undefined) return;
    // Timers count whole milliseconds, and come early by as much as was cut off.
    systemClock.after(Math.ceil(first.at - systemClock.now()), () => {
      this.#onIt.shift();
      first.arrive();
      this.#wait();
    });
  }
}
