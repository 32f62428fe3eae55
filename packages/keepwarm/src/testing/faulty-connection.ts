/** One connection as the faulty server holds it: everything a peer can do to a client, in one method each. */
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Clock } from '../core/clock.ts';

export class FaultyConnection {
  /** 1 for the first connection the server accepted. */
  readonly id: number;
  /** The client's port, which tells connections apart while they are open. */
  readonly port: number | undefined;
  /** Settles when nothing is left of the connection, whoever ended it. */
  readonly closed: Promise<void>;
  readonly #raw: Socket;
  readonly #clock: Clock;
  #tls: TLSSocket | undefined;

  constructor(id: number, raw: Socket, clock: Clock) {
    this.id = id;
    this.port = raw.remotePort;
    this.#raw = raw;
    this.#clock = clock;
    this.closed = new Promise((resolve) => raw.once('close', () => resolve()));
  }

  /** Where requests are read and answers are written: the TLS socket where there is one. */
  get socket(): Socket {
    return this.#tls ?? this.#raw;
  }

  /** Present once a TLS handshake is done: its `servername` is the client's SNI, and it knows client certificates. */
  get tls(): TLSSocket | undefined {
    return this.#tls;
  }

  get open(): boolean {
    return !this.#raw.destroyed;
  }

  /** Said by the server when the handshake is done. */
  secured(tls: TLSSocket): void {
    this.#tls = tls;
  }

  /**
   * Writes bytes as they are. Settles once the system has taken them or the connection is gone, so it can be awaited.
   */
  send(data: string | Uint8Array): Promise<void> {
    const { socket } = this;
    return new Promise((resolve) => {
      if (socket.destroyed || !socket.writable) return resolve();
      const done = (): void => {
        socket.off('close', done);
        resolve();
      };
      socket.once('close', done);
      if (typeof data === 'string') socket.write(data, 'latin1', done);
      else socket.write(data, done);
    });
  }

  /** Writes one byte at a time, `everyMs` apart, for as long as the client is there. */
  async dribble(data: string | Uint8Array, everyMs: number): Promise<void> {
    for (const byte of Buffer.from(data)) {
      if (!this.open) return;
      await this.send(Uint8Array.of(byte));
      await this.wait(everyMs);
    }
  }

  /** Ends our side with a FIN; what the client still sends is read and dropped. */
  end(): void {
    this.socket.end();
  }

  /**
   * Ends the connection with an RST, from under TLS too: what we have written and the client has not read may be lost.
   */
  reset(): void {
    // A connection whose FIN is on its way cannot be reset any more: libuv refuses, and Node would never close it.
    if (this.socket.writableEnded || this.#raw.writableEnded) this.#raw.destroy();
    else this.#raw.resetAndDestroy();
  }

  /** Stops reading: the client's writes fill the system's buffers, and then wait. */
  stopReading(): void {
    this.socket.pause();
  }

  wait(ms: number): Promise<void> {
    return new Promise((resolve) => void this.#clock.after(ms, resolve));
  }
}
