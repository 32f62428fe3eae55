/**
 * One WebSocket connection and the record of its life. Messages of text go out and come in until it ends, once, with
 * the reason.
 *
 *   opened ──▶ open ──▶ gone
 *               │ close(): a goodbye is sent, and answered or not within `closeMs`
 *               │ silence for `pingMs`: a ping; for `pongMs` more: dead
 *
 * Invariants:
 *   (1) `ended` is told once, at the moment its fate is sealed; after that nothing is told and nothing may be sent.
 *   (2) It leaves the registry at that same moment; socket and timers are gone at most `closeMs` later.
 *   (3) Whatever arrives is a sign of life.
 */
import { Buffer } from 'node:buffer';
import { randomFillSync } from 'node:crypto';
import type { Socket } from 'node:net';
import type { Clock, Timer } from '../../core/clock.ts';
import { NetError } from '../../core/error.ts';
import type { CloseReason, Observer } from '../../core/observer.ts';
import type { Origin } from '../../core/origin.ts';
import type { Dialled } from '../../net/dial.ts';
import type { LiveSocket, SocketLife, SocketRegistry } from '../../net/sockets.ts';
import { closePayload, FrameReader, maskedFrame, OPCODE } from '../../wire/websocket-frames.ts';
import type { WebSocketLimits } from './options.ts';

/** What its owner wants to know. Called synchronously; must not throw. */
export interface SessionHandler {
  message(text: string): void;
  /** A binary message, whose bytes are the handler's to keep. Without this one, it is taken for text. */
  binary?(bytes: Buffer): void;
  /** The connection is no more. `CLOSED` when we closed it. */
  ended(error: NetError): void;
}

/** What sessions share. */
export interface SessionHost {
  readonly clock: Clock;
  readonly observer: Observer;
  readonly limits: WebSocketLimits;
  readonly sockets: SocketRegistry<WebSocketSession>;
  /** What `openedAtMs` is counted from. */
  readonly epoch: number;
}

const NORMAL = 1000;
const WENT_AWAY = 1001;
const BROKEN = 1002;

export class WebSocketSession implements LiveSocket {
  readonly id: number;
  readonly origin: Origin;
  readonly #host: SessionHost;
  readonly #dialled: Dialled;
  readonly #handler: SessionHandler;
  readonly #reader: FrameReader;
  readonly #openedAt: number;
  #heardAt: number;
  /** A ping is out, and nothing has arrived since. */
  #asked = false;
  #watch: Timer | undefined;
  #closing: Timer | undefined;
  #closeReason: CloseReason | undefined;

  constructor(host: SessionHost, origin: Origin, dialled: Dialled, handler: SessionHandler) {
    this.#host = host;
    this.#dialled = dialled;
    this.#handler = handler;
    this.origin = origin;
    this.id = host.sockets.nextId();
    this.#openedAt = host.clock.now();
    this.#heardAt = this.#openedAt;
    this.#reader = new FrameReader(
      {
        onText: (text) => this.#told(text),
        onBinary: (bytes) => this.#toldBinary(bytes),
        onPing: (payload) => this.#pong(payload),
        onPong: () => this.#watchIn(host.limits.pingMs),
        onClose: (code, reason) => this.#peerCloses(code, reason),
      },
      host.limits.messageBytesMax,
    );
    host.sockets.add(this);
    const { address, dnsMs, tcpMs, tlsMs, tlsResumed } = dialled;
    host.observer.socketOpened?.({ ...this.#fact(), address, dnsMs, tcpMs, tlsMs, tlsResumed });
    this.#watchIn(host.limits.pingMs);
  }

  get open(): boolean {
    return this.#closeReason === undefined;
  }

  /** @throws NetError `CLOSED` when it is no more, `SATURATED` when the peer does not take what was sent before */
  send(text: string): void {
    if (!this.open) throw this.#error('CLOSED', 'the connection is closed', 'unsent');
    const { sendBytesMax } = this.#host.limits;
    const waiting = this.#dialled.socket.writableLength;
    if (waiting > sendBytesMax) {
      throw new NetError('SATURATED', `${waiting} bytes wait to be sent (limit sendBytesMax ${sendBytesMax})`, {
        ...{ reach: 'unsent', phase: 'write', origin: this.origin.key, limit: 'sendBytesMax', value: sendBytesMax },
      });
    }
    this.#write(OPCODE.text, Buffer.from(text, 'utf8'));
  }

  /** Says goodbye and ends. Twice is harmless. */
  close(reason: CloseReason = 'closing'): void {
    this.#leave(reason, NORMAL, '', this.#error('CLOSED', 'the connection was closed by us', 'unknown'));
  }

  /** Bytes for this connection; `false` is never returned, as nobody here can be slower than the parser. */
  received(bytes: Buffer, count: number): boolean {
    this.#heardAt = this.#host.clock.now();
    this.#asked = false;
    if (!this.open) return true; // the last words of a peer that has been told goodbye
    try {
      this.#reader.read(bytes, 0, count);
    } catch (thrown) {
      const error = NetError.from(thrown);
      this.#leave(
        'protocol',
        this.#reader.fault ?? BROKEN,
        '',
        this.#error(error.code, error.message, 'answered', error),
      );
    }
    return true;
  }

  /** The socket ended, failed or closed under us. */
  lost(cause: Error | undefined): void {
    if (!this.open) return this.#destroy();
    const why = cause === undefined ? 'the peer closed it without a goodbye' : cause.message;
    const error = this.#error('RESET', `the connection was lost: ${why}`, 'unknown', cause);
    this.#depart(cause === undefined ? 'peer' : 'reset');
    this.#destroy();
    this.#handler.ended(error);
  }

  life(): SocketLife {
    const { address, dnsMs, tcpMs, tlsMs, tlsResumed, socket } = this.#dialled;
    const { epoch, clock } = this.#host;
    return {
      ...{ id: this.id, origin: this.origin.key, section: '', address, dnsMs, tcpMs, tlsMs, tlsResumed },
      state: this.open ? 'in use' : 'closed',
      openedAtMs: this.#openedAt - epoch,
      leases: 1,
      bytesIn: socket.bytesRead,
      bytesOut: socket.bytesWritten ?? 0,
      sinceMs: (this.open ? this.#openedAt : clock.now()) - epoch,
      closeReason: this.#closeReason,
    };
  }

  #told(text: string): void {
    if (this.open) this.#handler.message(text);
  }

  #toldBinary(bytes: Buffer): void {
    if (!this.open) return;
    if (this.#handler.binary !== undefined) this.#handler.binary(bytes);
    else this.#handler.message(bytes.toString('utf8')); // some servers send their JSON so
  }

  /** A peer that asks on and on without reading has answers enough to read (§ 5.5.3 lets us answer the last only). */
  #pong(payload: Buffer): void {
    if (!this.#dialled.socket.writableNeedDrain) this.#write(OPCODE.pong, payload);
  }

  #peerCloses(code: number, reason: string): void {
    const words = `the peer closed the connection (${code}${reason === '' ? '' : `: ${printable(reason)}`})`;
    this.#leave('peer', code === 1005 ? NORMAL : code, '', this.#error('RESET', words, 'unknown'));
  }

  #watchIn(ms: number): void {
    this.#watch?.cancel();
    this.#watch = Number.isFinite(ms) ? this.#host.clock.after(ms, () => this.#look()) : undefined;
  }

  #look(): void {
    const { pingMs, pongMs } = this.#host.limits;
    const silentMs = this.#host.clock.now() - this.#heardAt;
    if (silentMs < pingMs) return this.#watchIn(pingMs - silentMs);
    this.#write(OPCODE.ping, Buffer.alloc(0));
    this.#asked = true;
    this.#watch = this.#host.clock.after(pongMs, () => {
      // What had arrived before the instant is read first: a stalled event loop of ours is not the peer's death.
      this.#host.clock.nextTurn(() => {
        if (!this.open) return;
        if (!this.#asked) return this.#watchIn(pingMs);
        const error = new NetError('TIMEOUT', `no sign of life within ${pongMs} ms of a ping (limit pongMs)`, {
          ...{ reach: 'unknown', origin: this.origin.key, limit: 'pongMs', value: pongMs, socketId: this.id },
        });
        this.#leave('reset', WENT_AWAY, '', error);
      });
    });
  }

  #leave(reason: CloseReason, code: number, words: string, error: NetError): void {
    if (!this.open) return;
    this.#write(OPCODE.close, closePayload(code, words));
    this.#depart(reason);
    this.#dialled.socket.end();
    this.#closing = this.#host.clock.after(this.#host.limits.closeMs, () => this.#destroy());
    this.#handler.ended(error);
  }

  #depart(reason: CloseReason): void {
    this.#closeReason = reason;
    this.#watch?.cancel();
    this.#host.sockets.remove(this);
    if (this.#host.observer.socketClosed === undefined) return;
    const { bytesIn, bytesOut } = this.life();
    const ageMs = this.#host.clock.now() - this.#openedAt;
    this.#host.observer.socketClosed({ ...this.#fact(), reason, ageMs, leases: 1, bytesIn, bytesOut });
  }

  #destroy(): void {
    this.#closing?.cancel();
    this.#dialled.socket.destroy();
  }

  #write(opcode: number, payload: Buffer): void {
    const { socket } = this.#dialled;
    if (this.open && socket.writable) socket.write(maskedFrame(opcode, payload, nextMask()));
  }

  #error(code: NetError['code'], message: string, reach: NetError['reach'], cause?: unknown): NetError {
    return new NetError(code, `${this.origin.key}: ${message}`, {
      ...{ reach, origin: this.origin.key, socketId: this.id, cause },
      ...(cause instanceof NetError ? { limit: cause.limit, value: cause.value, phase: cause.phase } : {}),
    });
  }

  #fact() {
    return { socketId: this.id, origin: this.origin.key, section: '' };
  }
}

/** Close reasons are the peer's words: shown, but they can move no terminal's cursor. */
function printable(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '?');
}

/** Masks must not be guessed (RFC 6455 § 10.3); drawn by the thousand, as one alone costs a call into the system. */
const masks: Buffer = Buffer.alloc(4 * 1024);
let used = masks.length;

function nextMask(): Uint8Array {
  if (used === masks.length) {
    randomFillSync(masks);
    used = 0;
  }
  used += 4;
  return masks.subarray(used - 4, used);
}

/** For the opener: how a socket tells that it ended, failed or closed; more than once. */
export function attach(socket: Socket, lost: (cause: Error | undefined) => void): void {
  socket.on('end', () => lost(undefined));
  socket.on('error', lost);
  socket.on('close', () => lost(undefined));
}
