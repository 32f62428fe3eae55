/**
 * Who may come in. Connections are counted as a provider counts them: when they are accepted, before anything is read.
 *
 *   accepted ──banned?──▶ reset, or let in and answered with 429
 *            ──black hole?──▶ held, and never answered
 *            ──▶ HTTP/2
 *
 * A connection beyond the limit of its window begins a ban, and is the first that is banned.
 */
import { createServer, type Server, type Socket } from 'node:net';
import type { Clock } from '../../core/clock.ts';
import type { LimitOptions } from './options.ts';

export interface DoorStats {
  /** Connections accepted since the start, refused ones among them. */
  readonly accepted: number;
  readonly open: number;
  /** Connections that were reset, or answered with 429, because of a ban. */
  readonly banned: number;
  /** How often a limit was broken: each began a ban. */
  readonly violations: number;
  /** The most connections that any window of the stated length has seen. */
  readonly windowMax: number;
}

export class Door {
  readonly #limits: LimitOptions;
  readonly #clock: Clock;
  readonly #listener: Server;
  readonly #banWith: 'reset' | '429';
  readonly #enter: (socket: Socket) => void;
  readonly #open = new Set<Socket>();
  readonly #beyondBan = new WeakSet<Socket>();
  /** What speaks TLS over a socket, and may be ending it. */
  readonly #outer = new WeakMap<Socket, Socket>();
  /** When the connections of the last window came. */
  #recent: number[] = [];
  #bannedUntil = Number.NEGATIVE_INFINITY;
  #accepted = 0;
  #banned = 0;
  #violations = 0;
  #windowMax = 0;
  /** New connections are held and never answered. */
  blackHole = false;
  /** As many of the next connections are reset. */
  refusing = 0;

  constructor(limits: LimitOptions, clock: Clock, banWith: 'reset' | '429', enter: (socket: Socket) => void) {
    this.#limits = limits;
    this.#clock = clock;
    this.#banWith = banWith;
    this.#enter = enter;
    this.#listener = createServer({ noDelay: true }, (socket) => this.#accept(socket));
  }

  listen(port: number, host: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#listener.once('error', reject).listen(port, host, () => {
        // Later on, an error is one connection that could not be taken, which its client sees.
        this.#listener.off('error', reject).on('error', () => undefined);
        resolve();
      });
    });
  }

  get port(): number {
    const address = this.#listener.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  get full(): boolean {
    return this.#open.size > this.#limits.connectionsMax;
  }

  /** Whether this connection was let in during a ban, to be told so. */
  isBanned(port: number | undefined): boolean {
    for (const socket of this.#open) if (socket.remotePort === port) return this.#beyondBan.has(socket);
    return false;
  }

  /** TLS has begun over one of the connections. */
  secured(outer: Socket): void {
    for (const socket of this.#open) if (socket.remotePort === outer.remotePort) this.#outer.set(socket, outer);
  }

  stats(): DoorStats {
    const counts = { accepted: this.#accepted, open: this.#open.size, banned: this.#banned };
    return { ...counts, violations: this.#violations, windowMax: this.#windowMax };
  }

  /** Ends every connection with RST. */
  reset(): void {
    for (const socket of this.#open) this.#drop(socket);
  }

  /** Resolves when nothing of any connection is left. */
  async close(): Promise<void> {
    this.reset();
    const ends = [...this.#open].map((socket) => new Promise((resolve) => void socket.once('close', resolve)));
    // The listener tells of its end as soon as sockets are about to close; their handles are closed a turn later.
    await new Promise<void>((resolve) => void this.#listener.close(() => resolve()));
    await Promise.all(ends);
  }

  #accept(socket: Socket): void {
    this.#accepted++;
    this.#open.add(socket);
    socket.once('close', () => this.#open.delete(socket));
    // Resets, by either side, are what this server is about.
    socket.on('error', () => undefined);
    const banned = this.#count();
    if (banned) this.#banned++;
    if ((banned && this.#banWith === 'reset') || this.refusing > 0) {
      if (this.refusing > 0) this.refusing--;
      this.#drop(socket);
    } else if (this.blackHole) {
      socket.resume();
    } else {
      if (banned) this.#beyondBan.add(socket);
      this.#enter(socket);
    }
  }

  /** A socket about to end by itself cannot be reset any more: libuv refuses, and its handle would stay for ever. */
  #drop(socket: Socket): void {
    const ends = [socket, this.#outer.get(socket)].some((each) => each?.destroyed || each?.writableEnded);
    if (ends) socket.destroy();
    else socket.resetAndDestroy();
  }

  /** @returns whether it comes during a ban, or begins one */
  #count(): boolean {
    const { connectionLimit, windowMs, banMs } = this.#limits;
    const now = this.#clock.now();
    const after = this.#recent.findIndex((at) => at > now - windowMs);
    this.#recent = after < 0 ? [] : this.#recent.slice(after);
    this.#recent.push(now);
    this.#windowMax = Math.max(this.#windowMax, this.#recent.length);
    if (now < this.#bannedUntil) return true;
    if (connectionLimit === 0 || this.#recent.length <= connectionLimit) return false;
    this.#violations++;
    this.#bannedUntil = now + banMs;
    return true;
  }
}
