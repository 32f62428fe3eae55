/**
 * HTTP/2 for callers: sessions on sockets that somebody else accepted, each stream a request like any other.
 *
 *   session: open ──drain() or idle──▶ closing (GOAWAY; streams end) ──▶ closed
 *
 * Invariants:
 *   (1) A stream that ends before its answer does ends the call upstream.
 *   (2) A session without streams is closed after `callerIdleMs`, a stream that is not read after `callerStallMs`, one
 *       whose body does not come within `requestMs`.
 *   (3) After drain() no session takes another stream; none outlives close().
 */
import {
  constants,
  createServer,
  type Http2Server,
  type Http2Session,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { Socket } from 'node:net';
import type { CallerRequest, CallerResponse } from './caller.ts';
import { Http2Request, Http2Response } from './http2-caller.ts';

export interface Http2DoorOptions {
  readonly callerStallMs: number;
  readonly callerIdleMs: number;
  readonly requestMs: number;
  readonly headBytesMax: number;
  serve(request: CallerRequest, response: CallerResponse, signal: AbortSignal): void;
}

/** Requests of one connection at once: as nginx and the library have it. */
const STREAMS_MAX = 128;
/** What a stream may send ahead of its reader, in bytes; 1 MiB for all of a session together. */
const STREAM_WINDOW = 256 * 1024;
/** More fields than any request may have, so that it is the gateway that answers. */
const FIELD_PAIRS_MAX = 512;
const TIMER_MS_MAX = 2_147_483_647;

export class Http2Door {
  readonly #server: Http2Server;
  readonly #options: Http2DoorOptions;
  readonly #sessions = new Set<ServerHttp2Session>();
  /** Streams of each session that has any. */
  readonly #busy = new Map<Http2Session, number>();

  constructor(options: Http2DoorOptions) {
    this.#options = options;
    this.#server = createServer({
      maxHeaderListPairs: FIELD_PAIRS_MAX,
      settings: {
        maxConcurrentStreams: STREAMS_MAX,
        maxHeaderListSize: options.headBytesMax,
        initialWindowSize: STREAM_WINDOW,
        enablePush: false,
      },
    });
    this.#server.on('session', (session) => this.#opened(session));
    this.#server.on('stream', (stream, _headers, _flags, raw: string[]) => this.#begun(stream, raw));
  }

  /** A socket whose first bytes, which are still in it, begin HTTP/2. */
  accept(socket: Socket): void {
    // A session that is told of its caller's end within a frame is not closed by Node, nor by its own timeout.
    socket.allowHalfOpen = false;
    this.#server.emit('connection', socket);
  }

  /** Streams under way may end. */
  drain(): void {
    for (const session of this.#sessions) session.close();
  }

  close(): void {
    for (const session of this.#sessions) session.destroy();
  }

  get #idleMs(): number {
    return Math.min(this.#options.callerIdleMs, TIMER_MS_MAX);
  }

  #opened(session: ServerHttp2Session): void {
    this.#sessions.add(session);
    session.on('close', () => this.#sessions.delete(session));
    session.on('error', () => session.destroy()); // the peer's doing; its streams have ended with it
    session.setLocalWindowSize(4 * STREAM_WINDOW);
    // With streams under way the silence may be the upstream's, which has limits of its own.
    session.setTimeout(this.#idleMs);
    session.on('timeout', () => {
      if (!this.#busy.has(session)) session.close();
    });
  }

  #begun(stream: ServerHttp2Stream, raw: string[]): void {
    // First of all: what came in one packet with its mistake is ended before it is told of, and says so afterwards.
    stream.on('error', () => stream.close()); // told by 'close'
    const { session } = stream;
    if (session === undefined || stream.destroyed) return void stream.destroy();
    this.#busy.set(session, (this.#busy.get(session) ?? 0) + 1);
    const leaving = new AbortController();
    const { callerStallMs, requestMs } = this.#options;
    const idleMs = this.#idleMs;
    stream.setTimeout(Math.min(callerStallMs, TIMER_MS_MAX));
    stream.on('timeout', () => {
      if (stream.writableLength > 0) stream.close(constants.NGHTTP2_CANCEL);
    });
    const late = stream.endAfterHeaders
      ? undefined
      : setTimeout(() => stream.close(constants.NGHTTP2_CANCEL), Math.min(requestMs, TIMER_MS_MAX));
    stream.on('end', () => clearTimeout(late));
    stream.on('close', () => {
      clearTimeout(late);
      const left = this.#busy.get(session)! - 1;
      if (left > 0) this.#busy.set(session, left);
      else {
        this.#busy.delete(session);
        session.setTimeout(idleMs); // idle from now on: the timer may have passed while it was busy
      }
      if (!stream.writableFinished || stream.rstCode !== constants.NGHTTP2_NO_ERROR) leaving.abort();
    });
    const request = new Http2Request(stream, raw);
    this.#options.serve(request, new Http2Response(stream, request), leaving.signal);
  }
}
