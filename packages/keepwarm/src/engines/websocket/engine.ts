/**
 * Opens WebSocket connections over the same names, dialling, TLS and socket records as every other connection.
 *
 *   dial ──▶ handshake ──▶ session
 *             │ `handshakeMs`, the signal, or close(): nothing is left open
 */
import { Buffer } from 'node:buffer';
import { type Abortable, listen, unlisten } from '../../core/abort.ts';
import { afterInput, type Clock } from '../../core/clock.ts';
import { NetError } from '../../core/error.ts';
import type { Fields } from '../../core/fields.ts';
import type { Observer } from '../../core/observer.ts';
import type { Origin } from '../../core/origin.ts';
import type { Dialled, Dialler } from '../../net/dial.ts';
import { SocketRegistry } from '../../net/sockets.ts';
import { Handshake } from './handshake.ts';
import type { WebSocketLimits } from './options.ts';
import { attach, type SessionHandler, type SessionHost, WebSocketSession } from './session.ts';

export interface WebSocketParts {
  readonly clock: Clock;
  readonly observer: Observer;
  readonly dialler: Dialler;
}

export interface WebSocketPlace {
  readonly origin: Origin;
  /** Path and query. May hold a key: it stands in no error, fact or stats. */
  readonly path: string;
  readonly fields: Fields;
}

/** Closed connections whose lives are remembered. */
const HISTORY_MAX = 100;
const READ_BYTES = 64 * 1024;

export class WebSocketEngine implements SessionHost {
  readonly clock: Clock;
  readonly observer: Observer;
  readonly limits: WebSocketLimits;
  readonly sockets = new SocketRegistry<WebSocketSession>(HISTORY_MAX);
  readonly epoch: number;
  readonly #dialler: Dialler;
  readonly #ending = new AbortController();

  constructor(limits: WebSocketLimits, parts: WebSocketParts) {
    this.limits = limits;
    this.clock = parts.clock;
    this.observer = parts.observer;
    this.#dialler = parts.dialler;
    this.epoch = parts.clock.now();
  }

  /**
   * @throws NetError `DNS`, `CONNECT`, `TLS`, `TIMEOUT`, `ABORTED`; `STATUS` when the server refuses; `PROTOCOL`;
   *         `CLOSED` when the engine is
   */
  async open(place: WebSocketPlace, handler: SessionHandler, signal: AbortSignal): Promise<WebSocketSession> {
    const { origin } = place;
    const startedAt = this.clock.now();
    const both = AbortSignal.any([signal, this.#ending.signal]);
    const inbox = new Inbox();
    try {
      if (both.aborted) throw givenUp(origin, both.reason);
      const dialled = await this.#dialler.dial(origin, inbox.onread, both);
      return await this.#shake(place, dialled, inbox, handler, both);
    } catch (thrown) {
      const error = this.#ending.signal.aborted ? closed(origin) : atOrigin(NetError.from(thrown), origin);
      const elapsedMs = this.clock.now() - startedAt;
      this.observer.socketOpenFailed?.({ origin: origin.key, section: '', error, elapsedMs });
      throw error;
    }
  }

  /** Closes every connection, and those being opened. Twice is harmless. */
  close(): void {
    this.#ending.abort();
    for (const session of [...this.sockets.live]) session.close();
  }

  #shake(
    { origin, path, fields }: WebSocketPlace,
    dialled: Dialled,
    inbox: Inbox,
    handler: SessionHandler,
    signal: AbortSignal,
  ): Promise<WebSocketSession> {
    const { handshakeMs } = this.limits;
    const { socket } = dialled;
    return new Promise((resolve, reject) => {
      const timer = afterInput(this.clock, handshakeMs, () => fail(tooLate(origin, handshakeMs)));
      const party: Abortable = { aborted: (reason) => fail(givenUp(origin, reason)) };
      const settled = (): void => {
        timer.cancel();
        unlisten(signal, party);
        socket.off('end', onLost).off('error', onLost).off('close', onLost);
      };
      const fail = (error: NetError): void => {
        settled();
        inbox.reader = undefined;
        socket.on('error', () => {}).destroy(); // given up: what it still reports concerns nobody
        reject(error);
      };
      const onLost = (error?: Error | boolean): void =>
        fail(lostEarly(origin, error instanceof Error ? error : undefined));
      socket.on('end', onLost).on('error', onLost).on('close', onLost);
      if (signal.aborted) return fail(givenUp(origin, signal.reason));
      listen(signal, party);
      try {
        const handshake = new Handshake(origin, path, fields);
        inbox.reader = (bytes) => {
          try {
            const rest = handshake.read(bytes, this.clock.wall());
            if (rest === undefined) return true;
            settled();
            resolve(this.#begin(origin, dialled, inbox, handler, rest));
          } catch (error) {
            fail(NetError.from(error));
          }
          return true;
        };
        socket.write(handshake.request, 'latin1');
      } catch (error) {
        fail(NetError.from(error));
      }
    });
  }

  #begin(origin: Origin, dialled: Dialled, inbox: Inbox, handler: SessionHandler, rest: Buffer): WebSocketSession {
    const session = new WebSocketSession(this, origin, dialled, handler);
    // What came with the answer is told after the opener's code has run, as that must know its session by then; and
    // before that the peer has left, should that have come along with it.
    let early: Buffer[] | undefined = rest.length === 0 ? [] : [Buffer.from(rest)];
    let gone: { readonly cause: Error | undefined } | undefined;
    inbox.reader = (bytes) =>
      early === undefined ? session.received(bytes, bytes.length) : early.push(Buffer.from(bytes)) > 0;
    const lost = (cause: Error | undefined): void => {
      if (early === undefined) session.lost(cause);
      else gone ??= { cause };
    };
    attach(dialled.socket, lost);
    this.clock.nextTurn(() => {
      const read = early ?? [];
      early = undefined;
      for (const each of read) session.received(each, each.length);
      if (gone !== undefined) session.lost(gone.cause);
    });
    return session;
  }
}

/** Reads of one socket, in a buffer of its own: a message is cut from it, never kept in it. */
class Inbox {
  reader: ((bytes: Buffer) => boolean) | undefined;
  readonly onread = {
    buffer: Buffer.allocUnsafeSlow(READ_BYTES),
    callback: (count: number): boolean => this.reader?.(this.onread.buffer.subarray(0, count)) ?? true,
  };
}

function atOrigin(error: NetError, origin: Origin): NetError {
  if (error.origin !== undefined) return error;
  return new NetError(error.code, `${origin.key}: ${error.message}`, {
    ...{ ...error, cause: error.cause, answer: error.answer, origin: origin.key },
  });
}

function closed(origin: Origin): NetError {
  return new NetError('CLOSED', `connections to ${origin.key} are no longer opened`, {
    ...{ reach: 'unsent', phase: 'closing', origin: origin.key },
  });
}

function givenUp(origin: Origin, cause: unknown): NetError {
  return new NetError('ABORTED', `connecting to ${origin.key} was given up`, {
    ...{ reach: 'unsent', phase: 'connect', origin: origin.key, cause },
  });
}

function lostEarly(origin: Origin, cause: Error | undefined): NetError {
  const why = cause === undefined ? 'it was closed' : cause.message;
  return new NetError('RESET', `${origin.key}: the connection was lost during the handshake: ${why}`, {
    ...{ reach: 'unknown', phase: 'head', origin: origin.key, cause },
  });
}

function tooLate(origin: Origin, handshakeMs: number): NetError {
  return new NetError(
    'TIMEOUT',
    `${origin.key} did not answer the handshake within ${handshakeMs} ms (limit handshakeMs)`,
    {
      ...{ reach: 'unknown', phase: 'head', origin: origin.key, limit: 'handshakeMs', value: handshakeMs },
    },
  );
}
