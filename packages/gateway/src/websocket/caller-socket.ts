/**
 * One caller's WebSocket, the server's end (RFC 6455).
 *
 *   open ──close()──▶ closing (a goodbye is sent; `CLOSE_MS` for theirs) ──▶ gone
 *     ├── their goodbye: answered ──▶ gone
 *     └── a fault of theirs, silence, a stall: a goodbye that says so ──▶ closing
 *
 * Invariants:
 *   (1) `ended` is told once, when it is open no more; after that no message is told and nothing is sent.
 *   (2) While it is held, or has not taken what was written, nothing is read; a message that arrived with others before
 *       is told all the same.
 *   (3) What is written and not taken is seen by `clogged`; who has more to say waits for `unclogged`. A caller that
 *       takes nothing for `stallMs` is closed.
 *   (4) When it is gone, no timer is left.
 */
import type { Socket } from 'node:net';
import { closePayload, FrameReader, type NetError, OPCODE, plainFrame } from 'keepwarm/websocket';

export interface CallerSocketOptions {
  readonly messageBytesMax: number;
  readonly pingMs: number;
  readonly stallMs: number;
}

export interface CallerHandler {
  message(text: string): void;
  ended(): void;
  /** It took nothing for `stallMs`; it is closed. */
  stalled(): void;
}

/** Close codes we send: § 7.4.1 and the registry it began. */
export const CLOSE = { away: 1001, data: 1003, restart: 1012, failed: 1011, later: 1013 } as const;

/** Written and not taken; above it, subscriptions wait. */
const CLOGGED_BYTES = 256 * 1024;
/** For a caller's goodbye, in ms. */
const CLOSE_MS = 1_000;
const NO_CODE = 1005;
const NORMAL = 1000;
const TIMER_MS_MAX = 2 ** 31 - 1;

export class CallerSocket {
  readonly #socket: Socket;
  readonly #options: CallerSocketOptions;
  readonly #handler: CallerHandler;
  readonly #reader: FrameReader;
  #open = true;
  /** Something has come since it was last looked at. */
  #heard = true;
  /** It has been asked for a sign of life. */
  #pinged = false;
  #watch: NodeJS.Timeout | undefined;
  #stall: NodeJS.Timeout | undefined;
  #closing: NodeJS.Timeout | undefined;
  #held = false;
  /** Too much is written that has not been taken. */
  #full = false;
  #waiting: (() => void)[] = [];

  constructor(socket: Socket, options: CallerSocketOptions, handler: CallerHandler) {
    this.#socket = socket;
    this.#options = options;
    this.#handler = handler;
    this.#reader = new FrameReader(
      {
        onText: (text) => this.#open && handler.message(text),
        onBinary: () => this.close(CLOSE.data, 'JSON-RPC is text'),
        onPing: (payload) => this.#write(OPCODE.pong, payload),
        onPong: () => {},
        onClose: (code) => this.close(code === NO_CODE ? NORMAL : code, ''),
      },
      options.messageBytesMax,
      'client',
    );
  }

  /** @param early what came behind the handshake */
  start(early: Buffer): void {
    const socket = this.#socket;
    socket.setTimeout(0);
    socket.setNoDelay(true);
    socket.on('data', (bytes: Buffer) => this.#received(bytes));
    socket.on('drain', () => this.#drained());
    socket.on('end', () => socket.destroy());
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#gone());
    this.#look();
    if (early.length > 0) this.#received(Buffer.from(early));
    socket.resume();
  }

  get open(): boolean {
    return this.#open;
  }
  get clogged(): boolean {
    return this.#socket.writableLength > CLOGGED_BYTES;
  }
  get bytesIn(): number {
    return this.#socket.bytesRead;
  }
  get bytesOut(): number {
    return this.#socket.bytesWritten;
  }

  send(text: string): void {
    this.#write(OPCODE.text, Buffer.from(text));
  }

  /** Resolves when what was written has been taken, or the connection is open no more. */
  unclogged(): Promise<void> {
    if (!this.#open || this.#socket.writableLength === 0) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Nothing more is read, or is again. */
  hold(held: boolean): void {
    this.#held = held;
    this.#flow();
  }

  /** Says goodbye; the caller has a moment for its own. Twice is harmless. */
  close(code: number, reason: string): void {
    if (!this.#open) return;
    this.#write(OPCODE.close, closePayload(code, reason));
    this.#over();
    this.#socket.end();
    this.#socket.resume(); // its goodbye, and its end, are read
    this.#closing = setTimeout(() => this.#socket.destroy(), CLOSE_MS);
  }

  #received(bytes: Buffer): void {
    this.#heard = true;
    if (!this.#open) return; // the last words of a caller that has been told goodbye
    try {
      this.#reader.read(bytes, 0, bytes.length);
    } catch (error) {
      this.close(this.#reader.fault ?? CLOSE.failed, (error as NetError).message);
    }
  }

  #write(opcode: number, payload: Buffer): void {
    if (!this.#open || !this.#socket.writable) return;
    if (this.#socket.write(plainFrame(opcode, payload))) return;
    if (this.#stall === undefined) this.#watchStall();
    if (this.clogged && !this.#full) {
      this.#full = true;
      this.#flow();
    }
  }

  #flow(): void {
    if (this.#open && (this.#held || this.#full)) this.#socket.pause();
    else this.#socket.resume();
  }

  #drained(): void {
    clearTimeout(this.#stall);
    this.#stall = undefined;
    this.#full = false;
    this.#flow();
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  #watchStall(): void {
    const { stallMs } = this.#options;
    if (!Number.isFinite(stallMs)) return;
    const before = this.#taken;
    this.#stall = setTimeout(
      () => {
        if (this.#taken > before) this.#watchStall();
        else this.#stalled();
      },
      Math.min(stallMs, TIMER_MS_MAX),
    );
  }

  /** Bytes of ours that the system has taken. */
  get #taken(): number {
    return this.#socket.bytesWritten - this.#socket.writableLength;
  }

  #stalled(): void {
    this.#handler.stalled();
    this.close(CLOSE.later, 'too slow: nothing was taken in time (limit websocket.stallMs)');
  }

  /** Silent since it was last looked at, although it was read: it is pinged; silent again, and it is gone. */
  #look(): void {
    const { pingMs } = this.#options;
    if (!Number.isFinite(pingMs)) return;
    if (this.#heard || this.#held || this.#full) this.#pinged = false;
    else if (this.#pinged) return void this.#socket.destroy();
    else {
      this.#pinged = true;
      this.#write(OPCODE.ping, Buffer.alloc(0));
    }
    this.#heard = false;
    this.#watch = setTimeout(() => this.#look(), Math.min(pingMs, TIMER_MS_MAX));
  }

  #over(): void {
    if (!this.#open) return;
    this.#open = false;
    clearTimeout(this.#watch);
    clearTimeout(this.#stall);
    for (const resolve of this.#waiting.splice(0)) resolve();
    this.#handler.ended();
  }

  #gone(): void {
    this.#over();
    clearTimeout(this.#closing);
  }
}
